"""What the benchmark's levers promise: one thing is taken away, everything else stays."""

import numpy as np
import pytest

from benchmarks.demand_levers import BLENDED, levers, rehearsed, without
from benchmarks.demand_scores import blends
from training.backtest import backtest
from training.recipes import demand
from training.settings import DemandConfig

ENDS = [33]


@pytest.fixture(scope="module")
def config():
    small = {"members": ("boosted", "ets"), "replays": {"M": 2}, "workers": 1, "boosted": {"rounds": 10}}
    return DemandConfig.parse(small)


@pytest.fixture(scope="module")
def rehearsals(panel, config):
    past = demand.rehearsals(panel, 3, config)
    past.prepare(ENDS)
    return past


def test_only_the_members_that_a_lever_moves_speak_anew(rehearsals, config):
    other = without("candidates", rehearsals, ENDS, config)
    trees, ets = (rehearsals.kept[33].layers != other.kept[33].layers).any(axis=(0, 1))
    assert trees
    assert not ets
    said, again = rehearsals.replay(33).forecasts, other.replay(33).forecasts
    assert any((a[..., 0] != b[..., 0]).any() for a, b in zip(said, again, strict=True))
    assert all((a[..., 1] == b[..., 1]).all() for a, b in zip(said, again, strict=True))


def test_without_plans_nothing_known_ahead_matters(rehearsals, config):
    told = without("plans", rehearsals, ENDS, config)
    assert not np.allclose(told.kept[33].layers, rehearsals.kept[33].layers)


def test_weighed_alike_the_blend_is_the_plain_mean_but_for_a_factor_of_each_segment(rehearsals):
    said = blends(rehearsals, [33], **BLENDED["weights_by_error"])
    ratio = said["mean"] / rehearsals.kept[33].layers.mean(axis=2).ravel()
    assert ratio.round(9).nunique() <= len(rehearsals.model(33).stack_.table())


def test_each_lever_is_a_row_and_the_whole_model_loses_nothing(rehearsals, config, panel):
    frame = backtest(panel, {t: rehearsals.model(t) for t in ENDS}, horizon=3)
    rows = levers(rehearsals, ENDS, frame, config, sums=3)
    assert [row["without"] for row in rows] == ["none", *rehearsed(panel, config), *BLENDED]
    assert rows[0]["wape_lost"] == rows[0]["pinball_lost"] == 0.0
