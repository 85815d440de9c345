import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest

from features.panel import MissingPlans, Panel
from models.errors import HorizonTooLong
from serving.batch import MANIFEST, ForeignFolder, Job, partitions, read, score

SCORE = """
import pickle, sys, time
from pathlib import Path
from serving.batch import score
job, panel = pickle.loads(Path(sys.argv[1]).read_bytes())
score(job, panel, out=Path(sys.argv[2]), chunk=3, on_chunk=lambda done, n: time.sleep(0.3))
"""


@pytest.fixture
def job(model):
    return Job(model=model, version="7", data_version="d1", horizon=3)


@pytest.fixture(scope="module")
def planned(panel):
    """The series whose prices are known ahead."""
    return panel.take(np.flatnonzero(panel.static["dealer_id"] != "D012"))


def files(out: Path) -> dict[str, int]:
    return {p.parent.name: p.stat().st_mtime_ns for p in sorted(out.glob("part=*/*.parquet"))}


def test_a_batch_holds_what_the_model_says_with_its_versions(job, planned, tmp_path):
    report = score(job, planned, out=tmp_path)
    found = read(tmp_path)
    expected = job.model.predict(planned).frame()
    assert report.series == planned.n == 33
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False, rtol=1e-12)
    assert found[["model_version", "data_version"]].drop_duplicates().to_numpy().tolist() == [["7", "d1"]]
    assert (found["dealer_id"] + "/" + found["sku_id"] == found["unique_id"]).all()


def test_chunks_change_the_files_not_the_answer(job, planned, tmp_path):
    ticks = []
    score(job, planned, out=tmp_path / "one")
    report = score(job, planned, out=tmp_path / "many", chunk=4, on_chunk=lambda *t: ticks.append(t))
    assert report.partitions == 6
    assert ticks[-1] == (33, 33)
    one, many = read(tmp_path / "one"), read(tmp_path / "many")
    pd.testing.assert_frame_equal(one, many, rtol=1e-9)


def test_a_dealer_stays_inside_one_partition_and_none_is_lost(panel):
    rng = np.random.default_rng(0)
    mixed = panel.take(rng.permutation(panel.n))
    parts = partitions(mixed, 5)
    dealers = [set(mixed.static["dealer_id"].iloc[rows]) for rows in parts]
    assert sum(map(len, dealers)) == len(set.union(*dealers))
    assert sorted(np.concatenate(parts)) == list(range(panel.n))
    assert all(len(rows) >= 5 for rows in parts[:-1])


def test_doing_it_again_computes_nothing(job, planned, tmp_path):
    score(job, planned, out=tmp_path, chunk=4)
    before = files(tmp_path)
    assert score(job, planned, out=tmp_path, chunk=4).kept == 6
    assert files(tmp_path) == before


@pytest.mark.parametrize("change", [{"version": "8"}, {"data_version": "d2"}, {"horizon": 2}])
def test_another_model_or_other_data_starts_afresh(job, planned, tmp_path, change):
    score(job, planned, out=tmp_path, chunk=4)
    other = replace(job, **change)
    assert score(other, planned, out=tmp_path).kept == 0
    assert len(files(tmp_path)) == 1
    assert read(tmp_path)["model_version"].unique().tolist() == [other.version]


def test_after_kill_9_the_rest_is_computed_and_the_whole_is_the_same(job, planned, tmp_path):
    saved, out = tmp_path / "job", tmp_path / "out"
    saved.write_bytes(cloudpickle.dumps((job, planned)))
    process = subprocess.Popen([sys.executable, "-c", SCORE, str(saved), str(out)])
    while len(files(out)) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = files(out)
    assert 3 <= len(before) < 11
    assert json.loads((out / MANIFEST).read_text())["complete"] is False
    (out / ".part=00009").mkdir()  # what a kill between two writes leaves behind
    report = score(job, planned, out=out, chunk=3)
    assert report.kept == len(before)
    assert before.items() <= files(out).items()
    assert not list(out.glob(".part=*"))
    score(job, planned, out=tmp_path / "whole", chunk=3)
    pd.testing.assert_frame_equal(read(out), read(tmp_path / "whole"))


def test_a_finished_batch_says_so(job, planned, tmp_path):
    score(job, planned, out=tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest["complete"] is True
    assert (manifest["model_version"], manifest["as_of"]) == ("7", "2017-09-01")


def test_a_missing_plan_is_refused_before_anything_is_written(job, panel, tmp_path):
    with pytest.raises(MissingPlans, match="D012/S001 net_price 2017-10"):
        score(job, panel, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert score(replace(job, missing_plans="carry"), panel, out=tmp_path / "out").series == 36


def test_a_longer_horizon_than_learned_is_refused(job, planned, tmp_path):
    with pytest.raises(HorizonTooLong):
        score(replace(job, horizon=4), planned, out=tmp_path)


def test_a_folder_of_somebody_else_is_left_alone(job, planned, tmp_path):
    (tmp_path / "part=00000").mkdir()
    with pytest.raises(ForeignFolder, match="was not written by `qudao score`"):
        score(job, planned, out=tmp_path)
    assert (tmp_path / "part=00000").exists()


def test_a_batch_asks_for_one_chunk_at_a_time(job, planned, tmp_path):
    asked: list[int] = []

    class Watched:
        def __getattr__(self, name):
            return getattr(job.model, name)

        def predict(self, panel: Panel, *, horizon=None):
            asked.append(panel.n)
            return job.model.predict(panel, horizon=horizon)

    score(replace(job, model=Watched()), planned, out=tmp_path, chunk=6)
    assert asked == [6, 6, 6, 6, 6, 3]
