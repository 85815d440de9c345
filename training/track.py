"""Tracking: every training leaves a run that says what it was made of and how it did.

A run holds the configuration (flattened as parameters, whole as `config.json`), the data version,
the code version, metrics, and artifacts (backtest frame, report, plots). It ends as FINISHED,
FAILED (an error, named by its class alone) or KILLED (interrupted by hand). A process that was
killed cannot say so: its run is marked FAILED when the room trains next on the same machine.

Errors: models.registry.RegistryError (the store does not answer). Errors inside the block pass through.

>>> flatten({"model": {"lstm": {"width": 32}, "levels": [0.1, 0.9]}, "seed": 7})
{'model.lstm.width': '32', 'model.levels': '[0.1, 0.9]', 'seed': '7'}
"""

import json
import math
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from models.registry import Registry, guarded

_HOST, _PID = "qudao.host", "qudao.pid"
_PARAMS_A_BATCH = 100  # MLflow refuses more in one call


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training in progress; everything handed to it is kept with the run."""

    room: str
    run_id: str
    registry: Registry

    def metrics(self, values: Mapping[str, float], *, step: int = 0) -> None:
        """Keep numbers under their names; what could not be measured (NaN) is left out."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        known = [Metric(k, float(v), now_ms, step) for k, v in values.items() if math.isfinite(v)]
        with guarded("log metrics"):
            self.registry.client.log_batch(self.run_id, metrics=known)

    def tag(self, name: str, value: object) -> None:
        """Keep a word about the run, to search it by."""
        with guarded("set a tag"):
            self.registry.client.set_tag(self.run_id, name, str(value))

    def keep(self, path: Path, *, folder: str = "") -> str:
        """Keep a file, or a folder with all that is in it; returns its artifact path."""
        client, target = self.registry.client, folder or None
        with guarded(f"keep {path.name}"):
            if path.is_dir():
                target = f"{folder}/{path.name}" if folder else path.name
                client.log_artifacts(self.run_id, str(path), target)
            else:
                client.log_artifact(self.run_id, str(path), target)
        return f"{folder}/{path.name}" if folder else path.name

    def frame(self, frame: pd.DataFrame, name: str) -> str:
        """Keep a table as `<name>.parquet`; returns its artifact path."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{name}.parquet"
            frame.to_parquet(path, index=False)
            return self.keep(path)

    def register(self, model: object, *, card: Mapping[str, Any]) -> str:
        """Save the trained model as a new version of its room; the champion does not move."""
        return self.registry.save(self.room, model, run_id=self.run_id, card=card)


@contextmanager
def tracked(
    room: str, *, root: Path, config: Mapping[str, Any], data_version: str, uri: str | None = None
) -> Iterator[Run]:
    """A run that lasts as long as the block; `uri` names another store than `<root>/mlruns`."""
    registry = Registry(uri, root=root)
    run = _begun(registry, room, config, data_version)
    try:
        yield run
    except BaseException as error:
        _end(run, "FAILED" if isinstance(error, Exception) else "KILLED", type(error).__name__)
        raise
    _end(run, "FINISHED")


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as one level of dotted names; lists stay lists, as JSON."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


def code_version() -> str:
    """The package's version and, in a working copy, its commit: `0.1.0+573539d`, `.dirty` when edited."""
    version = metadata.version("qudao")
    tracked_here = _git("ls-files", "--error-unmatch", Path(__file__).name)
    if tracked_here is None or (commit := _git("rev-parse", "--short", "HEAD")) is None:
        return version
    return f"{version}+{commit}" + (".dirty" if _git("status", "--porcelain", "-uno") else "")


def _git(*words: str) -> str | None:
    """What git says about the folder of this file; None without git or a repository."""
    if (git := shutil.which("git")) is None:
        return None
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        [git, *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _begun(registry: Registry, room: str, config: Mapping[str, Any], data_version: str) -> Run:
    experiment, client = registry.experiment(room), registry.client
    tags = {"qudao.room": room, "data_version": data_version, "code_version": code_version()}
    tags |= {_HOST: platform.node(), _PID: str(os.getpid())}
    with guarded(f"begin a run of {room}"):
        _bury_the_killed(client, experiment)
        run = Run(room=room, run_id=client.create_run(experiment, tags=tags).info.run_id, registry=registry)
        _log_config(run, config)
    return run


def _log_config(run: Run, config: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    params = [Param(k, v) for k, v in flatten(config).items()]
    for i in range(0, len(params), _PARAMS_A_BATCH):
        run.registry.client.log_batch(run.run_id, params=params[i : i + _PARAMS_A_BATCH])
    text = json.dumps(dict(config), indent=2, default=str)
    run.registry.client.log_text(run.run_id, text, "config.json")


def _end(run: Run, status: str, error_name: str = "") -> None:
    with guarded(f"end the run {run.run_id}"):
        if error_name:
            run.registry.client.set_tag(run.run_id, "error", error_name)
        run.registry.client.set_terminated(run.run_id, status)


def _bury_the_killed(client: Any, experiment: str) -> None:
    running = client.search_runs([experiment], "attributes.status = 'RUNNING'")
    for run in running:
        tags = run.data.tags
        if tags.get(_HOST) == platform.node() and not _alive(int(tags[_PID])):
            client.set_tag(run.info.run_id, "error", "killed")
            client.set_terminated(run.info.run_id, "FAILED")


def _alive(pid: int) -> bool:
    if os.name != "posix":
        return True  # elsewhere asking would end the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
