"""Cases: what people decided about alerts, and when a dismissed one opens again.

In:   the table `verdicts` as known at the moment. Out: status, author, reason, decided_at and history of
      each alert.

open           nobody has decided, or a dismissed alert was opened again
acknowledged, confirmed, dismissed     the last verdict by `decided_at`

A dismissed alert opens again when the evidence grew: the loss found in periods after the decision is
more than `reopen_rate` times the loss found before it. The same evidence seen again opens nothing.

>>> cases(pd.DataFrame())
{}
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

Trail = list[dict[str, Any]]  # period, amount


@dataclass(frozen=True)
class Case:
    """What was decided about one alert."""

    status: str
    author: str
    reason: str
    decided_at: pd.Timestamp
    history: list[dict[str, Any]]


def cases(verdicts: pd.DataFrame | None) -> dict[str, Case]:
    """The last decision about each alert."""
    if verdicts is None or verdicts.empty:
        return {}
    ordered = verdicts.sort_values(["decided_at", "known_at", "verdict_id"], kind="stable")
    return {str(alert): _case(rows) for alert, rows in ordered.groupby("alert_id", sort=True)}


def reopened(case: Case, trail: Trail, *, rate: float) -> bool:
    """Whether a dismissed alert has grown enough to be looked at again.

    >>> day = pd.Timestamp("2025-03-15")
    >>> case = Case("dismissed", "li", "", day, [])
    >>> months = pd.date_range("2025-01-01", periods=5, freq="MS")
    >>> trail = [{"period": month, "amount": 10.0} for month in months]
    >>> reopened(case, trail[:3], rate=0.5), reopened(case, trail, rate=0.5)
    (False, True)
    """
    if case.status != "dismissed":
        return False
    before = sum(part["amount"] for part in trail if part["period"] <= case.decided_at)
    after = sum(part["amount"] for part in trail if part["period"] > case.decided_at)
    return bool(after > 0 and after > rate * before)


def _case(rows: pd.DataFrame) -> Case:
    history = [
        {"verdict": r["verdict"], "author": r["author"], "reason": r["reason"], "decided_at": r["decided_at"]}
        for r in rows.to_dict("records")
    ]
    last = history[-1]
    return Case(str(last["verdict"]), str(last["author"]), str(last["reason"]), last["decided_at"], history)
