"""Growth: which tier is a dealer in, where is it heading, what helps; and should a new one be admitted?

`answer` looks up what the model said of the data of today; `admit` judges the stated file of a new dealer
by the expert scorecard (models.growth.admission), which needs no model but the champion's industry.

Errors: serving.errors.NotFound (a dealer that is not on record, by position), Wrong (twice the same).

>>> Request.model_validate_json('{"dealer_ids": ["D001"]}').dealer_ids
['D001']
"""

from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from models.growth.admission import assess
from models.growth.exits import STEPS
from serving.errors import wrong
from serving.rooms.asked import ModelUsed, made_by, records, refuse_twice, rows_of
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_DEALERS = 10_000
EXAMPLE: dict[str, JsonValue] = {"dealer_ids": ["D001", "D002"]}
ADMISSION_EXAMPLE: dict[str, JsonValue] = {
    "candidate_id": "C-2026-017",
    "years_in_trade": 8,
    "outlets": 120,
    "sales_staff": 9,
    "warehouse_m2": 800,
    "licences": [{"kind": "business", "expires_at": "2030-05-31"}],
}
Id = Annotated[str, Field(min_length=1, max_length=128)]
Count = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]

FIELD, NEXT_STEP = (
    "dealer_ids[{}]",
    "Check the ids; a dealer that is new is judged by its admission file.",
)


class Request(BaseModel):
    """Which dealers."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="Dealers, in the order of the answer; all when left out."
    )


class LicenceHeld(BaseModel):
    """A licence that the candidate shows."""

    model_config = STRICT

    kind: Id = Field(examples=["gsp"])
    expires_at: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = Field(
        None, description="Last day, YYYY-MM-DD; null never expires."
    )


class AdmissionRequest(BaseModel):
    """What a candidate states; leave out what is not known."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [ADMISSION_EXAMPLE]})

    candidate_id: Id
    years_in_trade: Count | None = None
    outlets: Count | None = None
    sales_staff: Count | None = None
    warehouse_m2: Count | None = None
    delivery_vehicles: Count | None = None
    territory_coverage_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    registered_capital: Count | None = None
    references: Count | None = None
    competing_brands: Count | None = None
    yearly_sales: Count | None = None
    licences: Annotated[list[LicenceHeld], Field(max_length=50)] = []


class Reason(BaseModel):
    """Why."""

    code: str
    text: str
    effect: float


class Support(BaseModel):
    """An action and the gap that it closes."""

    code: str
    kind: str
    part: str
    text: str
    gap: float = Field(description="Points of the part that good dealers are ahead.")
    points: float = Field(description="Expected gain of the tier points.")


class Moves(BaseModel):
    """Probabilities of changing tier."""

    up_3m: float
    up_6m: float
    down_3m: float
    down_6m: float


class Exit(BaseModel):
    """What parting would take."""

    stock_units: float | None
    stock_amount: float | None
    sellable_amount: float | None
    open_amount: float | None
    deposit_amount: float | None
    exposure_amount: float | None
    steps: list[str]


class DealerGrowth(BaseModel):
    """One dealer."""

    dealer_id: str
    score: float = Field(description="Tier points, 0 to 100.")
    probability: float = Field(description="Of leaving within six months.")
    reasons: list[Reason]
    recorded_tier: str
    tier: str
    next_tier: str = Field(description="Empty for the highest.")
    distance_points: float | None
    distance_amount: float | None = Field(description="More yearly sales that would close the distance.")
    promotion_blocked: str = Field(description="Codes of what stands in the way of a promotion.")
    size: float | None
    ability: float | None
    years: float | None
    moves: Moves
    support: list[Support]
    exit: Exit
    note: str


class Response(BaseModel):
    """The dealers, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    dealers: list[DealerGrowth]


class AdmissionResponse(BaseModel):
    """What the scorecard says of a candidate."""

    model: ModelUsed
    data_version: str
    as_of: str
    candidate_id: str
    score: float
    low: float = Field(description="If everything that is missing were as bad as can be.")
    high: float = Field(description="If it were as good as can be.")
    probability: float = Field(description="Of failing within the first year; an expert's assumption.")
    decision: str = Field(description="admit, trial, refuse, verify (thin file) or hold (licences).")
    is_thin: bool
    answered_share: float
    missing: list[str]
    licences: dict[str, str]
    reasons: list[Reason]


FIELDS = frozenset(f for m in (Request, AdmissionRequest, LicenceHeld) for f in m.model_fields)


def answer(request: Request, scores: Scores) -> Response:
    """What the champion says of the asked dealers."""
    rows = _asked(request, scores)
    dealers, moves = (records(scores.frames[name].iloc[rows]) for name in ("dealers", "moves"))
    return Response(
        **made_by(scores), dealers=[_dealer(row, move) for row, move in zip(dealers, moves, strict=True)]
    )


def admit(request: AdmissionRequest, scores: Scores) -> AdmissionResponse:
    """What the scorecard says of a candidate."""
    held = {one.kind: _day(one.expires_at, i) for i, one in enumerate(request.licences)}
    stated = request.model_dump(exclude={"candidate_id", "licences"})
    told = assess(stated, industry=scores.model.industry, licences=held, moment=scores.moment)
    return AdmissionResponse.model_validate(
        vars(told) | made_by(scores) | {"candidate_id": request.candidate_id}
    )


def _day(written: str | None, position: int) -> pd.Timestamp | None:
    if written is None:
        return None
    try:
        return pd.Timestamp(written)
    except ValueError:
        raise wrong(f"licences[{position}].expires_at", "no such day; expected YYYY-MM-DD.") from None


def _asked(request: Request, scores: Scores) -> list[int]:
    rows = scores.rows["dealers"]
    if request.dealer_ids is None:
        return list(rows.values())
    found = rows_of(request.dealer_ids, rows, FIELD, noun="dealer", next_step=NEXT_STEP)
    refuse_twice(request.dealer_ids, FIELD, "dealer")
    return found


def _dealer(row: dict[str, Any], move: dict[str, Any]) -> DealerGrowth:
    left = {name.removeprefix("exit_"): v for name, v in row.items() if name.startswith("exit_")}
    parts = {"moves": move, "exit": left | {"steps": list(STEPS)}}
    return DealerGrowth.model_validate(row | parts)
