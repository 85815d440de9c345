"""Exposure: what each dealer owes and will buy, in which currencies it has settled, how long it takes.

In:   tables as they were known at a moment (invoices, payments, sell_in, dealers), rates, the home currency;
      "draws" of the demand room where there are any.
Out:  `dealers`, one row a dealer:
        own_currency    as configured for the dealer or its territory; else the foreign one it settled most
                        in; else home
        days            mean days from invoice to payment, drawn to the channel's
        monthly_amount  expected purchases a month, in home; `monthly_high_amount`: 90 % quantile over draws
        last_currency   of its last invoice, "" without one
        note            no_invoices, no_forecast
      `history` [dealers, currencies]: share of two years' invoices by value; `open_amounts`
      [dealers, currencies]: what is unpaid, each in its own currency (never added up);
      `ratios`: days of the channel's invoices over their dealer's mean.

Where demand has no draws, the last twelve months' invoices (else sell-in) are drawn again, month by month.
An unpaid invoice that is past its due date counts with the days it has stood so far.

Limits: a payment in another currency than its invoice's is left out of the days; an invoice whose currency
had no rate at its day has no value and is counted by number alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.draws import Draws
from features.known import Tables
from features.payments import settled
from features.rates import Rates
from features.tables import SCHEMAS, coerce

Array = NDArray[np.float64]
_PRIOR_INVOICES = 6.0
_MEMORY_DAYS = 730
_YEAR_DAYS = 365
_DRAWN_MONTHS = 200
_HIGH = 0.9
DEALER_COLUMNS = (
    *("own_currency", "days", "monthly_amount", "monthly_high_amount", "last_currency", "note"),
)


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """Where every dealer stands, by dealer_id."""

    dealers: pd.DataFrame
    history: pd.DataFrame
    open_amounts: pd.DataFrame
    ratios: Array = field(repr=False)

    @classmethod
    def of(
        cls, seen: Tables, rates: Rates, owns: Mapping[str, str], draws: Draws | None, usual_days: float
    ) -> Self:
        """From what was known at the rates' moment; `owns` maps dealers and territories to currencies."""
        bills = _bills(seen, rates)
        listed = _listed(seen, bills)
        history = _history(bills, listed.index, rates.moment)
        days, ratios = _days(bills, listed.index, rates.moment, usual_days)
        monthly = _monthly(seen, bills, rates, draws).reindex(listed.index)
        dealers = listed.assign(
            own_currency=_own(listed, history, owns, rates.home),
            days=days,
            monthly_amount=monthly["mean"].fillna(0.0),
            monthly_high_amount=monthly["high"].fillna(0.0),
            last_currency=_last(bills).reindex(listed.index).fillna(""),
            note=_notes(bills, listed.index, draws),
        )
        return cls(dealers=dealers, history=history, open_amounts=_open(bills, listed.index), ratios=ratios)


def _bills(seen: Tables, rates: Rates) -> pd.DataFrame:
    """Invoices with their payments, and their value at home on the day of issue."""
    invoices, payments = _table(seen, "invoices"), _table(seen, "payments")
    same = payments["invoice_id"].map(invoices.set_index("invoice_id")["currency"]) == payments["currency"]
    bills, _, _ = settled(invoices, payments[same])
    worth = rates.valued(list(bills["currency"]), bills["issued_at"])
    return bills.assign(home_amount=bills["amount"] * worth)


def _listed(seen: Tables, bills: pd.DataFrame) -> pd.DataFrame:
    """Every dealer of any table, with its territory and tier."""
    known = _table(seen, "dealers").set_index("dealer_id")
    ids = sorted({*known.index, *bills["dealer_id"], *_table(seen, "sell_in")["dealer_id"]})
    traits = known.reindex(index=ids, columns=["territory_id", "tier"])
    return traits.astype(object).where(traits.notna(), "").rename_axis("dealer_id")


def _history(bills: pd.DataFrame, ids: "pd.Index[Any]", moment: pd.Timestamp) -> pd.DataFrame:
    late = bills[bills["issued_at"] > moment - pd.Timedelta(days=_MEMORY_DAYS)]
    usual = late["home_amount"].median()
    value = late["home_amount"].fillna(usual if np.isfinite(usual) else 1.0)
    table = value.groupby([late["dealer_id"], late["currency"]]).sum().unstack(fill_value=0)
    total = table.sum(axis=1)
    return table.div(total.where(total > 0), axis=0).reindex(ids).fillna(0.0)


def _own(listed: pd.DataFrame, history: pd.DataFrame, owns: Mapping[str, str], home: str) -> "pd.Series[str]":
    foreign = history.drop(columns=home, errors="ignore")
    most = pd.Series(home, index=listed.index, dtype=object)
    if foreign.shape[1]:
        most = foreign.idxmax(axis=1).where(foreign.max(axis=1) > 0, home)
    places = zip(listed.index, listed["territory_id"], most, strict=True)
    told = [owns.get(dealer, owns.get(territory, inferred)) for dealer, territory, inferred in places]
    return pd.Series(told, index=listed.index, dtype=object)


def _days(
    bills: pd.DataFrame, ids: "pd.Index[Any]", moment: pd.Timestamp, usual_days: float
) -> tuple["pd.Series[float]", Array]:
    """Mean days to payment by dealer, and how single invoices lie around their dealer's mean."""
    asked = bills[bills["settled_at"].notna() | (bills["due_at"] < moment)]
    asked = asked[(asked["amount"] > 0) & (asked["issued_at"] > moment - pd.Timedelta(days=_MEMORY_DAYS))]
    until = asked["settled_at"].fillna(moment)
    days = ((until - asked["issued_at"]).dt.total_seconds() / 86_400).clip(lower=1.0)
    usual = float(days.mean()) if len(days) else usual_days
    own = days.groupby(asked["dealer_id"]).agg(["sum", "count"]).reindex(ids).fillna(0.0)
    mean = (own["sum"] + _PRIOR_INVOICES * usual) / (own["count"] + _PRIOR_INVOICES)
    ratios = np.sort(days.to_numpy(float) / mean.reindex(asked["dealer_id"]).to_numpy(float))
    return mean, ratios if len(ratios) else np.ones(1)


def _monthly(seen: Tables, bills: pd.DataFrame, rates: Rates, draws: Draws | None) -> pd.DataFrame:
    """Purchases a month in home, [dealers; mean, high]."""
    if draws is not None and len(draws.keys):
        return _drawn(draws, _prices(seen, rates))
    since = rates.moment - pd.Timedelta(days=_YEAR_DAYS)
    year = bills[bills["issued_at"] > since]
    bought = year.assign(month=year["issued_at"].dt.to_period("M"))
    if bought.empty:
        sold = _sold(seen, rates)
        sold = sold[sold["period_start"] > since]
        bought = sold.assign(month=sold["period_start"].dt.to_period("M"))
    months = bought.pivot_table(index="dealer_id", columns="month", values="home_amount", aggfunc="sum")
    return _redrawn(months.reindex(columns=sorted(months.columns)[-12:]).fillna(0.0))


def _redrawn(months: pd.DataFrame) -> pd.DataFrame:
    """Mean of the months, and the 90 % quantile of the mean of three of them drawn again."""
    if not months.shape[1]:
        return pd.DataFrame(columns=["mean", "high"], dtype=float)
    place = np.random.default_rng(0).integers(0, months.shape[1], (3, _DRAWN_MONTHS))
    drawn = months.to_numpy(float)[:, place].mean(axis=1)
    high = np.quantile(drawn, _HIGH, axis=1)
    return pd.DataFrame({"mean": months.mean(axis=1), "high": high}, index=months.index)


def _drawn(draws: Draws, prices: pd.DataFrame) -> pd.DataFrame:
    """Draws of units times each series' usual price, added up draw by draw."""
    pair = pd.MultiIndex.from_frame(draws.keys)
    own = prices.groupby(["dealer_id", "sku_id"])["price"].first().reindex(pair).to_numpy(float)
    usual = draws.keys["sku_id"].map(prices.groupby("sku_id")["price"].median()).to_numpy(float)
    price = np.nan_to_num(np.where(np.isfinite(own), own, usual))
    worth = draws.units.mean(axis=1) * price[:, None]  # [n, s], a month
    total = pd.DataFrame(worth).groupby(draws.keys["dealer_id"].to_numpy()).sum()
    high = total.quantile(_HIGH, axis=1)
    return pd.DataFrame({"mean": total.mean(axis=1), "high": high})


def _prices(seen: Tables, rates: Rates) -> pd.DataFrame:
    """What each dealer paid for one unit over the last year, in home."""
    sold = _sold(seen, rates)
    sold = sold[(sold["qty_sell_in"] > 0) & sold["home_amount"].notna()]
    sold = sold[sold["period_start"] > rates.moment - pd.Timedelta(days=_YEAR_DAYS)]
    sums = sold.groupby(["dealer_id", "sku_id"])[["home_amount", "qty_sell_in"]].sum().reset_index()
    return sums.assign(price=sums["home_amount"] / sums["qty_sell_in"])


def _sold(seen: Tables, rates: Rates) -> pd.DataFrame:
    sold = _table(seen, "sell_in")
    money = sold["currency"].fillna(rates.home)
    amount = pd.to_numeric(sold["amount"], errors="coerce")
    return sold.assign(home_amount=amount * rates.valued(list(money), sold["period_start"]))


def _open(bills: pd.DataFrame, ids: "pd.Index[Any]") -> pd.DataFrame:
    left = (bills["amount"] - bills["paid_amount"]).clip(lower=0).where(bills["settled_at"].isna(), 0.0)
    table = left.groupby([bills["dealer_id"], bills["currency"]]).sum().unstack(fill_value=0)
    return table.reindex(ids).fillna(0.0).round(2)


def _last(bills: pd.DataFrame) -> "pd.Series[Any]":
    ordered = bills.sort_values(["issued_at", "invoice_id"], kind="stable")
    return ordered.groupby("dealer_id")["currency"].last()


def _notes(bills: pd.DataFrame, ids: "pd.Index[Any]", draws: Draws | None) -> "pd.Series[Any]":
    without = pd.Series(np.where(ids.isin(bills["dealer_id"]), "", "no_invoices"), index=ids)
    if draws is not None and len(draws.keys):
        return without
    return without.map(lambda note: ", ".join([*filter(None, [note]), "no_forecast"]))


def _table(seen: Tables, name: str) -> pd.DataFrame:
    if name in seen:
        return seen[name]
    return coerce(name, pd.DataFrame(columns=list(SCHEMAS[name].required)))
