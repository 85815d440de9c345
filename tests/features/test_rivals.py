"""Rivals: the price of the rest of the shelf, and what it may not know."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.frequency import MONTHLY
from features.panel import RIVAL_PRICE, Panel
from features.rivals import reach, with_rival_price, within_reach


@pytest.fixture
def panel() -> Panel:
    rng = np.random.default_rng(5)
    static = pd.DataFrame(
        {"dealer_id": ["D1"] * 4 + ["D2"] * 2, "sku_id": list("ABCDAB"), "category": list("xxxyxx")}
    )
    price = 10 * np.exp(np.cumsum(rng.normal(0, 0.1, (6, 40)), axis=1))
    price[2, :15] = np.nan  # C comes later
    y = rng.gamma(2.0, 20.0, (6, 36))
    return Panel(
        static=static, first=pd.Timestamp("2021-01-01"), freq=MONTHLY, y=y, plans={"net_price": price}
    )


def test_it_is_the_chained_index_worked_out_by_hand(panel):
    told = with_rival_price(panel).plans[RIVAL_PRICE]
    logs, units = np.log(panel.plans["net_price"]), panel.y
    index = 0.0
    for period in range(1, 40):
        weigh = []
        for rival in (1, 2):  # of A at D1, in category x
            begin, end = max(period - 4 - 11, 0), max(period - 4 + 1, 0)
            weigh.append(np.sqrt(units[rival, begin:end].sum()) if end else 1.0)
        moves = [logs[r, period] - logs[r, period - 1] for r in (1, 2)]
        kept = [(w, m) for w, m in zip(weigh, moves, strict=True) if np.isfinite(m)]
        index += sum(w * m for w, m in kept) / sum(w for w, _ in kept)
        assert np.log(told[0, period]) == pytest.approx(index, abs=0.01)


def test_a_product_that_comes_moves_nobody_by_its_coming(panel):
    told = np.log(with_rival_price(panel).plans[RIVAL_PRICE][0])
    of_b = np.diff(np.log(panel.plans["net_price"][1]))
    np.testing.assert_allclose(
        np.diff(told)[:15], of_b[:15]
    )  # B alone, also when C's first price is on record


def test_who_stands_alone_has_no_rivals(panel):
    told = with_rival_price(panel).plans[RIVAL_PRICE]
    assert np.isnan(told[3]).all()  # D, alone in its category
    alone = panel.take(np.array([0, 3]))
    assert with_rival_price(alone) is alone
    assert with_rival_price(panel.without_plans()).plans == {}


def test_a_change_of_units_after_the_cutoff_moves_no_price_within_reach(panel):
    t = 24
    y = panel.y.copy()
    y[:, t:] *= np.array([[9.0], [0.1], [5.0], [2.0], [0.0], [7.0]])
    before, after = (with_rival_price(p).plans[RIVAL_PRICE] for p in (panel, replace(panel, y=y)))
    far = t + reach(MONTHLY)
    np.testing.assert_array_equal(before[:, :far], after[:, :far])
    assert not np.array_equal(before[:, far:], after[:, far:], equal_nan=True)  # the change would be seen


def test_the_past_is_cut_or_made_alone_with_one_result(panel):
    whole = with_rival_price(panel).at(24, ahead=3).plans[RIVAL_PRICE]
    alone = with_rival_price(panel.at(24, ahead=3)).plans[RIVAL_PRICE]
    np.testing.assert_array_equal(whole, alone)


def test_beyond_its_reach_it_is_left_out(panel):
    made = with_rival_price(panel)
    assert RIVAL_PRICE in within_reach(made, 4).plans
    assert set(within_reach(made, 5).plans) == {"net_price"}


def test_nobody_is_asked_for_it(panel):
    made = with_rival_price(panel)
    short = replace(made, plans={**made.plans, RIVAL_PRICE: made.plans[RIVAL_PRICE][:, :36]})
    assert short.require_plans(4) is short
