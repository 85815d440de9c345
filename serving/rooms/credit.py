"""Credit: will these dealers pay, how late, and how much may they owe?

`answer` words what the model said of the data of today. Dealers and open invoices are looked up, so an
online answer is the batch's answer; an invoice that is not on record yet (`new_invoices`) is asked of the
same model with the dealer's record of today.

Errors: serving.errors.NotFound (a dealer or invoice that is not on record, by position), Wrong (twice the
same; a due date before the issue; an amount that is none; a currency without a rate).

>>> Request.model_validate_json('{"dealer_ids": ["D001"], "invoices": true}').invoices
True
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

from features.exposure import MissingRate
from serving.errors import Wrong, wrong
from serving.rooms.asked import ModelUsed, made_by, records, refuse_twice, rows_of
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_DEALERS = 10_000
MOST_INVOICES = 10_000
NEXT_STEP = "Check the ids, or load the dealers and their invoices with `qudao ingest`."
EXAMPLE: dict[str, JsonValue] = {
    "dealer_ids": ["D001"],
    "invoices": True,
    "new_invoices": [
        {
            "dealer_id": "D001",
            "amount": 12000.0,
            "currency": "CNY",
            "issued_at": "2026-01-05",
            "due_at": "2026-02-04",
        }
    ],
}
Id = Annotated[str, Field(min_length=1, max_length=128)]


class NewInvoice(BaseModel):
    """An invoice that is not on record yet."""

    model_config = STRICT

    dealer_id: Id
    amount: Annotated[FiniteFloat, Field(gt=0, description="Above zero; a credit note cannot be paid late.")]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    issued_at: date
    due_at: date

    @model_validator(mode="after")
    def _due_after_issue(self) -> Self:
        if self.due_at < self.issued_at:
            raise ValueError("due_at should not be before issued_at")
        return self


class Request(BaseModel):
    """Which dealers and invoices."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="Dealers, in the order of the answer; all when left out."
    )
    invoices: bool = Field(False, description="Also say of their open invoices how late each will be paid.")
    cash: bool = Field(False, description="Also say what cash all open invoices will bring, by week.")
    new_invoices: Annotated[list[NewInvoice], Field(max_length=MOST_INVOICES)] = Field(
        default_factory=list,
        description="Invoices that are not on record, to be asked before they are written.",
    )


class Reason(BaseModel):
    """Why."""

    code: str = Field(examples=["OVERDUE_NOW"])
    text: str
    effect: float = Field(description="Added to the log-odds of the bad event; below zero it speaks for it.")


class Limit(BaseModel):
    """How much the dealer may owe."""

    amount: float
    currency: str
    target_amount: float = Field(description="The smallest of the terms, before steps and rules.")
    terms: dict[str, float] = Field(description="demand_need, expected_loss, concentration.")
    binding: str = Field(description="The smallest term.")
    rules: list[str] = Field(description="Rules that were used, such as STEP_UP or ALERT_CUT.")
    inputs: dict[str, Any] = Field(description="Every fact and the policy; they give the same limit again.")


class DealerCredit(BaseModel):
    """One dealer."""

    dealer_id: str
    score: float = Field(description="0 to 100, higher is safer: 100 x (1 - probability).")
    probability: float = Field(description="That the dealer defaults within 12 months.")
    pd_3m: float
    pd_6m: float
    pd_12m: float
    credit_class: int = Field(description="1 (safest) to 5.")
    class_rules: list[str] = Field(description="Facts that held the class up.")
    points: float | None = Field(description="Of the readable card, higher is safer.")
    in_default: bool
    open_amount: float
    overdue_amount: float
    limit: Limit
    reasons: list[Reason]
    adverse_reasons: list[Reason] = Field(description="Only what speaks against the dealer.")
    note: str = Field(description="Empty, or what was missing and what was used instead.")


class InvoiceCredit(BaseModel):
    """One invoice."""

    invoice_id: str | None = Field(description="Null for a new one.")
    dealer_id: str
    due_at: date
    score: float = Field(description="0 to 100, higher is safer.")
    probability: float = Field(description="That it is paid late.")
    late_probability: float
    expected_late_days: float = Field(description="After the due date; below zero: before.")
    q10_days: float
    q90_days: float
    expected_paid_at: date
    reasons: list[Reason]
    note: str


class CashWeek(BaseModel):
    """What one week should bring."""

    week_start: date
    expected_amount: float
    currency: str


class Response(BaseModel):
    """The dealers, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    dealers: list[DealerCredit]
    invoices: list[InvoiceCredit] | None
    new_invoices: list[InvoiceCredit] = Field(description="In the order of the request.")
    cash: list[CashWeek] | None


FIELDS = frozenset(Request.model_fields) | frozenset(NewInvoice.model_fields)


def answer(request: Request, scores: Scores) -> Response:
    """What the champion says of the asked dealers and invoices."""
    frame = scores.frames["dealers"].iloc[_asked(request, scores)]
    open_ = scores.frames["invoices"]
    mine = open_[open_["dealer_id"].isin(set(frame["dealer_id"]))]
    weeks = [CashWeek.model_validate(row) for row in records(scores.frames["cash"], days=("week_start",))]
    return Response(
        **made_by(scores),
        dealers=[_dealer(row) for row in records(frame)],
        invoices=_invoices(mine) if request.invoices else None,
        new_invoices=_new(request.new_invoices, scores) if request.new_invoices else [],
        cash=weeks if request.cash else None,
    )


def _asked(request: Request, scores: Scores) -> list[int]:
    rows = scores.rows["dealers"]
    if request.dealer_ids is None:
        return list(rows.values())
    found = rows_of(request.dealer_ids, rows, "dealer_ids[{}]", noun="dealer", next_step=NEXT_STEP)
    refuse_twice(request.dealer_ids, "dealer_ids[{}]", "dealer")
    return found


def _new(asked: Sequence[NewInvoice], scores: Scores) -> list[InvoiceCredit]:
    names = [one.dealer_id for one in asked]
    rows_of(names, scores.rows["dealers"], "new_invoices[{}].dealer_id", noun="dealer", next_step=NEXT_STEP)
    bills = pd.DataFrame([one.model_dump() for one in asked])
    for name in ("issued_at", "due_at"):
        bills[name] = pd.to_datetime(bills[name]).astype("datetime64[us]")
    try:
        told = scores.model.new_invoices(scores.tables, scores.moment, bills)
    except MissingRate as error:
        raise _no_rate(asked, error, scores) from None
    both = pd.concat([bills[["dealer_id", "due_at"]], told.drop(columns=["new_probability"])], axis=1)
    return _invoices(both.assign(invoice_id=None))


def _no_rate(asked: Sequence[NewInvoice], error: MissingRate, scores: Scores) -> Wrong:
    base = error.pair.partition("/")[0]
    at = next(i for i, one in enumerate(asked) if one.currency == base)
    field = f"new_invoices[{at}].currency"
    step = f"Load the rate {error.pair} with `qudao ingest`, or ask in {error.pair.partition('/')[2]}."
    return wrong(field, f"{field}: no rate {error.pair} is known on {scores.as_of}.", next_step=step)


def _dealer(row: dict[str, Any]) -> DealerCredit:
    limit = Limit(
        amount=row["limit_amount"],
        currency=row["currency"],
        target_amount=row["limit_target_amount"],
        terms=row["limit_terms"],
        binding=row["limit_binding"],
        rules=row["limit_rules"],
        inputs=row["limit_inputs"],
    )
    return DealerCredit.model_validate(row | {"limit": limit})


def _invoices(frame: pd.DataFrame) -> list[InvoiceCredit]:
    rows = records(frame, days=("due_at", "expected_paid_at"))
    return [InvoiceCredit.model_validate(row) for row in rows]
