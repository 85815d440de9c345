import numpy as np
import pytest

from features.seasonality import around_year_ago, mean_shape, year_ago
from tests.oracles import blocks as oracle

HORIZON = 14  # longer than the season: the last steps have no year ago


def each(function, y, season, *args):
    return [[function(list(row), season, step, *args) for step in range(HORIZON)] for row in y]


@pytest.mark.parametrize("years", [1, 2, 3])
def test_a_year_ago_is_one_season_back(odd_series, years):
    found = year_ago(odd_series, season=12, horizon=HORIZON, years=years)
    np.testing.assert_array_equal(found, each(oracle.year_ago, odd_series, 12, years))


@pytest.mark.parametrize("spread", [0, 1, 2])
def test_around_a_year_ago_never_reaches_past_the_cutoff(odd_series, spread):
    found = around_year_ago(odd_series, season=12, horizon=HORIZON, spread=spread)
    np.testing.assert_allclose(found, each(oracle.around_year_ago, odd_series, 12, spread))


@pytest.mark.parametrize("season", [4, 12, 13])
def test_a_shape_is_units_over_the_level_of_their_year(odd_series, season):
    found = mean_shape(odd_series, season, HORIZON)
    np.testing.assert_allclose(found, each(oracle.shape, odd_series, season))


def test_a_shape_needs_a_whole_year():
    assert np.isnan(mean_shape(np.ones((2, 11)), 12, 3)).all()
    np.testing.assert_array_equal(mean_shape(np.ones((2, 12)), 12, 3), 1.0)
