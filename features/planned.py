"""Planned: what a dealer will pay for a unit in coming periods, and draws of demand in money by month.

`planned_prices` [n, h]: the net price on record for the dealer, product and period, else the last one
before it, else what the dealer paid last for a unit, else the product's usual price; in one currency, at
the last known rate. NaN where nothing is known, or no rate.

`by_month` [n, m, s]: amounts of periods of any length by calendar month, days of a period sharing it
evenly; and `covered` [m], the share of each month's days that the periods reach.
Errors: none.

>>> weeks = pd.date_range("2025-01-01", periods=5, freq="7D")
>>> amounts, covered = by_month(np.full((1, 5, 1), 7.0), weeks, pd.Timestamp("2025-01-01"), months=2)
>>> amounts[0, :, 0].tolist(), covered.round(2).tolist()
([31.0, 4.0], [1.0, 0.14])
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.exposure import MissingRate, converted

Array = NDArray[np.float64]
KEYS = ["dealer_id", "sku_id"]


def planned_prices(
    keys: pd.DataFrame,
    periods: pd.DatetimeIndex,
    seen: Mapping[str, pd.DataFrame],
    moment: pd.Timestamp,
) -> Array:
    """Net price of each key (dealer_id, sku_id, currency) in each period, [n, h]."""
    index = pd.MultiIndex.from_frame(keys[KEYS].astype(str))
    out = np.full((len(keys), len(periods)), np.nan)
    sources = (_listed(seen.get("prices")), _paid(seen.get("sell_in")))
    for prices in sources:
        out = np.where(np.isfinite(out), out, _carried(prices, keys, index, periods, seen, moment))
    return np.where(np.isfinite(out), out, _usual(sources[1], keys, seen, moment)[:, None])


def by_month(
    amounts: Array, periods: pd.DatetimeIndex, first: pd.Timestamp, *, months: int
) -> tuple[Array, Array]:
    """Amounts [n, h, s] by month from `first`, [n, months, s], and the share of days covered, [months]."""
    ends = _ends(periods)
    starts = pd.date_range(first, periods=months, freq="MS")
    after = starts + pd.DateOffset(months=1)
    low = np.maximum(periods.to_numpy()[:, None], starts.to_numpy()[None, :])
    high = np.minimum(ends.to_numpy()[:, None], after.to_numpy()[None, :])
    shared = np.maximum((high - low) / np.timedelta64(1, "D"), 0.0)  # [h, months] days
    lengths = ((ends - periods) / pd.Timedelta(days=1)).to_numpy()
    weight = shared / lengths[:, None]
    covered = shared.sum(axis=0) / starts.days_in_month.to_numpy()
    return np.einsum("nhs,hm->nms", amounts, weight), covered


def _ends(periods: pd.DatetimeIndex) -> pd.DatetimeIndex:
    if len(periods) == 1 or np.diff(periods).min() > pd.Timedelta(days=20):
        return periods + pd.DateOffset(months=1)
    return periods + pd.Timedelta(np.diff(periods).min())


def _listed(prices: pd.DataFrame | None) -> pd.DataFrame:
    names = [*KEYS, "period_start", "net_price", "currency"]
    if prices is None or prices.empty:
        return pd.DataFrame(columns=names)
    return prices.loc[prices["net_price"].notna(), names]


def _paid(sold: pd.DataFrame | None) -> pd.DataFrame:
    names = [*KEYS, "period_start", "net_price", "currency"]
    if sold is None or sold.empty:
        return pd.DataFrame(columns=names)
    bought = sold[(sold["qty_sell_in"] > 0) & (sold["amount"] > 0)]
    return bought.assign(net_price=bought["amount"] / bought["qty_sell_in"])[names]


def _carried(
    prices: pd.DataFrame,
    keys: pd.DataFrame,
    index: pd.MultiIndex,
    periods: pd.DatetimeIndex,
    seen: Mapping[str, pd.DataFrame],
    moment: pd.Timestamp,
) -> Array:
    """The last price on record at the start of each period, in the key's currency."""
    out = np.full((len(keys), len(periods)), np.nan)
    if prices.empty or not len(periods):
        return out
    place = index.get_indexer(pd.MultiIndex.from_frame(prices[KEYS].astype(str)))
    held = prices.assign(row=place)[place >= 0].sort_values("period_start", kind="stable")
    for step, start in enumerate(periods):
        last = held[held["period_start"] <= start].drop_duplicates("row", keep="last")
        rows = last["row"].to_numpy()
        out[rows, step] = _in_currency(last, keys["currency"].to_numpy()[rows], seen, moment)
    return out


def _usual(
    prices: pd.DataFrame, keys: pd.DataFrame, seen: Mapping[str, pd.DataFrame], moment: pd.Timestamp
) -> Array:
    """The product's median price in its most frequent currency, [n]."""
    out = np.full(len(keys), np.nan)
    if prices.empty:
        return out
    told = prices.groupby("sku_id").agg(net_price=("net_price", "median"), currency=("currency", "first"))
    found = told.reindex(keys["sku_id"]).reset_index(drop=True)
    known = np.flatnonzero(found["net_price"].notna())
    out[known] = _in_currency(found.iloc[known], keys["currency"].to_numpy()[known], seen, moment)
    return out


def _in_currency(
    prices: pd.DataFrame, wanted: NDArray[np.object_], seen: Mapping[str, pd.DataFrame], moment: pd.Timestamp
) -> Array:
    price = prices["net_price"].to_numpy(float).copy()
    own = prices["currency"].astype(object).fillna("").to_numpy()
    rates = seen.get("fx_rates")
    for quote in sorted({str(c) for c in wanted}):
        rows = np.flatnonzero((wanted == quote) & (own != quote) & (own != "") & (quote != ""))
        if len(rows):
            price[rows] = _at_rate(price[rows], list(own[rows]), moment, rates, quote)
    return price


def _at_rate(
    price: Array, own: list[str], moment: pd.Timestamp, rates: pd.DataFrame | None, quote: str
) -> Array:
    if rates is None or rates.empty:
        return np.full(len(price), np.nan)
    try:
        return converted(price, own, pd.Series([moment] * len(price)), rates, currency=quote)
    except MissingRate:
        return np.full(len(price), np.nan)
