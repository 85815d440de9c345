"""Invoicing: one invoice beside what was known of its dealer when it was written.

In:   a ledger (features.payments), table dealers, bills: dealer_id, amount, issued_at, due_at, and the
      moment of each row's question (`moment`, not before the invoice is known).
Out:  [n, columns]: the invoice's own size, terms and calendar, its dealer's record at the moment, and the
      dealer's territory, tier and type as they were known then.

>>> from features.tables import coerce
>>> known = pd.DataFrame({"dealer_id": ["D1"], "tier": ["A"], "known_at": ["2024-01-01"]})
>>> dealers = coerce("dealers", known)
>>> day = pd.Timestamp("2024-02-01")
>>> days = {"issued_at": day, "due_at": day, "moment": day}
>>> bills = pd.DataFrame({"dealer_id": ["D1"], "amount": [80.0], **days})
>>> rows = invoice_rows(Ledger.of({}), dealers, bills)
>>> rows[["amount_log", "due_weekday", "tier"]].round(2).to_dict("records")
[{'amount_log': 4.38, 'due_weekday': 3, 'tier': 'A'}]
"""

import numpy as np
import pandas as pd

from features.payments import Ledger

TRAITS = ("territory_id", "tier", "dealer_type")


def invoice_rows(ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame) -> pd.DataFrame:
    """One row a bill, in their order."""
    bills = bills.reset_index(drop=True)
    record = ledger.features(list(bills["dealer_id"]), bills["moment"])
    amount = bills["amount"].to_numpy(float)
    logs = np.log(np.maximum(amount, 0.01))
    issued, due = bills["issued_at"].dt, bills["due_at"].dt
    own = pd.DataFrame(
        {
            "amount_log": logs,
            "amount_to_usual_log": logs - record["usual_amount_log"],
            "amount_to_open": amount / np.maximum(record["open_amount"], np.maximum(amount, 0.01)),
            "own_terms_days": (due.normalize() - issued.normalize()).dt.days,
            "issued_weekday": issued.day_of_week,
            "issued_day": issued.day,
            "issued_month": issued.month,
            "due_weekday": due.day_of_week,
            "due_day": due.day,
            "due_month": due.month,
        }
    )
    return pd.concat([own, record, traits(dealers, bills)], axis=1)


def traits(dealers: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """Territory, tier and type of `dealer_id` as known at `moment`, one row a question."""
    names = [name for name in TRAITS if name in dealers]
    keys = (
        asked[["dealer_id", "moment"]].assign(row=np.arange(len(asked))).sort_values("moment", kind="stable")
    )
    keys["moment"] = keys["moment"].astype("datetime64[us]")
    facts = dealers[["dealer_id", "known_at", *names]].sort_values("known_at", kind="stable")
    facts = facts.assign(known_at=facts["known_at"].astype("datetime64[us]"))
    found = pd.merge_asof(keys, facts, left_on="moment", right_on="known_at", by="dealer_id")
    found = found.sort_values("row").reset_index(drop=True)
    return pd.DataFrame({name: found.get(name) for name in TRAITS}, index=range(len(asked)))
