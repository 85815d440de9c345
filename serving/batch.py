"""Batch: every series of a panel into partitioned Parquet, as far as it got.

    OUT/part=00000/forecasts.parquet    whole dealers, about `chunk` series
    OUT/_aggregates.parquet             totals of every level, when asked for (serving.aggregates)
    OUT/_manifest.json                  what it is, and whether it is complete

A row is one series and period: `Forecast.frame()` with dealer_id, sku_id, `final` (the planner's figure
where an override is in force, else the mean), override_id, the analogues of a series with little history,
model_version and data_version. A partition is written aside and renamed, so a file that is there is whole;
when the same model is asked about the same data again, the partitions that are there are kept and only the
rest is computed. Another model or other data starts afresh. Memory grows with the panel and one chunk, not
with the output.

Errors: MissingPlans, HorizonTooLong (before anything is written), ForeignFolder (OUT holds
something else).
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.panel import Panel
from models.demand.overrides import finals
from models.errors import HorizonTooLong
from serving.rooms.plans import Missing, ready
from serving.snapshot import Forecaster

CHUNK_SERIES = 20_000
AGGREGATES = "_aggregates.parquet"
MANIFEST = "_manifest.json"  # readers of Parquet folders pass over names that begin so
Rows = NDArray[np.intp]
Progress = Callable[[int, int], None]  # series done, series in all


class ForeignFolder(ChannelError):
    def __init__(self, out: Path) -> None:
        super().__init__(
            f"{out} is not empty and holds no {MANIFEST}: it was not written by `qudao score`. "
            "Name another folder, or empty this one."
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is scored: a model, the data it starts from, how far ahead."""

    model: Forecaster
    version: str
    data_version: str
    horizon: int
    missing_plans: Missing = "refuse"
    force: pd.DataFrame | None = None  # the overrides that count at the moment of scoring

    def identity(self, panel: Panel, chunk: int) -> dict[str, Any]:
        """What makes two runs the same run."""
        return {
            "room": "demand",
            "model_version": self.version,
            "data_version": self.data_version,
            "as_of": f"{panel.cutoff:%Y-%m-%d}",
            "horizon": self.horizon,
            "series": panel.n,
            "chunk": chunk,
            "panel": panel.fingerprint(),
        }


@dataclass(frozen=True, kw_only=True)
class BatchReport:
    """What a batch did."""

    out: Path
    series: int
    partitions: int
    kept: int  # partitions that were there already
    seconds: float
    notes: tuple[str, ...] = ()  # what to know before the numbers are trusted

    def __str__(self) -> str:
        done = (
            f"{self.series:,} series in {self.partitions} partitions ({self.kept} kept) "
            f"in {self.seconds:.1f} s: {self.out}"
        )
        return "\n".join((done, *self.notes))


def score(
    job: Job, panel: Panel, *, out: Path, chunk: int = CHUNK_SERIES, on_chunk: Progress | None = None
) -> BatchReport:
    """Forecast every series of `panel` into `out`."""
    started, done, kept = time.perf_counter(), 0, 0
    panel = _checked(job, panel)
    identity = job.identity(panel, chunk)
    _open(out, identity)
    parts = partitions(panel, chunk)
    for number, rows in enumerate(parts):
        there = (folder := out / f"part={number:05}").exists()
        if not there:
            _write(_frame(job, panel.take(rows)), folder)
        done, kept = done + len(rows), kept + there
        if on_chunk:
            on_chunk(done, panel.n)
    _note(out, {**identity, "complete": True})
    seconds = time.perf_counter() - started
    return BatchReport(out=out, series=panel.n, partitions=len(parts), kept=kept, seconds=seconds)


def partitions(panel: Panel, chunk: int) -> list[Rows]:
    """Rows of each partition: whole dealers in order, closed once `chunk` series are in.

    >>> from features.frequency import MONTHLY
    >>> static = pd.DataFrame({"dealer_id": ["B", "A", "B", "C"], "sku_id": ["1", "2", "3", "4"]})
    >>> panel = Panel(static=static, first=pd.Timestamp("2024-01-01"), freq=MONTHLY, y=np.ones((4, 2)))
    >>> [rows.tolist() for rows in partitions(panel, 2)]
    [[1, 0, 2], [3]]
    """
    number, dealers = pd.factorize(panel.static["dealer_id"].astype(str), sort=True)
    before = np.concatenate([[0], np.bincount(number, minlength=len(dealers)).cumsum()[:-1]])
    part, closed = np.zeros(len(dealers), dtype=np.intp), 0
    for dealer in range(1, len(dealers)):
        full = before[dealer] - closed >= chunk
        closed = before[dealer] if full else closed
        part[dealer] = part[dealer - 1] + full
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(part[number[order]])) + 1)


def read(out: Path) -> pd.DataFrame:
    """All rows of a batch, in the order of its partitions."""
    files = sorted(out.glob("part=*/forecasts.parquet"))
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def _checked(job: Job, panel: Panel) -> Panel:
    """The panel with the model's plans only, complete for the horizon."""
    if job.horizon > job.model.horizon_:
        raise HorizonTooLong(job.horizon, job.model.horizon_)
    return ready(panel, job.model.plans_, job.horizon, missing=job.missing_plans)


def _open(out: Path, identity: Mapping[str, Any]) -> None:
    """Make `out` ready for this run; what another run left there is removed."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / MANIFEST
    if not file.exists() and any(out.iterdir()):
        raise ForeignFolder(out)
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    same = {key: before.get(key) for key in identity} == identity
    for folder in [*out.glob(".part=*"), *([] if same else out.glob("part=*"))]:
        shutil.rmtree(folder)
    (out / AGGREGATES).unlink(missing_ok=True)  # of an earlier run
    if not same:
        _note(out, {**identity, "complete": False})


def _note(out: Path, manifest: Mapping[str, Any]) -> None:
    fresh = out / f"{MANIFEST}.new"
    fresh.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    fresh.replace(out / MANIFEST)


def _frame(job: Job, panel: Panel) -> pd.DataFrame:
    forecast = job.model.predict(panel, horizon=job.horizon)
    frame = forecast.frame()
    spoke = [", ".join(one.unique_id for one in forecast.analogues.get(i, ())) for i in range(panel.n)]
    frame["analogues"] = np.repeat(spoke, job.horizon)
    for i, name in enumerate(("dealer_id", "sku_id")):
        frame.insert(1 + i, name, np.repeat(panel.static[name].astype(str).to_numpy(), job.horizon))
    return _overridden(job, frame).assign(model_version=job.version, data_version=job.data_version)


def _overridden(job: Job, frame: pd.DataFrame) -> pd.DataFrame:
    if job.force is None or job.force.empty:
        return frame.assign(final=frame["mean"], override_id="")
    return finals(frame.rename(columns={"ds": "period_start"}), job.force).rename(
        columns={"period_start": "ds"}
    )


def _write(frame: pd.DataFrame, folder: Path) -> None:
    fresh = folder.with_name(f".{folder.name}")
    fresh.mkdir()
    frame.to_parquet(fresh / "forecasts.parquet", index=False)
    fresh.rename(folder)
