"""Scorers: train any scoring room, from the lake to a version with its evidence.

The recipe of the room fits and judges; here the rest is done, the same for all: the run in
MLflow, the report, the card that the gate and the service read. The champion is not touched.

Errors: UnknownRoom, TooFewRows (from the recipe), models.registry.RegistryError.

>>> load("helth")
Traceback (most recent call last):
    ...
training.scorers.UnknownRoom: No scoring room 'helth'; expected one of ... Did you mean "health"?
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from features.errors import ChannelError, hint
from features.known import last_known
from features.lake import Lake
from models.registry import Registry
from training.config import RoomConfig
from training.fitted import Fitted
from training.losses import loss_table
from training.progress import Tick, silent
from training.release import SCORES
from training.score_report import write_score_report
from training.track import Run, code_version, tracked
from training.trust import scorecard

ROOMS = (
    *("health", "growth", "credit", "anomaly", "contract"),
    *("currency", "price", "rebate", "inventory"),
)


class UnknownRoom(ChannelError):
    def __init__(self, room: str) -> None:
        super().__init__(f"No scoring room {room!r}; expected one of {', '.join(ROOMS)}.{hint(room, ROOMS)}")


class Recipe(Protocol):
    """What training/recipes/<room>.py offers."""

    Config: type[RoomConfig]
    fit: Callable[..., Fitted]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A registered version and how it did."""

    room: str
    version: str
    run_id: str
    data_version: str
    table: pd.DataFrame  # one row a task and method

    def __str__(self) -> str:
        return (
            f"{self.room} version {self.version} is registered (data {self.data_version}); not yet released."
        )


def load(room: str) -> Any:
    """The recipe of a room."""
    if room not in ROOMS:
        raise UnknownRoom(room)
    return import_module(f"training.recipes.{room}")


def train_scores(
    room: str,
    lake: Lake,
    registry: Registry,
    config: RoomConfig,
    *,
    moment: pd.Timestamp | None = None,
    tick: Tick = silent,
) -> Scored:
    """Fit the room on what was known at a moment, and register it with its evidence.

    The moment is the last at which a fact became known, when none is named.
    """
    recipe: Recipe = load(room)
    data_version, tables = lake.version(), lake.history()
    when = moment if moment is not None else last_known(tables, pd.Timestamp.now("UTC").tz_localize(None))
    settings = config.model_dump(mode="json")
    with tracked(
        room, root=registry.root, uri=registry.uri, config=settings, data_version=data_version
    ) as run:
        fitted = recipe.fit(tables, _naive(when), config, tick=tick)
        table = _record(run, room, fitted, data_version)
        card = _card(fitted, data_version) | {"backtest": run.frame(_stored(fitted.evidence), "evidence")}
        version = run.register(fitted.model, card=card)
    return Scored(room=room, version=version, run_id=run.run_id, data_version=data_version, table=table)


def _naive(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_convert("UTC").tz_localize(None) if moment.tz else moment


def _stored(evidence: pd.DataFrame) -> pd.DataFrame:
    return evidence.assign(subject=evidence["subject"].astype(str), task=evidence["task"].astype(str))


def _record(run: Run, room: str, fitted: Fitted, data_version: str) -> pd.DataFrame:
    table = scorecard(fitted.evidence)
    names = table["task"].astype(str) + "." + table["method"].astype(str)
    for measure in table.columns.drop(["task", "method"]):
        run.metrics(dict(zip(names + "." + measure, table[measure].astype(float), strict=True)))
    costs = loss_table(fitted.evidence)
    run.metrics(dict(zip(costs["task"] + "." + costs["method"] + ".loss", costs["mean"], strict=True)))
    about = {"data_version": data_version, "code_version": code_version(), **fitted.about}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "report"
        write_score_report(fitted.evidence, out=out, title=f"{room.capitalize()} scores", about=about)
        run.keep(out)
    return table


def _card(fitted: Fitted, data_version: str) -> dict[str, Any]:
    return {
        "kind": SCORES,
        "data_version": data_version,
        "cutoff": f"{fitted.model.cutoff_:%Y-%m-%d}",
        "about": fitted.about,
    }
