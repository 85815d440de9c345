import numpy as np
import pandas as pd
import pytest

from features.errors import MissingColumns, TooFewRows
from tests.oracles import metrics as oracle
from training.scorecard import Evidence, best, scorecard, segment_of

BANDS = {"q05": -16.45, "q10": -12.82, "q25": -6.745, "q50": 0.0, "q75": 6.745, "q90": 12.82, "q95": 16.45}


def _evidence(n=40, history=24, horizon=3, **changes):
    """n series of very different sizes; the stack errs by 10 units, `ets` by 12, last value by 30."""
    rng = np.random.default_rng(4)
    size = np.geomspace(20, 2000, n)[:, None]
    y = rng.gamma(9.0, size / 9, (n, history + horizon))
    y[: n // 4][rng.random((n // 4, history + horizon)) < 0.5] = 0.0
    months = pd.date_range("2021-01-01", periods=y.shape[1], freq="MS")
    ids = np.array([f"D{i}/S" for i in range(n)])
    past = pd.DataFrame({"unique_id": np.repeat(ids, y.shape[1]), "ds": np.tile(months, n), "y": y.ravel()})
    frame = past[past["ds"] > months[history - 1]].assign(cutoff=months[history - 1])
    for name, noise in {"mean": 10, "ets": 12, "last_value": 30}.items():
        frame[name] = frame["y"] + rng.normal(0, noise, len(frame))
    frame = frame.assign(**{q: frame["mean"] + z for q, z in BANDS.items()})
    given = {"frame": frame, "history": past, "freq": "M", "members": ["ets"], "planners": ["last_value"]}
    return Evidence(**(given | changes))


def test_every_method_has_its_metrics_and_its_role():
    evidence = _evidence()
    methods = scorecard(evidence)["methods"]
    roles = {name: row["role"] for name, row in methods.items()}
    assert roles == {"mean": "stack", "ets": "member", "last_value": "planner"}
    by_hand = oracle.wape(evidence.frame["y"], evidence.frame["ets"])
    assert methods["ets"]["wape"] == pytest.approx(by_hand, abs=1e-6)


def test_parts_add_up_to_the_whole():
    evidence = _evidence()
    card = scorecard(evidence)
    for part in ("horizon", "segment"):
        rows = [row for row in card[f"by_{part}"] if row["method"] == "mean"]
        assert sum(row["n"] for row in rows) == card["n"]
        assert sum(row["unit_share"] for row in rows) == pytest.approx(1, abs=1e-5)
        weighed = sum(row["wape"] * row["unit_share"] for row in rows)
        assert weighed == pytest.approx(card["methods"]["mean"]["wape"], abs=1e-5)


def test_segments_do_not_change_when_the_future_does():
    evidence = _evidence()
    later = evidence.history["ds"] > evidence.frame["cutoff"].min()
    other = evidence.history.assign(y=evidence.history["y"].where(~later, 1e6))
    changed = Evidence(**_parts(evidence) | {"history": other})
    pd.testing.assert_series_equal(segment_of(evidence), segment_of(changed))
    assert segment_of(evidence).nunique() > 2


def test_a_series_that_is_new_has_a_segment_of_its_own():
    evidence = _evidence()
    known = evidence.history[evidence.history["unique_id"] != "D7/S"]
    card = scorecard(Evidence(**_parts(evidence) | {"history": known}))
    new = [row for row in card["by_segment"] if row["segment"] == "new"]
    assert {row["n_series"] for row in new} == {1}


def test_improvement_is_over_each_named_method_with_its_interval():
    rows = {row["over"]: row for row in scorecard(_evidence(n=200))["improvement"]}
    assert set(rows) == {"ets", "last_value"}
    for name, noise in {"ets": 12, "last_value": 30}.items():
        assert rows[name]["low"] < 1 - 10 / noise < rows[name]["high"] < rows[name]["low"] + 0.2


def test_coverage_is_counted_overall_by_horizon_and_by_segment():
    evidence = _evidence(n=200)
    covered = scorecard(evidence)["coverage"]
    reached = {row["nominal"]: row["reached"] for row in covered["overall"]}
    assert reached == pytest.approx({0.5: 0.5, 0.8: 0.8, 0.9: 0.9}, abs=0.06)
    for part in ("by_horizon", "by_segment"):
        inside = sum(row["reached"] * row["n"] for row in covered[part] if row["nominal"] == 0.8)
        assert inside / len(evidence.frame) == pytest.approx(reached[0.8], abs=1e-5)


def test_the_worst_series_are_those_that_miss_by_the_most_units():
    evidence = _evidence()
    error = (evidence.frame["mean"] - evidence.frame["y"]).abs().groupby(evidence.frame["unique_id"]).sum()
    worst = scorecard(evidence)["worst_series"]
    assert [row["unique_id"] for row in worst] == error.nlargest(12).index.tolist()
    assert worst[0]["error_share"] == pytest.approx(error.max() / error.sum(), abs=1e-6)


def test_the_best_of_a_role_is_the_one_with_the_lowest_wape():
    card = scorecard(_evidence())
    assert (best(card, "planner"), best(card, "member")) == ("last_value", "ets")


def test_a_method_that_is_not_in_the_frame_is_named():
    with pytest.raises(MissingColumns, match=r"backtest: missing columns \['lstm'\]"):
        _evidence(members=["lstm"])


def test_a_frame_without_truths_is_refused():
    with pytest.raises(TooFewRows, match="A report needs at least 1 rows; got 0"):
        _evidence(frame=_evidence().frame.assign(y=np.nan))


def _parts(evidence):
    return {name: getattr(evidence, name) for name in ("frame", "history", "freq", "members", "planners")}
