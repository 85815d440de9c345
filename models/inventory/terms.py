"""Terms: how each line is supplied and what its units are worth, from the tables, else from stated defaults.

In:   lines (dealer_id, sku_id), canonical tables as they were known, the first day that is not over.
Out:  one row a line:
      lead_time_days, lead_time_spread_days, review_days, moq_units, pack_units, order_cost_amount,
      holding_rate, net_price, unit_cost_amount, currency, shelf_life_days (NaN: keeps), units_per_case,
      territory_id, tier, and `note`: what was assumed (no_supply_terms, no_price, no_cost,
      unconverted_currency).

A dealer's own terms come before those for every dealer (dealer_id ""). The price is the coming period's
when it is known, else the last; a dealer without one has the product's median. Amounts are taken to the
currency of the price at the last dated rate; without a rate the default stands in, and the note says so.

Errors: BadTerms (a lead time, pack or review period of zero or less, a MOQ below zero).

>>> lines = pd.DataFrame({"dealer_id": ["D1"], "sku_id": ["S1"]})
>>> told = terms(lines, {}, pd.Timestamp("2025-01-01"), Defaults())
>>> told[["lead_time_days", "pack_units", "note"]].values.tolist()
[[14.0, 1.0, 'no_supply_terms, no_price']]
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.exposure import MissingRate, converted

Array = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]
KEYS = ["dealer_id", "sku_id"]
SUPPLY = (
    *("lead_time_days", "lead_time_spread_days", "review_days", "moq_units", "pack_units"),
    *("order_cost_amount", "holding_rate"),
)
_ABOVE_ZERO = ("lead_time_days", "review_days", "pack_units")
_FROM_ZERO = ("lead_time_spread_days", "moq_units", "order_cost_amount", "holding_rate")


class BadTerms(ChannelError):
    def __init__(self, column: str, expected: str, count: int) -> None:
        super().__init__(f"{column}: {count} lines hold what is not {expected}. Correct the terms of supply.")


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What is assumed of a line that the tables say nothing of."""

    lead_time_days: float = 14.0
    lead_time_spread_rate: float = 0.3  # of the lead time
    review_days: float = 30.0
    moq_units: float = 0.0
    order_cost_amount: float = 0.0
    holding_rate: float = 0.25  # of a unit's net price, a year
    margin_rate: float = 0.3  # of the net price


def terms(lines: pd.DataFrame, tables: Tables, day: pd.Timestamp, defaults: Defaults) -> pd.DataFrame:
    """The terms of each line, in its order."""
    keys = lines[KEYS].astype(str).reset_index(drop=True)
    out = keys.join(_supply(keys, tables, defaults))
    goods = _of("products", tables, keys, "sku_id", ("units_per_case", "shelf_life_days"))
    places = _of("dealers", tables, keys, "dealer_id", ("territory_id", "tier"))
    out = out.join(goods).join(places.astype(object).where(places.notna(), ""))
    out["pack_units"] = out["pack_units"].fillna(out["units_per_case"]).fillna(1.0)
    out["units_per_case"] = out["units_per_case"].fillna(out["pack_units"])
    out = _priced(out, tables, day, defaults)
    return checked(out)


def checked(found: pd.DataFrame) -> pd.DataFrame:
    """Terms that goods can be ordered by."""
    for column in _ABOVE_ZERO:
        if bad := int((~(found[column] > 0)).sum()):
            raise BadTerms(column, "above zero", bad)
    for column in _FROM_ZERO:
        if bad := int((~(found[column] >= 0)).sum()):
            raise BadTerms(column, "zero or more", bad)
    return found


def _supply(keys: pd.DataFrame, tables: Tables, defaults: Defaults) -> pd.DataFrame:
    table = tables.get("supply_terms")
    out = pd.DataFrame(np.nan, index=keys.index, columns=[*SUPPLY])
    out["terms_currency"] = ""
    on_record = np.zeros(len(keys), dtype=bool)
    if table is not None and len(table):
        own = keys.merge(table, on=KEYS, how="left")
        common = table[table["dealer_id"] == ""].drop(columns="dealer_id")
        shared = keys.merge(common, on="sku_id", how="left")
        for name in SUPPLY:
            out[name] = own[name].astype(float).fillna(shared[name].astype(float)).to_numpy()
        out["terms_currency"] = _texts(own["currency"].where(own["currency"].notna(), shared["currency"]))
        on_record = out["lead_time_days"].notna().to_numpy()
    out["lead_time_days"] = out["lead_time_days"].fillna(defaults.lead_time_days)
    spread = out["lead_time_days"] * defaults.lead_time_spread_rate
    out["lead_time_spread_days"] = out["lead_time_spread_days"].fillna(spread)
    for name in ("review_days", "moq_units", "order_cost_amount", "holding_rate"):
        out[name] = out[name].fillna(getattr(defaults, name))
    return out.assign(note=np.where(on_record, "", "no_supply_terms"))


def _of(name: str, tables: Tables, keys: pd.DataFrame, key: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Columns of a table of attributes, one row a line; NaN where it says nothing."""
    table = tables.get(name)
    if table is None or table.empty:
        return pd.DataFrame(np.nan, index=keys.index, columns=[*columns])
    rows = table.drop_duplicates(key, keep="last").set_index(key)
    return rows.reindex(keys[key]).reindex(columns=[*columns]).reset_index(drop=True)


def _priced(out: pd.DataFrame, tables: Tables, day: pd.Timestamp, defaults: Defaults) -> pd.DataFrame:
    price, money = _prices(out, tables, day)
    cost_table = tables.get("product_costs")
    costs = _of("product_costs", tables, out, "sku_id", ("unit_cost_amount", "currency"))
    own_money = _texts(costs["currency"])
    money = np.where(money == "", np.where(own_money != "", own_money, out["terms_currency"]), money)
    cost, cost_known = _taken(costs["unit_cost_amount"].to_numpy(float), own_money, money, tables, day)
    order, order_known = _taken(
        out["order_cost_amount"].to_numpy(float), _texts(out["terms_currency"]), money, tables, day
    )
    has_cost = cost_known & np.isfinite(cost)
    price = np.where(np.isnan(price) & has_cost, cost / (1 - defaults.margin_rate), price)
    out["net_price"] = price
    out["unit_cost_amount"] = np.where(has_cost, cost, price * (1 - defaults.margin_rate))
    out["order_cost_amount"] = np.where(order_known, order, defaults.order_cost_amount)
    out["currency"] = money
    lost = (~cost_known & costs["unit_cost_amount"].notna().to_numpy()) | ~order_known
    told = [
        np.where(np.isnan(price), "no_price", ""),
        np.where(~has_cost & np.isfinite(price) & (cost_table is not None), "no_cost", ""),
        np.where(lost, "unconverted_currency", ""),
    ]
    for words in told:
        out["note"] = _joined(out["note"], words)
    return out.drop(columns="terms_currency")


def _prices(out: pd.DataFrame, tables: Tables, day: pd.Timestamp) -> tuple[Array, NDArray[np.object_]]:
    """Net price and its currency of each line."""
    table = tables.get("prices")
    if table is None or table.empty:
        return np.full(len(out), np.nan), np.full(len(out), "", dtype=object)
    seen = table[(table["period_start"] <= day) & table["net_price"].notna()].sort_values("period_start")
    last = out[KEYS].merge(seen.drop_duplicates(KEYS, keep="last"), on=KEYS, how="left")
    latest = seen[seen["period_start"] == seen["period_start"].max()]
    usual = latest.groupby("sku_id")["net_price"].median().reindex(out["sku_id"]).to_numpy(float)
    money = _texts(last["currency"])
    common = latest["currency"].dropna().astype(str).unique()
    fallback = common[0] if len(common) == 1 else ""
    price = last["net_price"].to_numpy(float)
    use = np.isnan(price) & (fallback != "")
    return np.where(use, usual, price), np.where(use & (money == ""), fallback, money).astype(object)


def _taken(
    amount: Array, own: NDArray[np.object_], wanted: NDArray[np.object_], tables: Tables, day: pd.Timestamp
) -> tuple[Array, NDArray[np.bool_]]:
    """Amounts in the wanted currencies, and which could be taken there."""
    same = (own == wanted) | (own == "") | (wanted == "") | ~(np.abs(amount) > 0)
    if same.all():
        return amount, same
    rates = {pair: _rate(pair, tables, day) for pair in set(zip(own[~same], wanted[~same], strict=True))}
    factor = np.array(
        [1.0 if s else rates[(o, w)] for s, o, w in zip(same, own, wanted, strict=True)], dtype=float
    )
    return amount * factor, np.isfinite(factor)


def _rate(pair: tuple[str, str], tables: Tables, day: pd.Timestamp) -> float:
    """Units of the second currency for one of the first, the last known; NaN without."""
    rates = tables.get("fx_rates")
    if rates is None or rates.empty:
        return float("nan")
    try:
        return float(converted(np.ones(1), [pair[0]], pd.Series([day]), rates, currency=pair[1])[0])
    except MissingRate:
        return float("nan")


def _texts(column: "pd.Series[str]") -> NDArray[np.object_]:
    """Texts, empty where nothing is known."""
    return column.astype(object).where(column.notna(), "").to_numpy(dtype=object)


def _joined(first: "pd.Series[str]", second: NDArray[np.str_]) -> "pd.Series[str]":
    both = (first + ", " + pd.Series(second, index=first.index)).str.strip(", ")
    return both.astype(str)
