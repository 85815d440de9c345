import numpy as np
import pytest

from models.demand.memories import HALF_LIVES, NAMES, Memories

H = 3


def said(y, horizon=H):
    return Memories.of(np.asarray(y, dtype=float), season=12).forecast(horizon)


def halving_mean(row, half_life):
    """The mean of a row, weights halving with age."""
    weights = [0.5 ** ((len(row) - 1 - i) / half_life) for i in range(len(row))]
    return sum(w * v for w, v in zip(weights, row, strict=True)) / sum(weights)


def test_a_memory_is_a_mean_whose_weights_halve():
    y = 20 + np.tile([1.0, -1.0, -1.0, 1.0], (2, 5)) * [[5.0], [9.0]]  # too short for a profile, no slope
    for j, half_life in enumerate(HALF_LIVES.values()):
        expected = [[halving_mean(row, half_life)] * H for row in y]
        np.testing.assert_allclose(said(y)[:, :, j], expected, rtol=1e-9)


def test_a_miss_is_the_error_one_period_ahead_over_the_last_year():
    row = np.random.default_rng(0).gamma(9, 1, 20)
    found = Memories.of(row[None], season=12).misses()[0]
    for j, half_life in enumerate(HALF_LIVES.values()):
        errors = [abs(row[t] - halving_mean(row[:t], half_life)) for t in range(8, 20)]
        assert found[j] == pytest.approx(np.mean(errors) / row.mean())


def test_a_straight_line_is_carried_on():
    line = 50.0 + 2 * np.arange(40)[None]
    told = dict(zip(NAMES, said(line)[0].T, strict=True))
    np.testing.assert_allclose(told["line"], [130, 132, 134], rtol=1e-6)
    assert told["short_memory"][0] > line[0, -1]


def test_a_season_comes_back():
    season = np.tile([10.0, 20, 30, 20, 15, 10, 10, 10, 10, 15, 25, 30], 5)[None]
    np.testing.assert_allclose(said(season)[0, :, 2], [10, 20, 30], rtol=0.05)


@pytest.mark.parametrize("factor", [0.001, 1000.0])
def test_units_of_another_size_are_smoothed_alike(factor, panel):
    np.testing.assert_allclose(said(factor * panel.y), factor * said(panel.y), rtol=1e-6, atol=1e-9)


def test_nothing_seen_says_nothing_and_nothing_sold_says_nothing_will_be():
    told = said([[np.nan] * 6, [0.0] * 6, [np.nan] * 5 + [4.0]])
    assert np.isnan(told[0]).all()
    np.testing.assert_array_equal(told[1], 0.0)
    np.testing.assert_allclose(told[2], 4.0)


def test_rows_are_answered_one_by_one(panel):
    np.testing.assert_allclose(said(panel.y[[3]]), said(panel.y)[[3]])
    assert said(panel.y).shape == (panel.n, H, len(NAMES))
    assert (said(panel.y) >= 0).all()
