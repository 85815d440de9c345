"""Prices keep their floor, step and corridor, whatever the lines are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.price.corridor import excess, within
from models.price.decide import Rules, bounds, decide, gains, widths
from tests.oracles import pricing

RULES = Rules(step_rate=0.08)
NONE = pd.DataFrame()


def lines_of(n, seed, *, cost=(0.4, 0.9), apart=0.05):
    rng = np.random.default_rng(seed)
    now = np.round(10 * (1 + apart * rng.uniform(-1, 1, n)), 2)
    names = [f"D{i}/S1" for i in range(n)]
    frame = pd.DataFrame({"line_id": names, "sku_id": "S1", "currency": "CNY", "net_price": now})
    return frame.assign(
        territory_id=[f"T{i % 3}" for i in range(n)],
        list_price=now * 1.3,
        unit_cost=now * rng.uniform(*cost, n),
        slope=-rng.uniform(0.5, 4.0, n),
        slope_sd=rng.uniform(0.05, 0.6, n),
        units_mean=rng.uniform(1, 500, n),
        units_sd=rng.uniform(0, 100, n),
        cross_amount=rng.uniform(0, 50, n),
        seen_low=now * rng.uniform(0.8, 1, n),
        seen_high=now * rng.uniform(1, 1.2, n),
    )


def freights_of(rng, names=("T0", "T1", "T2")):
    rows = [(a, b, round(float(rng.uniform(0.1, 0.6)), 2)) for a in names for b in names if a != b]
    frame = pd.DataFrame(rows, columns=["from_territory_id", "to_territory_id", "freight_amount"])
    return frame.assign(currency="CNY")


@settings(deadline=None, max_examples=25)
@given(n=st.integers(1, 7), seed=st.integers(0, 10_000), step=st.floats(0.01, 0.2))
def test_floor_step_list_price_and_what_was_seen_hold(n, seed, step):
    lines, rules = lines_of(n, seed), Rules(step_rate=step)
    price = decide(lines, freights_of(np.random.default_rng(seed)), rules).lines["suggested_price"].to_numpy()
    now, floor = lines["net_price"].to_numpy(), lines["unit_cost"].to_numpy() / (1 - rules.margin_floor_rate)
    assert (np.abs(price / now - 1) <= step + 1e-9).all()
    assert (price >= np.minimum(floor, now * (1 + step)) - 1e-9).all()
    assert (price <= np.maximum(lines["seen_high"], now) + 1e-9)[floor <= now].all()
    assert (price >= np.minimum(lines["seen_low"], now) - 1e-9).all()


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 7), seed=st.integers(0, 10_000))
def test_a_corridor_that_holds_is_never_broken(n, seed):
    lines, freights = (
        lines_of(n, seed, cost=(0.4, 0.85), apart=0.02),
        freights_of(np.random.default_rng(seed)),
    )
    rules = Rules(step_rate=0.2, spread_rate=0.05)
    made = decide(lines, freights, rules)
    names, territory = np.unique(lines["territory_id"].to_numpy(str), return_inverse=True)
    width = widths(freights, names, float(lines["net_price"].median()) * rules.spread_rate, "CNY")
    assert excess(made.lines["suggested_price"].to_numpy(), territory, width).max() <= 1e-9
    assert (made.corridors["excess"] == 0).all()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), more=st.floats(1.0, 1.4))
def test_a_higher_cost_never_lowers_a_price(seed, more):
    lines = lines_of(1, seed, cost=(0.4, 0.6))
    dear = lines.assign(unit_cost=lines["unit_cost"] * more)
    low, high = (decide(one, NONE, RULES).lines["suggested_price"][0] for one in (lines, dear))
    assert high >= low - 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_prices_inside_the_corridor_are_the_best_of_all_combinations(seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(9, 11, 9)
    grid, best = np.tile(x, (4, 1)), rng.uniform(8.5, 11.5, 4)
    worth = -rng.uniform(1, 5, 4)[:, None] * (grid - best[:, None]) ** 2
    # widths of whole grid steps: some best prices lie on the grid (total unimodularity)
    width = np.where(np.eye(3), np.nan, 0.25 * rng.integers(1, 4, (3, 3)))
    territory = np.array([0, 0, 1, 2])
    price = within(grid, worth, territory, width)
    total = sum(np.interp(p, x, row) for p, row in zip(price, worth, strict=True))
    _, listed = pricing.best_prices(grid, worth, territory, width)
    assert excess(price, territory, width).max() <= 1e-7
    assert total == pytest.approx(listed, abs=1e-6)


def test_where_no_step_reaches_the_corridor_the_excess_shrinks_as_far_as_it_can():
    lines = lines_of(2, 1).assign(
        net_price=[10.0, 14.0], unit_cost=6.0, list_price=20.0, seen_low=6.0, seen_high=20.0
    )
    made = decide(lines, NONE, Rules(step_rate=0.05, spread_rate=0.05))
    assert made.lines["suggested_price"].tolist() == [10.5, 13.3]
    assert made.corridors["excess"].tolist() == pytest.approx([13.3 - 10.5 - 0.6])


def test_territories_without_a_freight_on_record_do_not_bind_each_other():
    lines = lines_of(2, 1).assign(net_price=[10.0, 14.0], unit_cost=6.0)
    freights = freights_of(np.random.default_rng(0), names=("T0", "T9"))
    assert decide(lines, freights, RULES).corridors.empty


def test_expected_margins_are_those_of_many_random_futures():
    lines = lines_of(3, 4)
    price, rng = lines["net_price"].to_numpy() * 1.04, np.random.default_rng(0)
    told = gains(lines, price)
    for i, line in enumerate(lines.itertuples()):
        slope = rng.normal(line.slope, line.slope_sd, 200_000)
        slope = slope[slope < -0.01]
        sd = np.sqrt(np.log1p((line.units_sd / line.units_mean) ** 2))
        units = line.units_mean * np.exp(rng.normal(0, sd, len(slope)) - sd**2 / 2)
        now, cost = line.net_price, line.unit_cost
        gain = units * ((price[i] - cost) * 1.04**slope - (now - cost)) + line.cross_amount * np.log(1.04)
        assert told[i].mean() == pytest.approx(gain.mean(), abs=0.03 * gain.std() + 1e-6)
        assert (told[i] > 0).mean() == pytest.approx((gain > 0).mean(), abs=0.05)


def test_a_price_stays_where_a_better_margin_is_not_likely():
    unsure = lines_of(1, 0).assign(net_price=10.0, unit_cost=5.0, slope=-2.0, slope_sd=1.5, cross_amount=0.0)
    told = decide(unsure, NONE, Rules(least_probability=0.95)).lines.iloc[0]
    assert not told["moved"]
    assert told["probability"] < 0.95


def test_a_line_without_a_cost_keeps_its_price_and_says_nothing_of_margins():
    lines = lines_of(2, 0)
    lines.loc[0, "unit_cost"] = np.nan
    told = decide(lines, NONE, RULES).lines
    assert told["suggested_price"][0] == lines["net_price"][0]
    assert told[["probability", "margin_change_amount"]].isna().all(axis=1).tolist() == [True, False]


def test_below_its_floor_a_price_goes_towards_it_one_step():
    low, high, held = bounds(lines_of(1, 0).assign(net_price=10.0, unit_cost=12.0), RULES)
    assert (low[0], high[0], held[0]) == (pytest.approx(10.8), pytest.approx(10.8), True)
