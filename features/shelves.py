"""Shelves: what dealers sold on, period by period, when they ran out, and what they hold now.

In:   canonical tables as they were known at a moment (features.known): `sell_out`, or `sell_in` where
      nobody reports what was sold on; `stock` where it is on record.
Out:  `sold` [n, t] units, NaN before a series began, zero in a period without a row; `short` [n, t], True
      where demand was cut short; `on_hand` and `in_transit` [n] at the end of the last period on record,
      NaN where the dealer reports no stock.

Errors: features.errors.TooFewRows (nothing was ever sold).

>>> month = pd.to_datetime(["2024-01-01", "2024-02-01"])
>>> sales = pd.DataFrame({"dealer_id": "D", "sku_id": "S", "period_start": month, "qty_sell_in": [4.0, 6.0]})
>>> shelves = Shelves.of({"sell_in": sales})
>>> shelves.sold, shelves.on_hand, shelves.notes
(array([[4., 6.]]), array([nan]), ('no_sell_out', 'no_stock'))
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.frequency import Frequency, infer

Array = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]
KEYS = ["dealer_id", "sku_id"]
DAYS_OF = {"M": 30.4375, "W": 7.0}


@dataclass(frozen=True, kw_only=True)
class Shelves:
    """Series in the order of dealer and product."""

    keys: pd.DataFrame  # [n] dealer_id, sku_id
    freq: Frequency
    first: pd.Timestamp
    sold: Array  # [n, t]
    short: NDArray[np.bool_]  # [n, t]
    on_hand: Array  # [n]
    in_transit: Array  # [n]
    notes: tuple[str, ...]  # what was not on record: no_sell_out, no_stock

    @classmethod
    def of(cls, tables: Tables, freq: Frequency | None = None) -> Self:
        """From tables as they were known; `freq` when the dates may be too few to tell."""
        name = "sell_out" if _has(tables, "sell_out") else "sell_in"
        if not _has(tables, name):
            raise TooFewRows("The inventory room (rows of sell_out or sell_in)", 1, 0)
        rows = tables[name]
        freq = freq or infer(rows["period_start"])
        index = pd.MultiIndex.from_frame(rows[KEYS].astype(str)).unique().sort_values()
        starts = freq.floor(rows["period_start"])
        first, last = starts.min(), starts.max()
        width = freq.apart(last, first) + 1
        row, step = _place(rows, index, freq, first)
        sold = np.zeros((len(index), width))
        np.add.at(sold, (row, step), rows[f"qty_{name}"].to_numpy(float))
        begun = np.zeros(sold.shape, dtype=bool)
        begun[row, step] = True
        sold[np.cumsum(begun, axis=1) == 0] = np.nan
        short, on_hand, in_transit = _held(tables, index, freq, first, width)
        notes = ["no_sell_out"] if name == "sell_in" else []
        return cls(
            keys=index.to_frame(index=False),
            freq=freq,
            first=first,
            sold=sold,
            notes=tuple([*notes, *([] if _has(tables, "stock") else ["no_stock"])]),
            short=short,
            on_hand=on_hand,
            in_transit=in_transit,
        )

    @property
    def next_start(self) -> pd.Timestamp:
        """Start of the first period that is not over."""
        return self.freq.shift(self.first, self.sold.shape[1])

    @property
    def period_days(self) -> float:
        """Length of a period."""
        return DAYS_OF[self.freq.letter]

    def months(self) -> NDArray[np.int64]:
        """Calendar month of each period, 0 to 11, [t]."""
        return np.asarray(self.freq.range(self.first, self.sold.shape[1]).month) - 1


def _held(
    tables: Tables, index: pd.MultiIndex, freq: Frequency, first: pd.Timestamp, width: int
) -> tuple[NDArray[np.bool_], Array, Array]:
    """short [n, t], on_hand [n], in_transit [n]."""
    short = np.zeros((len(index), width), dtype=bool)
    on_hand, in_transit = np.full(len(index), np.nan), np.full(len(index), np.nan)
    if _has(tables, "stock"):
        stock = tables["stock"].sort_values("period_start", kind="stable")
        row, step = _place(stock, index, freq, first)
        inside = (row >= 0) & (step >= 0) & (step < width)
        flag = stock["is_stockout"].fillna(False).to_numpy(bool) if "is_stockout" in stock else inside & False
        short[row[inside], step[inside]] = flag[inside]
        late = inside & (step == width - 1)  # a count of long ago says nothing of today
        on_hand[row[late]] = stock["qty_on_hand"].to_numpy(float)[late]
        moving = (
            stock["qty_in_transit"].fillna(0.0).to_numpy(float) if "qty_in_transit" in stock else 0 * step
        )
        in_transit[row[late]] = moving[late]
    return short, on_hand, in_transit


def _place(
    rows: pd.DataFrame, index: pd.MultiIndex, freq: Frequency, first: pd.Timestamp
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    row = index.get_indexer(pd.MultiIndex.from_frame(rows[KEYS].astype(str)))
    step = freq.position(freq.floor(rows["period_start"]), first).to_numpy(dtype=np.int64)
    return np.asarray(row, dtype=np.intp), np.asarray(step, dtype=np.int64)


def _has(tables: Tables, name: str) -> bool:
    return name in tables and len(tables[name]) > 0
