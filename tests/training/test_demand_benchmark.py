"""What `qudao benchmark demand` promises: the same questions for peers, honest ablation, whole segments."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import demand_peers
from benchmarks.demand_peers import Answer, Asked, Peer, Peers
from benchmarks.demand_scores import WIDE, ablation, blends, score, segments
from benchmarks.demand_sets import complete_parts, side_by_side
from models.demand.forecast import LEVELS
from training.backtest import backtest

H = 3


@pytest.fixture(scope="module")
def past(past):
    """Rehearsed for one more cutoff, and nobody else sees it."""
    return replace(past, kept=dict(past.kept), asked=dict(past.asked))


@pytest.fixture(scope="module")
def frame(past, panel):
    return backtest(panel, {t: past.model(t) for t in (30, 33)}, horizon=H)


def test_series_whose_tests_began_apart_are_laid_side_by_side():
    months = pd.date_range("1990-01", periods=30, freq="MS").strftime("%Y-%m")
    long = pd.DataFrame({"series_id": "a", "month": months, "value": np.arange(30.0)})
    long["split"] = np.where(np.arange(30) < 12, "train", "test")
    short = long.iloc[5:28].assign(series_id="b", split=lambda d: np.where(d.index < 10, "train", "test"))
    laid = side_by_side(pd.concat([long, short]))
    last = laid.groupby("series_id").tail(1)
    assert last["month"].unique().tolist() == ["2001-09"]
    assert last["value"].tolist() == [12 + 8.0, 10 + 8.0]


def test_parts_with_a_blank_month_are_left_out():
    frame = pd.DataFrame({"part_id": ["a", "a", "b", "b"], "demand": [1.0, 0.0, np.nan, 2.0]})
    assert complete_parts(frame)["part_id"].unique().tolist() == ["a"]


def test_the_blend_of_the_benchmark_is_the_model(past, frame):
    said = frame.merge(blends(past, [30, 33]), on=["unique_id", "ds", "cutoff"], suffixes=("", "_again"))
    assert len(said) == len(frame)
    np.testing.assert_allclose(said["mean_again"], said["mean"])
    np.testing.assert_allclose(said["q90_again"], said["q90"])
    assert (said["q97.5"] >= said["q95"]).all()


def test_a_member_left_out_is_not_heard(past, frame):
    rows = ablation(past, [30, 33], frame, sums=3)
    names = past.replay(33).names
    assert [row["without"] for row in rows] == ["none", *names]
    only = blends(past, [33], without=names[0])
    factor = past.kept[33].layers[..., 1].ravel()
    assert np.corrcoef(only["mean"], factor)[0, 1] == pytest.approx(1.0)
    assert rows[0]["wape_lost"] == 0.0


def test_a_peer_sees_the_past_and_no_more(panel):
    seen = panel.at(33, ahead=H)
    asked = Asked.of(seen, H)
    assert asked.history["ds"].max() == seen.cutoff
    assert asked.plans["ds"].max() == seen.ahead(H)[-1]
    assert np.isfinite(asked.plans.drop(columns=["unique_id", "ds"])).all(axis=None)


def test_a_peer_that_is_not_there_or_fails_is_a_row(panel, monkeypatch):
    def broken(asked):
        raise ValueError("no")

    said = Peer("numpy", lambda asked: Answer(mean=np.ones((asked.panel.n, H))))
    monkeypatch.setattr(
        demand_peers,
        "PEERS",
        {"absent": Peer("no_such_package", broken), "bad": Peer("numpy", broken), "ok": said},
    )
    peers = Peers(names=("absent", "bad", "ok"))
    told = peers.ask([panel.at(33, ahead=H)], H, tick=lambda _: None)
    assert peers.notes_["absent"] == {"note": "not installed (no_such_package)"}
    assert peers.notes_["bad"] == {"note": "failed: ValueError"}
    assert [c for c in told if c.startswith("peer.")] == ["peer.ok"]


def test_a_kept_answer_is_used_for_the_same_question_only(panel, monkeypatch, tmp_path):
    calls = []

    def ask(asked):
        calls.append(asked.panel.t)
        return Answer(mean=np.full((asked.panel.n, H), 1.0))

    monkeypatch.setattr(demand_peers, "PEERS", {"one": Peer("numpy", ask)})
    for t in (33, 33, 36):
        Peers(names=("one",), keep=tmp_path).ask([panel.at(t, ahead=H)], H, tick=lambda _: None)
    assert calls == [33, 33, 36, 36]  # each first answer after a small uncounted call


def test_bands_are_judged_per_segment_and_step_where_there_are_enough_truths():
    rng = np.random.default_rng(0)
    n = 900
    days = np.tile(pd.date_range("2024-02-01", periods=3, freq="MS"), n // 3)
    frame = pd.DataFrame({"unique_id": np.repeat(np.arange(n // 3), 3), "ds": days})
    frame = frame.assign(cutoff=pd.Timestamp("2024-01-01"), y=rng.uniform(0, 1, n), mean=0.5)
    for level in WIDE:
        frame[demand_peers.quantile_name(level)] = level
    large = frame["unique_id"] < 250
    rows = segments(frame, pd.Series(np.where(large, "A smooth", "B smooth")))
    assert [(row["segment"], row["step"]) for row in rows] == [
        ("A smooth", 1),
        ("A smooth", 2),
        ("A smooth", 3),
    ]
    assert all(row["coverage_95"] == pytest.approx(0.95, abs=0.05) for row in rows)


def test_a_method_without_bands_has_no_pinball(frame):
    assert "pinball" not in score(frame, "last_value", sums=3, prefix="none.")
    assert score(frame, "mean", sums=3)["pinball"] > 0
    assert len(LEVELS) == 7


def test_a_peer_whose_bands_have_no_median_is_judged_around_its_point(frame):
    told = {f"peer.one.{q}": frame[q] for q in ("q05", "q10", "q25", "q75", "q90", "q95")}
    given = frame.assign(**{"peer.one": frame["q50"]}, **told)
    peer, ours = score(given, "peer.one", sums=3, prefix="peer.one."), score(frame, "mean", sums=3)
    assert peer["pinball"] == ours["pinball"]
    assert peer["coverage_80"] == ours["coverage_80"]
