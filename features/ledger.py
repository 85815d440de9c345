"""Ledger: what came in, went out, lay in stock and at which price, series by series.

In:   canonical tables, of which any may be absent or empty: sell_in, sell_out, stock, returns,
      prices, promotions (kind discount), signals (kinds street_price, floor_price), dealers, products.
Out:  dense arrays [n, t] over n series (dealer x product) and t periods (months or weeks, as sold),
      float64, NaN where nothing is on record: a cell is a number of the table, or a sum of its rows.

Units: consumer units, prices per unit in the currency of the row. Plans beyond the last observed
period are left out. Cut the tables with `features.known.known` first.
Limits: the last `MOST_YEARS` years; a dealer is in the territory that its latest row says.
Errors: none; an empty channel gives arrays without rows.

>>> from features.simulator import World, simulate
>>> books = Ledger.of(simulate(World(dealers=3, products=2, months=12)).tables)
>>> books.sell_in.shape == books.stock.shape == (books.n, 12)
True
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.frequency import Frequency, infer

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Tables = Mapping[str, pd.DataFrame]

MOST_YEARS = 4
SERIES = ["dealer_id", "sku_id"]
_LAYERS = {
    "sell_in": ("sell_in", "qty_sell_in", None),
    "sell_out": ("sell_out", "qty_sell_out", None),
    "stock": ("stock", "qty_on_hand", None),
    "returned": ("returns", "qty_returned", None),
    "list_price": ("prices", "list_price", None),
    "net_price": ("prices", "net_price", None),
    "discount": ("promotions", "value", "discount"),
    "street": ("signals", "value", "street_price"),
    "floor": ("signals", "value", "floor_price"),
}
_FACTS = ("sell_in", "sell_out", "stock")


@dataclass(frozen=True)
class Ledger:
    """A channel as arrays [n, t]; the names of n series and t periods."""

    dealer_ids: NDArray[Any]  # [d]
    sku_ids: NDArray[Any]  # [s]
    territory: NDArray[Any]  # [d], "" when not known
    category: NDArray[Any]  # [s], "" when not known
    currency: str
    freq: Frequency
    periods: pd.DatetimeIndex  # [t], first days
    dealer: Ints  # [n]
    sku: Ints  # [n]
    sell_in: Array
    sell_out: Array
    stock: Array
    returned: Array
    list_price: Array
    net_price: Array
    discount: Array
    street: Array
    floor: Array

    @property
    def n(self) -> int:
        """Number of series."""
        return len(self.dealer)

    @property
    def t(self) -> int:
        """Number of periods."""
        return len(self.periods)

    @property
    def period_days(self) -> float:
        """Days of a usual period."""
        return 365.25 / self.freq.season

    @property
    def place(self) -> NDArray[Any]:
        """Territory of each series, [n]."""
        return np.asarray(self.territory[self.dealer])

    @property
    def price(self) -> Array:
        """What a unit costs the dealer, else its list price; the last that is known, [n, t]."""
        return carried(np.where(np.isnan(self.net_price), self.list_price, self.net_price))

    def upto(self, t: int) -> Self:
        """The first t periods."""
        return replace(self, periods=self.periods[:t], **{k: getattr(self, k)[:, :t] for k in _LAYERS})

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """The arrays of what the tables hold."""
        parts = {name: _rows(tables, *where) for name, where in _LAYERS.items()}
        facts = pd.concat([parts[name] for name in _FACTS], ignore_index=True)
        freq = infer(facts["period_start"])
        periods = _periods(facts["period_start"], freq)
        series = facts[SERIES].drop_duplicates().sort_values(SERIES, ignore_index=True)
        dealer, dealer_ids = pd.factorize(series["dealer_id"], sort=True)
        sku, sku_ids = pd.factorize(series["sku_id"], sort=True)
        rows = pd.MultiIndex.from_frame(series)
        layers = {name: _layer(part, rows, periods) for name, part in parts.items()}
        return cls(
            dealer_ids=np.asarray(dealer_ids, object),
            sku_ids=np.asarray(sku_ids, object),
            territory=_attribute(tables, "dealers", "dealer_id", "territory_id", dealer_ids),
            category=_attribute(tables, "products", "sku_id", "category", sku_ids),
            currency=_currency(tables),
            freq=freq,
            periods=periods,
            dealer=dealer.astype(np.int64),
            sku=sku.astype(np.int64),
            **layers,
        )


def carried(values: Array) -> Array:
    """Each row with its last known value in place of what is not known, [n, t]."""
    steps = np.where(np.isnan(values), -1, np.arange(values.shape[1]))
    last = np.maximum.accumulate(steps, axis=1) if values.size else steps
    found = np.take_along_axis(values, np.maximum(last, 0), axis=1) if values.size else values
    return np.asarray(np.where(last < 0, np.nan, found))


def _rows(tables: Tables, name: str, column: str, kind: str | None) -> pd.DataFrame:
    frame = tables.get(name)
    wanted = [*SERIES, "period_start", column]
    if frame is None or frame.empty or not set(wanted) <= set(frame.columns):
        empty = {c: pd.Series(dtype="str") for c in SERIES}
        return pd.DataFrame({**empty, "period_start": pd.Series(dtype="datetime64[us]"), "value": []})
    chosen = frame if kind is None else frame[frame["kind"] == kind]
    return chosen[wanted].rename(columns={column: "value"}).dropna(subset=["value"])


def _periods(starts: "pd.Series[pd.Timestamp]", freq: Frequency) -> pd.DatetimeIndex:
    if starts.empty:
        return pd.DatetimeIndex([], dtype="datetime64[us]")
    floor = freq.floor(starts)
    count = freq.apart(floor.max(), floor.min()) + 1
    return freq.range(floor.min(), count)[-MOST_YEARS * freq.season :]


def _layer(part: pd.DataFrame, rows: pd.MultiIndex, periods: pd.DatetimeIndex) -> Array:
    """Sums of the rows of each cell, NaN where there is none."""
    row = rows.get_indexer(pd.MultiIndex.from_frame(part[SERIES]))
    step = periods.get_indexer(pd.DatetimeIndex(part["period_start"]))
    inside = (row >= 0) & (step >= 0)
    cell = row[inside] * len(periods) + step[inside]
    size = len(rows) * len(periods)
    total = np.bincount(cell, weights=part["value"].to_numpy(float)[inside], minlength=size)
    hit = np.bincount(cell, minlength=size) > 0
    return np.asarray(np.where(hit, total, np.nan).reshape(len(rows), len(periods)))


def _attribute(tables: Tables, name: str, key: str, column: str, ids: Any) -> NDArray[Any]:
    frame = tables.get(name)
    if frame is None or frame.empty or column not in frame.columns:
        return np.full(len(ids), "", dtype=object)
    latest = frame.drop_duplicates(key, keep="last").set_index(key)[column].astype(object)
    return np.asarray(latest.reindex(ids).fillna(""), dtype=object)


def _currency(tables: Tables) -> str:
    """The one that most sell-in is billed in; "" when none is stated."""
    for name in ("sell_in", "prices", "invoices"):
        frame = tables.get(name)
        if frame is not None and "currency" in frame.columns and frame["currency"].notna().any():
            return str(frame["currency"].mode().iloc[0])
    return ""
