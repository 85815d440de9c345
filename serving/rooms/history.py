"""History: series that a caller sends along, as a panel.

A period that is left out is unknown, not zero. All series of a call are forecast from one
cutoff, so that an answer does not depend on what else was asked in the same call: either
all histories end with the same period, or the caller names the `cutoff`.

Errors: serving.errors.Wrong with the path of the field: a period that is none, twice the
same period or series, a history that ends elsewhere, a plan that the model does not use.

Shapes: n series, t periods. The panel starts with the longest history, with `first`, or
three years before the cutoff, whichever is earliest; periods without a record are NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, FailFast, Field, FiniteFloat, model_validator

from features.frequency import Frequency
from features.panel import RIVAL_PRICE, Panel, series_ids
from features.rivals import with_rival_price
from serving.errors import wrong
from serving.rooms.periods import Period, expected, starts, written

MOST_UNITS = 1e9
_MOST_PERIODS = 1_200  # between the first and the last: 100 years of months, 23 of weeks
_LEAST_YEARS = 3  # a panel is at least this long, so that a short history looks like a young series
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
Name = Annotated[str, Field(min_length=1, max_length=128)]
Ids = NDArray[np.intp]
Array = NDArray[np.float64]


class Key(BaseModel):
    """A series: `dealer_id` and `sku_id`, or both in one as `unique_id`."""

    model_config = STRICT

    dealer_id: Name | None = Field(None, examples=["D001"])
    sku_id: Name | None = Field(None, examples=["S001"])
    unique_id: Name | None = Field(None, description="`dealer_id/sku_id`, instead of the two.")

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        pair = (self.dealer_id is not None, self.sku_id is not None)
        if pair != ((self.unique_id is None),) * 2:
            raise ValueError("give dealer_id and sku_id, or unique_id instead of them")
        return self

    def pair(self) -> tuple[str, str]:
        """dealer_id and sku_id; a unique_id without a slash belongs to the dealer "all"."""
        if self.unique_id is None:
            return str(self.dealer_id), str(self.sku_id)
        dealer, slash, sku = self.unique_id.partition("/")
        return (dealer, sku) if slash else ("all", dealer)


class Observation(BaseModel):
    """What was sold in one period."""

    model_config = STRICT

    period: Period
    units: Annotated[FiniteFloat, Field(ge=0, lt=MOST_UNITS, examples=[129.5])]


class Values(BaseModel):
    """Named numbers of one period: every key besides `period` is the name of a plan or a signal."""

    model_config = STRICT | {
        "extra": "allow",
        "json_schema_extra": {"examples": [{"period": "2017-10", "net_price": 1310.2, "discount": 85.0}]},
    }
    __pydantic_extra__: dict[str, FiniteFloat]

    period: Period


class Series(Key):
    """One dealer's demand for one product, with what is planned for it."""

    history: Annotated[list[Observation], FailFast(), Field(max_length=_MOST_PERIODS)] = Field(
        default_factory=list,
        description="Observed periods in any order; one left out is unknown, not zero. "
        "Empty for a new dealer or product: analogues answer, by its attributes.",
    )
    plans: Annotated[list[Values], FailFast(), Field(max_length=_MOST_PERIODS)] = Field(
        default_factory=list, description="Prices and promotions, of observed and of coming periods."
    )
    signals: Annotated[list[Values], FailFast(), Field(max_length=_MOST_PERIODS)] = Field(
        default_factory=list, description="Weather, market volume: known only afterwards, optional."
    )
    attributes: dict[Name, Name | FiniteFloat | None] = Field(
        default_factory=dict, description="What is known of the dealer and the product, such as its category."
    )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the model that is asked uses, and how far ahead it is asked."""

    freq: Frequency
    plans: tuple[str, ...]
    signals: tuple[str, ...]
    horizon: int


@dataclass(frozen=True)
class _Entries:
    """One list of all series in one line: entry `number` of series `series` starts on `day`."""

    name: str
    series: Ids
    number: Ids
    day: "pd.Series[pd.Timestamp]"
    values: Sequence[BaseModel]

    def refuse(self, wrongs: "pd.Series[bool]", detail: str, next_step: str | None = None) -> None:
        """Refuse the call when any entry is wrong; names the first."""
        if len(bad := np.flatnonzero(wrongs)):
            where = f"series[{self.series[bad[0]]}].{self.name}[{self.number[bad[0]]}].period"
            raise wrong(where, f"{where}: {detail}", next_step=next_step)


def panel_of(
    series: Sequence[Series], wanted: Wanted, *, cutoff: str | None = None, first: pd.Timestamp | None = None
) -> Panel:
    """The series of a request as a panel that ends with the cutoff; plans reach the horizon."""
    static, freq = _static(series), wanted.freq
    past = _entries(series, "history", freq)
    end = _cutoff(past, freq, cutoff)
    begins = [past.day.min()] if len(past.day) else []
    start = min(*begins, first or end, freq.shift(end, -_LEAST_YEARS * freq.season))
    t = _between(start, end, freq) + 1
    y = np.full((len(series), t), np.nan)
    y[past.series, freq.position(past.day, start).to_numpy()] = [o.units for s in series for o in s.history]
    grid = _Grid(freq, start, len(series))
    plans = grid.layers(_entries(series, "plans", freq), wanted.plans, t + wanted.horizon)
    signals = grid.layers(_entries(series, "signals", freq), wanted.signals, t)
    panel = Panel(static=static, first=start, freq=freq, y=y, plans=plans, signals=signals)
    return with_rival_price(panel) if RIVAL_PRICE in wanted.plans else panel


def pairs(keys: Sequence[Key]) -> pd.DataFrame:
    """dealer_id and sku_id of each key."""
    return pd.DataFrame([key.pair() for key in keys], columns=["dealer_id", "sku_id"])


def _static(series: Sequence[Series]) -> pd.DataFrame:
    keys = pairs(series)
    twice = np.flatnonzero(pd.Series(series_ids(keys)).duplicated())
    if len(twice):
        raise wrong(f"series[{twice[0]}]", f"series[{twice[0]}]: the same series stands twice in this call.")
    attributes = pd.DataFrame([s.attributes for s in series], index=keys.index)
    return keys.join(attributes.drop(columns=keys.columns, errors="ignore"))


def _entries(series: Sequence[Series], name: str, freq: Frequency) -> _Entries:
    each: list[list[Observation] | list[Values]] = [getattr(s, name) for s in series]
    flat = [entry for entries in each for entry in entries]
    day = starts([entry.period for entry in flat], freq)
    owner = np.repeat(np.arange(len(series)), [len(entries) for entries in each])
    number = np.concatenate([np.arange(len(entries)) for entries in each])
    found = _Entries(name, owner, number, day, flat)
    found.refuse(day.isna(), f"should be {expected(freq)}.")
    found.refuse(pd.DataFrame({"series": owner, "day": day}).duplicated(), "the same period stands twice.")
    return found


def _cutoff(past: _Entries, freq: Frequency, named: str | None) -> pd.Timestamp:
    if named is None and not len(past.day):
        detail = "cutoff: no series has a history; say up to where demand is known."
        raise wrong("cutoff", detail, next_step='Send "cutoff", the last period that is over.')
    last = past.day.groupby(past.series).transform("max")
    latest: pd.Timestamp = last.max()
    if named is None:
        ends = written(pd.DatetimeIndex([latest]), freq)[0]
        detail = f"this history ends before {ends}, where another one ends."
        past.refuse(last < latest, detail, f'Say up to where demand is known: "cutoff": "{ends}".')
        return latest
    end: pd.Timestamp = starts([named], freq)[0]
    if pd.isna(end):
        raise wrong("cutoff", f"cutoff: should be {expected(freq)}.")
    past.refuse(past.day > end, "lies after the cutoff.", "Leave out what was not known at the cutoff.")
    return end


def _between(start: pd.Timestamp, end: pd.Timestamp, freq: Frequency) -> int:
    periods = freq.apart(end, start)
    if periods >= _MOST_PERIODS:
        detail = f"The histories span {periods + 1:,} {freq.noun}s; at most {_MOST_PERIODS:,} are used."
        raise wrong("series", detail)
    return periods


@dataclass(frozen=True)
class _Grid:
    """Where entries belong: n series from the period `start` on."""

    freq: Frequency
    start: pd.Timestamp
    n: int

    def layers(self, entries: _Entries, names: Sequence[str], width: int) -> dict[str, Array]:
        """One array [n, width] a name; NaN where nothing was given."""
        given = [value.model_extra or {} for value in entries.values]
        unknown = pd.Series([not value.keys() <= set(names) for value in given], dtype=bool)
        use = f"{entries.name.capitalize()} that the model uses: {', '.join(names) or 'none'}."
        entries.refuse(unknown, f"{entries.name} that the model does not use.", use)
        column = self.freq.position(entries.day, self.start).to_numpy(dtype=np.intp)
        inside = (column >= 0) & (column < width)
        out = {name: np.full((self.n, width), np.nan) for name in names}
        for name, layer in out.items():
            numbers = np.array([value.get(name, np.nan) for value in given], dtype=float)
            layer[entries.series[inside], column[inside]] = numbers[inside]
        return out
