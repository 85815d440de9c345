import numpy as np
import pytest

from features.intermittency import age, periods_since_sale, zero_rate
from tests.oracles import blocks as oracle


@pytest.mark.parametrize("k", [1, 6, 12, 99])
def test_the_zero_rate_counts_observed_periods_only(odd_series, k):
    by_hand = [oracle.zero_rate(list(row), k) for row in odd_series]
    np.testing.assert_array_equal(zero_rate(odd_series, k), by_hand)


def test_the_last_sale_is_found_behind_zeros_and_gaps(odd_series):
    by_hand = [oracle.since_sale(list(row)) for row in odd_series]
    np.testing.assert_array_equal(periods_since_sale(odd_series), by_hand)


def test_age_counts_from_the_first_observation_even_of_zero(odd_series):
    by_hand = [oracle.age(list(row)) for row in odd_series]
    np.testing.assert_array_equal(age(odd_series), by_hand)
    assert age(np.array([[np.nan, 0.0, np.nan]])) == 2
