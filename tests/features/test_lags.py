import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.lags import lags, usable_at


def test_a_lag_is_the_value_k_periods_earlier(odd_series):
    n, t = odd_series.shape
    by_hand = [[odd_series[i, j - 3] if j >= 3 else np.nan for j in range(t)] for i in range(n)]
    np.testing.assert_array_equal(lags(odd_series, [3])[..., 0], by_hand)


@settings(max_examples=30, deadline=None)
@given(t=st.integers(1, 20), cut=st.integers(0, 20), k=st.integers(1, 25))
def test_changing_the_future_does_not_move_the_past(t, cut, k):
    y = np.arange(2.0 * t).reshape(2, t)
    later = y.copy()
    later[:, cut:] = 999
    np.testing.assert_array_equal(lags(y, [k])[:, : cut + 1], lags(later, [k])[:, : cut + 1])


@pytest.mark.parametrize("k", [0, -1])
def test_a_lag_that_leaks_is_refused(k):
    with pytest.raises(ValueError, match="leak the answer"):
        lags(np.zeros((1, 5)), [2, k])


def test_a_lag_longer_than_the_history_is_unknown():
    assert np.isnan(lags(np.ones((2, 4)), [4, 9])).all()


def test_only_lags_known_at_the_horizon_are_usable():
    assert usable_at(3, [1, 2, 3, 12]) == [3, 12]
