"""Health: how healthy are these dealers, why, and what would move them?

`answer` words what the model said of the data of today: it looks rows up and computes nothing, so an
online answer is the batch's answer.

Errors: serving.errors.NotFound (a dealer that is not on record, by position), Wrong (twice the same).

>>> Request.model_validate_json('{"dealer_ids": ["D001"], "regions": true}').regions
True
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from features.industries import DIMENSIONS
from serving.rooms.asked import ModelUsed, made_by, records, refuse_twice, rows_of
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_DEALERS = 10_000
EXAMPLE: dict[str, JsonValue] = {"dealer_ids": ["D001", "D002"], "regions": False}
Id = Annotated[str, Field(min_length=1, max_length=128)]

FIELD, NEXT_STEP = (
    "dealer_ids[{}]",
    "Check the ids, or load the dealers and their sell-in with `qudao ingest`.",
)


class Request(BaseModel):
    """Which dealers."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="Dealers, in the order of the answer; all when left out."
    )
    regions: bool = Field(False, description="Also say how the territories are, weighted by sales.")


class Reason(BaseModel):
    """Why the score is what it is."""

    code: str = Field(examples=["PAYMENT_LATE"])
    text: str
    effect: float = Field(
        description="Added to the log-odds of decline; below zero it speaks for the dealer."
    )


class Move(BaseModel):
    """A change that would raise the score."""

    code: str = Field(examples=["CLEAR_OVERDUE"])
    text: str
    points: float = Field(description="What the score would gain if this alone changed.")


class Dimensions(BaseModel):
    """Five scores from 0 to 100; null where nothing is known."""

    sales: float | None
    stock: float | None
    collections: float | None
    coverage: float | None
    growth: float | None


class Potential(BaseModel):
    """What the best of comparable dealers would sell here in a year, and how to get there."""

    sales_12m: float = Field(description="Bought in the last 12 months.")
    attainable: float | None
    gap: float | None
    levers: dict[str, float] = Field(description="Parts of the gap by lever, at most the gap together.")


class DealerHealth(BaseModel):
    """One dealer."""

    dealer_id: str
    territory_id: str
    score: float = Field(description="0 to 100, higher is healthier.")
    probability: float = Field(description="That the next six months fall by 30 % or stop.")
    reasons: list[Reason]
    dimensions: Dimensions
    percentile: float | None = Field(description="Among dealers of the territory and size class.")
    size_class: str
    score_3m_ago: float | None
    score_6m_ago: float | None
    trend: str = Field(description="improving, stable, worsening or unknown.")
    moves: list[Move] = Field(description="What would move the score, the most effective first.")
    potential: Potential
    note: str = Field(description="Empty, or what to know: short_history, dormant, no_sales, no_stock ...")


class RegionHealth(BaseModel):
    """One territory, its dealers weighted by sales."""

    territory_id: str
    dealers: int
    sales_12m: float
    score: float
    probability: float = Field(description="Share of sales expected to be with declining dealers.")
    reasons: list[Reason]
    dimensions: Dimensions
    at_risk_share: float = Field(description="Of sales, with dealers more likely than not to decline.")
    attainable: float | None
    weakest: str = Field(description="The dimension with the lowest score.")


class Response(BaseModel):
    """The dealers, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    dealers: list[DealerHealth]
    regions: list[RegionHealth] | None


FIELDS = frozenset(Request.model_fields)


def answer(request: Request, scores: Scores) -> Response:
    """What the champion says of the asked dealers."""
    frame = scores.frames["dealers"].iloc[_asked(request, scores)]
    places = [_region(row) for row in records(scores.frames["regions"])] if request.regions else None
    return Response(
        **made_by(scores),
        dealers=[_dealer(row) for row in records(frame)],
        regions=places,
    )


def _asked(request: Request, scores: Scores) -> list[int]:
    rows = scores.rows["dealers"]
    if request.dealer_ids is None:
        return list(rows.values())
    found = rows_of(request.dealer_ids, rows, FIELD, noun="dealer", next_step=NEXT_STEP)
    refuse_twice(request.dealer_ids, FIELD, "dealer")
    return found


def _dealer(row: dict[str, Any]) -> DealerHealth:
    potential = {name: row[name] for name in ("sales_12m", "attainable", "gap", "levers")}
    return DealerHealth.model_validate(row | {"dimensions": _dimensions(row), "potential": potential})


def _region(row: dict[str, Any]) -> RegionHealth:
    return RegionHealth.model_validate(row | {"dimensions": _dimensions(row)})


def _dimensions(row: dict[str, Any]) -> dict[str, float | None]:
    return {name: row[name] for name in DIMENSIONS}
