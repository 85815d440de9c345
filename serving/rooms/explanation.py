"""Explanation: why a forecast that was given is what it is.

`answer` asks the model the question that was kept under the forecast's id, for one of its series, and
words models.demand.explain: drivers in units that add up to the mean, what the model says without the
promotion, the elasticity's terms, and months of the past that were like the ones ahead. When the model or
the data of now would answer otherwise, it raises `Stale`, and the caller recalls those of then.

Errors: serving.errors.NotFound (no such forecast, or no such series or period in it), Wrong (several
series and none named).

>>> Request.model_validate_json('{"unique_id": "D1/S1", "period": "2025-03"}').period
'2025-03'
"""

from typing import TYPE_CHECKING, Self, cast

import numpy as np
from pydantic import BaseModel, Field, model_validator

from features.panel import Panel
from serving.errors import Fault, NotFound, wrong
from serving.questions import Question
from serving.rooms import demand
from serving.rooms.demand import ModelUsed, model_used
from serving.rooms.history import STRICT, Name
from serving.rooms.periods import Period, written
from serving.snapshot import Snapshot

if TYPE_CHECKING:  # heavy: imported when first used
    from models.demand.explain import Explainable, Explanation

ROUTE = "/v1/forecasts/{forecast_id}/explanation"
_DECIMALS = 6


class Stale(Exception):
    """Another model or other data answers now."""


class Request(BaseModel):
    """Which of the forecast's series, and which period; each may be left out when there is only one."""

    model_config = STRICT

    unique_id: Name | None = Field(None, description="`dealer_id/sku_id`, as the forecast names it.")
    dealer_id: Name | None = None
    sku_id: Name | None = None
    period: Period | None = Field(None, description="One of the forecast's periods; all when left out.")

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        pair = (self.dealer_id is not None, self.sku_id is not None)
        if pair[0] != pair[1] or (pair[0] and self.unique_id is not None):
            raise ValueError("give dealer_id and sku_id, or unique_id instead of them")
        return self

    def named(self) -> str | None:
        """The series as the forecast calls it."""
        if self.dealer_id is None:
            return self.unique_id
        return str(self.sku_id) if self.dealer_id == "all" else f"{self.dealer_id}/{self.sku_id}"


class Driver(BaseModel):
    """One step of the way to the mean."""

    code: str = Field(examples=["promotion"])
    text: str
    units: float = Field(description="The drivers of a period add up to its mean.")


class Term(BaseModel):
    """What the elasticity says of one plan; told beside the drivers, not added to them."""

    plan: str
    coefficient: float = Field(description="On the log of a price, or on the value of a promotion.")
    change: float = Field(description="Of that, against the usual of the last year.")
    factor: float = Field(description="On units.")


class Alike(BaseModel):
    """A period of the past that was like this one."""

    period: str
    units: float
    distance: float = Field(description="0: the same time of the year and the same plans.")
    plans: dict[str, float]


class Member(BaseModel):
    """One method that was blended."""

    name: str
    units: float
    weight: float


class ExplainedPeriod(BaseModel):
    """Why the mean of one period is what it is."""

    period: str
    mean: float
    drivers: list[Driver]
    without_promotion: float = Field(description="What the model says when no promotion is planned ahead.")
    without_plans: float = Field(description="... and when prices are the usual ones of the last year.")
    members: list[Member]
    elasticity: list[Term]
    columns: dict[str, float] = Field(description="The trees' strongest columns; effects in logs.")
    alike: list[Alike]


class Response(BaseModel):
    """Why one series' forecast is what it is."""

    forecast_id: str
    model: ModelUsed
    unique_id: str
    as_of: str
    note: str = Field(description="Empty, or why a fallback answered.")
    factor: float = Field(description="On the blend, for its past bias.")
    periods: list[ExplainedPeriod]


FILTERS = tuple(Request.model_fields)
FIELDS = frozenset(FILTERS)


def answer(request: Request, question: Question, snapshot: Snapshot) -> Response:
    """The explanation of one series of a forecast."""
    from models.demand.explain import explain

    asked = demand.Request.model_validate_json(question.body)
    panel, horizon = demand.asked(asked, snapshot)
    if demand.forecast_id(snapshot, panel, asked, horizon) != question.forecast_id:
        raise Stale
    model = cast("Explainable", snapshot.model)
    told = explain(model, panel, _row(panel, request.named()), horizon=horizon)
    names = written(told.periods, panel.freq)
    return Response(
        forecast_id=question.forecast_id,
        model=model_used(snapshot),
        unique_id=told.unique_id,
        as_of=written(panel.periods()[-1:], panel.freq)[0],
        note=told.note,
        factor=told.factor,
        periods=[_period(told, j, names[j], panel) for j in _steps(names, request.period)],
    )


def _row(panel: Panel, name: str | None) -> int:
    if name is None:
        if panel.n > 1:
            detail = f"unique_id: the forecast has {panel.n:,} series; say which one."
            raise wrong("unique_id", detail, next_step="Add ?unique_id=... (or dealer_id and sku_id).")
        return 0
    found = np.flatnonzero(panel.ids == name)
    if not len(found):
        raise _absent("unique_id", "The forecast has no such series.", "Name one of the forecast's series.")
    return int(found[0])


def _steps(names: list[str], period: str | None) -> list[int]:
    if period is None:
        return list(range(len(names)))
    found = [j for j, name in enumerate(names) if name in (period, period.removesuffix("-01"))]
    if not found:
        step = f"Name one of {', '.join(names)}."
        raise _absent("period", "The forecast has no such period.", step)
    return found


def _absent(field: str, detail: str, step: str) -> NotFound:
    return NotFound(detail, kind="unknown-series", next_step=step, faults=[Fault(field=field, detail=detail)])


def _period(told: "Explanation", j: int, name: str, panel: Panel) -> ExplainedPeriod:
    from models.demand.explain import text

    periods = [written(panel.freq.range(one.period, 1), panel.freq)[0] for one in told.alike[j]]
    return ExplainedPeriod(
        period=name,
        mean=_round(told.mean[j]),
        drivers=[Driver(code=c, text=text(c), units=_round(v[j])) for c, v in told.drivers.items()],
        without_promotion=_round(told.without["promotion"][j]),
        without_plans=_round(told.without["plans"][j]),
        members=[
            Member(name=n, units=_round(np.nan_to_num(v[j])), weight=_round(told.weights[n]))
            for n, v in told.members.items()
        ],
        elasticity=[
            Term(
                plan=t.plan,
                coefficient=_round(t.coefficient),
                change=_round(t.change[j]),
                factor=_round(t.factor[j]),
            )
            for t in told.terms
        ],
        columns={n: _round(v[j]) for n, v in told.columns.items()},
        alike=[
            Alike(period=p, units=one.units, distance=_round(one.distance), plans=dict(one.plans))
            for p, one in zip(periods, told.alike[j], strict=True)
        ],
    )


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
