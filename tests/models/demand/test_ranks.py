import numpy as np
import pytest

from models.demand.ranks import order_statistics


@pytest.mark.parametrize("n", [1, 9, 19, 99, 1000])
def test_order_statistics_step_outwards(n):
    score = np.random.default_rng(n).normal(size=n)
    found = order_statistics(score, (0.1, 0.5, 0.9))
    low = sorted(score)[max(int((n + 1) * 0.1 + 1e-9), 1) - 1]
    assert found[0] == low
    assert found[2] == -sorted(-score)[max(int((n + 1) * 0.1 + 1e-9), 1) - 1]
    assert found[0] <= found[1] <= found[2]


def test_one_more_draw_falls_below_as_often_as_promised_or_more():
    draws = np.random.default_rng(0).normal(size=(4000, 31))
    bounds = np.array([order_statistics(row, (0.5, 0.9)) for row in draws[:, :30]])
    below = (draws[:, 30:] <= bounds).mean(axis=0)
    np.testing.assert_array_less([0.49, 0.89], below)
    np.testing.assert_array_less(below, [0.55, 0.93])
