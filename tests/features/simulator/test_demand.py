import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate
from features.simulator.catalogue import CATEGORIES
from features.simulator.periods import Periods
from features.simulator.seasons import seasons
from tests.oracles.elasticity import responses_by_ols

LIQUOR = [c.name for c in CATEGORIES].index("liquor")


@pytest.mark.parametrize(("year", "peak"), [(2018, 2), (2020, 1), (2023, 1), (2026, 2)])
def test_the_peak_moves_with_spring_festival(year, peak):
    winter = seasons(Periods.of(World(months=2, plan_months=0, end=f"{year}-02")))[LIQUOR]
    assert winter.argmax() + 1 == peak  # 16 February, 25 January, 22 January, 17 February


def test_months_and_weeks_tell_the_same_season():
    monthly = np.exp(seasons(Periods.of(World(months=12, plan_months=0))))[LIQUOR]
    weekly = np.exp(seasons(Periods.of(World(months=12, plan_months=0, freq="W"))))[LIQUOR]
    assert weekly.max() / weekly.min() > monthly.max() / monthly.min() > 2


@pytest.fixture(scope="module")
def wide():
    return simulate(World(dealers=60, products=10, slow_share=0.0))


@pytest.mark.parametrize("category", [c.name for c in CATEGORIES])
def test_least_squares_finds_the_true_responses(wide, category):
    true = wide.truth["responses"].merge(wide.tables["products"][["sku_id", "category"]])
    true = true[true["category"] == category]
    price, feature = responses_by_ols(wide, category)
    assert price == pytest.approx(true["price_elasticity"].mean(), abs=0.15)
    assert feature == pytest.approx(np.log1p(true["promotion_uplift"]).mean(), abs=0.05)


def test_true_responses_lie_where_channels_have_them(wide):
    true = wide.truth["responses"]
    assert true["price_elasticity"].between(-4, -1).all()
    assert true["promotion_uplift"].between(0.2, 1.5).all()
    assert true.groupby("dealer_id")["promotion_uplift"].nunique().eq(1).all()
    assert true["promotion_uplift"].std() > 0.1


def test_what_is_wanted_scatters_around_its_mean(wide):
    demand = wide.truth["demand"]
    assert demand["units_wanted"].sum() / demand["units_mean"].sum() == pytest.approx(1.02, abs=0.04)


def test_some_series_are_slow_some_begin_late_some_end():
    made = simulate(World(dealers=40, products=12))
    sold = made.truth["demand"].groupby(["dealer_id", "sku_id"])
    slow = sold["units_wanted"].apply(lambda units: (units == 0).mean()) > 0.3
    late = sold["period_start"].min() > pd.Timestamp("2022-01-01")
    ended = sold["period_start"].max() < pd.Timestamp("2025-12-01")
    assert min(slow.mean(), late.mean(), ended.mean()) > 0.03


def test_a_few_dealers_make_most_of_the_sales(wide):
    by_dealer = wide.truth["demand"].groupby("dealer_id")["units_mean"].sum().sort_values()
    assert by_dealer.tail(12).sum() > 0.4 * by_dealer.sum()  # a fifth of them


def test_without_shocks_there_are_none():
    shocks = simulate(World(shock_share=0.0, months=24)).truth["shocks"]
    assert set(shocks["kind"]) <= {"competitor", "project"}
