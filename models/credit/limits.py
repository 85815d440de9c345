"""Limits: the facts of every dealer for `models.credit.limit`, and the decisions.

In:   dealers (the room's frame so far), the ledger, tables (sell_in), frames of other rooms, the policy.
Out:  `facts` [LimitFacts], one a dealer, with the source of the demand need.

The need is the forecast ("forecast" of the demand room: mean units of the coming months, at the dealer's own
mean price in sell-in, else the product's); without it, what was invoiced in a month of the last twelve.
Alerts of the type "default" come from overdue invoices, which are counted already, and are left out
unless somebody confirmed them. Closed alerts (dismissed) count for nothing.

Limits: a forecast of units of a product that nobody bought yet has no price and adds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from features.exposure import converted
from features.known import Tables
from models.credit.limit import LimitFacts

Others = Mapping[str, pd.DataFrame]
_HIGH = "high"


@dataclass(frozen=True)
class Outside:
    """What other rooms say of each dealer."""

    need: "pd.Series[float]"  # monthly amount from the forecast
    in_force: "pd.Series[float]"  # limit of the last answer
    critical: "pd.Series[str]"
    warning: "pd.Series[str]"
    risky_clauses: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, tables: Tables, others: Others, currency: str) -> "Outside":
        """Everything absent is empty."""
        return cls(
            _need(tables, others, currency),
            _in_force(others, currency),
            _alerts(others, "critical"),
            _alerts(others, "warning"),
            _risky(others),
        )


def facts(dealers: pd.DataFrame, outside: Outside, *, terms_days: float, currency: str) -> list[LimitFacts]:
    """One a dealer, in their order."""
    need = dealers["dealer_id"].map(outside.need)
    wanted = need.fillna(dealers["monthly_amount"]).clip(lower=0).to_numpy(float)
    total = float(np.maximum(dealers["open_amount"].sum(), wanted.sum()))
    terms = dealers["terms_days"].fillna(terms_days).to_numpy(float)
    limits = dealers["dealer_id"].map(outside.in_force)
    return [
        LimitFacts(
            dealer_id=row.dealer_id,
            currency=currency,
            pd_12m=float(row.pd_12m),
            credit_class=int(row.credit_class),
            need_monthly_amount=round(float(wanted[i]), 2),
            yearly_amount=round(12 * float(row.monthly_amount), 2),
            terms_days=float(terms[i]),
            portfolio_amount=round(total, 2),
            open_amount=float(row.open_amount),
            overdue_30d_amount=float(row.overdue_30d_amount),
            limit_in_force=None if pd.isna(limits.iloc[i]) else float(limits.iloc[i]),
            in_default=bool(row.in_default),
            high_clause_risk=row.dealer_id in outside.risky_clauses,
            critical_alert=str(outside.critical.get(row.dealer_id, "")),
            warning_alert=str(outside.warning.get(row.dealer_id, "")),
        )
        for i, row in enumerate(_rows(dealers))
    ]


def _rows(dealers: pd.DataFrame) -> list[Any]:
    return list(dealers.itertuples(index=False))


def _need(tables: Tables, others: Others, currency: str) -> "pd.Series[float]":
    forecast, sales = others.get("forecast"), tables.get("sell_in")
    if forecast is None or not len(forecast) or sales is None or "amount" not in sales:
        return pd.Series(dtype=float)
    sold = sales[(sales["qty_sell_in"] > 0) & (sales["amount"] > 0)]
    if not len(sold):
        return pd.Series(dtype=float)
    amount = _in_one_currency(sold, tables, currency)
    sold = sold.assign(amount=amount)
    own = sold.groupby(["dealer_id", "sku_id"])[["amount", "qty_sell_in"]].sum()
    all_ = sold.groupby("sku_id")[["amount", "qty_sell_in"]].sum()
    own_price, price = own["amount"] / own["qty_sell_in"], all_["amount"] / all_["qty_sell_in"]
    keys = pd.MultiIndex.from_frame(forecast[["dealer_id", "sku_id"]])
    each = (
        own_price.reindex(keys)
        .reset_index(drop=True)
        .fillna(forecast["sku_id"].map(price).reset_index(drop=True))
    )
    worth = (forecast["mean"].reset_index(drop=True) * each).fillna(0.0)
    periods = max(forecast["period_start"].nunique(), 1)
    return worth.groupby(forecast["dealer_id"].reset_index(drop=True)).sum() / periods


def _in_one_currency(
    sold: pd.DataFrame, tables: Tables, currency: str
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    if "currency" not in sold or not (sold["currency"].fillna(currency) != currency).any():
        return sold["amount"].to_numpy(float)
    return converted(
        sold["amount"].to_numpy(float),
        list(sold["currency"].fillna(currency)),
        sold["known_at"],
        tables["fx_rates"],
        currency=currency,
    )


def _in_force(others: Others, currency: str) -> "pd.Series[float]":
    before = others.get("credit")
    if before is None or "limit_amount" not in before or not len(before):
        return pd.Series(dtype=float)
    same = before[before["currency"] == currency] if "currency" in before else before
    return same.set_index("dealer_id")["limit_amount"].astype(float)


def _alerts(others: Others, level: str) -> "pd.Series[str]":
    """The gravest state, "confirmed" before "open", of each dealer's alerts of a level."""
    alerts = others.get("alerts")
    if alerts is None or not len(alerts) or not {"dealer_id", "level"} <= set(alerts.columns):
        return pd.Series(dtype=str)
    status = alerts["status"].fillna("open") if "status" in alerts else pd.Series("open", index=alerts.index)
    kind = alerts["type"] if "type" in alerts else pd.Series("", index=alerts.index)
    standing = (
        (alerts["level"] == level) & (status != "dismissed") & ((kind != "default") | (status == "confirmed"))
    )
    mine = alerts[standing].assign(state=np.where(status[standing] == "confirmed", "confirmed", "open"))
    return mine.groupby("dealer_id")["state"].min()  # "confirmed" comes before "open"


def _risky(others: Others) -> frozenset[str]:
    clauses = others.get("clauses")
    if clauses is None or not len(clauses) or not {"dealer_id", "risk"} <= set(clauses.columns):
        return frozenset()
    money = clauses["type"].isin(["payment_terms", "credit_guarantee", "delivery_risk", "liability_cap"])
    return frozenset(clauses.loc[money & (clauses["risk"] == _HIGH), "dealer_id"].dropna().astype(str))
