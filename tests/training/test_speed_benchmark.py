"""What `qudao benchmark speed` promises: the same panel for all, a real batch."""

import pickle

import numpy as np
import pytest

from benchmarks.speed import _lines, _slope, generated, scored
from tests.toy_room import toy
from training.recipes import demand


def test_a_generated_panel_is_the_same_for_the_same_seed_and_partly_lumpy():
    one, two = generated(80, seed=3), generated(80, seed=3)
    np.testing.assert_array_equal(one.y, two.y)
    zeros = (one.y == 0).mean(axis=1)
    assert zeros[::4].mean() == pytest.approx(0.6, abs=0.1)
    assert zeros[1::4].mean() < 0.1
    assert len(set(one.ids)) == 80


def test_a_batch_is_scored_as_the_service_scores_it(tmp_path):
    config = toy(members=("theta",))
    model = demand.fit(demand.rehearsals(generated(40, seed=0), 3, config), config)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    row = scored(tmp_path / "model.pkl", 300)
    assert row["series"] == 300
    assert row["seconds"] > 0
    assert row["peak_memory_mb"] > 50


def test_linear_memory_shows_as_equal_steps():
    batches = [
        {"series": n, "peak_memory_mb": 500 + n / 100, "seconds": 1.0, "user_seconds": 1.0}
        for n in (1000, 2000, 4000)
    ]
    assert _slope(batches) == [10.0, 10.0]
    ours = {"fit_user_seconds": 20.0, "predict_user_seconds": 0.5}
    peers = [{"method": "lstm", "note": "not installed (neuralforecast)"}]
    said = _lines({"ours": ours, "peers": peers, "batch": batches, "memory_mb_per_1000": _slope(batches)})
    assert "lstm: not installed (neuralforecast)" in said
