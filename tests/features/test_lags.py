import numpy as np
import pytest

from features.lags import latest


@pytest.mark.parametrize("k", [1, 3, 12])
def test_a_lag_is_the_value_that_many_periods_from_the_end(odd_series, k):
    lag = latest(odd_series, k)
    for back in range(1, min(k, odd_series.shape[1]) + 1):
        np.testing.assert_array_equal(lag[:, -back], odd_series[:, -back])


def test_what_lies_before_the_first_period_is_unknown():
    lag = latest(np.ones((2, 4)), 9)
    assert lag.shape == (2, 9)
    assert np.isnan(lag[:, :5]).all()
    assert (lag[:, 5:] == 1).all()


def test_the_input_is_untouched():
    y = np.arange(4.0)[None]
    latest(y, 2)[:] = 99
    np.testing.assert_array_equal(y, [[0, 1, 2, 3]])
