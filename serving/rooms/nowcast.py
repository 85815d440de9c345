"""Nowcast: what a period's sell-out will come to, from the outlets that have reported by a moment.

Reads `sell_out` as it is on record and asks `models.demand.nowcast`, which learns from earlier periods as
they stood at the same age. It needs no champion. Left out, the moment is the last one at which any sell-out
became known, and the period the newest that any outlet reported: a warehouse loaded to the end of 2025 is
answered as of then.

A note says where the answer is weak: `no_report` (last year's season alone), `short_history` (fewer than
three earlier periods of this series), `complete` (nothing is missing; the band is that figure).

Errors: serving.errors.NotReady (no sell-out known by then, or no earlier period complete enough to learn
        from), Wrong (a period that is none, has not begun or has none before it), NotFound (no such dealer
        and product).

>>> Request(sku_ids=["S001"]).period is None
True
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, Field, JsonValue

from features.errors import TooFewRows
from features.frequency import Frequency, infer
from features.lake import Lake
from features.reports import Reports
from models.demand.nowcast import Nowcast
from serving.errors import NotFound, NotReady, wrong
from serving.rooms.history import STRICT, Name
from serving.rooms.periods import Period, expected, starts, written

ROUTE = "/v1/sell-out/nowcast"
EXAMPLE: dict[str, JsonValue] = {"dealer_ids": ["D001"]}
_LEAST_BEFORE = 3
_DECIMALS = 4
_DAY_SECONDS = 86_400
Names = Annotated[list[Name], Field(min_length=1, max_length=10_000)]


class Request(BaseModel):
    """Which series, of which period, as known when; everything may be left out."""

    model_config = STRICT

    dealer_ids: Names | None = Field(None, description="Every dealer when left out.")
    sku_ids: Names | None = Field(None, description="Every product when left out.")
    period: Period | None = Field(None, description="The newest that any outlet reported when left out.")
    as_of: datetime | None = Field(
        None, description="What was known then (UTC); the last report when left out."
    )


class Series(BaseModel):
    """One dealer and product."""

    dealer_id: str
    sku_id: str
    reported: float = Field(description="Units reported so far; they count as they are.")
    nowcast: float = Field(description="What the period will come to. May be added up.")
    quantiles: dict[str, float] = Field(description="Never below what was reported. May not be added up.")
    completion_rate: float = Field(description="Reported units over the nowcast.")
    outlets: int = Field(description="Outlets that usually report.")
    reporting: int = Field(description="Those that have.")
    note: Literal["", "no_report", "short_history", "complete"]


class Response(BaseModel):
    """The period so far, and what it will come to."""

    as_of: datetime
    data_version: str
    frequency: str
    period: str
    age_days: float = Field(description="Days since the period began.")
    reported: float = Field(description="Of all series below.")
    nowcast: float
    completion_rate: float
    series: list[Series]


FIELDS = frozenset(Request.model_fields)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A period at a moment."""

    freq: Frequency
    period: pd.Timestamp
    moment: pd.Timestamp

    @property
    def age_days(self) -> float:
        """Days since the period began."""
        return (self.moment - self.period).total_seconds() / _DAY_SECONDS


@dataclass
class SellOut:
    """The sell-out of one warehouse, read and learned from again only when it or the question changed."""

    warehouse: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _version: int | None = field(default=-1, init=False)
    _rows: pd.DataFrame = field(default_factory=pd.DataFrame, init=False, repr=False)
    _told: tuple[Asked, pd.DataFrame] | None = field(default=None, init=False, repr=False)

    def rows(self) -> tuple[pd.DataFrame, str]:
        """Every row with its whole history, and the version of the data."""
        lake = Lake(self.warehouse)
        version = lake.versions().get("sell_out")
        with self._lock:
            if version != self._version:
                self._rows, self._version, self._told = lake.read("sell_out"), version, None
            return self._rows, f"sell_out-{version}"

    def told(self, rows: pd.DataFrame, asked: Asked) -> pd.DataFrame:
        """The nowcast of every series, the last one kept."""
        with self._lock:
            if self._told is None or self._told[0] != asked or rows is not self._rows:
                self._told = asked, _nowcast(rows, asked)
            return self._told[1]


def answer(request: Request, sell_out: SellOut, now: pd.Timestamp) -> Response:
    """What the period will come to; nothing known after `now` (naive UTC) is seen."""
    rows, version = sell_out.rows()
    asked = _asked(request, rows, now)
    told = sell_out.told(rows, asked)
    mine = _mine(request, told)
    reported, nowcast = float(mine["reported"].sum()), float(mine["nowcast"].sum())
    return Response(
        as_of=asked.moment.to_pydatetime().replace(tzinfo=UTC),
        data_version=version,
        frequency=asked.freq.noun,
        period=written(pd.DatetimeIndex([asked.period]), asked.freq)[0],
        age_days=round(asked.age_days, 2),
        reported=round(reported, _DECIMALS),
        nowcast=round(nowcast, _DECIMALS),
        completion_rate=round(reported / nowcast, _DECIMALS) if nowcast > 0 else 1.0,
        series=[_series(row) for row in mine.to_dict("records")],
    )


def _asked(request: Request, rows: pd.DataFrame, now: pd.Timestamp) -> Asked:
    moment = now if request.as_of is None else min(now, _utc(request.as_of))
    known = rows[rows["known_at"] <= moment] if len(rows) else rows
    if known.empty:
        raise _thin("No sell-out was known by then.")
    freq = infer(known["period_start"])
    moment = moment if request.as_of else pd.Timestamp(known["known_at"].max())
    newest = freq.floor(known["period_start"]).max()
    period = newest if request.period is None else starts([request.period], freq)[0]
    if pd.isna(period):
        raise wrong("period", f"period: should be {expected(freq)}.")
    if not freq.floor(known["period_start"]).min() < period <= moment:
        raise wrong("period", "period: should have begun by the moment asked, after the first one on record.")
    return Asked(freq=freq, period=pd.Timestamp(period), moment=moment)


def _utc(moment: datetime) -> pd.Timestamp:
    """Naive UTC; a moment without a zone is UTC already."""
    return pd.Timestamp(moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None))


def _nowcast(rows: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    try:
        model = Nowcast().fit(rows, asked.freq, age_days=asked.age_days, moment=asked.moment)
        told = model.predict(rows, period=asked.period, moment=asked.moment)
    except TooFewRows:
        raise _thin("No earlier period is complete enough to learn from.") from None
    seen = Reports.of(rows, asked.freq, asked.moment, last=asked.period)
    before = seen.totals((seen.y[:, : seen.position(asked.period)] >= 0).astype(float)) > 0
    note = told["note"].where(before.sum(axis=1) >= _LEAST_BEFORE, "short_history")
    silent = (told["note"] == "") & (told["nowcast"] <= told["reported"])
    return told.assign(note=note.where(~silent, "complete").where(told["note"] == "", told["note"]))


def _mine(request: Request, told: pd.DataFrame) -> pd.DataFrame:
    for column, names in (("dealer_id", request.dealer_ids), ("sku_id", request.sku_ids)):
        told = told[told[column].astype(str).isin(names)] if names is not None else told
    if told.empty:
        raise NotFound(
            "No such dealer and product has reported sell-out.",
            kind="unknown-line",
            next_step="Check the ids, or load sell_out with `qudao ingest`.",
        )
    return told


def _series(row: dict[Any, Any]) -> Series:
    levels: Sequence[str] = [str(k) for k in row if str(k).startswith("q") and str(k)[1:].isdigit()]
    numbers = {k: round(float(row[k]), _DECIMALS) for k in ("reported", "nowcast", "completion_rate")}
    return Series(
        dealer_id=str(row["dealer_id"]),
        sku_id=str(row["sku_id"]),
        **numbers,
        quantiles={name: round(float(row[name]), _DECIMALS) for name in levels},
        outlets=int(row["outlets"]),
        reporting=int(row["reporting"]),
        note=row["note"],
    )


def _thin(detail: str) -> NotReady:
    step = "Load sell_out with `qudao ingest`: a year of periods by outlet, each row with its known_at."
    return NotReady(detail, kind="no-sell-out", next_step=step)
