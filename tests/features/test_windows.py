import numpy as np
import pytest

from features.windows import decayed_mean, level, window_deviation, window_mean
from tests.oracles import blocks as oracle


def each(function, y, *args):
    return [function(list(row), *args) for row in y]


@pytest.mark.parametrize("k", [1, 3, 12, 99])
def test_a_window_is_over_what_was_observed_in_it(odd_series, k):
    means = [oracle.mean(oracle.last(list(row), k)) for row in odd_series]
    np.testing.assert_allclose(window_mean(odd_series, k), means)
    np.testing.assert_allclose(window_deviation(odd_series, k), each(oracle.deviation, odd_series, k))


@pytest.mark.parametrize("half_life", [0.5, 2.0, 13.0])
def test_a_decayed_mean_weighs_the_latest_most(odd_series, half_life):
    by_hand = each(oracle.decayed, odd_series, half_life)
    np.testing.assert_allclose(decayed_mean(odd_series, half_life), by_hand)


@pytest.mark.parametrize("season", [12, 52])
def test_the_level_is_last_years_mean_else_all_years_else_one(odd_series, season):
    found = level(odd_series, season)
    np.testing.assert_allclose(found, each(oracle.level, odd_series, season))
    assert (found > 0).all()


def test_nothing_observed_has_no_mean_and_needs_no_warning():
    nothing = np.full((2, 5), np.nan)
    for values in (window_mean(nothing, 3), window_deviation(nothing, 3), decayed_mean(nothing, 2.0)):
        assert np.isnan(values).all()
    assert np.isnan(window_mean(np.empty((2, 0)), 3)).all()
