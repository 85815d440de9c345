"""Levels beside stockpyl's exact answers; orders that keep their terms whatever they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stockpyl.eoq import economic_order_quantity
from stockpyl.newsvendor import newsvendor_discrete, newsvendor_normal
from stockpyl.ss import s_s_cost_discrete, s_s_discrete_exact

from models.inventory.levels import (
    Break,
    Costs,
    best_lot,
    critical_ratio,
    economic_lot,
    holding_cost,
    lasting_cost,
    newsvendor,
    reorder_level,
    s_and_S,
)
from models.inventory.orders import Lots, Need, order

RNG = np.random.default_rng(0)


def one(short, over=1.0, order_cost=0.0):
    return Costs(short=np.array([short]), over=np.array([over]), order=np.array([order_cost]))


def test_the_newsvendor_is_that_of_the_normal_distribution():
    draws = RNG.normal(100, 20, (1, 40_000))
    exact, _ = newsvendor_normal(1.0, 9.0, 100, 20)
    assert newsvendor(draws, critical_ratio(np.array([9.0]), np.array([1.0])))[0] == pytest.approx(
        exact, rel=0.01
    )


def test_the_newsvendor_of_few_draws_is_the_exact_one():
    draws = np.array([[3.0, 5.0, 5.0, 9.0, 20.0]])
    exact, cost = newsvendor_discrete(1.0, 4.0, demand_pmf={3: 0.2, 5: 0.4, 9: 0.2, 20: 0.2})
    level = newsvendor(draws, critical_ratio(np.array([4.0]), np.array([1.0])))
    assert level[0] == exact
    assert holding_cost(draws, level, one(4.0))[0] == pytest.approx(cost)


def test_the_economic_lot_is_the_textbook_one():
    assert economic_lot(np.array([1300.0]), one(1.0, 0.225, 8.0))[0] == pytest.approx(
        economic_order_quantity(8, 0.225, 1300)[0]
    )


@pytest.mark.parametrize(("order_cost", "ratio"), [(5.0, 0.85), (60.0, 0.95), (120.0, 0.98)])
def test_s_and_S_cost_at_most_five_in_a_hundred_more_than_the_optimum(order_cost, ratio):
    draws, short = RNG.poisson(8, (1, 4000)).astype(float), ratio / (1 - ratio)
    costs = one(short, 1.0, order_cost)
    s, S = s_and_S(draws, draws, economic_lot(draws.mean(axis=1), costs), costs)
    known = {"use_poisson": True, "demand_mean": 8}
    best = s_s_discrete_exact(1.0, short, order_cost, **known)[2]
    assert s_s_cost_discrete(round(s[0]), round(S[0]), 1.0, short, order_cost, **known) <= 1.05 * best


def test_without_a_cost_of_ordering_levels_are_the_base_stock():
    draws, costs = (
        RNG.gamma(3, 10, (5, 400)),
        Costs(short=np.full(5, 9.0), over=np.ones(5), order=np.zeros(5)),
    )
    s, S = s_and_S(draws, draws, np.zeros(5), costs)
    base = newsvendor(draws, np.full(5, 0.9))
    assert np.allclose(s, base, atol=1e-6)
    assert np.allclose(S, base, atol=1e-6)


def test_the_reorder_level_is_as_dear_as_the_level_a_lot_above_it():
    draws, lot, costs = RNG.gamma(3, 30, (1, 2000)), np.array([60.0]), one(9.0)
    r = reorder_level(draws, lot, costs)
    assert holding_cost(draws, r, costs) == pytest.approx(holding_cost(draws, r + lot, costs), rel=1e-3)


@given(
    prices=st.lists(st.floats(0.5, 1.0), min_size=1, max_size=4, unique=True),
    order_cost=st.floats(0.5, 50),
    year=st.floats(50, 5000),
)
@settings(deadline=None, max_examples=40)
def test_the_lot_with_discounts_is_as_cheap_as_any_lot(prices, order_cost, year):
    steps = [
        Break(min_units=200.0 * i, unit_cost_amount=p) for i, p in enumerate(sorted(prices, reverse=True))
    ]

    def cost(lot):
        price = [s.unit_cost_amount for s in steps if lot >= s.min_units][-1]
        return price * year + order_cost * year / lot + 0.3 * price * lot / 2

    lot = best_lot(year, order_cost, 0.3, steps)
    assert cost(lot) <= min(cost(x) for x in np.linspace(1, 3000, 3000)) * (1 + 1e-9)


@given(
    position=st.floats(0, 400),
    level=st.floats(0, 400),
    lot=st.floats(0, 200),
    pack=st.sampled_from([1.0, 5.0, 12.0, 36.0]),
    moq=st.floats(0, 200),
    cap=st.one_of(st.just(np.inf), st.floats(0, 500)),
)
@settings(deadline=None, max_examples=150)
def test_an_order_is_never_negative_in_whole_packs_and_nothing_or_the_least(
    position, level, lot, pack, moq, cap
):
    draws = np.linspace(0, 300, 60)[None, :]
    need = Need(
        position=np.array([position]),
        reorder=np.array([level]),
        up_to=np.array([level + lot]),
        cap=np.array([cap]),
    )
    units, codes = order(
        need, Lots(pack=np.array([pack]), moq=np.array([moq])), draws, one(9.0), np.array([100.0])
    )
    assert units[0] >= 0
    assert units[0] / pack == pytest.approx(round(units[0] / pack))
    assert units[0] == 0 or units[0] >= moq - 1e-6
    assert units[0] == 0 or position + units[0] <= cap + 1e-3
    assert (units[0] > 0) == (codes[0] in {"REORDER", "MOQ", "SHELF_LIFE"})


def test_a_least_quantity_that_lies_for_years_is_not_ordered():
    draws = np.full((1, 50), 2.0)
    need = Need(position=np.zeros(1), reorder=np.ones(1), up_to=np.full(1, 2.0), cap=np.full(1, np.inf))
    units, codes = order(need, Lots(pack=np.ones(1), moq=np.full(1, 500.0)), draws, one(4.0), np.full(1, 2.0))
    assert (units[0], codes) == (0.0, ["MOQ_NOT_WORTH"])
    assert lasting_cost(draws, np.array([500.0]), one(4.0), np.array([2.0]))[0] > 4.0 * 2.0
