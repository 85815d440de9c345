"""Rebate: how far dealers are from their next tier, and what any ladder would pay.

`attainment` words what the model said of the data of today: it looks rows up and computes nothing, so an
online answer is the batch's answer. `simulate` pays a ladder of the request: exactly for purchases that are
given, and for a dealer's running programme as a distribution over its equally likely totals.

Errors: serving.errors.NotFound (a dealer without a running programme, by position), Wrong (the same twice; a
ladder that cannot be paid, with every fault; another currency than the dealer's programme).

>>> Request.model_validate_json('{"dealer_ids": ["D001"]}').dealer_ids
['D001']
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from models.rebate.ladder import BadLadder, Ladder, Ladders
from serving.errors import Fault, NotFound, Wrong, wrong
from serving.rooms.asked import ModelUsed, made_by, records, refuse_twice
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_DEALERS, MOST_CASES = 10_000, 1_000
EXAMPLE: dict[str, JsonValue] = {"dealer_ids": ["D001", "D002"]}
SIMULATE_EXAMPLE: dict[str, JsonValue] = {
    "ladder": {
        "rule": "marginal",
        "currency": "CNY",
        "tiers": [
            {"threshold_amount": 500000, "rebate_rate": "0.02"},
            {"threshold_amount": 800000, "rebate_rate": "0.035"},
        ],
    },
    "cases": [{"purchases_amount": "912345.67"}, {"dealer_id": "D001"}],
}
Array = NDArray[np.float64]
Basis = Literal["given", "forecast"]
Id = Annotated[str, Field(min_length=1, max_length=128)]
Number = Annotated[Decimal, Field(ge=-(10**10), le=10**10)]


class Request(BaseModel):
    """Which dealers."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="Dealers, in the order of the answer; all with a running programme when left out."
    )


class Reason(BaseModel):
    """Why the next tier is likely or not."""

    code: str = Field(examples=["PROGRESS"])
    text: str
    effect: float = Field(description="Added to the log-odds of reaching the next tier.")


class TierChance(BaseModel):
    """One tier of a ladder."""

    tier_no: int
    threshold_amount: float
    rebate_rate: float
    probability: float = Field(description="Of reaching it by the end of the programme.")


class Programme(BaseModel):
    """One dealer in one running programme; amounts in its currency."""

    dealer_id: str
    programme_id: str
    currency: str
    territory_id: str
    starts_at: str
    ends_at: str
    amount_to_date: float = Field(description="Bought in the programme's time, net of returns.")
    expected_amount: float = Field(description="By its end.")
    tier_no: int = Field(description="Reached now; 0 for none.")
    next_tier_no: int | None
    next_threshold_amount: float | None
    shortfall_amount: float | None
    shortfall_cases: float | None = Field(description="At the dealer's own mix of products.")
    next_rebate_gain_amount: float | None = Field(
        description="What the ladder pays at the next threshold, less what it pays now."
    )
    score: float = Field(description="0 to 100, higher is nearer.")
    probability: float = Field(description="Of reaching the next tier; the highest where all are reached.")
    tiers: list[TierChance]
    accrual_to_date: float = Field(description="What the ladder pays for what was bought.")
    accrual_mean: float = Field(description="Expected at the end, awards and cap included.")
    accrual_p50: float
    accrual_p90: float
    reasons: list[Reason]
    plan_zh: str
    plan_en: str
    note: str = Field(description="Empty, or what to know: no_forecast, no_history, unknown_award ...")


class Response(BaseModel):
    """The running programmes, in the order of the dealers asked for."""

    model: ModelUsed
    data_version: str
    as_of: str
    programmes: list[Programme]


class TierAsked(BaseModel):
    """From a threshold on, a rate."""

    model_config = STRICT

    threshold_amount: Number
    rebate_rate: Number = Field(description="A fraction, six decimals.")


class AwardAsked(BaseModel):
    """Paid whole when a measure reaches a threshold."""

    model_config = STRICT

    award_id: Id
    measure: Annotated[str, Field(max_length=32, examples=["collections"])]
    threshold: Number
    award_amount: Number | None = None
    award_rate: Number | None = Field(None, description="Of purchases.")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


class LadderAsked(BaseModel):
    """A ladder to try."""

    model_config = STRICT

    rule: Annotated[str, Field(max_length=32, examples=["marginal", "retroactive"])]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    tiers: Annotated[list[TierAsked], Field(max_length=50)] = Field(description="The lowest first.")
    cap_amount: Number | None = None
    awards: Annotated[list[AwardAsked], Field(max_length=50)] = []


class Measures(BaseModel):
    """What awards ask for besides purchases; an award whose measure is left out is not paid."""

    model_config = STRICT

    turnover: Number | None = None
    outlets: Number | None = None
    collections: Number | None = None


class Case(BaseModel):
    """Purchases that are given, or a dealer whose running programme is forecast."""

    model_config = STRICT

    purchases_amount: Number | None = None
    dealer_id: Id | None = None
    programme_id: Id | None = Field(None, description="Where a dealer has several.")
    measures: Measures = Measures()

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.purchases_amount is None) == (self.dealer_id is None):
            raise ValueError("give purchases_amount or dealer_id, one of the two")
        return self


class SimulateRequest(BaseModel):
    """One ladder, many cases."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [SIMULATE_EXAMPLE]})

    ladder: LadderAsked
    cases: Annotated[list[Case], Field(min_length=1, max_length=MOST_CASES)]


class Paid(BaseModel):
    """An exact rebate; ladder and awards less what the cap cut off are the total."""

    tier_no: int = Field(description="Reached, 1 for the lowest; 0 for none.")
    ladder_amount: Decimal
    award_amounts: dict[str, Decimal]
    cut_amount: Decimal
    total_amount: Decimal


class Spread(BaseModel):
    """A rebate over equally likely purchases."""

    mean_amount: float
    p10_amount: float
    p50_amount: float
    p90_amount: float
    tier_probabilities: list[float] = Field(description="Of reaching each tier, the lowest first.")


class Simulated(BaseModel):
    """One case: exact for given purchases, and for the median of forecast ones."""

    basis: Basis
    dealer_id: str | None
    programme_id: str | None
    purchases_amount: Decimal = Field(description="As given, or the median of the forecast.")
    paid: Paid
    spread: Spread | None = Field(description="Of a forecast.")


class SimulateResponse(BaseModel):
    """The cases, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    currency: str
    cases: list[Simulated]


FIELDS = frozenset({*Request.model_fields, *SimulateRequest.model_fields, *LadderAsked.model_fields})
FIELDS |= {*Case.model_fields, *TierAsked.model_fields, *AwardAsked.model_fields}


def attainment(request: Request, scores: Scores) -> Response:
    """What the champion says of the asked dealers' programmes."""
    frame = scores.frames["attainment"]
    rows = _asked(request.dealer_ids, frame)
    return Response(**made_by(scores), programmes=[_programme(row) for row in records(frame.iloc[rows])])


def simulate(request: SimulateRequest, scores: Scores) -> SimulateResponse:
    """What the ladder of the request pays in each case."""
    ladder = _ladder(request.ladder)
    told = [_case(i, case, ladder, scores) for i, case in enumerate(request.cases)]
    return SimulateResponse(**made_by(scores), currency=ladder.currency, cases=told)


def _asked(dealer_ids: Sequence[str] | None, frame: pd.DataFrame) -> list[int]:
    if dealer_ids is None:
        return list(range(len(frame)))
    refuse_twice(dealer_ids, "dealer_ids[{}]", "dealer")
    places = frame.reset_index(drop=True).groupby("dealer_id").indices
    if unknown := [i for i, name in enumerate(dealer_ids) if name not in places]:
        raise _no_programme([f"dealer_ids[{i}]" for i in unknown], len(dealer_ids))
    return [int(row) for name in dealer_ids for row in places[name]]


def _no_programme(fields: list[str], asked: int) -> NotFound:
    return NotFound(
        f"{len(fields)} of {asked} dealers have no running programme that can be paid.",
        kind="unknown-dealer",
        next_step="Check the ids, or load rebate_programmes that run now with `qudao ingest`.",
        faults=[Fault(field=field, detail="no running programme") for field in fields],
    )


def _ladder(asked: LadderAsked) -> Ladder:
    tiers = [(i + 1, tier.threshold_amount, tier.rebate_rate) for i, tier in enumerate(asked.tiers)]
    try:
        return Ladder.of(
            tiers,
            rule=asked.rule,
            currency=asked.currency,
            cap_amount=asked.cap_amount,
            awards=[award.model_dump() for award in asked.awards],
        )
    except BadLadder as bad:
        faults = [Fault(field="ladder", detail=fault) for fault in bad.faults]
        raise Wrong(str(bad), kind="bad-ladder", faults=faults) from None


def _case(i: int, case: Case, ladder: Ladder, scores: Scores) -> Simulated:
    if case.purchases_amount is not None:
        return _exact(ladder, case, case.purchases_amount, basis="given", programme_id=case.programme_id)
    row = _running(i, case, ladder, scores)
    totals = row.iloc[3:].to_numpy(float)
    median = Decimal(str(round(float(np.median(totals)), 2)))
    told = _exact(ladder, case, median, basis="forecast", programme_id=str(row["programme_id"]))
    return told.model_copy(update={"spread": _spread(ladder, totals, case.measures)})


def _running(i: int, case: Case, ladder: Ladder, scores: Scores) -> "pd.Series[Any]":
    frame = scores.frames["purchases"]
    mine = frame[frame["dealer_id"] == case.dealer_id]
    if case.programme_id is not None:
        mine = mine[mine["programme_id"] == case.programme_id]
    if mine.empty:
        raise _no_programme([f"cases[{i}].dealer_id"], 1)
    row = mine.iloc[0]
    if row["currency"] != ladder.currency:
        raise wrong(
            f"cases[{i}].dealer_id",
            f"cases[{i}]: the dealer's programme is in {row['currency']}, the ladder in {ladder.currency}; "
            "currencies are not added.",
        )
    return row


def _exact(
    ladder: Ladder,
    case: Case,
    purchases: Decimal,
    *,
    basis: Literal["given", "forecast"],
    programme_id: str | None,
) -> Simulated:
    paid = ladder.pay(purchases, _measures(case.measures))
    return Simulated(
        basis=basis,
        dealer_id=case.dealer_id,
        programme_id=programme_id,
        purchases_amount=purchases,
        paid=Paid(
            tier_no=paid.tier_no,
            ladder_amount=paid.ladder,
            award_amounts=dict(paid.awards),
            cut_amount=paid.cut,
            total_amount=paid.total,
        ),
        spread=None,
    )


def _measures(given: Measures) -> dict[str, float]:
    return {name: float(value) for name, value in given.model_dump().items() if value is not None}


def _spread(ladder: Ladder, totals: Array, measures: Measures) -> Spread:
    """The ladder over equally likely purchases."""
    held = Ladders.of([ladder])
    coins, unit = held.to_coins(totals[None, :]), float(held.coins_per_unit[0])
    told = _measures(measures)
    paid = np.array([float(ladder.pay(Decimal(int(c)) / int(unit), told).total) for c in coins[0]])
    low, middle, high = (float(np.quantile(paid, q, method="inverted_cdf")) for q in (0.1, 0.5, 0.9))
    reached = (coins[0][:, None] >= held.thresholds[0][None, :]).mean(axis=0)
    return Spread(
        mean_amount=round(float(paid.mean()), 2),
        p10_amount=low,
        p50_amount=middle,
        p90_amount=high,
        tier_probabilities=[round(float(p), 4) for p in reached],
    )


def _programme(row: dict[str, Any]) -> Programme:
    days = {name: f"{row[name]:%Y-%m-%d}" for name in ("starts_at", "ends_at")}
    return Programme.model_validate(row | days)
