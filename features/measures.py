"""Measures: what awards of rebate programmes ask for besides volume, so far and as known at a moment.

In:   books, standing (or invoices and payments), rows (dealer_id, starts_at, ends_at) and the moment.
Out:  [n] a row each; NaN where it cannot be known.
      outlets      outlets of the dealer with sales in the programme's time
      turnover     units that reached consumers over mean units in stock, as turns a year
      in_time      of the money that fell due in the programme's time, the share paid by its due day
Errors: none.

>>> due, day = pd.to_datetime(["2024-01-10", "2024-02-10"]), pd.Timestamp("2024-03-01")
>>> invoices = pd.DataFrame({"invoice_id": ["I1", "I2"], "dealer_id": "D1", "amount": [60.0, 40.0],
...     "due_at": due, "known_at": due})
>>> payments = pd.DataFrame({"invoice_id": ["I1", "I2"], "payment_id": ["P1", "P2"],
...     "amount": [60.0, 40.0], "paid_at": due + pd.to_timedelta([0, 5], unit="D"), "known_at": due})
>>> rows = pd.DataFrame({"dealer_id": ["D1"], "starts_at": pd.to_datetime(["2024-01-01"]),
...     "ends_at": pd.to_datetime(["2024-12-31"])})
>>> in_time(invoices, payments, rows, day)["share"].tolist()
[0.6]
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.standing import Books, Standing

Array = NDArray[np.float64]
_DAY = pd.Timedelta(days=1)
_CENT = 0.005


def outlets(books: Books, standing: Standing, rows: pd.DataFrame, moment: pd.Timestamp) -> Array:
    """Outlets that bought so far, [n]."""
    sold = books.seen("sell_out", moment)
    if sold.empty or rows.empty:
        return np.full(len(rows), np.nan)
    named = sold[(sold["outlet_id"] != "") & (sold["qty_sell_out"] > 0)]
    kept = named[["dealer_id", "outlet_id", "period_start"]].drop_duplicates()
    asked = rows[["dealer_id", "starts_at", "ends_at"]].assign(row=np.arange(len(rows)))
    both = asked.merge(kept, on="dealer_id")
    both = both[(both["period_start"] >= both["starts_at"]) & (both["period_start"] <= both["ends_at"])]
    count = both.groupby("row")["outlet_id"].nunique().reindex(range(len(rows)))
    reports = rows["dealer_id"].isin(set(named["dealer_id"])).to_numpy()
    return np.where(reports, count.fillna(0).to_numpy(float), np.nan)


def turnover(books: Books, standing: Standing, rows: pd.DataFrame, moment: pd.Timestamp) -> Array:
    """Stock turns a year so far, [n]."""
    place = standing.dealer_ids.get_indexer(pd.Index(rows["dealer_id"]))
    month = standing.months.to_numpy()[None, :]
    starts = rows["starts_at"].to_numpy("datetime64[ns]")[:, None]
    inside = (month >= starts) & (place >= 0)[:, None]
    sold = np.where(inside, np.nan_to_num(standing.layers["sold_out"][place]), 0.0).sum(axis=1)
    stock = np.where(inside, standing.layers["on_hand"][place], np.nan)
    counted = np.isfinite(stock).sum(axis=1)
    mean = np.nansum(stock, axis=1) / np.maximum(counted, 1)
    years = np.maximum(inside.sum(axis=1), 1) / 12
    known = (counted > 0) & (mean > 0)
    return np.where(known, sold / np.where(known, mean, 1.0) / years, np.nan)


def in_time(
    invoices: pd.DataFrame, payments: pd.DataFrame, rows: pd.DataFrame, moment: pd.Timestamp
) -> pd.DataFrame:
    """due_amount, due_count and share (paid by the due day) of each row's time up to the moment, [n]."""
    out = pd.DataFrame({"due_amount": 0.0, "due_count": 0.0, "share": np.nan}, index=range(len(rows)))
    if invoices.empty or rows.empty:
        return out
    bills = invoices[["invoice_id", "dealer_id", "amount", "due_at"]]
    bills = bills[bills["due_at"] < moment].assign(paid=_paid_in_time(invoices, payments))
    asked = rows[["dealer_id", "starts_at", "ends_at"]].assign(row=np.arange(len(rows)))
    both = asked.merge(bills, on="dealer_id")
    both = both[(both["due_at"] >= both["starts_at"]) & (both["due_at"] < both["ends_at"] + _DAY)]
    sums = both.groupby("row").agg(due=("amount", "sum"), paid=("paid", "sum"), count=("amount", "size"))
    sums = sums.reindex(out.index)
    out["due_amount"], out["due_count"] = sums["due"].fillna(0.0), sums["count"].fillna(0.0)
    out["share"] = (sums["paid"] / sums["due"].where(sums["due"] > _CENT)).clip(0, 1)
    return out


def _paid_in_time(invoices: pd.DataFrame, payments: pd.DataFrame) -> "pd.Series[float]":
    """What came of each invoice by the end of its due day, never more than it, by its index."""
    if payments.empty:
        return pd.Series(0.0, index=invoices.index)
    due = invoices[["invoice_id", "due_at"]]
    both = payments[["invoice_id", "amount", "paid_at"]].merge(due, on="invoice_id")
    timely = both[both["paid_at"] < both["due_at"].dt.normalize() + _DAY]
    paid = timely.groupby("invoice_id")["amount"].sum()
    came = invoices["invoice_id"].map(paid).astype(float).fillna(0.0)
    return came.clip(upper=invoices["amount"])
