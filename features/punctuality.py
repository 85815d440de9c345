"""Punctuality: how a dealer pays, as it was known at a moment.

In:   invoices and payments known at the moment, and the moment.
Out:  one row a dealer with invoices that fell due in the last `MONTHS` months:
      due_amount       what fell due then
      late_days        mean days late of that money; what is still open counts up to the moment
      late_days_lately the same for what fell due in the last `LATELY_MONTHS` months
      late_rate        share of that money that came, or will come, after `grace_days`
      overdue_rate     open money past its due day, of all ages, over due_amount
      open_amount      open money, due or not
Who owes older money and nothing that fell due in the window is late by `OLD_DAYS`, with all of it.

Every number is over what FELL DUE, not over what was paid: so a payment that comes later can only
raise late_days, late_rate and overdue_rate, never lower them by leaving or entering the window.

Limits: amounts stay in the invoice's currency; a payment against an unknown invoice is left out, one
in another currency than its invoice counts at its face.
Errors: none; without invoices the answer has no rows.

>>> invoices = pd.DataFrame({"invoice_id": ["I1", "I2"], "dealer_id": "D1", "amount": [100.0, 100.0],
...     "due_at": pd.to_datetime(["2024-01-10", "2024-03-01"])})
>>> payments = pd.DataFrame({"invoice_id": ["I1"], "amount": [100.0],
...     "paid_at": pd.to_datetime(["2024-01-20"])})
>>> paid = punctuality(invoices, payments, pd.Timestamp("2024-03-31"))
>>> paid[["late_days", "overdue_rate"]].round(2).to_dict("list")
{'late_days': [20.0], 'overdue_rate': [0.5]}
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

MONTHS, LATELY_MONTHS = 12, 4
GRACE_DAYS = 5
TOLERANCE_RATE = 0.03  # of an invoice: bank fees and rounding; so little left counts as paid
OLD_DAYS = 365.0  # late, where nothing fell due in the window and older money is still open
COLUMNS = ["due_amount", "late_days", "late_days_lately", "late_rate", "overdue_rate", "open_amount"]
_DAY_NS = 86_400e9


def punctuality(
    invoices: pd.DataFrame, payments: pd.DataFrame, moment: pd.Timestamp, *, grace_days: float = GRACE_DAYS
) -> pd.DataFrame:
    """One row a dealer, by dealer_id."""
    if invoices.empty:
        return pd.DataFrame(columns=COLUMNS, index=pd.Index([], name="dealer_id", dtype=str), dtype=float)
    amount = invoices["amount"].to_numpy(float)
    due = invoices["due_at"].to_numpy("datetime64[ns]")
    parts = _parts(invoices, payments, moment)
    paid = np.bincount(parts["row"], parts["amount"], minlength=len(invoices))
    share = np.minimum(1.0, np.divide(amount, paid, out=np.ones(len(paid)), where=paid > 0))  # overpaid
    came = parts["amount"].to_numpy() * share[parts["row"]]
    days = np.maximum(_days(parts["paid_at"].to_numpy("datetime64[ns]") - due[parts["row"]]), 0.0)
    left = np.where(amount - paid > TOLERANCE_RATE * amount, amount - paid, 0.0)
    age_days = _days(np.datetime64(moment, "ns") - due)
    waiting = np.maximum(age_days, 0.0)
    late = _summed(parts["row"], came * days, amount) + left * waiting
    after = _summed(parts["row"], came * (days > grace_days), amount) + left * (waiting > grace_days)
    return _by_dealer(
        invoices["dealer_id"],
        {"amount": amount, "late": late, "after": after, "left": left, "overdue": left * (waiting > 0)},
        age_days,
    )


def _parts(invoices: pd.DataFrame, payments: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """Payments by the position of their invoice."""
    if payments.empty:
        empty = {"row": np.empty(0, np.intp), "amount": np.empty(0), "paid_at": pd.to_datetime([])}
        return pd.DataFrame(empty)
    row = pd.Index(invoices["invoice_id"]).get_indexer(pd.Index(payments["invoice_id"]))
    usable = (row >= 0) & (payments["paid_at"].to_numpy() <= np.datetime64(moment))
    kept = payments[usable]
    amount = kept["amount"].to_numpy(float)
    return pd.DataFrame({"row": row[usable], "amount": amount, "paid_at": kept["paid_at"].to_numpy()})


def _summed(row: "pd.Series[int]", values: Array, like: Array) -> Array:
    sums: Array = np.bincount(row, values, minlength=len(like)).astype(float)
    return sums


def _days(spans: NDArray[Any]) -> Array:
    days: Array = spans.astype("timedelta64[ns]").astype(np.int64) / _DAY_NS
    return days


def _by_dealer(dealer_id: "pd.Series[str]", money: dict[str, Array], age_days: Array) -> pd.DataFrame:
    due = (age_days >= 0) & (age_days <= MONTHS * 30.44)
    lately = due & (age_days <= LATELY_MONTHS * 30.44)
    sums = pd.DataFrame(
        {
            "due_amount": money["amount"] * due,
            "late": money["late"] * due,
            "lately": money["amount"] * lately,
            "late_lately": money["late"] * lately,
            "after": money["after"] * due,
            "overdue": money["overdue"],
            "open_amount": money["left"],
        }
    )
    s = sums.groupby(dealer_id.to_numpy(), sort=True).sum()
    old = (s["due_amount"] <= 0) & (s["overdue"] > 0)
    over, over_lately = s["due_amount"].where(s["due_amount"] > 0), s["lately"].where(s["lately"] > 0)
    rates = {
        "due_amount": s["due_amount"],
        "late_days": s["late"] / over,
        "late_days_lately": s["late_lately"] / over_lately,
        "late_rate": s["after"] / over,
        "overdue_rate": s["overdue"] / over,
        "open_amount": s["open_amount"],
    }
    worst = {"late_days": OLD_DAYS, "late_days_lately": OLD_DAYS, "late_rate": 1.0, "overdue_rate": 1.0}
    frame = pd.DataFrame(rates)
    for name, value in worst.items():
        frame[name] = frame[name].where(~old, value)
    return frame.rename_axis("dealer_id")
