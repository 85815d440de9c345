"""Trial: an honest backtest on a file of your own, without a lake.

Reads the file through a mapping profile, replays the whole recipe at past cutoffs beside
the methods planners use, and leaves three files:

    OUT/forecasts.parquet   unique_id, ds, cutoff, y, mean, q05..q95, members, planners' methods
    OUT/report.json         metrics of every method
    OUT/report.html         the same to read, in one self-contained page

Errors: BadRows and the other faults of a source, TooFewRows (too short a history), all before
anything is written.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.doubts import doubts
from features.errors import ChannelError
from features.frequency import frequency, infer
from features.gather import gather
from features.panel import Panel
from features.sources import load_profile, read
from features.sources.meanings import stated
from models.demand.forecast import LEVELS, column
from models.demand.model import LEAST_PERIODS
from training.progress import steps
from training.recipes import demand
from training.report import write_report
from training.scorecard import STACK, Evidence
from training.settings import DemandConfig
from training.track import code_version
from training.train import evidence, leaderboard


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was asked."""

    horizon: int
    windows: int
    plans: bool = True
    show: bool = True


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file's panel, the tables that it came from, and what was left out or read in a way worth telling."""

    panel: Panel
    tables: Mapping[str, pd.DataFrame]
    told: list[str]

    def notes(self, asked: Trial) -> list[str]:
        """What to look at before believing the backtest: how the file was read, and what is odd in it."""
        panel = self.panel if asked.plans else self.panel.without_plans()
        return [*self.told, *doubts(panel, self.tables, judged=asked.horizon * asked.windows)]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came out: the comparison table and the report's numbers."""

    frame: pd.DataFrame
    table: pd.DataFrame  # metrics, one row a method
    report: dict[str, Any]


def panel_of_file(files: list[Path], profile: str, *, freq: str | None = None) -> Panel:
    """The panel in a file, by its profile."""
    return open_file(files, profile, freq=freq).panel


def open_file(
    files: list[Path],
    profile: str,
    *,
    freq: str | None = None,
    gaps: str | None = None,
    columns: Sequence[str] = (),
) -> Opened:
    """A file by its profile, with what is to be told of it; `columns` as in "product=model"."""
    said = {"frequency": freq, "gaps": gaps}
    mapping = stated(load_profile(profile), columns)
    intake = read(mapping.model_copy(update={key: value for key, value in said.items() if value}), files)
    tables, used = intake.accepted(), intake.profile
    if "sell_in" not in tables or tables["sell_in"].empty:
        raise ChannelError(f"Profile {mapping.name} found no sales (table sell_in).")
    rhythm = frequency(used.frequency) if used.frequency else infer(tables["sell_in"]["period_start"])
    panel = gather(tables, rhythm, gaps=used.gaps)
    return Opened(panel=panel, tables=tables, told=[f"{_sentence(note)}." for note in intake.notes])


def run_trial(
    panel: Panel, config: DemandConfig, asked: Trial, out: Path, *, title: str, notes: Sequence[str] = ()
) -> Outcome:
    """Backtest `panel` and write the three files; `notes` stand on top of the report."""
    panel = panel if asked.plans else panel.without_plans()
    past = demand.rehearsals(panel, asked.horizon, config)
    ends = demand.cutoffs(past, config, asked.windows)
    with steps(len(past.needed(ends)), "Backtest", show=asked.show) as tick:
        past.prepare(ends, workers=config.workers, tick=tick)
    frame = demand.backtest(past, config, windows=asked.windows)
    judged = evidence(frame, panel, [name for name in config.members if name in frame])
    about = _about(panel, config, asked, len(ends))
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "made"
        notes = [*notes, *_fallbacks(frame)]
        report = write_report(judged, out=made, title=title, about=about, notes=notes)
        frame[promised(judged)].to_parquet(made / "forecasts.parquet", index=False)
        shutil.copytree(made, out, dirs_exist_ok=True)
    return Outcome(frame=frame, table=leaderboard(judged), report=report)


def promised(judged: Evidence) -> list[str]:
    """The columns of forecasts.parquet: every one after the quantiles is a method."""
    quantiles = [column(level) for level in LEVELS]
    return ["unique_id", "ds", "cutoff", "y", STACK, *quantiles, *judged.members, *judged.planners]


def _fallbacks(frame: pd.DataFrame) -> list[str]:
    """How many series were answered from similar ones."""
    some = frame.loc[frame["note"] != "", "unique_id"].nunique() if "note" in frame else 0
    short = f"fewer than {LEAST_PERIODS} observations at a cutoff: answered from similar ones"
    return [f"{some:,} series had {short}."] if some else []


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _about(panel: Panel, config: DemandConfig, asked: Trial, windows: int) -> dict[str, Any]:
    return {
        "series": panel.n,
        f"{panel.freq.noun}s of history": panel.t,
        "cutoffs": windows,
        "periods ahead": asked.horizon,
        "delay": config.delay,
        "plans": ", ".join(panel.plans) or "none",
        "data_version": panel.fingerprint(),
        "code_version": code_version(),
        "settings": json.dumps(config.model_dump(mode="json")),
    }
