"""Hierarchy: what a series' own dealer, its product and the whole channel do.

`Groups` holds the total units of every dealer, every product and all, [g, t], so that one
series can be described without the others at hand: a service asked about three series uses
the totals of the whole channel.
`vocabulary` numbers the names once, at training; a name unseen then is -1.

>>> static = pd.DataFrame({"dealer_id": ["A", "A", "B"], "sku_id": ["x", "y", "x"]})
>>> names = vocabulary(static)
>>> codes(static.assign(dealer_id=["B", "C", "A"]), "dealer_id", names)
array([ 1, -1,  0])
>>> from features.frequency import frequency
>>> y = np.array([[1.0, 2.0], [1.0, 4.0], [5.0, 5.0]])
>>> panel = Panel(static=static, first=pd.Timestamp("2024-01-01"), freq=frequency("M"), y=y)
>>> Groups.of(panel).momentum(panel, "dealer_id", short=1, long=2)
array([1.5, 1.5, 1. ])
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import Panel
from features.seasonality import mean_shape
from features.windows import window_mean

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Vocabulary = Mapping[str, pd.Index]
EVERYONE = "all"
LEVELS = ("dealer_id", "sku_id", EVERYONE)


def vocabulary(static: pd.DataFrame) -> dict[str, pd.Index]:
    """The names in each column of `static`, sorted."""
    return {column: pd.Index(sorted(static[column].dropna().unique())) for column in static.columns}


def codes(static: pd.DataFrame, column: str, names: Vocabulary) -> Codes:
    """The number of each series' name, [n]; -1 where the name, or the column, is unknown."""
    if column not in static.columns:
        return np.full(len(static), -1, dtype=np.intp)
    return names[column].get_indexer(pd.Index(static[column])).astype(np.intp)


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Units sold by each group in each period: `totals[level]` is [g, t], rows named by `names[level]`."""

    first: pd.Timestamp
    names: Mapping[str, pd.Index]
    totals: Mapping[str, Array]

    @classmethod
    def of(cls, panel: Panel) -> Self:
        """The groups of a panel, up to its cutoff."""
        names: dict[str, pd.Index] = {}
        totals: dict[str, Array] = {}
        for by in LEVELS:
            number, unique = pd.factorize(_keys(panel, by), sort=True)
            totals[by] = np.zeros((len(unique), panel.t))
            np.add.at(totals[by], number, np.nan_to_num(panel.y))
            names[by] = pd.Index(unique)
        return cls(first=panel.first, names=names, totals=totals)

    def momentum(self, panel: Panel, by: str, *, short: int, long: int) -> Array:
        """A group's mean of the last `short` periods over that of the last `long`, [n]; NaN without sales."""
        totals = self._until(panel, by)
        lately, usually = window_mean(totals, short), window_mean(totals, long)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where(usually > 0, lately / usually, np.nan)
        return self._pick(panel, by, ratio)

    def shape(self, panel: Panel, by: str, *, horizon: int) -> Array:
        """A group's usual share of its level in the coming periods, [n, h]; NaN in its first year."""
        return self._pick(panel, by, mean_shape(self._until(panel, by), panel.freq.season, horizon))

    def _until(self, panel: Panel, by: str) -> Array:
        """Totals of the panel's own periods and nothing later, [g, t]; NaN where they are not at hand."""
        totals = self.totals[by]
        start = panel.freq.apart(panel.first, self.first)
        columns = np.arange(start, start + panel.t)
        known = (columns >= 0) & (columns < totals.shape[1])
        out = np.full((len(totals), panel.t), np.nan)
        out[:, known] = totals[:, columns[known]]
        return out

    def _pick(self, panel: Panel, by: str, values: Array) -> Array:
        rows = self.names[by].get_indexer(pd.Index(_keys(panel, by)))
        missing = (rows < 0).reshape(-1, *[1] * (values.ndim - 1))
        return np.where(missing, np.nan, values[rows])


def _keys(panel: Panel, by: str) -> "pd.Series[str]":
    if by == EVERYONE:
        return pd.Series([EVERYONE] * panel.n)
    return panel.static[by].astype(str)
