"""Doubts: what a channel's figures say that may not be so, in a sentence each.

Nothing here is refused or changed: what cannot be loaded is a fault of its source. A doubt is what a planner
should look at before believing a forecast: plans that are blank, contradict prices or changed their meaning;
series that never move, dwarf all others or broke in the last period; gaps; dealers in a loop.

In:   a panel, the tables that it came from, and the number of its last periods that will be judged.
Out:  sentences, the first offenders by id, never a row's figure. Empty when nothing is odd.

>>> from features.frequency import MONTHLY
>>> static = pd.DataFrame({"dealer_id": ["D1"], "sku_id": ["S1"]})
>>> panel = Panel(static=static, first=pd.Timestamp("2024-01-01"), freq=MONTHLY, y=np.full((1, 9), 5.0))
>>> doubts(panel)
['1 of 1 series never changed (first: D1/S1): the forecast repeats them, and bands say little.']
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import BrokenHierarchy
from features.panel import Panel
from features.promised import plan_doubts
from features.rivals import without_rival_price
from features.totals import Totals

Flags = NDArray[np.bool_]
_LEAST = 6  # observed periods before a series can be odd
_GIANT_RATE = 0.9
_BREAK = 2.0  # times the most, or a part of the least, ever seen
_N_FIRST = 3


def doubts(panel: Panel, tables: Mapping[str, pd.DataFrame] | None = None, *, judged: int = 1) -> list[str]:
    """Everything odd, plans first."""
    given = tables or {}
    planned = plan_doubts(without_rival_price(panel), given, judged=judged)
    return [*planned, *_series(panel), *_loops(panel, given)]


def _series(panel: Panel) -> Iterator[str]:
    y, seen = panel.y, np.isfinite(panel.y)
    counted = seen.sum(axis=1) >= _LEAST
    most = np.where(seen, y, -np.inf).max(axis=1, initial=-np.inf)
    least = np.where(seen, y, np.inf).min(axis=1, initial=np.inf)
    if (never := counted & (most == 0)).any():
        yield f"{_some(panel, never)} never sold anything: their forecast is nothing or next to it."
    if (still := counted & (most == least) & (most > 0)).any():
        said = "the forecast repeats them, and bands say little"
        yield f"{_some(panel, still)} never changed{_first(panel, still)}: {said}."
    yield from _giant(panel)
    yield from _break(panel)
    yield from _gaps(panel)


def _giant(panel: Panel) -> Iterator[str]:
    units = np.nansum(panel.y, axis=1)
    if panel.n > 1 and units.max() > _GIANT_RATE * units.sum():
        share = f"{units.max() / units.sum():.1%}".replace("%", " %")
        name = panel.ids[units.argmax()]
        said = "totals of error and bias are its own; read the segments for the others"
        yield f"{name} holds {share} of all units: {said}."


def _break(panel: Panel) -> Iterator[str]:
    past, last = panel.y[:, :-1], panel.y[:, -1]
    seen = np.isfinite(past)
    sells = (np.nan_to_num(past) > 0).sum(axis=1) * 2 > seen.sum(axis=1)  # of rare sales one more proves less
    known = (seen.sum(axis=1) >= _LEAST) & np.isfinite(last) & sells
    most = np.where(seen, past, -np.inf).max(axis=1, initial=-np.inf)
    least = np.where(seen, past, np.inf).min(axis=1, initial=np.inf)
    broken = known & ((last > _BREAK * most) & (most > 0) | (last < least / _BREAK))
    if broken.any():
        yield (
            f"{_some(panel, broken)} lie in the last {panel.freq.noun} far outside all they had sold"
            f"{_first(panel, broken)}: an incomplete or double {panel.freq.noun}, or a new level? "
            "One period proves neither; forecasts and bands follow slowly."
        )


def _gaps(panel: Panel) -> Iterator[str]:
    seen = np.isfinite(panel.y)
    inside = np.maximum.accumulate(seen, axis=1) & np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    if missing := int((inside & ~seen).sum()):
        yield (
            f"{missing:,} of {int(inside.sum()):,} {panel.freq.noun}s inside series have no row: they count "
            "as unknown, not as zero. Where no row means no sale, say --gaps zero."
        )


def _loops(panel: Panel, tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    dealers = tables.get("dealers")
    if dealers is None or dealers.empty:
        return
    last = dealers.drop_duplicates("dealer_id", keep="last")
    try:
        Totals.of(panel.static, last)
    except BrokenHierarchy as error:
        faults = "; ".join(error.faults)
        yield f"Dealers do not add up ({faults}): series are forecast, totals would be refused."


def _some(panel: Panel, rows: Flags) -> str:
    return f"{int(rows.sum()):,} of {panel.n:,} series"


def _first(panel: Panel, rows: Flags) -> str:
    return f" (first: {', '.join(map(str, panel.ids[rows][:_N_FIRST]))})"
