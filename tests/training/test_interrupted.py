"""`kill -9` in the middle of a training: whoever answered before still answers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from features.lake import Lake
from tests.serving.small_channel import tables
from tests.toy_room import TOY, toy
from training.release import release
from training.train import from_lake, train_demand

QUICK = {"members": ["theta", "tsb"], "replays": {"M": 1, "W": 1}, "windows": 1}
ENDLESS = TOY | QUICK | {"members": ["boosted"], "boosted": {"rounds": 1_000_000}, "workers": 2}
PATIENCE_SECONDS = 120
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for the workers under /proc")


def _wait(what, *, seconds=PATIENCE_SECONDS):
    """The first answer that is not empty."""
    until = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.2)
    return answer


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def _gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


@pytest.fixture
def killed(registry):
    """A store with a champion, in which a second training was killed while its workers worked."""
    lake = Lake(registry.root / "warehouse")
    lake.merge(tables(), source="test")
    train_demand(lake, registry, toy(**QUICK), show=False)
    release("demand", registry, force=True)
    settings = registry.root / "endless.yaml"
    settings.write_text(yaml.safe_dump(ENDLESS), encoding="utf-8")
    words = [sys.executable, "-m", "qudao", "train", "demand", "--quiet", "--config", str(settings)]
    training = subprocess.Popen(words, env=os.environ | {"QUDAO_HOME": str(registry.root)})
    run = _wait(lambda: _running(registry))
    workers = _wait(lambda: [] if len(_children(training.pid)) < 3 else _children(training.pid))
    time.sleep(1)
    assert training.poll() is None
    os.kill(training.pid, signal.SIGKILL)
    training.wait()
    return registry, lake, run, workers


def _running(registry) -> str:
    runs = registry.client.search_runs([registry.experiment("demand")], "attributes.status = 'RUNNING'")
    return runs[0].info.run_id if runs else ""


def test_a_killed_training_leaves_the_champion_and_the_next_one_works(killed):
    registry, lake, run, workers = killed
    panel = from_lake(lake, toy(**QUICK)).carry_plans(3)
    before = registry.load("demand", "1").model.predict(panel).frame()
    assert registry.champion("demand") == "1"
    assert [v.version for v in registry.versions("demand")] == ["1"]
    assert train_demand(lake, registry, toy(**QUICK), show=False).version == "2"
    assert registry.client.get_run(run).info.status == "FAILED"
    assert registry.client.get_run(run).data.tags["error"] == "killed"
    assert registry.champion("demand") == "1"
    after = registry.load("demand").model.predict(panel).frame()
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    _wait(lambda: all(_gone(pid) for pid in workers), seconds=30)  # nobody works on for the dead
