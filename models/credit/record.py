"""Record: a dealer's payment record as columns without a currency, and what each means in words.

In:   a ledger (features.payments), dealer ids and moments.
Out:  [n, COLUMNS]: rates, days, and amounts over what the dealer usually buys in a month.

`DIRECTIONS`: +1 where more is never better, -1 where more is never worse.

>>> record(Ledger.of({}), ["D1"], pd.to_datetime(["2024-01-01"]))["overdue_share"].tolist()
[0.0]
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.payments import AGES_DAYS, Ledger
from models.reasons import Wording

_OVERDUE = tuple(f"overdue_{d}d_months" for d in AGES_DAYS[1:-1])
DIRECTIONS = (
    dict.fromkeys(("overdue_months", *_OVERDUE, "overdue_share", "overdue_invoices", "cover_months"), 1)
    | dict.fromkeys(
        ("late_rate", "late_rate_180d", "late_rate_last3", "late_days_last3", "late_days_faded"), 1
    )
    | {"late_days_trend": 1, "late_days_score": 1, "bought_trend": -1, "paid_to_bought": -1}
)
COLUMNS = (
    *("invoices", "months_known", "days_since_invoice", "terms_days", "late_days_spread"),
    *DIRECTIONS,
)
_OVERDUE_TEXT = "Amounts are overdue now.", "Nothing or little is overdue."
_DAYS_TEXT = "Pays later than others, in days.", "Pays close to the due date or before."
_RATE_TEXT = "Pays late more often than others.", "Pays on time more often than others."
WORDINGS = (
    dict.fromkeys(
        ("overdue_months", "overdue_share", "overdue_invoices"), Wording("OVERDUE_NOW", *_OVERDUE_TEXT)
    )
    | dict.fromkeys(
        _OVERDUE, Wording("OVERDUE_LONG", "Amounts are long overdue.", "Nothing is long overdue.")
    )
    | dict.fromkeys(("late_rate", "late_rate_180d", "late_rate_last3"), Wording("LATE_OFTEN", *_RATE_TEXT))
    | dict.fromkeys(
        ("late_days_last3", "late_days_faded", "late_days_score"), Wording("LATE_DAYS", *_DAYS_TEXT)
    )
    | {
        "habit": Wording("LATE_DAYS", *_DAYS_TEXT),
        "late_days_trend": Wording("LATER_LATELY", "Has paid later lately.", "Has not paid later lately."),
        "late_days_spread": Wording("UNSTEADY", "Pays at irregular times.", "Pays at regular times."),
        "cover_months": Wording("OPEN_HIGH", "Owes much for what it buys.", "Owes little for what it buys."),
        "bought_trend": Wording("BUYS_LESS", "Buys less than it did.", "Buys as much as before, or more."),
        "paid_to_bought": Wording(
            "PAYS_LITTLE", "Paid little of what it bought.", "Paid for what it bought."
        ),
        "days_since_invoice": Wording("QUIET", "Has not bought for some time.", "Bought lately."),
        "months_known": Wording("YOUNG", "Is known for a short time.", "Is known for a long time."),
        "invoices": Wording("THIN", "Few invoices are on record.", "Many invoices are on record."),
        "terms_days": Wording("TERMS", "Its payment terms.", "Its payment terms."),
    }
)


def record(ledger: Ledger, dealers: Sequence[str], moments: Any) -> pd.DataFrame:
    """One row a dealer and moment."""
    seen = ledger.features(dealers, moments)
    monthly = seen["bought_365d"] / np.clip(seen["months_known"], 1, 12)
    monthly = np.maximum(monthly.fillna(0), np.exp(seen["usual_amount_log"]).fillna(1) / 6)
    out = seen[[c for c in COLUMNS if c in seen]].copy()
    out["overdue_months"] = seen["overdue_amount"] / monthly
    for days, name in zip(AGES_DAYS[1:-1], _OVERDUE, strict=True):
        out[name] = seen[f"overdue_{days}d_amount"] / monthly
    out["paid_to_bought"] = np.where(
        seen["bought_90d"] > 0, seen["paid_90d"] / seen["bought_90d"].where(seen["bought_90d"] > 0), np.nan
    )
    return out[list(COLUMNS)]
