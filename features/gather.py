"""Gather: canonical tables of the channel become one panel.

`sell_in` (or `sell_out`) documents are summed per series and period; prices and promotions
become plans, one layer a price or a kind; signals become signals; dealers' and products'
attributes become static columns. The panel ends with the last observed period of the
channel; a period without a row is unknown (NaN) before a series began and, inside it, zero
or unknown as `gaps` says.

A plan on record but blank carries the last known one forward; before the first, a price is
unknown and a promotion none. A plan not on record stays missing, and forecasting refuses it
(see features.panel).

Errors: TooFewRows (no sales at all).

>>> month = pd.to_datetime(["2024-01-01", "2024-02-01"])
>>> sales = pd.DataFrame({"dealer_id": "D", "sku_id": "S", "period_start": month, "qty_sell_in": [4.0, 6.0]})
>>> gather({"sell_in": sales}, MONTHLY).y
array([[4., 6.]])
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.frequency import MONTHLY as MONTHLY
from features.frequency import Frequency
from features.panel import Panel, carry_forward, is_price
from features.rivals import with_rival_price

Array = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]
Gaps = Literal["zero", "missing"]
KEYS = ["dealer_id", "sku_id"]
ATTRIBUTES = {
    "dealers": ("dealer_id", ("territory_id", "tier", "dealer_type")),
    "products": ("sku_id", ("category", "brand_id")),
}


def gather(
    tables: Tables,
    freq: Frequency,
    *,
    quantity: str = "sell_in",
    gaps: Gaps = "missing",
    end: pd.Timestamp | None = None,
) -> Panel:
    """The panel of every series that ever sold; `end` is the last observed period when sales stop earlier."""
    sales = tables[quantity]
    if sales.empty:
        raise TooFewRows(f"A panel of {quantity}", 1, 0)
    index = pd.MultiIndex.from_frame(sales[KEYS].astype(str)).unique().sort_values()
    starts = freq.floor(sales["period_start"])
    first, last = starts.min(), max(starts.max(), end) if end is not None else starts.max()
    width = _position(freq, last, first) + 1
    grid = _Grid(index, freq, first)
    y = grid.fill(sales, f"qty_{quantity}", width, add=True)
    y = _zero_inside(y) if gaps == "zero" else y
    plans = grid.layers(tables, ("prices", "promotions"), width)
    signals = {name: layer[:, :width] for name, layer in grid.layers(tables, ("signals",), width).items()}
    static = _static(index, tables)
    panel = Panel(static=static, first=first, freq=freq, y=y, plans=plans, signals=signals)
    return with_rival_price(panel)


class _Grid:
    """Where a row of a table belongs in [n, t]."""

    def __init__(self, index: pd.MultiIndex, freq: Frequency, first: pd.Timestamp) -> None:
        self._index, self._freq, self._first = index, freq, first

    def fill(self, table: pd.DataFrame, column: str, width: int, *, add: bool = False) -> Array:
        """One column as an array; NaN where the table has no row. `add` sums documents of a period."""
        rows, steps = self._place(table)
        keep = (rows >= 0) & (steps >= 0) & (steps < width)
        values = table[column].to_numpy(dtype=float)[keep]
        out = np.full((len(self._index), width), np.nan)
        at = (rows[keep], steps[keep])
        if add:
            out[at] = 0.0
            np.add.at(out, at, values)
        else:
            out[at] = values
        return out

    def layers(self, tables: Tables, names: tuple[str, ...], width: int) -> dict[str, Array]:
        """One array per price column or kind, as far as the tables reach."""
        out: dict[str, Array] = {}
        for name in names:
            table = tables.get(name)
            if table is None or table.empty:
                continue
            far = max(width, _position(self._freq, table["period_start"].max(), self._first) + 1)
            if name == "prices":
                parts = [(c, c, table) for c in ("net_price", "list_price") if table[c].notna().any()]
            else:
                parts = [(str(kind), "value", rows) for kind, rows in table.groupby("kind", observed=True)]
            out |= {layer: self._carried(rows, column, far, layer) for layer, column, rows in parts}
        return out

    def _carried(self, table: pd.DataFrame, column: str, width: int, layer: str) -> Array:
        values = self.fill(table, column, width)
        on_record = np.isfinite(self.fill(table.assign(_one=1.0), "_one", width))
        filled = carry_forward(values)
        return np.where(on_record, filled if is_price(layer) else np.nan_to_num(filled), np.nan)

    def _place(self, table: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        rows = self._index.get_indexer(pd.MultiIndex.from_frame(table[KEYS].astype(str)))
        steps = self._freq.position(self._freq.floor(table["period_start"]), self._first)
        return np.asarray(rows, dtype=np.intp), np.asarray(steps, dtype=np.intp)


def _position(freq: Frequency, start: pd.Timestamp, first: pd.Timestamp) -> int:
    return int(freq.position(freq.floor(pd.Series([start])), first).iloc[0])


def _zero_inside(y: Array) -> Array:
    """A gap after the first observation is no sale."""
    began = np.maximum.accumulate(np.isfinite(y), axis=1)
    return np.where(began & np.isnan(y), 0.0, y)


def _static(index: pd.MultiIndex, tables: Tables) -> pd.DataFrame:
    static = index.to_frame(index=False)
    for name, (key, columns) in ATTRIBUTES.items():
        table = tables.get(name)
        if table is None or table.empty:
            continue
        known = table.drop_duplicates(key, keep="last").assign(**{key: lambda d, k=key: d[k].astype(str)})
        wanted = [c for c in columns if c in known and known[c].notna().any()]
        static = static.merge(known[[key, *wanted]], on=key, how="left")
    return static
