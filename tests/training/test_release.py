import json

import numpy as np
import pandas as pd
import pytest

from models.registry import NothingBefore
from training.release import DifferentBacktests, NoBacktest, Rules, admit, compare, release, rollback
from training.track import tracked

LEVELS = {"q05": -1.645, "q10": -1.282, "q50": 0.0, "q90": 1.282, "q95": 1.645}


class Stand:
    """A model that answers one number."""

    def __init__(self, units: float) -> None:
        self.units = units

    def predict(self, n: int) -> np.ndarray:
        return np.full(n, self.units) / 3


def _backtest(noise=10.0, *, width=1.0, cutoff="2017-01-01", n=60):
    """60 series x 6 months with known truths; forecasts off by `noise` units, bands `width` times right."""
    months = pd.date_range(cutoff, periods=7, freq="MS")
    y = np.random.default_rng(0).gamma(20.0, 5.0, (n, 6))
    mean = y + np.random.default_rng(int(noise * 10)).normal(0, noise, y.shape)
    frame = pd.DataFrame({"unique_id": np.repeat([f"D/{i}" for i in range(n)], 6), "y": y.ravel()})
    frame = frame.assign(ds=np.tile(months[1:], n), cutoff=months[0], mean=mean.ravel())
    bands = {q: frame["mean"] + z * noise * width for q, z in LEVELS.items()}
    return frame.assign(**bands, last_value=100.0, mean_12=frame["y"] + 30)


def _trained(registry, frame, units=1.0, **card):
    with tracked("demand", root=registry.root, config={}, data_version="v") as run:
        papers = {"backtest": run.frame(frame, "backtest"), "planners": ["last_value", "mean_12"]}
        return run.register(Stand(units), card=papers | card)


def _audit(registry):
    lines = (registry.folder / "releases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_better_challenger_becomes_champion(registry):
    for noise in (10.0, 6.0):
        _trained(registry, _backtest(noise))
        decision = release("demand", registry)
    assert decision.released
    assert (registry.champion("demand"), decision.champion_before) == ("2", "1")


def test_a_worse_or_merely_lucky_challenger_does_not(registry):
    _trained(registry, _backtest(10.0))
    release("demand", registry)
    for noise in (10.1, 14.0):
        _trained(registry, _backtest(noise))
        decision = release("demand", registry)
        assert not decision.released
    assert registry.champion("demand") == "1"
    assert [line["act"] for line in _audit(registry)] == ["release", "refuse", "refuse"]


@pytest.mark.parametrize("width", [0.6, 1.8])
def test_bands_too_narrow_or_too_wide_are_refused_however_good_the_mean(width):
    verdict = compare(_backtest(10.0), _backtest(5.0, width=width), seed=0)
    assert verdict.better
    assert not verdict.passes
    assert "allowed 72% to 88%" in "".join(verdict.reasons)


def test_the_first_model_must_beat_every_planner():
    assert admit(_backtest(6.0), ["last_value", "mean_12"]).passes
    verdict = admit(_backtest(25.0), ["last_value", "mean_12"])
    assert not verdict.passes
    assert "Not better than last_value." in verdict.reasons


def test_a_model_without_bands_does_not_cover():
    verdict = admit(_backtest(6.0).drop(columns=["q10"]), ["mean_12"])
    assert not verdict.covers
    assert "The 80% band is not stated; allowed 72% to 88%." in verdict.reasons


def test_rollback_brings_the_same_bytes_back(registry):
    for noise, units in ((10.0, 0.1), (6.0, 0.2)):
        _trained(registry, _backtest(noise), units)
        release("demand", registry)
        forecasts = registry.load("demand").model.predict(99).tobytes()
    decision = rollback("demand", registry)
    assert (
        registry.load("demand").model.predict(99).tobytes() == Stand(0.1).predict(99).tobytes() != forecasts
    )
    assert (decision.version, decision.champion_before) == ("1", "2")
    with pytest.raises(NothingBefore):
        rollback("demand", registry)
    assert [line["act"] for line in _audit(registry)] == ["release", "release", "rollback", "refuse"]


def test_force_releases_and_is_written_down(registry):
    for noise in (6.0, 14.0):
        _trained(registry, _backtest(noise))
        decision = release("demand", registry, force=True)
    assert registry.champion("demand") == "2"
    assert decision.reasons[-1] == _audit(registry)[-1]["reasons"][-1] == "Released by force."


def test_a_release_that_dies_before_promoting_is_on_record_and_moves_nothing(registry, monkeypatch):
    _trained(registry, _backtest(6.0))

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "promote", dies)
    with pytest.raises(KeyboardInterrupt):
        release("demand", registry)
    assert registry.versions("demand")[0].aliases == ()
    assert _audit(registry)[-1]["act"] == "release"


def test_other_cutoffs_are_another_question(registry):
    for frame in (_backtest(10.0), _backtest(5.0, cutoff="2017-04-01")):
        _trained(registry, frame)
    registry.promote("demand", "1")
    with pytest.raises(DifferentBacktests, match=r"share 0 rows.*2017-01-01.*2017-04-01.*same cutoffs"):
        release("demand", registry)
    assert release("demand", registry, force=True).released


def test_a_few_new_series_do_not_stop_the_comparison():
    verdict = compare(_backtest(10.0, n=50), _backtest(6.0), seed=0)
    assert verdict.numbers["wape"] < verdict.numbers["wape_champion"]


def test_a_version_without_a_backtest_is_not_judged(registry):
    _trained(registry, _backtest(), backtest=None)
    with pytest.raises(NoBacktest, match="--force"):
        release("demand", registry)


def test_releasing_the_champion_again_changes_nothing(registry):
    _trained(registry, _backtest(6.0))
    assert release("demand", registry).released
    assert not release("demand", registry, version="1").released
    assert registry.champion("demand") == "1"


def test_the_rules_come_from_the_config(registry):
    _trained(registry, _backtest(6.0))
    strict = Rules(coverage_80=(0.99, 1.0), resamples=20)
    assert not release("demand", registry, rules=strict).released
