"""Price: which price should these dealers pay for these products, inside which corridor?

`answer` looks up what the model said of the data of today. Where a request brings its own unit cost,
price, floor or ceiling, or its own rules, the asked lines are decided again under them, with the prices of
all other dealers as they were suggested, so that the corridor still holds.

Errors: serving.errors.NotFound (a line that is not on record, by position), Wrong (the same line twice; a
floor above a ceiling; a cost whose floor no allowed price reaches).

>>> Request.model_validate_json('{"lines": [{"dealer_id": "D001", "sku_id": "S001"}]}').step_rate is None
True
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from features.known import known
from serving.errors import Fault, Wrong, wrong
from serving.rooms.asked import ModelUsed, made_by, records, refuse_twice, rows_of
from serving.rooms.history import STRICT
from serving.scores import Scores

MOST_LINES = 10_000
_NO_PRICE = "are not on record, or without a price or sales of a year."
EXAMPLE: dict[str, JsonValue] = {
    "lines": [{"dealer_id": "D001", "sku_id": "S001", "unit_cost": 2.5}],
    "step_rate": 0.03,
    "corridors": True,
}
Id = Annotated[str, Field(min_length=1, max_length=128)]
Amount = Annotated[FiniteFloat, Field(gt=0, lt=1e12)]
_OWN = {"unit_cost": "unit_cost", "net_price": "net_price"}
_OWN |= {"floor_price": "least_price", "ceiling_price": "most_price"}


class Line(BaseModel):
    """A dealer and a product; what is left out is taken from the tables."""

    model_config = ConfigDict(**STRICT)

    dealer_id: Id
    sku_id: Id
    unit_cost: Amount | None = Field(None, description="What a unit costs the brand.")
    net_price: Amount | None = Field(None, description="The price of now.")
    floor_price: Amount | None = Field(None, description="No price below this.")
    ceiling_price: Amount | None = Field(None, description="No price above this.")


class Request(BaseModel):
    """Which lines, under which rules."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [EXAMPLE]})

    lines: Annotated[list[Line], Field(min_length=1, max_length=MOST_LINES)] | None = Field(
        None, description="In the order of the answer; all lines when left out."
    )
    margin_floor_rate: Annotated[FiniteFloat, Field(ge=0, lt=1)] | None = Field(
        None, description="Least margin, a fraction of the price; the room's own when left out."
    )
    step_rate: Annotated[FiniteFloat, Field(gt=0, lt=1)] | None = Field(
        None, description="How far a price may move at once, a fraction of the price of now."
    )
    corridors: bool = Field(False, description="Also say where corridors between territories bind.")


class Reason(BaseModel):
    """Why the price should move, stay, or go no further."""

    code: str = Field(examples=["RAISE"])
    text: str
    effect: float = Field(
        description="Of the move: change of margin over the margin of now. Of what holds a price: how far "
        "it lies from its own best, a fraction."
    )


class Price(BaseModel):
    """One line."""

    line_id: str
    dealer_id: str
    sku_id: str
    territory_id: str
    currency: str
    net_price: float
    suggested_price: float
    floor_price: float = Field(description="The lowest price that was allowed.")
    ceiling_price: float = Field(description="The highest price that was allowed.")
    elasticity: float = Field(description="Units change by so many percent when the price rises by one.")
    elasticity_low: float
    elasticity_high: float
    units_change_rate: float
    margin_change_amount: float | None = Field(description="Expected over the coming periods; null: no cost.")
    margin_change_low: float | None
    margin_change_high: float | None
    score: float = Field(description="100 x probability for a price that should move, 0 for one that stays.")
    probability: float | None = Field(description="That the margin rises.")
    reasons: list[Reason]
    note: str = Field(description="Empty, or what to know: no_unit_cost, no_forecast, floor_out_of_reach ...")


class Corridor(BaseModel):
    """Two territories between which a product's prices are as far apart as may be, or were further."""

    corridor_id: str
    sku_id: str
    dear_territory_id: str
    cheap_territory_id: str
    allowed_gap: float = Field(description="Freight and spread, in money a unit.")
    gap_before: float
    gap_after: float
    excess: float = Field(description="Beyond what is allowed, where no step reaches further.")


class Response(BaseModel):
    """The lines, in the order of the request."""

    model: ModelUsed
    data_version: str
    as_of: str
    prices: list[Price]
    corridors: list[Corridor] | None


FIELDS = frozenset({*Request.model_fields, *Line.model_fields})


def answer(request: Request, scores: Scores) -> Response:
    """What the champion says of the asked lines."""
    rows = _asked(request, scores)
    frames = _decided(request, scores, rows) if _is_own(request) else scores.frames
    frame = frames["prices"].set_index("line_id", drop=False)
    names = scores.frames["prices"]["line_id"].iloc[rows]
    told = records(frame.loc[names])
    corridors = frames["corridors"]
    touched = corridors[corridors["sku_id"].isin({row["sku_id"] for row in told})]
    return Response(
        **made_by(scores),
        prices=[Price.model_validate(row) for row in told],
        corridors=[Corridor.model_validate(row) for row in records(touched)] if request.corridors else None,
    )


def _asked(request: Request, scores: Scores) -> list[int]:
    rows = scores.rows["prices"]
    if request.lines is None:
        return list(rows.values())
    names = [f"{line.dealer_id}/{line.sku_id}" for line in request.lines]
    step, but = "Check the ids, or load prices and sales with `qudao ingest`.", _NO_PRICE
    found = rows_of(names, rows, "lines[{}]", noun="line", next_step=step, but=but)
    refuse_twice(names, "lines[{}]", "dealer and product")
    _ordered(request.lines)
    return found


def _ordered(lines: list[Line]) -> None:
    for i, line in enumerate(lines):
        if line.floor_price and line.ceiling_price and line.floor_price > line.ceiling_price:
            field = f"lines[{i}].floor_price"
            raise wrong(field, f"{field} is above ceiling_price; expected a floor at or below the ceiling.")


def _is_own(request: Request) -> bool:
    given = [getattr(line, name) for line in request.lines or () for name in _OWN]
    return any(v is not None for v in (*given, request.margin_floor_rate, request.step_rate))


def _decided(request: Request, scores: Scores, rows: list[int]) -> Mapping[str, pd.DataFrame]:
    """The products of the asked lines, decided again; every other line at its suggested price."""
    frame = scores.frames["prices"]
    free = np.zeros(len(frame), dtype=bool)
    free[rows] = True
    held = frame.assign(net_price=frame["net_price"].where(free, frame["suggested_price"]))
    held = held.assign(least_price=np.nan, most_price=np.nan)
    for row, line in zip(rows, request.lines or (), strict=False):
        for name, column in _OWN.items():
            if (value := getattr(line, name)) is not None:
                held.iloc[row, held.columns.get_loc(column)] = value  # type: ignore[index]
    part = held["sku_id"].isin(frame["sku_id"].iloc[rows]).to_numpy()
    given = {name: getattr(request, name) for name in ("margin_floor_rate", "step_rate")}
    rules = replace(scores.model.rules, **{k: v for k, v in given.items() if v is not None})
    freights = known({k: v for k, v in scores.tables.items() if k == "freights"}, scores.moment)
    made: Mapping[str, pd.DataFrame] = scores.model.decided(
        held[part].reset_index(drop=True), freights.get("freights", pd.DataFrame()), rules, free=free[part]
    )
    _reachable(request, made["prices"], frame["line_id"].iloc[rows].tolist())
    return made


def _reachable(request: Request, prices: pd.DataFrame, names: list[str]) -> None:
    """Refuse bounds of the request that no allowed price keeps."""
    held = set(prices.loc[prices["note"].str.contains("floor_out_of_reach"), "line_id"])
    given = request.margin_floor_rate is not None or request.step_rate is not None
    lines = request.lines or ()
    own = [given or bool(line.unit_cost or line.floor_price or line.ceiling_price) for line in lines]
    faults = [
        Fault(field=f"lines[{i}]", detail="the floor lies above the highest allowed price")
        for i, (name, asked) in enumerate(zip(names, own, strict=False))
        if asked and name in held
    ]
    if faults:
        raise Wrong(
            f"{len(faults)} lines have their floor above the highest price that step, list price, ceiling "
            "and prices seen allow.",
            kind="floor-above-ceiling",
            next_step="Lower the floor or unit cost, or allow a larger step_rate.",
            faults=faults,
        )
