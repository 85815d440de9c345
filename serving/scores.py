"""Scores: what every scoring room says of the data of one moment.

The rooms are asked in the order in which one needs another: contract and health first, then
credit as far as it goes without alerts, anomaly, credit with the alerts, growth, then the
rooms that decide: currency, price, rebate, inventory. A room without a model is left out, and those
that would use its answer fall back as they state. A batch and the service both come through here, so
they say the same.

The moment of an answer is the last one at which anything became known (`last_known`): a warehouse
that was loaded to the end of 2025 is scored as of then, also when it is asked years later.

Errors: models.registry.NoChampion (by `need`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import pandas as pd

from features.known import Tables, last_known
from serving.outlook import outlook

ORDER = (
    *("contract", "health", "credit", "anomaly", "growth"),
    *("currency", "price", "rebate", "inventory"),
)
STEPS = (  # credit again, with the alerts
    *("contract", "health", "credit", "anomaly", "credit", "growth"),
    *("currency", "price", "rebate", "inventory"),
)
Frames = Mapping[str, pd.DataFrame]
_TOLD: dict[str, dict[str, str]] = {  # room -> its frame: the name under which other rooms know it
    "contract": {"clauses": "clauses"},
    "health": {"dealers": "health"},
    "credit": {"dealers": "credit"},
    "anomaly": {"alerts": "alerts"},
    "currency": {"currencies": "currencies"},
    "rebate": {"attainment": "attainment"},
}
_NEEDS = {
    "credit": {"contract", "anomaly"},
    "anomaly": {"contract", "credit"},
    "growth": {"contract", "health", "credit", "anomaly"},
    "inventory": {"rebate"},
}


class Scorer(Protocol):
    """What the model of a scoring room offers."""

    cutoff_: pd.Timestamp

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]: ...


@dataclass(frozen=True, kw_only=True)
class Data:
    """What is scored: tables with their whole history, seen up to a moment."""

    tables: Tables = field(repr=False)
    moment: pd.Timestamp
    version: str
    stored: Mapping[str, int] = field(default_factory=dict)  # each table's own version in the lake


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One room's answers for the data of one moment, and what made them."""

    name: str  # the room
    version: str
    model: Any
    card: Mapping[str, Any]
    trained_at: str
    data: Data
    frames: Frames = field(repr=False)
    others: Frames = field(default_factory=dict, repr=False)
    models: Mapping[str, str] = field(default_factory=dict)  # room -> version of all that had a say

    @property
    def tables(self) -> Tables:
        """Every table with its whole history."""
        return self.data.tables

    @property
    def moment(self) -> pd.Timestamp:
        """The last moment that is seen."""
        return self.data.moment

    @property
    def data_version(self) -> str:
        """Of the data that was scored."""
        return self.data.version

    @property
    def as_of(self) -> str:
        """The last moment that is seen, as a day."""
        return f"{self.moment:%Y-%m-%d}"

    @property
    def forecast_id(self) -> str:
        """Names the demand distribution that was heard, the same for all rooms; "" without one."""
        if "forecast" not in self.others:
            return ""
        drawn = json.dumps([self.models["demand"], self.data_version, self.moment.isoformat()])
        return f"f-{hashlib.sha256(drawn.encode()).hexdigest()[:20]}"

    @cached_property
    def book(self) -> Any:
        """What screens orders, made once for all calls."""
        return self.model.book(in_hand(self.tables, self.moment), self.moment, dict(self.others))

    @cached_property
    def rows(self) -> Mapping[str, Mapping[str, int]]:
        """Frame -> first column's id -> its row."""
        return {
            name: {str(key): row for row, key in enumerate(frame.iloc[:, 0])} if frame.shape[1] else {}
            for name, frame in self.frames.items()
        }


@dataclass(frozen=True, kw_only=True)
class Model:
    """A champion of one room."""

    model: Any
    version: str
    card: Mapping[str, Any]
    trained_at: str = ""


def in_hand(tables: Tables, moment: pd.Timestamp) -> Tables:
    """Tables to score at a moment: at the last one of the data, what people decided since is known too.

    A verdict is given when somebody looks, days after the last fact; a look back leaves it out.
    """
    if "verdicts" not in tables or moment < last_known(tables, pd.Timestamp.max):
        return tables
    given = tables["verdicts"]["known_at"]
    return {**tables, "verdicts": tables["verdicts"].assign(known_at=given.where(given <= moment, moment))}


def score_rooms(
    models: Mapping[str, Model],
    data: Data,
    *,
    told: Callable[[str], None] = lambda room: None,
    failed: Callable[[str, Exception], None] | None = None,
) -> dict[str, Scores]:
    """Every room that has a model, each with what the others said before it.

    Where demand has a model, its forecast comes first. With `failed`, a room that cannot answer is
    left out and told, and the others do without it; else its error is raised.
    """
    seen, made = _forecast(models, data), dict[str, Scores]()
    before = _in_force(models, data)
    for room in [name for name in STEPS if name in models]:
        told(room)
        try:
            made[room] = _scored(room, models, data, seen | before if room == "credit" else seen)
        except Exception as error:
            if failed is None:
                raise
            failed(room, error)
            continue
        for name, frame in _TOLD.get(room, {}).items():
            seen[frame] = made[room].frames[name]
    return made


def stamped(scores: Scores) -> dict[str, pd.DataFrame]:
    """The frames with what made them in every row."""
    made = {"model_version": scores.version, "data_version": scores.data_version, "as_of": scores.as_of}
    made |= {"forecast_id": scores.forecast_id}
    return {name: frame.assign(**made) for name, frame in scores.frames.items()}


def needed(room: str) -> list[str]:
    """The rooms to ask so that this one is complete, in order.

    >>> needed("credit"), needed("health")
    (['demand', 'contract', 'credit', 'anomaly'], ['demand', 'health'])
    """
    return ["demand", *(one for one in ORDER if one in {room} | _NEEDS.get(room, set()))]


def _forecast(models: Mapping[str, Model], data: Data) -> dict[str, pd.DataFrame]:
    if "demand" not in models:
        return {}
    demand = models["demand"]
    return outlook(demand.model, demand.card, data.tables, data.moment)


def _in_force(models: Mapping[str, Model], data: Data) -> dict[str, pd.DataFrame]:
    """What credit would have said a month before: its limits are the ones that steps are counted from."""
    if "credit" not in models:
        return {}
    before = data.moment - pd.DateOffset(months=1)
    try:
        return {"credit": models["credit"].model.score(data.tables, before, {})["dealers"]}
    except Exception:  # nothing was on record then; what is wrong with the model is told when it scores
        return {}


def _scored(room: str, models: Mapping[str, Model], data: Data, seen: Frames) -> Scores:
    one, asked = models[room], needed(room)
    heard = {"forecast", "draws"}.union(*(_TOLD.get(other, {}).values() for other in asked))
    others = {name: frame for name, frame in seen.items() if name in heard}
    return Scores(
        name=room,
        version=one.version,
        model=one.model,
        card=one.card,
        trained_at=one.trained_at,
        data=data,
        frames=one.model.score(in_hand(data.tables, data.moment), data.moment, dict(others)),
        others=others,
        models={name: model.version for name, model in models.items() if name in asked},
    )
