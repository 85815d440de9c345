"""Train: from the lake to a version in the registry, with everything that made it.

The panel is what is on record today; the backtest is the evidence that `qudao release`
judges. The champion is not touched: an interrupted training leaves a failed run behind
and nothing else.

Errors: TooFewRows (no sales, or too short a history), RegistryError (the store).
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.errors import TooFewRows
from features.frequency import infer
from features.gather import gather
from features.lake import Lake
from features.panel import Panel
from models.demand.baselines import PLANNERS
from models.metrics import score_frame
from models.registry import Registry
from training.progress import steps
from training.recipes import demand
from training.report import write_report
from training.scorecard import STACK, Evidence
from training.settings import DemandConfig
from training.track import Run, code_version, tracked
from training.tune import tune


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A registered version and how it did in its backtest."""

    version: str
    run_id: str
    data_version: str
    table: pd.DataFrame  # metrics, one row a method

    def __str__(self) -> str:
        return f"demand version {self.version} is registered (data {self.data_version}); not yet released."


def train_demand(
    lake: Lake, registry: Registry, config: DemandConfig, *, trials: int = 0, show: bool = True
) -> Trained:
    """Tune when `trials` are asked for, backtest, fit on everything, register."""
    data_version, panel = lake.version(), from_lake(lake, config)
    config = _tuned(panel, config, trials, show=show) if trials else config
    past = demand.rehearsals(panel, config.horizon[panel.freq.letter], config)
    ends = [*demand.cutoffs(past, config, config.windows), panel.t]
    settings, store = config.model_dump(mode="json"), registry.uri
    with tracked("demand", root=registry.root, uri=store, config=settings, data_version=data_version) as run:
        with steps(len(past.needed(ends)), "Training", show=show) as tick:
            past.prepare(ends, workers=config.workers, tick=tick)
        frame = demand.backtest(past, config, windows=config.windows)
        model = demand.fit(past, config)
        judged = evidence(frame, panel, model.member_names_)
        table = _record(run, judged, panel, data_version)
        card = _card(panel, judged, data_version, config.gaps) | {"backtest": run.frame(frame, "backtest")}
        version = run.register(model, card=card)
    return Trained(version=version, run_id=run.run_id, data_version=data_version, table=table)


def _tuned(panel: Panel, config: DemandConfig, trials: int, *, show: bool) -> DemandConfig:
    """Settings searched on what lies before the backtest's first cutoff."""
    horizon = config.horizon[panel.freq.letter] + config.delay
    first = demand.cutoffs(demand.rehearsals(panel, horizon - config.delay, config), config, config.windows)[
        0
    ]
    with steps(trials, "Tuning", show=show) as tick:
        return tune(panel.at(first, ahead=horizon), horizon, config, trials=trials, tick=tick).config


def from_lake(lake: Lake, config: DemandConfig, moment: pd.Timestamp | None = None) -> Panel:
    """The demand panel as it was known at a moment (now)."""
    tables = lake.as_of(moment if moment is not None else pd.Timestamp.now("UTC"))
    if "sell_in" not in tables or tables["sell_in"].empty:
        raise TooFewRows("A demand panel (load sales with `qudao ingest`)", 1, 0)
    return gather(tables, infer(tables["sell_in"]["period_start"]), gaps=config.gaps)


def evidence(frame: pd.DataFrame, panel: Panel, members: Sequence[str]) -> Evidence:
    """What a report of this backtest is written from."""
    freq = panel.freq.letter
    planners = list(PLANNERS[freq])
    return Evidence(
        frame=frame, history=long_history(panel), freq=freq, members=list(members), planners=planners
    )


def leaderboard(judged: Evidence) -> pd.DataFrame:
    """Metrics of the stack (`mean`) and of each method; sums are over 3 months or 4 weeks, or the horizon."""
    methods = [STACK, *judged.members, *judged.planners]
    return score_frame(judged.frame, methods, aggregate=judged.sums)


def long_history(panel: Panel) -> pd.DataFrame:
    """Observed units as the long table unique_id, ds, y."""
    ids, ds = np.repeat(panel.ids, panel.t), np.tile(panel.periods().to_numpy(), panel.n)
    return pd.DataFrame({"unique_id": ids, "ds": ds, "y": panel.y.ravel()}).dropna(ignore_index=True)


def _record(run: Run, judged: Evidence, panel: Panel, data_version: str) -> pd.DataFrame:
    table = leaderboard(judged)
    scores = table.melt("method", var_name="metric").dropna()
    run.metrics(dict(zip(scores["method"] + "." + scores["metric"], scores["value"], strict=True)))
    plans = ", ".join(panel.plans) or "none"
    about = {"data_version": data_version, "code_version": code_version(), "series": panel.n, "plans": plans}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "report"
        write_report(judged, out=out, title="Demand backtest", about=about)
        run.keep(out)
    return table


def _card(panel: Panel, judged: Evidence, data_version: str, gaps: str) -> dict[str, object]:
    return {
        "planners": list(judged.planners),
        "data_version": data_version,
        "cutoff": f"{panel.cutoff:%Y-%m-%d}",
        "freq": panel.freq.letter,
        "gaps": gaps,
        "series": panel.n,
        "members": list(judged.members),
        "plans": list(panel.plans),
    }
