import numpy as np
import pytest

from features.promotions import against_usual, against_year_ago, planned
from tests.oracles import blocks as oracle

T, HORIZON, SEASON = 20, 16, 12


@pytest.fixture(scope="module")
def plan():
    rng = np.random.default_rng(2)
    values = rng.lognormal(2, 0.3, (6, T + 5))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[0, :T] = np.nan  # priced from now on
    values[1, T:] = np.nan  # not planned
    values[2, 3] = 0.0
    return values


def _ahead(row, step):
    return oracle.at(row, T + step)


def test_a_plan_ends_where_it_is_not_planned(plan):
    by_hand = [[_ahead(list(row), step) for step in range(HORIZON)] for row in plan]
    np.testing.assert_array_equal(planned(plan, t=T, horizon=HORIZON), by_hand)


@pytest.mark.parametrize("k", [3, 12])
def test_a_price_is_compared_with_its_usual_as_a_log_ratio(plan, k):
    usual = [oracle.mean(oracle.last(list(row[:T]), k)) for row in plan]
    by_hand = [
        [oracle.log_ratio(_ahead(list(row), step), then) for step in range(HORIZON)]
        for row, then in zip(plan, usual, strict=True)
    ]
    found = against_usual(plan, t=T, horizon=HORIZON, k=k, ratio=True)
    np.testing.assert_allclose(found, by_hand, atol=1e-12)


def test_a_promotion_is_compared_with_the_year_before_as_a_difference(plan):
    by_hand = [
        [_ahead(list(row), step) - oracle.at(list(row), T + step - SEASON) for step in range(HORIZON)]
        for row in plan
    ]
    found = against_year_ago(plan, t=T, horizon=HORIZON, season=SEASON, ratio=False)
    np.testing.assert_allclose(found, by_hand)


def test_a_horizon_longer_than_a_year_and_its_plans_is_unknown_there(plan):
    found = against_year_ago(plan, t=T, horizon=30, season=SEASON, ratio=True)
    assert np.isnan(found[:, 5:]).all()
    assert np.isfinite(found[:, :5]).any()
