"""Alerts: weighed candidates as one graded, deduplicated list with evidence and a state.

In:   candidates with `prior` (the detectors' probability) and `probability` (after verdicts), the Scene,
      the policy. Out: one row an alert, by alert_id; columns in `COLUMNS`.

`alert_id` is a hash of type, kind, subject and the start of the window, so the same finding has the same
name in every run, and two findings of one name are one alert: the likelier stays. For diversion and default
the year counts as the start, because theirs may move while evidence comes in.

Units: amounts in `currency`; levels compare them in the channel's currency, by the last rate on record.
Source: alert deduplication by fingerprint, as in Prometheus Alertmanager.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.anomaly import (
    diverted,
    documents,
    dues,
    licensed,
    obligations,
    prices,
    purchases,
    stock,
    stuffing,
)
from models.anomaly.budget import planned
from models.anomaly.candidates import SUBJECT, objects, records
from models.anomaly.cases import Case, cases, reopened
from models.anomaly.levels import levels
from models.anomaly.policy import Policy
from models.anomaly.rules import Rules
from models.anomaly.scene import Evidence, Scene

COLUMNS = (
    *("alert_id", "type", "kind", "level", "status", "dealer_id", "receiver_dealer_id", "territory_id"),
    *("sku_id", "topic", "first_period", "last_period", "probability", "score", "expected_loss_amount"),
    *("amount", "currency", "reasons", "evidence", "suggestions", "minutes", "rank", "in_budget"),
    *("author", "reason", "decided_at", "history", "reopened", "note", "trail"),
)
Array = NDArray[np.float64]
Show = Callable[[Scene, Mapping[str, Any]], list[Evidence]]
_EVIDENCE: dict[str, Show] = {
    **dict.fromkeys(stock.KINDS, stock.evidence),
    **dict.fromkeys(("undercut", "floor", "region"), prices.evidence),
    "stuffing": stuffing.evidence,
    "document": documents.evidence,
    "default": dues.evidence,
    "diversion": diverted.evidence,
    "clause": obligations.evidence,
    "purchase": purchases.evidence,
    "licence": licensed.evidence,
}
_BY_YEAR = ("diversion", "default")
_ID_LENGTH = 16


def alert_id(row: Mapping[str, Any]) -> str:
    """The name of a finding, the same in every run.

    >>> row = {"type": "stock", "kind": "excess", "dealer_id": "D1", "receiver_dealer_id": "",
    ...        "territory_id": "T1", "sku_id": "S1", "topic": "", "first_period": pd.Timestamp("2025-03-01")}
    >>> alert_id(row) == alert_id(row | {"probability": 0.9}), alert_id(row)[:2]
    (True, 'A-')
    """
    start = row["first_period"]
    begins = f"{start:%Y}" if row["kind"] in _BY_YEAR else f"{start:%Y-%m-%d}"
    subject = [str(row[name]) for name in SUBJECT if name != "territory_id" or not row["dealer_id"]]
    receiver = [str(row["territory_id"])] if row["kind"] == "diversion" else []
    told = "\0".join([str(row["type"]), str(row["kind"]), *subject, *receiver, begins])
    return f"A-{hashlib.sha256(told.encode()).hexdigest()[:_ID_LENGTH]}"


def alerts(candidates: pd.DataFrame, scene: Scene, policy: Policy) -> pd.DataFrame:
    """Every candidate that is likely and dear enough, or was judged before, as an alert."""
    named = deduplicated(candidates)
    judged = cases(scene.table("verdicts"))
    named = named[_raised(named, scene) | named["alert_id"].isin(list(judged))].reset_index(drop=True)
    if named.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    out = named.assign(
        note="",
        score=(100 * named["probability"]).round(1),
        expected_loss_amount=(named["probability"] * named["amount"]).round(2),
        amount=named["amount"].round(2),
        minutes=[scene.rules.minutes[t] for t in named["type"]],
        trail=objects([_trail(parts) for parts in named["trail"]], named.index),
    )
    out = out.join(_states(out, judged, scene.rules))
    out["level"] = _graded(out, scene)
    rows = records(out)
    out["evidence"] = objects([_EVIDENCE[row["kind"]](scene, row) for row in rows], out.index)
    out["suggestions"] = objects([policy.suggestions(row["type"], row["level"]) for row in rows], out.index)
    return planned(out, hours=scene.rules.analyst_hours)[list(COLUMNS)]


def restated(raised: pd.DataFrame, verdicts: pd.DataFrame | None, rules: Rules) -> pd.DataFrame:
    """The alerts with the states that later verdicts give them; ranks and budget follow, levels with the
    next scoring."""
    if raised.empty:
        return raised
    states = _states(raised, cases(verdicts), rules)
    return planned(raised.assign(**{str(c): states[c] for c in states}), hours=rules.analyst_hours)


def deduplicated(candidates: pd.DataFrame) -> pd.DataFrame:
    """One candidate a name, the likeliest; by name."""
    if candidates.empty:
        return candidates.assign(alert_id=pd.Series(dtype=object))
    named = candidates.assign(alert_id=[alert_id(row) for row in records(candidates)])
    ordered = named.sort_values(
        ["alert_id", "probability", "amount"], ascending=[True, False, False], kind="stable"
    )
    return ordered.drop_duplicates("alert_id").reset_index(drop=True)


def _raised(named: pd.DataFrame, scene: Scene) -> "pd.Series[bool]":
    """Likely enough for its type by the detectors, and dear enough."""
    least = named["type"].map(scene.rules.least_probability).astype(float)
    dear = named["prior"] * named["amount"] >= scene.rules.least_loss_amount
    return (named["prior"] >= least) & dear


def _states(out: pd.DataFrame, judged: Mapping[str, Case], rules: Rules) -> pd.DataFrame:
    """status, author, reason, decided_at, history and reopened of each alert."""
    rows = [
        _state(judged.get(name), trail, rules)
        for name, trail in zip(out["alert_id"], out["trail"], strict=True)
    ]
    return pd.DataFrame(rows, index=out.index)


def _trail(parts: Sequence[tuple[pd.Timestamp, float]]) -> list[dict[str, Any]]:
    """When the amount arose, as files can hold it."""
    return [{"period": period, "amount": round(float(amount), 4)} for period, amount in parts]


def _state(case: Case | None, trail: Any, rules: Rules) -> dict[str, Any]:
    if case is None:
        return {
            "status": "open",
            "author": "",
            "reason": "",
            "decided_at": pd.NaT,
            "history": [],
            "reopened": False,
        }
    again = reopened(case, trail, rate=rules.reopen_rate)
    return {
        "status": "open" if again else case.status,
        "author": case.author,
        "reason": case.reason,
        "decided_at": case.decided_at,
        "history": case.history,
        "reopened": again,
    }


def _graded(out: pd.DataFrame, scene: Scene) -> list[str]:
    """Levels; what a person confirmed is certain, whatever the detector believed."""
    sure = (out["status"] == "confirmed").to_numpy()
    probability = np.where(sure, 1.0, out["probability"].to_numpy(float))
    loss = np.where(sure, out["amount"].to_numpy(float), out["expected_loss_amount"].to_numpy(float))
    return levels(loss * _to_channel_currency(out, scene), probability, scene.rules)


def _to_channel_currency(out: pd.DataFrame, scene: Scene) -> Array:
    own = scene.ledger.currency
    rates = {str(code): _rate(scene, str(code), own) for code in out["currency"].unique()}
    return np.asarray(out["currency"].map(rates).to_numpy(float))


def _rate(scene: Scene, code: str, own: str) -> float:
    """Units of the channel's currency for one of another; 1 when no rate is on record."""
    table = scene.table("fx_rates")
    if code == own or not code or not own or table.empty:
        return 1.0
    for base, quote, turn in ((code, own, 1), (own, code, -1)):
        found = table[(table["base_currency"] == base) & (table["quote_currency"] == quote)]
        if len(found):
            return float(found.sort_values("rate_date")["rate"].iloc[-1]) ** turn
    return 1.0
