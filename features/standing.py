"""Standing: where every dealer stood at a moment, month by month.

In:   canonical tables with their whole history (`Books.of`), then any moment (`Books.at`). Only `sell_in`
      is needed; what is absent or empty gives layers of NaN and a note `no_<table>`.
Out:  `Standing`: d dealers (of `sell_in` and of `dealers`), by dealer_id; t months, oldest first, the last
      one over and on record; layers [d, t] of months; facts [d] of the moment.

Layers, NaN before a dealer's first purchase:
  sales          amount of sell_in (its quantity times the product's usual price where a row has none)
  units          quantity of sell_in            returned  quantity given back
  orders         documents with a purchase      sold_out  quantity that reached consumers
  skus           products bought                on_hand   quantity in stock at the end of the month
  stocked        products with a stock record   short     of them out of stock at the end or during it
  outlets        outlets with sales
Facts: outlets_known, years (with us: since `joined_at`, else since the first purchase), price_premium
(mean log of what the dealer pays over what is usual for the product, last 12 months), and those of
`features.punctuality`.

Amounts in several currencies are converted to the most frequent one at the last known rate of
`fx_rates`; one without a rate is left as it is, with the note `unconverted_currency`.
Limits: the last `MONTHS` months; a week counts in the month in which it begins.
Errors: NoSales.

>>> rows = pd.DataFrame({"dealer_id": "D1", "sku_id": "S1", "document_id": "", "qty_sell_in": [5.0, 7.0],
...     "amount": [50.0, 70.0], "currency": "CNY",
...     "period_start": pd.to_datetime(["2024-01-01", "2024-03-01"]),
...     "known_at": pd.to_datetime(["2024-02-01", "2024-04-01"])})
>>> standing = Books.of({"sell_in": rows}).at(pd.Timestamp("2024-04-15"))
>>> standing.layers["sales"], standing.notes[:2]
(array([[50.,  0., 70.]]), ('no_dealers', 'no_fx_rates'))
>>> Books.of({}).at(pd.Timestamp("2024-04-15"))
Traceback (most recent call last):
    ...
features.standing.NoSales: No sell-in is known at 2024-04-15; tables at hand: none. Load sell_in ...
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.known import Tables
from features.punctuality import punctuality
from features.sheets import Sheet, naive

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

MONTHS = 60
USED = (
    *("dealers", "fx_rates", "invoices", "outlets", "payments", "products", "returns"),
    *("sell_in", "sell_out", "stock"),
)
_LAYERS = (
    "sales",
    "units",
    "orders",
    "skus",
    "returned",
    "sold_out",
    "on_hand",
    "stocked",
    "short",
    "outlets",
)
_DAYS_OF_WEEK = 7


class NoSales(ChannelError):
    def __init__(self, moment: pd.Timestamp, tables: Iterable[str]) -> None:
        super().__init__(
            f"No sell-in is known at {moment:%Y-%m-%d}; tables at hand: "
            f"{', '.join(sorted(tables)) or 'none'}. "
            "Load sell_in with `qudao ingest`, or ask as of a later day."
        )


@dataclass(frozen=True, kw_only=True)
class Standing:
    """d dealers over t months, as known at one moment."""

    moment: pd.Timestamp
    dealers: pd.DataFrame  # [d] by dealer_id: territory_id, tier, dealer_type, "" when not known
    months: pd.DatetimeIndex  # [t]
    layers: Mapping[str, Array]  # name -> [d, t]
    facts: pd.DataFrame  # [d] by dealer_id
    notes: tuple[str, ...] = ()  # which tables are missing

    @property
    def dealer_ids(self) -> "pd.Index[Any]":
        """The dealers, sorted."""
        return self.dealers.index

    def take(self, rows: Ints) -> Self:
        """Some of the dealers."""
        return replace(
            self,
            dealers=self.dealers.iloc[rows],
            layers={name: layer[rows] for name, layer in self.layers.items()},
            facts=self.facts.iloc[rows],
        )


@dataclass(frozen=True)
class Books:
    """Tables made ready once, to be seen at many moments."""

    sheets: Mapping[str, Sheet]

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """Canonical tables with their whole history."""
        held = {name: tables[name] for name in USED if name in tables and len(tables[name])}
        return cls({name: Sheet.of(name, frame) for name, frame in held.items()})

    def seen(self, name: str, moment: pd.Timestamp) -> pd.DataFrame:
        """A table as it was known; without rows when nobody loaded it."""
        return self.sheets[name].at(moment) if name in self.sheets else pd.DataFrame()

    def at(self, moment: pd.Timestamp) -> Standing:
        """Where every dealer stood."""
        moment = naive(moment)
        sold = self.seen("sell_in", moment)
        if sold.empty:
            raise NoSales(moment, self.sheets)
        months = _months(sold["period_start"], moment)
        listed = self.seen("dealers", moment)
        ids = _ids(sold, listed)
        grid = _Grid(ids, months)
        priced, notes = _priced(sold, self.seen("fx_rates", moment))
        layers = grid.layers(priced, {n: self.seen(n, moment) for n in ("returns", "sell_out", "stock")})
        absent = [f"no_{name}" for name in USED if name not in self.sheets]
        return Standing(
            moment=moment,
            dealers=_named(listed, ids),
            months=months,
            layers=layers,
            facts=self._facts(ids, listed, grid.first(layers["units"]), moment).assign(
                price_premium=_premium(priced, ids, months)
            ),
            notes=(*absent, *notes),
        )

    def _facts(
        self, ids: "pd.Index[Any]", listed: pd.DataFrame, first: "pd.Series[Any]", moment: pd.Timestamp
    ) -> pd.DataFrame:
        invoices, payments = self.seen("invoices", moment), self.seen("payments", moment)
        paid = punctuality(invoices, payments, moment).reindex(ids)
        facts = paid.fillna(0.0) if len(invoices) else paid
        joined = first
        if len(listed):
            told = pd.to_datetime(listed.set_index("dealer_id")["joined_at"].reindex(ids))
            joined = told.where(told.notna() & ~(told > first), first)
        years = ((moment - joined).dt.days / 365.25).clip(lower=0)
        return facts.assign(outlets_known=self._outlets(ids, moment), years=years)

    def _outlets(self, ids: "pd.Index[Any]", moment: pd.Timestamp) -> Array:
        shops = self.seen("outlets", moment)
        if shops.empty:
            return np.full(len(ids), np.nan)
        opened = shops[~(shops["opened_at"] > moment)]
        counts: pd.Series[Any] = opened["dealer_id"].value_counts().reindex(ids)
        return np.asarray(counts.fillna(0.0), dtype=float)


@dataclass(frozen=True)
class _Grid:
    """Where rows belong."""

    ids: "pd.Index[Any]"
    months: pd.DatetimeIndex

    def layers(self, sold: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> dict[str, Array]:
        """Every layer; NaN where a table is absent and before the first purchase."""
        layers = dict.fromkeys(_LAYERS, np.full((len(self.ids), len(self.months)), np.nan))
        sold, cell = self._placed(sold[sold["qty_sell_in"] > 0])
        layers["units"] = self._sum(cell, sold["qty_sell_in"])
        layers["sales"] = self._sum(cell, sold["value"])
        layers["orders"] = self._distinct(cell, sold["document_id"])
        layers["skus"] = self._distinct(cell, sold["sku_id"])
        if len(rows := others["returns"]):
            rows, at = self._placed(rows)
            layers["returned"] = self._sum(at, rows["qty_returned"])
        layers |= self._street(others["sell_out"]) | self._stock(others["stock"])
        begun = np.cumsum(layers["units"] > 0, axis=1) > 0
        return {name: np.where(begun, layer, np.nan) for name, layer in layers.items()}

    def first(self, units: Array) -> "pd.Series[Any]":
        """Month of the first purchase of each dealer."""
        begun = np.nan_to_num(units) > 0
        when = self.months.to_numpy()[begun.argmax(axis=1)]
        return pd.Series(np.where(begun.any(axis=1), when, np.datetime64("NaT")), index=self.ids)

    def _street(self, rows: pd.DataFrame) -> dict[str, Array]:
        if rows.empty:
            return {}
        rows, cell = self._placed(rows[rows["qty_sell_out"] > 0])
        named = (rows["outlet_id"] != "").to_numpy()
        outlets = self._distinct(cell[named], rows["outlet_id"][named])
        reports = np.nancumsum(outlets, axis=1) > 0
        sold = self._reported(cell, rows["qty_sell_out"])
        return {"sold_out": sold, "outlets": np.where(reports, outlets, np.nan)}

    def _stock(self, rows: pd.DataFrame) -> dict[str, Array]:
        if rows.empty:
            return {}
        rows, cell = self._placed(rows)
        rows, cell = _month_ends(rows, cell)
        out = (rows["qty_on_hand"] <= 0) | rows["is_stockout"].astype("boolean").fillna(False).astype(bool)
        ones = pd.Series(np.ones(len(rows)))
        names = {"on_hand": rows["qty_on_hand"], "stocked": ones, "short": out.astype(float)}
        return {name: self._reported(cell, values) for name, values in names.items()}

    def _placed(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
        """Rows inside the grid and their cells."""
        day = rows["period_start"].dt
        month = (day.year - self.months[0].year) * 12 + day.month - self.months[0].month
        dealer = self.ids.get_indexer(pd.Index(rows["dealer_id"]))
        inside = ((month >= 0) & (month < len(self.months))).to_numpy() & (dealer >= 0)
        cell = dealer[inside] * len(self.months) + month.to_numpy(np.intp)[inside]
        return rows[inside], cell

    def _sum(self, cell: Ints, values: "pd.Series[Any]") -> Array:
        size = len(self.ids) * len(self.months)
        weights = np.nan_to_num(values.to_numpy(float))
        return np.bincount(cell, weights, size).reshape(len(self.ids), -1).astype(float)

    def _distinct(self, cell: Ints, names: "pd.Series[Any]") -> Array:
        """How many different names a cell has."""
        code, values = pd.factorize(names)
        pairs = np.sort(cell * max(len(values), 1) + code, kind="stable")  # often nearly sorted already
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs
        size = len(self.ids) * len(self.months)
        return (
            np.bincount(pairs // max(len(values), 1), minlength=size).reshape(len(self.ids), -1).astype(float)
        )

    def _reported(self, cell: Ints, values: "pd.Series[Any]") -> Array:
        """Sums; NaN where a dealer reported nothing."""
        count = np.bincount(cell, minlength=len(self.ids) * len(self.months)).reshape(len(self.ids), -1)
        return np.where(count > 0, self._sum(cell, values), np.nan)


def _month_ends(rows: pd.DataFrame, cell: Ints) -> tuple[pd.DataFrame, Ints]:
    """The last record of each product in a month: weekly stock is not added up."""
    last = rows.assign(cell=cell).sort_values("period_start", kind="stable")
    if not last.duplicated(["cell", "sku_id"]).any():
        return rows, cell
    kept = last.drop_duplicates(["cell", "sku_id"], keep="last")
    return kept, kept["cell"].to_numpy(np.intp)


def _months(starts: "pd.Series[Any]", moment: pd.Timestamp) -> pd.DatetimeIndex:
    """The months that are over and on record, the last `MONTHS` of them."""
    latest = starts.max()
    weekly = bool((starts.dt.day != 1).any())
    ended = latest + pd.Timedelta(days=_DAYS_OF_WEEK) if weekly else latest + pd.DateOffset(months=1)
    end = min(moment, ended).to_period("M") - 1
    begin = max(starts.min().to_period("M"), end - (MONTHS - 1))
    months = pd.period_range(begin, end, freq="M").to_timestamp()
    if not len(months):
        raise NoSales(moment, ["sell_in, of a month that is not over"])
    return months


def _ids(sold: pd.DataFrame, listed: pd.DataFrame) -> "pd.Index[Any]":
    names = [pd.Series(sold["dealer_id"].unique(), dtype=str)]
    if len(listed):
        names.append(listed["dealer_id"])
    index: pd.Index[Any] = pd.Index(sorted(set(pd.concat(names))), name="dealer_id", dtype=str)
    return index


def _named(listed: pd.DataFrame, ids: "pd.Index[Any]") -> pd.DataFrame:
    columns = ["territory_id", "tier", "dealer_type"]
    if listed.empty:
        return pd.DataFrame("", index=ids, columns=columns)
    return listed.set_index("dealer_id")[columns].reindex(ids).astype(object).fillna("").astype(str)


def _priced(sold: pd.DataFrame, rates: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows with `value`, what they are worth in one currency."""
    amount = sold["amount"].astype(float)
    currency = sold["currency"].astype(object).fillna("").astype(str)
    factor, notes = _factors(currency, rates)
    worth = amount * currency.map(factor).astype(float)
    if worth.isna().any():
        known = worth.notna() & (sold["qty_sell_in"] > 0)
        price = (worth / sold["qty_sell_in"])[known].groupby(sold["sku_id"][known]).median()
        usual = sold["sku_id"].map(price).astype(float).fillna(price.median() if len(price) else 1.0)
        worth = worth.fillna(sold["qty_sell_in"] * usual)
    return sold.assign(value=worth), notes


def _premium(sold: pd.DataFrame, ids: "pd.Index[Any]", months: pd.DatetimeIndex) -> Array:
    """Mean log of paid over usual price, weighted by what was bought, [d]."""
    rows = sold[(sold["qty_sell_in"] > 0) & (sold["value"] > 0) & (sold["period_start"] >= months[-12:][0])]
    price = np.log(rows["value"] / rows["qty_sell_in"])
    usual = pd.Series(price, index=rows.index).groupby([rows["sku_id"], rows["period_start"]])
    above = price - usual.transform("median")
    sums = pd.DataFrame({"above": above * rows["value"], "value": rows["value"]})
    total = sums.groupby(rows["dealer_id"].to_numpy()).sum().reindex(ids)
    return np.asarray(total["above"] / total["value"], dtype=float)


def _factors(currency: "pd.Series[str]", rates: pd.DataFrame) -> tuple[dict[str, float], list[str]]:
    """Worth of one unit of each currency in the most frequent one."""
    names = currency[currency != ""].value_counts().index
    main = names[0] if len(names) else ""
    factor = {"": 1.0, main: 1.0}
    last = pd.DataFrame() if rates.empty else rates.sort_values("rate_date", kind="stable")
    for name in names[1:]:
        factor[name] = _rate(last, name, main)
    unknown = [name for name, one in factor.items() if np.isnan(one)]
    return factor | dict.fromkeys(unknown, 1.0), ["unconverted_currency"] if unknown else []


def _rate(rates: pd.DataFrame, base: str, quote: str) -> float:
    if rates.empty:
        return np.nan
    there = rates[(rates["base_currency"] == base) & (rates["quote_currency"] == quote)]
    back = rates[(rates["base_currency"] == quote) & (rates["quote_currency"] == base)]
    if len(there):
        return float(there["rate"].iloc[-1])
    return 1 / float(back["rate"].iloc[-1]) if len(back) else np.nan
