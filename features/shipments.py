"""Shipments: who bought, sold and kept what, month by month, and where its codes were scanned.

In:   canonical tables, of which any may be absent or empty: sell_in, sell_out, stock, trace_scans,
      signals (kind street_price), promotions (the `MOST_KINDS` commonest kinds), dealers. Days and
      weeks are gathered into calendar months; weeks are scaled to the length of a month.
Out:  dense arrays [n, t] over n series (dealer x product) and t months, NaN where nothing is on record,
      and the scans away from home as sparse flows [m, t] (series -> territory).

A month without a row between a series' first and last row is a zero; so are the three months
after the last. Units: consumer units a month; prices in the table's currency.

Where a dealer is at home comes from `dealers`; where that is not known, or the territories of the
scans are of another kind, home is where most of its codes are scanned.

Limits: the last `MOST_MONTHS` months; a dealer that moves is at home where it is now.
Errors: none; an empty channel gives arrays without rows.

>>> from features.simulator import World, simulate
>>> goods = Shipments.of(simulate(World(dealers=3, products=2, months=12)).tables)
>>> goods.sell_in.shape == goods.stock.shape == goods.seen.shape == (len(goods.dealer), 12)
True
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.frequency import infer

Array = NDArray[np.float32]
Ints = NDArray[np.int64]
Tables = Mapping[str, pd.DataFrame]

MOST_MONTHS = 36
MOST_KINDS = 3
_GONE_MONTHS = 3  # without a row before a series counts as ended
_WEEK_DAYS, _MONTH_DAYS = 7, 365.25 / 12
_LEAST_WEEKS = 3  # a month of fewer is left out at either end
_OWN_HOMES_SHARE = 0.2  # of the dealers are scanned at home, or the territories are of another kind
_LEVELS = ("sell_in", "sell_out", "stock", "street")
_SERIES = ["dealer_id", "sku_id"]


@dataclass(frozen=True)
class Shipments:
    """A channel as arrays: d dealers, s products, k territories, n series, t months, m flows."""

    dealer_ids: NDArray[Any]  # [d]
    sku_ids: NDArray[Any]  # [s]
    territory_ids: NDArray[Any]  # [k]
    months: pd.DatetimeIndex  # [t]
    dealer: Ints  # [n]
    sku: Ints  # [n]
    home: Ints  # [d]; -1: not known
    sell_in: Array  # [n, t]
    sell_out: Array  # [n, t]
    stock: Array  # [n, t]
    street: Array  # [n, t], street price
    plans: Array  # [q, n, t], value of each kind of promotion
    seen: Array  # [n, t], scans with a place
    at_home: Array  # [n, t], scans at home
    flow_row: Ints  # [m], series
    flow_to: Ints  # [m], territory, never home
    flow: Array  # [m, t], scans

    @property
    def n(self) -> int:
        """Number of series."""
        return len(self.dealer)

    @property
    def t(self) -> int:
        """Number of months."""
        return len(self.months)

    @property
    def place(self) -> Ints:
        """Territory of each series, [n]."""
        return self.home[self.dealer]

    def until(self, t: int) -> Self:
        """The first t months only."""
        arrays = {
            name: getattr(self, name)[..., :t] for name in (*_LEVELS, "plans", "seen", "at_home", "flow")
        }
        return replace(self, months=self.months[:t], **arrays)

    def without(self, *names: str) -> Self:
        """Without some of sell_in, sell_out, stock, street, plans, scans: nothing on record of them."""
        gone: dict[str, Any] = {
            name: np.full_like(getattr(self, name), np.nan) for name in _LEVELS if name in names
        }
        if "plans" in names:
            gone["plans"] = self.plans[:0]
        if "scans" in names:
            nothing = np.zeros_like(self.seen)
            gone |= {"seen": nothing, "at_home": nothing, "flow": self.flow[:0]}
            gone |= {"flow_row": self.flow_row[:0], "flow_to": self.flow_to[:0]}
        return replace(self, **gone)

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """The arrays of what the tables hold; cut them with `features.known.known` first."""
        sales = {
            "sell_in": _sales(tables, "sell_in", "qty_sell_in"),
            "sell_out": _sales(tables, "sell_out", "qty_sell_out"),
        }
        scans = _scans(tables)
        months = _months([f for f in sales.values() if len(f)] or [scans])
        series = pd.concat([f[_SERIES] for f in (*sales.values(), scans)]).drop_duplicates()
        series = series.sort_values(_SERIES, ignore_index=True)
        dealer, dealer_ids = pd.factorize(series["dealer_id"], sort=True)
        sku, sku_ids = pd.factorize(series["sku_id"], sort=True)
        cells = _Cells(pd.MultiIndex.from_frame(series), months)
        bought, sold = (cells.ended(cells.total(f, "qty"), f) for f in sales.values())
        kept = cells.mean(_levels(tables, "stock", "qty_on_hand"), "qty", last=True)
        street = cells.mean(_levels(tables, "signals", "value", kind="street_price"), "qty")
        kinds = _plans(tables)
        plans = np.array([cells.mean(f, "qty") for f in kinds], dtype=np.float32)
        plans = plans.reshape(len(kinds), len(series), len(months))
        territory_ids, home = _homes(tables, dealer_ids, scans)
        traced = cells.scans(scans, territory_ids, home[dealer])
        return cls(
            dealer_ids=np.asarray(dealer_ids, object),
            sku_ids=np.asarray(sku_ids, object),
            territory_ids=territory_ids,
            months=months,
            dealer=dealer.astype(np.int64),
            sku=sku.astype(np.int64),
            home=home,
            sell_in=bought,
            sell_out=sold,
            stock=kept,
            street=street,
            plans=plans,
            **traced,
        )


@dataclass(frozen=True)
class _Cells:
    """Where the rows of a frame belong in [n, t]."""

    series: pd.MultiIndex
    months: pd.DatetimeIndex

    def total(self, frame: pd.DataFrame, column: str) -> Array:
        """Sum of each cell, NaN without a row."""
        where, inside = self._where(frame)
        return self._summed(where, frame[column].to_numpy(float)[inside])

    def mean(self, frame: pd.DataFrame, column: str, *, last: bool = False) -> Array:
        """Mean of each cell, or its last row; NaN without a row."""
        kept = frame.drop_duplicates([*_SERIES, "month"], keep="last") if last else frame
        where, inside = self._where(kept)
        values = kept[column].to_numpy(float)[inside]
        counts = np.bincount(where, minlength=self._size).reshape(self._shape)
        return np.asarray(self._summed(where, values) / np.maximum(counts, 1), dtype=np.float32)

    def ended(self, units: Array, frame: pd.DataFrame) -> Array:
        """Zeros between the first and the last row of each series, and for a while after."""
        if frame.empty:
            return units
        seen = np.isfinite(units)
        begun = np.logical_or.accumulate(seen, axis=1)
        step = np.arange(units.shape[1])
        last = np.where(seen.any(axis=1), np.where(seen, step, -1).max(axis=1), -_GONE_MONTHS - 1)
        open_ = begun & (step <= last[:, None] + _GONE_MONTHS)
        return np.where(open_, np.nan_to_num(units), np.nan).astype(np.float32)

    def scans(self, scans: pd.DataFrame, territory_ids: NDArray[Any], place: Ints) -> dict[str, Any]:
        """Counts of all scans and of those at home [n, t], and flows away from home [m, t]."""
        where, inside = self._where(scans)
        row, step = np.divmod(where, max(1, len(self.months)))
        to = pd.Index(territory_ids).get_indexer(pd.Index(scans["to"].to_numpy(object)[inside]))
        at_home = (to == place[row]) | (place[row] < 0)
        counts = [np.bincount(w, minlength=self._size) for w in (where, where[at_home])]
        seen, home = (c.reshape(self._shape).astype(np.float32) for c in counts)
        pair = (row * max(1, len(territory_ids)) + to)[~at_home]
        pairs, flow = np.unique(pair, return_inverse=True)
        width = len(self.months)
        cells = np.bincount(flow * width + step[~at_home], minlength=len(pairs) * width)
        flow_row, flow_to = np.divmod(pairs, max(1, len(territory_ids)))
        arrays = {"flow_row": flow_row, "flow_to": flow_to, "seen": seen, "at_home": home}
        return arrays | {"flow": cells.reshape(len(pairs), width).astype(np.float32)}

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.series), len(self.months)

    @property
    def _size(self) -> int:
        return len(self.series) * len(self.months)

    def _where(self, frame: pd.DataFrame) -> tuple[Ints, NDArray[np.bool_]]:
        """Cell number of each row that lies inside, and which rows do."""
        row = self.series.get_indexer(pd.MultiIndex.from_frame(frame[_SERIES]))
        step = self.months.get_indexer(pd.DatetimeIndex(frame["month"]))
        inside = (row >= 0) & (step >= 0)
        return (row * len(self.months) + step)[inside].astype(np.int64), inside

    def _summed(self, where: Ints, values: NDArray[np.float64]) -> Array:
        total = np.bincount(where, weights=values, minlength=self._size)
        hit = np.bincount(where, minlength=self._size) > 0
        return np.where(hit, total, np.nan).reshape(self._shape).astype(np.float32)


def _frame(tables: Tables, name: str) -> pd.DataFrame:
    found = tables.get(name)
    return pd.DataFrame() if found is None else found


def _empty(*columns: str) -> pd.DataFrame:
    texts = {name: pd.Series(dtype="str") for name in columns}
    return pd.DataFrame({**texts, "month": pd.Series(dtype="datetime64[us]"), "qty": pd.Series(dtype=float)})


def _sales(tables: Tables, name: str, column: str) -> pd.DataFrame:
    """dealer_id, sku_id, month, qty; weeks scaled to months."""
    frame = _frame(tables, name)
    if frame.empty:
        return _empty(*_SERIES)
    starts = frame["period_start"]
    rows = frame[_SERIES].assign(month=_month(starts), qty=frame[column])
    if infer(starts).letter == "W":
        weeks = starts.groupby(rows["month"]).nunique()
        first_or_last = weeks.index.isin([weeks.index.min(), weeks.index.max()])
        kept = weeks[(weeks >= _LEAST_WEEKS) | ~first_or_last]
        rows = rows[rows["month"].isin(kept.index)]
        rows["qty"] *= rows["month"].map(_MONTH_DAYS / _WEEK_DAYS / kept)
    return rows.dropna(subset=["qty"])


def _levels(tables: Tables, name: str, column: str, kind: str | None = None) -> pd.DataFrame:
    frame = _frame(tables, name)
    if frame.empty:
        return _empty(*_SERIES)
    chosen = frame[frame["kind"] == kind] if kind else frame
    chosen = chosen.sort_values("period_start", kind="stable")
    rows = chosen[_SERIES].assign(month=_month(chosen["period_start"]), qty=chosen[column])
    return rows.dropna(subset=["qty"])


def _plans(tables: Tables) -> list[pd.DataFrame]:
    frame = _frame(tables, "promotions")
    kinds: list[str] = frame["kind"].value_counts().index[:MOST_KINDS].tolist() if len(frame) else []
    return [_levels(tables, "promotions", "value", kind=kind) for kind in sorted(kinds)]


def _scans(tables: Tables) -> pd.DataFrame:
    frame = _frame(tables, "trace_scans")
    if frame.empty:
        return _empty(*_SERIES, "to")
    moved = {"shipped_dealer_id": "dealer_id", "scanned_territory_id": "to"}
    rows = frame[["shipped_dealer_id", "sku_id", "scanned_territory_id"]].rename(columns=moved)
    months = frame["scanned_at"].dt.to_period("M").dt.start_time.dt.as_unit("us")
    return rows.assign(month=months).dropna(subset=["to"])


def _month(starts: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
    """The month that most of each period lies in."""
    middle = starts + pd.Timedelta(days=3) if infer(starts).letter == "W" else starts
    months: pd.Series[pd.Timestamp] = middle.dt.to_period("M").dt.start_time.dt.as_unit("us")
    return months


def _months(frames: list[pd.DataFrame]) -> pd.DatetimeIndex:
    stamps = pd.concat([frame["month"] for frame in frames])
    if stamps.empty:
        return pd.DatetimeIndex([], dtype="datetime64[us]")
    whole = pd.date_range(stamps.min(), stamps.max(), freq="MS", unit="us")
    return whole[-MOST_MONTHS:]


def _homes(tables: Tables, dealer_ids: Any, scans: pd.DataFrame) -> tuple[NDArray[Any], Ints]:
    """Territories, and where each dealer is at home."""
    dealers = _frame(tables, "dealers")
    stated = pd.Series(dtype=object)
    if len(dealers) and "territory_id" in dealers.columns:
        latest = dealers.sort_values("known_at", kind="stable").drop_duplicates("dealer_id", keep="last")
        stated = latest.set_index("dealer_id")["territory_id"].astype(object)
    stated = stated.reindex(dealer_ids)
    places = scans.groupby(["dealer_id", "to"], as_index=False).size().sort_values("size", kind="stable")
    usual = places.drop_duplicates("dealer_id", keep="last").set_index("dealer_id")["to"]
    usual = usual.astype(object).reindex(dealer_ids)
    both = stated.notna() & usual.notna()
    own = bool(both.any()) and (stated[both] == usual[both]).mean() < _OWN_HOMES_SHARE
    chosen = usual.fillna(stated) if own else stated.fillna(usual)
    names = np.array(sorted({*chosen.dropna(), *scans["to"]}), dtype=object)
    return names, np.asarray(pd.Index(names).get_indexer(pd.Index(chosen)), dtype=np.int64)
