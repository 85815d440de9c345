"""Inventory: what to order, what to hold, what to move, and who gets what there is too little of.

`suggest` looks lines up in what the batch said; a line that comes with its own stock, terms or prices by
quantity is answered from the same draws of demand, by the same functions. `policy` adds the levels.

Errors: serving.errors.NotFound (a line that is not on record, by position), Wrong (a line twice, a MOQ
above what can be sold within the shelf life).

>>> Request.model_validate(EXAMPLE).lines[1].moq_units
24.0
"""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

from models.inventory.levels import Break
from models.inventory.orders import up
from serving.errors import Fault, NotFound, wrong
from serving.rooms.asked import ModelUsed, made_by, records, refuse_twice, rows_of
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_LINES, MOST_BREAKS = 5_000, 20
EXAMPLE: dict[str, JsonValue] = {
    "lines": [
        {"dealer_id": "D001", "sku_id": "S001"},
        {"dealer_id": "D001", "sku_id": "S002", "qty_on_hand": 12.0, "moq_units": 24.0, "pack_units": 12.0},
    ]
}
POLICY_EXAMPLE: dict[str, JsonValue] = {"lines": [{"dealer_id": "D001", "sku_id": "S001"}]}
Id = Annotated[str, Field(min_length=1, max_length=128)]
FromZero = Annotated[FiniteFloat, Field(ge=0, le=1e9)]
AboveZero = Annotated[FiniteFloat, Field(gt=0, le=1e9)]
Days = Annotated[FiniteFloat, Field(gt=0, le=730)]
CHANGES = (
    *("qty_on_hand", "qty_in_transit", "lead_time_days", "lead_time_spread_days", "review_days"),
    *("moq_units", "pack_units", "order_cost_amount", "shelf_life_days"),
)


class PriceBreak(BaseModel):
    """From so many units in one order on, every unit costs this."""

    model_config = STRICT

    min_units: AboveZero
    unit_price: AboveZero


class Line(BaseModel):
    """One dealer and product; what is left out is as on record."""

    model_config = STRICT

    dealer_id: Id
    sku_id: Id
    qty_on_hand: FromZero | None = Field(None, description="Units on hand now.")
    qty_in_transit: FromZero | None = Field(None, description="Units on their way.")
    lead_time_days: Days | None = Field(None, description="From order to delivery, above zero.")
    lead_time_spread_days: FromZero | None = Field(None, description="Its standard deviation.")
    review_days: Days | None = Field(None, description="Between two looks at the stock.")
    moq_units: FromZero | None = Field(None, description="Fewer are not delivered.")
    pack_units: AboveZero | None = Field(None, description="Delivered in whole packs.")
    order_cost_amount: FromZero | None = Field(None, description="Of one order line.")
    shelf_life_days: Days | None = None
    price_breaks: Annotated[list[PriceBreak], Field(max_length=MOST_BREAKS)] = Field(
        default_factory=list, description="All-units discounts, ascending."
    )

    @model_validator(mode="after")
    def _falling(self) -> "Line":
        pairs = list(zip(self.price_breaks, self.price_breaks[1:], strict=False))
        if any(b.min_units <= a.min_units or b.unit_price >= a.unit_price for a, b in pairs):
            raise ValueError("price_breaks should rise in min_units and fall in unit_price")
        return self

    def is_changed(self) -> bool:
        """Whether it says more than its names."""
        return any(getattr(self, name) is not None for name in CHANGES) or bool(self.price_breaks)


class Request(BaseModel):
    """Which lines."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    lines: Annotated[list[Line], Field(min_length=1, max_length=MOST_LINES)] | None = Field(
        None, description="Lines, in the order of the answer; all of the dealers or products when left out."
    )
    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_LINES)] | None = Field(
        None, description="Instead of lines: all lines of these dealers."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "Request":
        if (self.lines is None) == (self.dealer_ids is None):
            raise ValueError("give lines or dealer_ids")
        return self


class Reason(BaseModel):
    """Why."""

    code: str = Field(examples=["REORDER"])
    text: str
    effect: float = Field(description="Units ordered or added.")


class Suggested(BaseModel):
    """One line's order."""

    dealer_id: str
    sku_id: str
    territory_id: str
    period_start: str = Field(description="First day that is counted.")
    qty_on_hand: float | None
    qty_in_transit: float | None
    suggested_units: float | None = Field(description="Null without stock on record.")
    suggested_cases: float | None
    tier_units: float = Field(description="On top, to the next rebate tier; only what will be sold on.")
    score: float | None = Field(description="0 to 100, higher is better covered with nothing ordered.")
    probability: float | None = Field(
        description="That stock runs out before an order of the next review arrives, with none now."
    )
    probability_after: float | None = Field(description="The same with the suggested order.")
    days_of_stock: float | None
    turns: float | None = Field(description="A year, at the present stock.")
    expected_cost_amount: float | None = Field(description="Of a review period, with the order.")
    currency: str
    reasons: list[Reason]
    note: str = Field(description="Empty, or what was missing and what was used instead.")


class Policy(BaseModel):
    """One line's levels."""

    dealer_id: str
    sku_id: str
    reorder_units: float = Field(description="At or below this, order.")
    order_up_to_units: float
    lead_time_days: float
    review_days: float
    moq_units: float
    pack_units: float
    probability: float | None
    days_of_stock: float | None
    turns: float | None
    note: str


class Response(BaseModel):
    """Orders, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    orders: list[Suggested]


class PolicyResponse(BaseModel):
    """Levels, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    policies: list[Policy]


FIELDS = frozenset(f for m in (Request, Line, PriceBreak) for f in m.model_fields)


def suggest(request: Request, scores: Scores) -> Response:
    """What to order."""
    rows = _rows(request, scores)
    orders = [Suggested.model_validate(row | {"period_start": _day(row)}) for row in rows]
    return Response(**made_by(scores), orders=orders)


def policy(request: Request, scores: Scores) -> PolicyResponse:
    """What to hold."""
    told = [Policy.model_validate(row) for row in _rows(request, scores)]
    return PolicyResponse(**made_by(scores), policies=told)


def of_dealers(dealer_ids: Sequence[str], lines: "pd.Series[str]") -> NDArray[np.intp]:
    """Rows of these dealers' lines; all dealers must have one."""
    have = set(lines)
    if unknown := [i for i, name in enumerate(dealer_ids) if name not in have]:
        raise NotFound(
            f"{len(unknown)} of {len(dealer_ids)} dealers have no line on record.",
            kind="unknown-dealer",
            next_step="Check the ids, or load the dealers' sales with `qudao ingest`.",
            faults=[Fault(field=f"dealer_ids[{i}]", detail="no such dealer") for i in unknown],
        )
    return np.flatnonzero(lines.isin(set(dealer_ids)))


def _rows(request: Request, scores: Scores) -> list[dict[str, Any]]:
    frame = scores.frames["orders"]
    if request.lines is None:
        return records(frame.iloc[of_dealers(request.dealer_ids or [], frame["dealer_id"])])
    places = _places(request.lines, scores)
    told = records(frame.iloc[places])
    changed = [i for i, line in enumerate(request.lines) if line.is_changed()]
    if changed:
        fresh = _fresh(
            [request.lines[i] for i in changed], np.array([places[i] for i in changed]), changed, scores
        )
        for i, row in zip(changed, fresh, strict=True):
            told[i] = row
    return told


def _places(lines: Sequence[Line], scores: Scores) -> list[int]:
    ids = [f"{line.dealer_id}/{line.sku_id}" for line in lines]
    step = "Check the ids, or load the line's sales with `qudao ingest`."
    found = rows_of(ids, scores.rows["orders"], "lines[{}]", noun="line", next_step=step)
    refuse_twice(ids, "lines[{}]", "line")
    return found


def _fresh(
    lines: Sequence[Line], rows: NDArray[np.intp], asked: Sequence[int], scores: Scores
) -> list[dict[str, Any]]:
    """Lines with their own stock and terms, from the same draws."""
    changes = pd.DataFrame({name: [getattr(line, name) for line in lines] for name in CHANGES}, dtype=float)
    book = scores.model.changed(scores.book, rows, changes)
    breaks = [
        [Break(min_units=b.min_units, unit_cost_amount=b.unit_price) for b in x.price_breaks] for x in lines
    ]
    frame = scores.model.orders(book, breaks)
    cap = scores.model.cap_units(book)
    least = up(frame["moq_units"].to_numpy(float), frame["pack_units"].to_numpy(float))
    for i, line in enumerate(lines):
        if line.moq_units is not None and least[i] > cap[i]:
            field = f"lines[{asked[i]}].moq_units"
            step = "Ask for a smaller least quantity, or order nothing of it."
            detail = f"{field}: above the {cap[i]:,.0f} units that can be sold within the shelf life."
            raise wrong(field, detail, next_step=step)
    return records(frame)


def _day(row: dict[str, Any]) -> str:
    return f"{row['period_start']:%Y-%m-%d}"
