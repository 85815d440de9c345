"""Anomaly: the alerts of the channel, and what people decide about them.

`answer` lists the alerts of the snapshot with the states that the verdicts in the warehouse give them
now; `decide` writes one verdict and answers with the alert's new state.

A verdict goes into the table `verdicts` as a row of its own; nothing is overwritten, so the history stays.
acknowledged may follow open; confirmed and dismissed end the matter and are changed only with a reason. The
same verdict of the same author with the same reason, sent again, writes nothing.

Errors: serving.errors.NotFound (no such alert), Wrong (a filter, a change without a reason).

>>> Request(level="warning").limit
100
"""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, JsonValue

from features.lake import Receipt
from models.anomaly.alerts import restated
from models.anomaly.levels import at_least
from serving.errors import Fault, NotFound, Wrong, wrong
from serving.rooms.history import STRICT, Name
from serving.rooms.orders import ModelUsed
from serving.rooms.periods import Period
from serving.scores import Scores

Level = Literal["info", "watch", "warning", "critical"]
Type = Literal["stock", "price", "diversion", "default", "contract", "order"]
Status = Literal["open", "acknowledged", "confirmed", "dismissed"]
Word = Literal["acknowledged", "confirmed", "dismissed"]
_FINAL = ("confirmed", "dismissed")
_MOST_ALERTS = 1_000
_MOST_TEXT = 2_000
EXAMPLE: dict[str, JsonValue] = {
    "verdict": "confirmed",
    "reason": "Stock counted on site: 600 units unsold.",
    "on_behalf_of": "li.na",
}


class Request(BaseModel):
    """Which alerts; every filter may be left out."""

    model_config = STRICT

    level: Level | None = Field(None, description="This level or a louder one.")
    type: Type | None = None
    status: Status | None = None
    dealer_id: Name | None = Field(None, description="The dealer, or the receiver of a diversion.")
    since: Period | None = Field(None, description="Only windows that reach this month or a later one.")
    limit: Annotated[int, Field(ge=1, le=_MOST_ALERTS)] = 100
    cursor: Name | None = Field(None, description="`next_cursor` of the page before.")


class VerdictRequest(BaseModel):
    """What a person decided."""

    model_config = STRICT

    verdict: Word
    reason: Annotated[str, Field(max_length=_MOST_TEXT)] = ""
    on_behalf_of: Name | None = Field(None, description="Who decided, when the caller speaks for somebody.")


class Reason(BaseModel):
    """Why: `effect` in log-odds."""

    code: str
    text: str
    effect: float


class Evidence(BaseModel):
    """One number of a table beside what was to be expected of it."""

    series: str = Field(examples=["sell_in.qty_sell_in"])
    period: str
    value: float
    expected: float
    text: str


class Suggestion(BaseModel):
    """What may be done about it."""

    action: str = Field(examples=["verify"])
    zh: str
    en: str


class Decided(BaseModel):
    """One verdict of the past."""

    verdict: str
    author: str
    reason: str
    decided_at: str


class Alert(BaseModel):
    """One thing that is wrong, or seems so."""

    alert_id: str
    type: Type
    kind: str = Field(description="The detector: excess, dead, short, stuffing, undercut, ...")
    level: Level
    status: Status
    dealer_id: str = Field(description='"" when it concerns a whole region.')
    receiver_dealer_id: str
    territory_id: str
    sku_id: str
    topic: str = Field(description="Product category, contract clause or document, where there is one.")
    first_period: str
    last_period: str
    score: float = Field(description="0 to 100; higher is more suspect.")
    probability: float = Field(description="That the alert is right.")
    expected_loss_amount: float
    currency: str
    reasons: list[Reason]
    evidence: list[Evidence]
    suggestions: list[Suggestion]
    minutes: int = Field(description="Of an analyst's work.")
    rank: int = Field(description="1: to be looked at first.")
    in_budget: bool = Field(description="Inside the analyst hours of the settings.")
    reopened: bool = Field(description="Dismissed before; the evidence has grown since.")
    history: list[Decided]
    note: str


class Response(BaseModel):
    """Alerts, the most urgent first."""

    model: ModelUsed
    data_version: str
    as_of: str
    total: int = Field(description="Alerts that pass the filters, on all pages.")
    alerts: list[Alert]
    next_cursor: str | None = Field(description="Ask for the next page with it; null on the last.")


class VerdictResponse(BaseModel):
    """The alert after the verdict."""

    model: ModelUsed
    data_version: str
    as_of: str
    verdict_id: str
    written: bool = Field(description="False when the very same verdict was there already.")
    alert: Alert


FILTERS = tuple(Request.model_fields)
FIELDS = frozenset({*FILTERS, *VerdictRequest.model_fields})


class Warehouse(Protocol):
    """What `decide` needs of the lake."""

    def read(self, name: str) -> pd.DataFrame: ...
    def merge(
        self, tables: dict[str, pd.DataFrame], *, source: str, now: pd.Timestamp | None = None
    ) -> Receipt: ...


def answer(request: Request, scores: Scores, verdicts: pd.DataFrame | None = None) -> Response:
    """The alerts that pass the filters; `verdicts` are those of the warehouse as it is now."""
    every = _current(scores, verdicts).sort_values("rank", ignore_index=True)
    chosen = every[_passes(every, request)].reset_index(drop=True)
    start = _after(chosen, request.cursor)
    page = chosen.iloc[start : start + request.limit]
    more = start + request.limit < len(chosen)
    return Response(
        **_made(scores),
        total=len(chosen),
        alerts=[_alert(row) for row in _rows(page)],
        next_cursor=str(page["alert_id"].iloc[-1]) if more else None,
    )


def decide(
    alert_id: str, request: VerdictRequest, scores: Scores, lake: Warehouse, *, caller: str, now: pd.Timestamp
) -> VerdictResponse:
    """Write one verdict; `caller` is the name of the caller's key, `now` the moment (UTC)."""
    if alert_id not in set(scores.frames["alerts"]["alert_id"]):
        step = "List the alerts with GET /v1/alerts; an alert that is no longer raised cannot be judged."
        fault = Fault(field="alert_id", detail="is not an alert on record")
        raise NotFound("No such alert.", kind="unknown-alert", next_step=step, faults=[fault])
    author = f"{request.on_behalf_of} (by {caller})" if request.on_behalf_of else caller
    before = lake.read("verdicts")
    mine = before[before["alert_id"] == alert_id].sort_values(["decided_at", "known_at"], kind="stable")
    last = None if mine.empty else mine.iloc[-1].to_dict()
    if last and (last["verdict"], last["author"], last["reason"]) == (
        request.verdict,
        author,
        request.reason,
    ):
        return _decided(scores, before, alert_id, str(last["verdict_id"]), written=False)
    _check_change(last, request)
    row = _row(alert_id, request, author, _naive(now))
    lake.merge({"verdicts": row}, source=f"verdict of {caller}", now=_naive(now))
    verdicts = lake.read("verdicts")
    return _decided(scores, verdicts, alert_id, str(row["verdict_id"].iloc[0]), written=True)


def _check_change(last: dict[Any, Any] | None, request: VerdictRequest) -> None:
    """A final verdict is changed only with a reason."""
    if last is None or last["verdict"] not in _FINAL or request.reason.strip():
        return
    detail = f"reason: the alert is {last['verdict']}; say why that changes."
    raise wrong("reason", detail, kind="final-verdict", next_step="Send the verdict again with a reason.")


def _row(alert_id: str, request: VerdictRequest, author: str, moment: pd.Timestamp) -> pd.DataFrame:
    told = "\0".join([alert_id, request.verdict, author, moment.isoformat()])
    return pd.DataFrame(
        {
            "verdict_id": [f"V-{hashlib.sha256(told.encode()).hexdigest()[:20]}"],
            "alert_id": [alert_id],
            "author": [author],
            "verdict": [request.verdict],
            "reason": [request.reason],
            "decided_at": [moment],
            "event_at": [moment],
            "known_at": [moment],
        }
    )


def _decided(
    scores: Scores, verdicts: pd.DataFrame, alert_id: str, verdict_id: str, *, written: bool
) -> VerdictResponse:
    every = _current(scores, verdicts)
    row = _rows(every[every["alert_id"] == alert_id])[0]
    return VerdictResponse(**_made(scores), verdict_id=verdict_id, written=written, alert=_alert(row))


def _current(scores: Scores, verdicts: pd.DataFrame | None) -> pd.DataFrame:
    """The alerts with the states of now."""
    raised = scores.frames["alerts"]
    return raised if verdicts is None else restated(raised, verdicts, scores.model.rules)


def _passes(every: pd.DataFrame, request: Request) -> Any:
    kept = np.ones(len(every), dtype=bool)
    if request.level is not None:
        kept &= np.array([at_least(str(level), request.level) for level in every["level"]], dtype=bool)
    for name in ("type", "status"):
        asked = getattr(request, name)
        kept &= True if asked is None else (every[name] == asked).to_numpy(dtype=bool)
    if request.dealer_id is not None:
        either = (every["dealer_id"] == request.dealer_id) | (
            every["receiver_dealer_id"] == request.dealer_id
        )
        kept &= either.to_numpy(dtype=bool)
    if request.since is not None:
        kept &= (pd.to_datetime(every["last_period"]) >= _month(request.since)).to_numpy(dtype=bool)
    return kept


def _after(chosen: pd.DataFrame, cursor: str | None) -> int:
    """Position of the first alert behind the cursor."""
    if cursor is None:
        return 0
    found = np.flatnonzero(chosen["alert_id"] == cursor)
    if not len(found):
        detail = "cursor: no such alert among those that pass the filters; begin again without one."
        raise wrong("cursor", detail)
    return int(found[0]) + 1


def _month(text: str) -> pd.Timestamp:
    try:
        return pd.Timestamp(text if len(text) > 7 else f"{text}-01")
    except ValueError:
        raise Wrong(
            "since: is not a day of the calendar.", faults=[Fault(field="since", detail="no day")]
        ) from None


def _made(scores: Scores) -> dict[str, Any]:
    used = ModelUsed(name=scores.name, version=scores.version)
    return {"model": used, "data_version": scores.data_version, "as_of": scores.as_of}


def _rows(page: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in page.to_dict("records")]


def _alert(row: dict[str, Any]) -> Alert:
    plain = {name: row[name] for name in Alert.model_fields if name not in _WORDED}
    return Alert(
        **plain,
        first_period=f"{row['first_period']:%Y-%m-%d}",
        last_period=f"{row['last_period']:%Y-%m-%d}",
        reasons=[Reason(**one) for one in row["reasons"]],
        evidence=[Evidence(**one) for one in row["evidence"]],
        suggestions=[Suggestion(**one) for one in row["suggestions"]],
        history=_told(row["history"]),
    )


def _told(history: Sequence[dict[str, Any]]) -> list[Decided]:
    return [Decided(**{**one, "decided_at": pd.Timestamp(one["decided_at"]).isoformat()}) for one in history]


def _naive(moment: pd.Timestamp) -> pd.Timestamp:
    plain = moment.tz_convert("UTC").tz_localize(None) if moment.tz else moment
    return plain.floor("us")


_WORDED = ("first_period", "last_period", "reasons", "evidence", "suggestions", "history")
