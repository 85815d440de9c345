"""Reports: sell-out by outlet as it had come in by a moment, and how long each outlet took.

An outlet reports a period at once: when any row of it is known, a product without a row sold nothing there.
A dealer that reports as a whole is one outlet, "". What is not reported yet is NaN, never zero.

Shapes: r rows (dealer, outlet, product), o outlets, t periods; units. `age_days` is from the first day of the
period until the first row of the outlet was known.

Errors: TooFewRows (nothing known by the moment).
Limits: an outlet's first period on record is taken for its opening; one that closes looks like one that
        no longer reports.

>>> from features.frequency import MONTHLY
>>> days = pd.to_datetime(["2025-01-01", "2025-01-01", "2025-02-01"])
>>> rows = pd.DataFrame({"dealer_id": "D", "outlet_id": ["a", "b", "a"], "sku_id": "S", "period_start": days,
...     "qty_sell_out": [4.0, 6.0, 5.0], "known_at": days + pd.Timedelta(days=33)})
>>> seen = Reports.of(rows, MONTHLY, pd.Timestamp("2025-03-10"))
>>> seen.y, seen.age_days
(array([[ 4.,  5.],
       [ 6., nan]]), array([[33., 33.],
       [33., nan]]))
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.frequency import Frequency

Array = NDArray[np.float64]
Ids = NDArray[np.intp]
ROW = ["dealer_id", "outlet_id", "sku_id"]


@dataclass(frozen=True, kw_only=True)
class Reports:
    """What had been reported by a moment."""

    keys: pd.DataFrame  # [r] dealer_id, outlet_id, sku_id
    outlet: Ids  # [r] the row's outlet among [o]
    series: Ids  # [r] the row's dealer and product among [s]
    names: pd.DataFrame  # [s] dealer_id, sku_id
    first: pd.Timestamp
    freq: Frequency
    moment: pd.Timestamp
    y: Array  # [r, t]
    age_days: Array  # [o, t]

    @classmethod
    def of(
        cls,
        sell_out: pd.DataFrame,
        freq: Frequency,
        moment: pd.Timestamp,
        *,
        last: pd.Timestamp | None = None,
    ) -> Self:
        """The reports known at a moment, up to the period `last` (else the last one reported)."""
        known = sell_out[sell_out["known_at"] <= moment].assign(
            period_start=freq.floor(sell_out["period_start"])
        )
        known = known if last is None else known[known["period_start"] <= last]
        if known.empty:
            raise TooFewRows("Reports of sell-out", 1, 0)
        first = known["period_start"].min()
        width = freq.apart(last or known["period_start"].max(), first) + 1
        place = numbered(known, ROW)
        keys = known.groupby(ROW).size().index.to_frame(index=False)
        outlet = numbered(keys, ["dealer_id", "outlet_id"])
        column: Ids = np.asarray(freq.position(known["period_start"], first), dtype=np.intp)
        age = (known["known_at"] - known["period_start"]).dt.total_seconds().to_numpy() / 86_400
        taken = np.full((outlet.max() + 1, width), np.inf)
        np.minimum.at(taken, (outlet[place], column), age)
        names = keys[["dealer_id", "sku_id"]].drop_duplicates().sort_values(["dealer_id", "sku_id"])
        return cls(
            keys=keys,
            outlet=outlet,
            series=numbered(keys, ["dealer_id", "sku_id"]),
            names=names.reset_index(drop=True),
            first=first,
            freq=freq,
            moment=moment,
            y=_units(known, place, column, np.isfinite(taken)[outlet]),
            age_days=np.where(np.isfinite(taken), taken, np.nan),
        )

    def position(self, period: pd.Timestamp) -> int:
        """The column of a period."""
        return self.freq.apart(period, self.first)

    def days_since(self, t: int) -> float:
        """How old the period in column t is."""
        return (self.moment - self.freq.shift(self.first, t)).total_seconds() / 86_400

    def totals(self, values: Array) -> Array:
        """Sums of rows by dealer and product, [s, ...]; NaN counts as nothing."""
        out = np.zeros((len(self.names), *values.shape[1:]))
        np.add.at(out, self.series, np.nan_to_num(values))
        return out


def numbered(frame: pd.DataFrame, columns: list[str]) -> Ids:
    """The number of each row's group, in the order of the sorted names."""
    return np.asarray(frame.groupby(columns).ngroup(), dtype=np.intp)


def _units(known: pd.DataFrame, place: Ids, column: Ids, reported: NDArray[np.bool_]) -> Array:
    """The value known last of each row and period; zero where its outlet reported without it, [r, t]."""
    out = np.where(_begun(place, column, reported), 0.0, np.nan)
    order = np.argsort(known["known_at"].to_numpy(), kind="stable")
    out[place[order], column[order]] = known["qty_sell_out"].to_numpy(dtype=float)[order]
    return out


def _begun(place: Ids, column: Ids, reported: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Reported periods from the row's first on: before, the outlet did not carry the product."""
    start = np.full(len(reported), reported.shape[1])
    np.minimum.at(start, place, column)
    return reported & (np.arange(reported.shape[1]) >= start[:, None])
