import numpy as np
import pytest

from models.anomaly import episodes
from models.anomaly.episodes import onsets, spell
from models.anomaly.tails import Tails
from models.errors import NotFitted
from tests.oracles import anomalies as oracle


def test_the_filter_is_the_sum_over_all_paths():
    rng = np.random.default_rng(0)
    residual = rng.normal(0, 0.05, (4, 7))
    residual[1, 3:] -= 0.15
    residual[2, 2] = np.nan
    found = spell(residual, spread=0.05)
    set_ = (
        episodes._BEGINS_RATE,
        episodes._ENDS_RATE,
        episodes._DEPTH,
        episodes._DEPTH_SPREAD,
        episodes._TAIL,
    )
    for i, t in ((0, 6), (1, 4), (1, 6), (2, 2), (2, 5)):
        assert found[i, t] == pytest.approx(oracle.spell(residual[i, : t + 1], 0.05, *set_), rel=1e-6)


def test_one_wild_survey_convinces_nobody_and_three_low_ones_do():
    wild, low = np.zeros((1, 6)), np.zeros((1, 6))
    wild[0, 3], low[0, 3:] = -0.14, -0.14
    assert spell(wild, spread=0.04)[0, 5] < 0.3 < 0.8 < spell(low, spread=0.04)[0, 5]


def test_later_surveys_never_move_what_was_believed_before():
    residual = np.random.default_rng(1).normal(0, 0.1, (5, 10))
    changed = residual.copy()
    changed[:, 6:] = -0.4
    one, two = spell(residual, spread=0.05), spell(changed, spread=0.05)
    np.testing.assert_array_equal(one[:, :6], two[:, :6])
    np.testing.assert_array_equal(onsets(one)[:, :6], onsets(two)[:, :6])


def test_an_onset_stays_while_the_spell_lasts():
    p = np.array([[0.1, 0.6, 0.4, 0.9, 0.1, 0.7]])
    assert onsets(p).tolist() == [[-1, 1, 1, 1, -1, 5]]


def test_surprise_is_that_of_the_slow_way():
    past = np.random.default_rng(2).normal(size=(60, 3))
    tails = Tails(upper=(2,)).fit(past)
    for row in past[:5]:
        expected = oracle.surprise(past, row, (2,), 0.2)
        assert tails.surprise(row[None])[0] == pytest.approx(expected)


def test_tails_cope_with_what_is_not_known_and_say_when_they_are_not_fitted():
    past = np.random.default_rng(2).normal(size=(60, 2))
    assert np.isfinite(Tails().fit(past).score(np.full((1, 2), np.nan))).all()
    with pytest.raises(NotFitted):
        Tails().score(past)
