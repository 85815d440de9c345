import json
import os
import signal
import subprocess
import sys
from importlib import metadata

import numpy as np
import pandas as pd
import pytest

from training.track import code_version, tracked

CONFIG = {"model": {"width": 32, "plans": ["net_price"]}, "windows": 4}


def _tracked(registry, **changes):
    return tracked("demand", root=registry.root, **({"config": CONFIG, "data_version": "v7"} | changes))


def _run(registry, run):
    return registry.client.get_run(run.run_id)


def test_a_run_says_what_it_was_made_of(registry):
    with _tracked(registry) as run:
        run.metrics({"wape": 0.142, "mase": float("nan")})
        run.tag("profile", "stallion")
    kept = _run(registry, run)
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"model.width": "32", "model.plans": '["net_price"]', "windows": "4"}
    assert kept.data.metrics == {"wape": 0.142}
    assert kept.data.tags["data_version"] == "v7"
    assert kept.data.tags["code_version"].startswith(metadata.version("qudao"))
    assert kept.data.tags["profile"] == "stallion"
    assert json.loads(registry.artifact(run.run_id, "config.json").read_text()) == CONFIG


def test_a_frame_comes_back_as_it_was(registry):
    frame = pd.DataFrame({"unique_id": ["经销商/1"], "ds": pd.to_datetime(["2017-01-01"]), "y": [1 / 3]})
    with _tracked(registry) as run:
        path = run.frame(frame, "backtest")
    pd.testing.assert_frame_equal(pd.read_parquet(registry.artifact(run.run_id, path)), frame)


def test_a_folder_is_kept_whole(registry, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "report.html").write_text("<p>")
    with _tracked(registry) as run:
        assert run.keep(tmp_path / "report") == "report"
    assert registry.artifact(run.run_id, "report/report.html").read_text() == "<p>"


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_that_breaks_says_so_and_passes_the_error_on(registry, error, status):
    with pytest.raises(error), _tracked(registry) as run:
        raise error("row 7: 4711 units")
    kept = _run(registry, run)
    assert kept.info.status == status
    assert kept.data.tags["error"] == error.__name__


def test_training_that_breaks_leaves_the_champion(registry):
    with _tracked(registry) as run:
        registry.promote("demand", run.register(np.ones(3), card={}))
    with pytest.raises(ZeroDivisionError), _tracked(registry) as run:
        run.metrics({"wape": float(run.register(np.zeros(3), card={})) / 0})
    assert registry.load("demand").model.tolist() == [1, 1, 1]


def test_a_killed_run_is_marked_failed_by_the_next_one(registry):
    sleeper = (
        "import sys, time; from pathlib import Path; from training.track import tracked\n"
        "with tracked('demand', root=Path(sys.argv[1]), config={}, data_version='v') as run:\n"
        "    print(run.run_id, flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", sleeper, str(registry.root)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as victim:
        killed_id = victim.stdout.readline().strip()
        os.kill(victim.pid, signal.SIGKILL)
    with _tracked(registry) as run:
        assert registry.client.get_run(killed_id).info.status == "FAILED"
        assert _run(registry, run).info.status == "RUNNING"


def test_more_settings_than_mlflow_takes_at_once_are_all_kept(registry):
    with _tracked(registry, config={f"p{i}": i for i in range(230)}) as run:
        pass
    assert len(_run(registry, run).data.params) == 230


def test_the_code_version_is_the_commit_of_a_working_copy():
    version, _, commit = code_version().partition("+")
    assert version == metadata.version("qudao")
    assert commit == "" or commit.removesuffix(".dirty").isalnum()
