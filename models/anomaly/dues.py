"""Dues: dealers who may not pay.

The credit room's probability of default when its frame is given; else a plain rule on how long the
oldest open invoice has been overdue. Exposure is what is open at the moment.

In: Scene; others["credit"]: dealer_id, pd_3m or probability. Out: candidates of kind "default".
Limits: without invoices there is nothing to lose, and no candidate.

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01"))).empty
True
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from models.anomaly.candidates import frame
from models.anomaly.scene import Evidence, Scene, point

_SOFT_DAYS = 15.0
_LEAST_OPEN = 0.01
_SHOWN = 5


def candidates(scene: Scene) -> pd.DataFrame:
    """Dealers with something open, and how likely they fail."""
    owed = open_invoices(scene)
    if owed.empty:
        return frame([])
    told = _told(scene)
    return frame([_row(scene, str(d), mine, told) for d, mine in owed.groupby("dealer_id")])


def open_invoices(scene: Scene) -> pd.DataFrame:
    """Invoices with something left to pay: open_amount and overdue_days (negative before they are due)."""
    invoices, payments = scene.table("invoices"), scene.table("payments")
    if invoices.empty:
        return pd.DataFrame()
    paid = payments.groupby("invoice_id")["amount"].sum() if len(payments) else pd.Series(dtype=float)
    left = invoices["amount"] - invoices["invoice_id"].map(paid).fillna(0.0).astype(float)
    overdue = (scene.as_of - invoices["due_at"]).dt.days
    open_ = invoices.assign(open_amount=left, overdue_days=overdue)
    return open_[open_["open_amount"] > _LEAST_OPEN].reset_index(drop=True)


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """The open invoices that are overdue longest."""
    owed = open_invoices(scene)
    mine = owed[owed["dealer_id"] == row["dealer_id"]].sort_values(["due_at", "invoice_id"]).head(_SHOWN)
    return [
        point(
            "invoices.amount",
            f"{one['due_at']:%Y-%m-%d}",
            one["amount"],
            one["amount"] - one["open_amount"],
            f"Invoice {one['invoice_id']}, {one['overdue_days']} days past due; expected: paid so far.",
        )
        for one in mine.to_dict("records")
    ]


def _row(scene: Scene, dealer: str, mine: pd.DataFrame, told: Mapping[str, float]) -> dict[str, Any]:
    late = mine[mine["overdue_days"] > 0]
    worst = float(mine["overdue_days"].max())
    half_way = scene.industry.credit.grace_days + scene.industry.credit.default_days / 2
    rule = 1 / (1 + np.exp(-np.clip((worst - half_way) / _SOFT_DAYS, -20, 20)))
    lost = scene.industry.credit.loss_given_default_rate
    trail = [(d, float(a) * lost) for d, a in mine.groupby("due_at")["open_amount"].sum().items()]
    home = scene.ledger.territory[scene.ledger.dealer_ids == dealer]
    begun = late["due_at"].min() if len(late) else mine["due_at"].min()
    return {
        "kind": "default",
        "type": "default",
        "dealer_id": dealer,
        "territory_id": home[0] if len(home) else "",
        "first_period": begun.to_period("M").start_time,
        "last_period": mine["due_at"].max(),
        "raw": float(told.get(dealer, rule)),
        "amount": float(mine["open_amount"].sum()) * lost,
        "currency": str(mine["currency"].mode().iloc[0]),
        "trail": trail,
        "x_overdue": worst,
        "x_late_rate": float(len(late) / len(mine)),
    }


def _told(scene: Scene) -> dict[str, float]:
    """Probabilities of the credit room."""
    credit = scene.others.get("credit")
    if credit is None or credit.empty or "dealer_id" not in credit:
        return {}
    column = next((c for c in ("pd_3m", "probability") if c in credit), None)
    if column is None:
        return {}
    known = credit.dropna(subset=[column])
    return dict(zip(known["dealer_id"].astype(str), known[column].astype(float), strict=True))
