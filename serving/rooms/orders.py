"""Orders: approve, review or hold each order before it is shipped.

Judged against the book of the snapshot (models.anomaly.orders), which was made when the snapshot was: a
single order takes a millisecond or so.

Errors: serving.errors.NotFound (a dealer or product that nobody knows), Wrong (a quantity or price that is
not above zero, a currency other than the prices'), each with the path of the field.

>>> import json
>>> Request.model_validate_json(json.dumps(EXAMPLE)).orders[0].lines[0].qty
240.0
"""

from datetime import date
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, Field, FiniteFloat, JsonValue

from models.anomaly.orders import Book, Line, Order, OrderFault, Orders
from serving.errors import Fault, NotFound, Problem, wrong
from serving.rooms.history import STRICT, Name
from serving.scores import Scores

_MOST_ORDERS, _MOST_LINES = 1_000, 500
Money = Annotated[FiniteFloat, Field(ge=-1e15, le=1e15)]
EXAMPLE: dict[str, JsonValue] = {
    "orders": [
        {
            "order_id": "O-1001",
            "dealer_id": "D001",
            "lines": [{"sku_id": "S001", "qty": 240.0, "unit_price": 8.5}],
            "currency": "CNY",
            "ordered_at": "2025-12-28",
        }
    ]
}


class OrderLine(BaseModel):
    """One product of an order."""

    model_config = STRICT

    sku_id: Name
    qty: FiniteFloat = Field(description="Consumer units, above zero.", examples=[240.0])
    unit_price: FiniteFloat | None = Field(None, description="Per unit; the price on record when left out.")


class Placed(BaseModel):
    """An order as it was placed."""

    model_config = STRICT

    order_id: Name
    dealer_id: Name
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=_MOST_LINES)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    territory_id: Name | None = Field(None, description="Where it is shipped to, when that is known.")
    ordered_at: date | None = Field(None, description="Day of the order; tells the end of a quarter.")
    headroom_amount: Money | None = Field(
        None, description="What may still be bought on credit; the credit room's answer when left out."
    )
    recent: Annotated[list[OrderLine], Field(max_length=_MOST_LINES)] = Field(
        default_factory=list, description="Lines ordered since the data was loaded, to see duplicates."
    )


class Request(BaseModel):
    """Orders to screen."""

    model_config = STRICT

    orders: Annotated[list[Placed], Field(min_length=1, max_length=_MOST_ORDERS)]


class Reason(BaseModel):
    """Why: `effect` is the reason's own suspicion, from 0 to 1."""

    code: str = Field(examples=["SIZE"])
    text: str
    effect: float


class Screened(BaseModel):
    """What to do with one order."""

    order_id: str
    dealer_id: str
    decision: Literal["approve", "review", "hold"]
    score: float = Field(description="0 to 100; higher is more suspect.")
    probability: float = Field(description="That something is wrong with the order.")
    reasons: list[Reason]
    amount: float | None = Field(description="Of the order; null when a price is not known.")
    currency: str


class ModelUsed(BaseModel):
    """Which model answered."""

    name: str
    version: str


class Response(BaseModel):
    """Verdicts, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str = Field(description="Last moment that was seen.")
    orders: list[Screened]


FIELDS = frozenset(f for m in (Request, Placed, OrderLine) for f in m.model_fields)


def answer(request: Request, scores: Scores) -> Response:
    """Every order held against the book of the snapshot."""
    book = scores.book
    orders: Orders = scores.model.orders
    screened = [_screened(one, i, orders, book) for i, one in enumerate(request.orders)]
    used = ModelUsed(name=scores.name, version=scores.version)
    return Response(model=used, data_version=scores.data_version, as_of=scores.as_of, orders=screened)


def _screened(placed: Placed, position: int, orders: Orders, book: Book) -> Screened:
    try:
        verdict = orders.screen(_order(placed), book)
    except OrderFault as fault:
        raise _problem(fault, position) from None
    return Screened(
        order_id=placed.order_id,
        dealer_id=placed.dealer_id,
        decision=verdict.decision,  # type: ignore[arg-type]  # one of the three words
        score=verdict.score,
        probability=round(verdict.probability, 6),
        reasons=[Reason(**reason) for reason in verdict.reasons],
        amount=verdict.amount,
        currency=verdict.currency,
    )


def _order(placed: Placed) -> Order:
    day = None if placed.ordered_at is None else pd.Timestamp(placed.ordered_at)
    return Order(
        dealer_id=placed.dealer_id,
        lines=tuple(Line(x.sku_id, x.qty, x.unit_price) for x in placed.lines),
        currency=placed.currency,
        territory_id=placed.territory_id,
        ordered_at=day,
        headroom_amount=placed.headroom_amount,
        recent=tuple(Line(x.sku_id, x.qty, x.unit_price) for x in placed.recent),
    )


def _problem(fault: OrderFault, position: int) -> Problem:
    field = f"orders[{position}].{fault.field}"
    detail = str(fault).replace(fault.field, field, 1)
    if fault.known:
        return wrong(field, detail)
    step = "Check the id, or load it with `qudao ingest`."
    return NotFound(detail, kind="unknown-id", next_step=step, faults=[Fault(field=field, detail=detail)])
