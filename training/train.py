"""Train: from the lake to a version in the registry, with everything that made it.

The panel is what is on record today; the backtest is the evidence that `qudao release`
judges. The champion is not touched: an interrupted training leaves a failed run behind
and nothing else.

Errors: TooFewRows (no sales, or too short a history), RegistryError (the store).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.frequency import frequency, infer
from features.gather import gather
from features.lake import Lake
from features.panel import Panel
from models.demand.baselines import PLANNERS
from models.metrics import score_frame
from models.registry import Registry
from training.progress import steps
from training.recipes import demand
from training.recipes.demand import DemandConfig
from training.report import write_report
from training.track import Run, tracked


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A registered version and how it did in its backtest."""

    version: str
    run_id: str
    data_version: str
    table: pd.DataFrame  # metrics, one row a method

    def __str__(self) -> str:
        return (
            f"demand version {self.version} is registered (data {self.data_version}); it is not yet released."
        )


def train_demand(lake: Lake, registry: Registry, config: DemandConfig, *, show: bool = True) -> Trained:
    """Backtest, fit on everything, register."""
    data_version = lake.version()
    panel = from_lake(lake, config)
    horizon = config.horizon[panel.freq.letter]
    settings = config.model_dump(mode="json")
    store = {"root": registry.root, "uri": registry.uri}
    with tracked("demand", config=settings, data_version=data_version, **store) as run:
        past = demand.rehearsals(panel, horizon, config)
        ends = demand.cutoffs(past, config, config.windows)
        with steps(len(past.needed([*ends, panel.t])), "Training", show=show) as tick:
            past.prepare([*ends, panel.t], workers=config.workers, tick=tick)
        frame = demand.backtest(past, config, windows=config.windows)
        model = demand.fit(past, config)
        table = _record(run, frame, panel, model.member_names_, data_version)
        card = {
            "backtest": run.frame(frame, "backtest"),
            "planners": sorted(PLANNERS[panel.freq.letter]),
            "data_version": data_version,
            "cutoff": f"{panel.cutoff:%Y-%m-%d}",
            "freq": panel.freq.letter,
            "horizon": horizon,
            "series": panel.n,
            "members": list(model.member_names_),
            "plans": list(model.plans_),
        }
        version = run.register(model, card=card)
    return Trained(version=version, run_id=run.run_id, data_version=data_version, table=table)


def from_lake(lake: Lake, config: DemandConfig, moment: pd.Timestamp | None = None) -> Panel:
    """The demand panel as it was known at a moment (now)."""
    tables = lake.as_of(moment if moment is not None else pd.Timestamp.now("UTC"))
    sales = tables.get("sell_in")
    freq = infer(sales["period_start"]) if sales is not None else frequency("M")
    return gather(tables, freq, gaps=config.gaps)


def _record(
    run: Run, frame: pd.DataFrame, panel: Panel, members: tuple[str, ...], data_version: str
) -> pd.DataFrame:
    planners = list(PLANNERS[panel.freq.letter])
    table = leaderboard(frame, [*members, *planners], panel)
    scores = table.set_index("method").stack()
    run.metrics({f"{method}.{name}": float(value) for (method, name), value in scores.items()})
    about = {
        "data version": data_version,
        "series": panel.n,
        "plans known ahead": ", ".join(panel.plans) or "none",
    }
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "report"
        write_report(
            frame,
            out=out,
            title="Demand backtest",
            freq=panel.freq.letter,
            about=about,
            members=list(members),
            planners=planners,
            history=long_history(panel),
        )
        run.keep(out)
    return table


def leaderboard(frame: pd.DataFrame, methods: list[str], panel: Panel) -> pd.DataFrame:
    """Metrics of the stack (`mean`) and of each method; sums are over 3 months or 4 weeks."""
    return score_frame(frame, ["mean", *methods], aggregate=3 if panel.freq.letter == "M" else 4)


def long_history(panel: Panel) -> pd.DataFrame:
    """Observed units as the long table unique_id, ds, y."""
    days = panel.periods()
    wide = pd.DataFrame(panel.y, index=pd.Index(panel.ids, name="unique_id"), columns=days)
    long = wide.stack().rename("y").reset_index()
    return long.set_axis(["unique_id", "ds", "y"], axis=1)
