"""Depth: what a deeper or flatter rebate would bring each dealer on record.

What the champion of the rebate room believes of depth, for dealers with a running programme; nothing is said
of a rate that nobody was offered. `offers` chooses among the same depths.

Errors: serving.errors.NotFound (a dealer without a running programme, by position), Wrong (depths that nobody
was offered; a name twice), NotReady (too thin a record to learn an effect from).

>>> EffectRequest.model_validate_json('{"depths": [0.02, 0.04]}').depths
[0.02, 0.04]
"""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from models.rebate.effect import Effect
from models.rebate.offers import Offered, Terms, offered
from models.response import OutsideSeen
from serving.errors import Fault, NotFound, NotReady, wrong
from serving.rooms.asked import ModelUsed, made_by, refuse_twice
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_DEALERS = 100_000
MOST_DEPTHS = 50
POINTS = 8  # depths when none are asked
EXAMPLE: dict[str, JsonValue] = {"dealer_ids": ["D001"], "depths": [0.02, 0.04, 0.06]}
Id = Annotated[str, Field(min_length=1, max_length=128)]
Rate = Annotated[FiniteFloat, Field(gt=0, lt=1, description="A rate, such as 0.03.")]
Depths = Annotated[list[Rate], Field(min_length=1, max_length=MOST_DEPTHS)]


class EffectRequest(BaseModel):
    """Which dealers, how deep."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    dealer_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_DEALERS)] | None = Field(
        None, description="Dealers with a running programme; all when left out."
    )
    depths: Depths | None = Field(None, description="Top rates; spread over those tried when left out.")


class Point(BaseModel):
    """What one depth would do."""

    depth: float
    purchases_ratio: float = Field(description="Purchases at this depth over those at the depth now.")
    low: float = Field(description="Of 90 of 100 such ratios, the least.")
    high: float
    expected_amount: float = Field(description="Purchases of the whole programme at this depth.")
    beyond_own: bool = Field(description="This dealer was never offered it: others tell.")


class DealerEffect(BaseModel):
    """One dealer's programme."""

    dealer_id: str
    programme_id: str
    currency: str
    depth: float = Field(description="The top rate now.")
    points: list[Point]


class EffectResponse(BaseModel):
    """The dealers, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    depth_low: float = Field(description="The flattest top rate on record; nothing is said below it.")
    depth_high: float
    dealers: list[DealerEffect]


FIELDS = frozenset(EffectRequest.model_fields)


def effect(request: EffectRequest, scores: Scores) -> EffectResponse:
    """What depths would do."""
    belief, frame = belief_of(scores), on_record(request.dealer_ids, scores)
    depths = sorted(set(request.depths)) if request.depths else spread_depths(belief)
    told = offered_at(frame, belief, depths, Terms(margin_rate=1.0))
    return EffectResponse(
        **made_by(scores),
        depth_low=belief.depth_low_,
        depth_high=belief.depth_high_,
        dealers=[_dealer(row, i, told) for i, row in enumerate(frame.to_dict("records"))],
    )


def belief_of(scores: Scores) -> Effect:
    belief: Effect | None = getattr(scores.model, "effect_", None)
    if belief is None:
        raise NotReady(
            "The record is too thin to say what a deeper rebate brings.",
            kind="no-effect",
            next_step="Load rebate_programmes of ten dealers or more with three rates or more, then train.",
        )
    return belief


def on_record(dealer_ids: Sequence[str] | None, scores: Scores) -> pd.DataFrame:
    """Rows of dealers with a running programme, in the order asked."""
    frame = scores.frames["offers"]
    if dealer_ids is None:
        if frame.empty:
            raise NotFound("No programme with a rate runs now.", kind="unknown-dealer")
        return frame
    refuse_twice(dealer_ids, "dealer_ids[{}]", "dealer")
    known = set(frame["dealer_id"].astype(str))
    if unknown := [i for i, name in enumerate(dealer_ids) if name not in known]:
        raise NotFound(
            f"{len(unknown)} of {len(dealer_ids)} dealers have no running programme on record.",
            kind="unknown-dealer",
            next_step="Check the ids, or load rebate_programmes and sell_in with `qudao ingest`.",
            faults=[Fault(field=f"dealer_ids[{i}]", detail="no running programme") for i in unknown],
        )
    place = {name: i for i, name in enumerate(dealer_ids)}
    mine = frame[frame["dealer_id"].astype(str).isin(place)]
    order = mine["dealer_id"].astype(str).map(place)
    return mine.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def offered_at(frame: pd.DataFrame, belief: Effect, depths: list[float], terms: Terms) -> Offered:
    try:
        return offered(frame, belief, depths, terms)
    except OutsideSeen:
        said = (
            f"depths: top rates from {belief.depth_low_:.4g} to {belief.depth_high_:.4g} were offered so far."
        )
        step = "Ask inside that range; what lies outside has to be tried on some dealers first."
        raise wrong("depths", said, kind="depth-not-seen", next_step=step) from None


def spread_depths(belief: Effect) -> list[float]:
    """Depths between the flattest and the deepest, both among them."""
    inner = np.linspace(belief.depth_low_, belief.depth_high_, POINTS).round(6)
    return [float(d) for d in np.clip(inner, belief.depth_low_, belief.depth_high_)]


def _dealer(row: dict[Any, Any], i: int, told: Offered) -> DealerEffect:
    curves = told.curves
    points = [
        Point(
            depth=float(depth),
            purchases_ratio=round(float(curves.ratio[i, j]), 4),
            low=round(float(curves.low[i, j]), 4),
            high=round(float(curves.high[i, j]), 4),
            expected_amount=round(float(told.amount[i, j]), 2),
            beyond_own=bool(curves.beyond_own[i, j]),
        )
        for j, depth in enumerate(curves.depths)
    ]
    named = {name: str(row[name]) for name in ("dealer_id", "programme_id", "currency")}
    return DealerEffect(**named, depth=float(row["depth"]), points=points)
