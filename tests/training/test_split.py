import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import TooFewRows
from training.split import rolling


@settings(max_examples=200, deadline=None)
@given(t=st.integers(4, 80), horizon=st.integers(1, 13), windows=st.integers(1, 9), least=st.integers(1, 20))
def test_cutoffs_are_the_newest_that_leave_a_whole_horizon_and_enough_history(t, horizon, windows, least):
    by_hand = [
        cut
        for cut in range(t + 1)
        if cut >= least and (t - horizon - cut) % horizon == 0 and cut + horizon <= t
    ]
    if by_hand:
        assert rolling(t, horizon=horizon, windows=windows, least=least) == by_hand[-windows:]
    else:
        with pytest.raises(TooFewRows):
            rolling(t, horizon=horizon, windows=windows, least=least)


def test_a_stride_may_overlap_the_horizons():
    assert rolling(20, horizon=3, windows=4, stride=1) == [14, 15, 16, 17]


def test_too_short_a_history_says_how_much_is_needed():
    with pytest.raises(
        TooFewRows, match=r"replay of 3 periods .* after 4 of history needs at least 7 rows; got 6"
    ):
        rolling(6, horizon=3, windows=1, least=4)
