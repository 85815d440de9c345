"""Demand: how much will this dealer sell of this product in the coming periods?

`Request` names series by key (their history is in the lake) or brings the history along;
`answer` turns it into one panel, asks the model once, and words the `Response`. Quantities
are units, rounded to a millionth.

Errors: serving.errors.Wrong with the path of the field, NotFound (a key without data).

>>> Request.model_validate_json('{"keys": [{"unique_id": "D1/S1"}], "horizon": 3}').missing_plans
'refuse'
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from features.frequency import frequency
from features.panel import MissingPlans, Panel, series_ids
from models.demand.forecast import LEVELS, Forecast, column
from models.errors import UnknownLevel
from serving.errors import Fault, NotFound, Problem, Wrong, wrong
from serving.rooms.history import STRICT, Key, Observation, Series, Values, Wanted, pairs, panel_of
from serving.rooms.periods import Period, written
from serving.rooms.plans import Missing, ready
from serving.snapshot import Forecaster, Snapshot

Array = NDArray[np.float64]
_MOST_SERIES = 10_000  # parsed at all; the operator's max_series is usually lower
_DECIMALS = 6
Force = Mapping[tuple[str, pd.Timestamp], Mapping[Any, Any]]  # series and day -> the override that counts
Level = Annotated[float, Field(ge=0.05, le=0.95)]

BY_KEY: dict[str, JsonValue] = {
    "keys": [{"dealer_id": "D001", "sku_id": "S001"}],
    "horizon": 3,
    "levels": [0.1, 0.5, 0.9],
    "missing_plans": "carry",
}
BY_HISTORY: dict[str, JsonValue] = {
    "series": [
        {
            "dealer_id": "D001",
            "sku_id": "S001",
            "history": [{"period": f"2017-{m:02}", "units": u} for m, u in ((7, 80), (8, 96.5), (9, 88))],
        }
    ],
    "horizon": 2,
}


class Request(BaseModel):
    """Which series, how far ahead, which quantiles."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [BY_KEY, BY_HISTORY]})

    keys: Annotated[list[Key], Field(min_length=1, max_length=_MOST_SERIES)] | None = Field(
        None, description="Series whose history the service has already. Either this or `series`."
    )
    series: Annotated[list[Series], Field(min_length=1, max_length=_MOST_SERIES)] | None = Field(
        None, description="Series with their history. Either this or `keys`."
    )
    horizon: Annotated[int, Field(ge=1, le=13)] | None = Field(
        None, description="Periods ahead: 1-3 months or 1-13 weeks; as far as the model goes when left out."
    )
    levels: Annotated[list[Level], Field(min_length=1, max_length=19)] = Field(
        list(LEVELS), description="Quantile levels; 0.9 gives the units not exceeded in 9 of 10 cases."
    )
    cutoff: Period | None = Field(
        None, description="Last period that is known, when the histories of `series` end differently."
    )
    missing_plans: Missing = Field(
        "refuse", description='"carry" goes on with the last price and without promotions.'
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.keys is None) == (self.series is None):
            raise ValueError("give either keys or series")
        if self.keys is not None and self.cutoff is not None:
            raise ValueError("cutoff belongs to series; with keys the service's own data decides")
        return self


class OverrideUsed(BaseModel):
    """A planner's figure that counts now."""

    override_id: str
    edit_id: str
    author: str
    reason: str
    factor: float | None = Field(description="On the mean; null when a quantity was given.")
    expires_at: str | None


class ForecastPeriod(BaseModel):
    """One period ahead."""

    period: str = Field(examples=["2017-10"])
    mean: float = Field(description="Expected units; means may be added up.", examples=[91.4])
    quantiles: dict[str, float] = Field(
        description="Units not exceeded with that probability in per cent.",
        examples=[{"q10": 70.2, "q50": 90.1, "q90": 114.8}],
    )
    zero_probability: float | None = Field(
        description="Probability that nothing sells in the period; quantiles up to that level are 0. Like "
        "mean and quantiles the machine's, also under an override. Null: not learned; a model trained before "
        "there was one has to be trained again.",
        examples=[0.02],
    )
    final: float = Field(description="The planner's figure where one is in force, else the mean.")
    override: OverrideUsed | None = Field(None, description="Which figure that is; null: the machine's.")


class Analogue(BaseModel):
    """A known series that spoke for one with little history."""

    unique_id: str
    shared: list[str] = Field(description="Attributes that both have.", examples=[["sku_id", "territory_id"]])
    units: float = Field(description="What it usually sells in a period.")


class SeriesForecast(BaseModel):
    """One dealer and product."""

    unique_id: str
    dealer_id: str
    sku_id: str
    note: str = Field(
        description="Empty, or what to know: no_history or short_history (a fallback answered), no_plans."
    )
    analogues: list[Analogue] = Field(
        description="For no_history and short_history: the known series most like it, the most alike first."
    )
    periods: list[ForecastPeriod]


class ModelUsed(BaseModel):
    """Which model answered."""

    name: str
    version: str
    trained_at: str
    trained_to: str = Field(description="Last period that the model has seen in training.")
    data_version: str | None = Field(description="Of the data it was trained on.")


class Response(BaseModel):
    """Forecasts, in the order of the request."""

    forecast_id: str = Field(
        description="The same question to the same model and data has the same id. "
        "GET /v1/forecasts/{forecast_id}/explanation says why."
    )
    model: ModelUsed
    as_of: str = Field(description="Last known period; forecasts begin with the next.", examples=["2017-09"])
    data_version: str = Field(description="Of the history that the forecast starts from.")
    frequency: Literal["month", "week"]
    unit: str = Field(examples=["units"])
    forecasts: list[SeriesForecast]


FIELDS = frozenset(f for m in (Request, Series, Observation, Values) for f in m.model_fields)


def answer(
    request: Request, snapshot: Snapshot, *, max_series: int, force: pd.DataFrame | None = None
) -> Response:
    """Every asked series from one call of the model; `force` are the overrides that count now."""
    _check_count(request, max_series)
    panel, horizon = asked(request, snapshot)
    forecast = snapshot.model.predict(panel, horizon=horizon)
    return Response(
        forecast_id=forecast_id(snapshot, panel, request, horizon),
        model=model_used(snapshot),
        as_of=written(panel.periods()[-1:], panel.freq)[0],
        data_version=snapshot.data_version if request.keys else f"request-{panel.fingerprint()}",
        frequency="month" if panel.freq.letter == "M" else "week",
        unit="units",
        forecasts=_worded(forecast, panel, request.levels, _own(force, request)),
    )


def asked(request: Request, snapshot: Snapshot) -> tuple[Panel, int]:
    """What the model is asked: the series with their plans, and how far ahead."""
    horizon = _horizon(request, snapshot.model)
    plans = snapshot.model.plans_
    return _planned(_panel(request, snapshot, horizon), request, horizon, plans), horizon


def _check_count(request: Request, max_series: int) -> None:
    name, asked = ("keys", request.keys) if request.keys else ("series", request.series or [])
    if len(asked) > max_series:
        detail = f"{name}: {len(asked):,} in one call; at most {max_series:,}."
        raise wrong(name, detail, next_step="Split the call, or score in a batch: `qudao score demand`.")


def _horizon(request: Request, model: Forecaster) -> int:
    horizon = request.horizon or model.horizon_
    if horizon > model.horizon_:
        noun = frequency(model.freq_).noun
        detail = f"horizon: this model forecasts 1 to {model.horizon_} {noun}s ahead."
        raise wrong("horizon", detail, next_step="Ask for fewer periods, or train with a longer horizon.")
    return horizon


def _panel(request: Request, snapshot: Snapshot, horizon: int) -> Panel:
    if request.keys:
        return _by_keys(request.keys, snapshot)
    model, known = snapshot.model, snapshot.panel
    signals = () if known is None else tuple(known.signals)
    wanted = Wanted(freq=frequency(model.freq_), plans=model.plans_, signals=signals, horizon=horizon)
    first = None if known is None else known.first
    cutoff = request.cutoff
    if cutoff is None and known is not None and not any(one.history for one in request.series or []):
        cutoff = written(known.periods()[-1:], known.freq)[
            0
        ]  # new series alone: from the service's own last period
    return panel_of(request.series or [], wanted, cutoff=cutoff, first=first)


def _by_keys(keys: Sequence[Key], snapshot: Snapshot) -> Panel:
    ids = pd.Series(series_ids(pairs(keys)))
    rows = ids.map(snapshot.rows)
    if snapshot.panel is None or rows.isna().any():
        raise _no_data(np.flatnonzero(rows.isna()).tolist(), len(keys))
    if len(twice := np.flatnonzero(ids.duplicated())):
        raise wrong(f"keys[{twice[0]}]", f"keys[{twice[0]}]: the same series stands twice in this call.")
    return snapshot.panel.take(rows.to_numpy().astype(np.intp))


def _no_data(unknown: Sequence[int], asked: int) -> Problem:
    return NotFound(
        f"{len(unknown)} of {asked} keys have no sell-in in the warehouse.",
        kind="unknown-series",
        next_step="Check the ids, load their sell-in with `qudao ingest`, or send their history in `series`.",
        faults=[Fault(field=f"keys[{i}]", detail="has no sell-in") for i in unknown],
    )


def _planned(panel: Panel, request: Request, horizon: int, names: Sequence[str]) -> Panel:
    try:
        return ready(panel, names, horizon, missing=request.missing_plans)
    except MissingPlans as missing:
        raise _missing_plans(missing, panel, "keys" if request.keys else "series") from None


def _missing_plans(missing: MissingPlans, panel: Panel, source: str) -> Problem:
    row = {unique_id: i for i, unique_id in enumerate(panel.ids)}
    when = written(missing.gaps["ds"].array, panel.freq)
    faults = [
        Fault(
            field=f"{source}[{row[gap.unique_id]}].plans",
            detail=f"{gap.unique_id}: {gap.plan} of {period} is missing",
        )
        for gap, period in zip(missing.gaps.itertuples(), when, strict=True)
    ]
    where = "the prices and promotions tables" if source == "keys" else "`plans` of the series"
    return Wrong(
        f"{missing.n_gaps} plan values are missing in the periods to forecast; first: "
        + "; ".join(fault.detail for fault in faults)
        + ".",
        kind="missing-plans",
        next_step=f'Add them to {where}, or send "missing_plans": "carry" to go on with the last price '
        "and without promotions.",
        faults=faults,
    )


def model_used(snapshot: Snapshot) -> ModelUsed:
    """Which model a snapshot answers with."""
    freq = frequency(snapshot.model.freq_)
    return ModelUsed(
        name=snapshot.name,
        version=snapshot.version,
        trained_at=snapshot.trained_at,
        trained_to=written(freq.range(snapshot.model.cutoff_, 1), freq)[0],
        data_version=snapshot.card.get("data_version"),
    )


def forecast_id(snapshot: Snapshot, panel: Panel, request: Request, horizon: int) -> str:
    """The name of an answer: of the model, the series as they were asked, and how."""
    question = [
        snapshot.name,
        snapshot.version,
        panel.fingerprint(),
        horizon,
        request.levels,
        request.missing_plans,
    ]
    return f"f-{hashlib.sha256(json.dumps(question).encode()).hexdigest()[:20]}"


def _own(force: pd.DataFrame | None, request: Request) -> Force:
    """The overrides of the warehouse's own series, by series and day."""
    if force is None or force.empty or request.keys is None:
        return {}
    ids = series_ids(force)
    return {
        (str(key), row["period_start"]): row for key, row in zip(ids, force.to_dict("records"), strict=True)
    }


def _worded(forecast: Forecast, panel: Panel, levels: Sequence[float], force: Force) -> list[SeriesForecast]:
    mean = np.round(forecast.mean, _DECIMALS).tolist()
    quantiles = {column(p): np.round(_quantile(forecast, p), _DECIMALS).tolist() for p in sorted(set(levels))}
    zero = np.round(forecast.zero_probability, _DECIMALS).tolist()
    periods, days = written(forecast.periods, panel.freq), list(forecast.periods)

    def ahead(i: int) -> list[ForecastPeriod]:
        return [
            ForecastPeriod(
                period=p,
                mean=mean[i][j],
                quantiles={k: q[i][j] for k, q in quantiles.items()},
                zero_probability=None if np.isnan(zero[i][j]) else zero[i][j],
                **_final(mean[i][j], force.get((panel.ids[i], days[j]))),
            )
            for j, p in enumerate(periods)
        ]

    static = zip(
        panel.ids, panel.static["dealer_id"], panel.static["sku_id"], _notes(forecast, panel), strict=True
    )
    return [
        SeriesForecast(
            unique_id=key,
            dealer_id=str(dealer),
            sku_id=str(sku),
            note=note,
            analogues=_like(forecast, i),
            periods=ahead(i),
        )
        for i, (key, dealer, sku, note) in enumerate(static)
    ]


def _final(mean: float, row: Mapping[Any, Any] | None) -> dict[str, Any]:
    """The figure that counts, and whose it is."""
    if row is None:
        return {"final": mean}
    factor = None if pd.isna(row["factor"]) else float(row["factor"])
    final = float(row["qty"]) if factor is None else mean * factor
    until = None if pd.isna(row["expires_at"]) else f"{row['expires_at'].isoformat()}Z"
    texts = {name: str(row[name]) for name in ("override_id", "edit_id", "author", "reason")}
    return {
        "final": round(final, _DECIMALS),
        "override": OverrideUsed(**texts, factor=factor, expires_at=until),
    }


def _like(forecast: Forecast, row: int) -> list[Analogue]:
    return [
        Analogue(unique_id=one.unique_id, shared=list(one.shared), units=one.units)
        for one in forecast.analogues.get(row, ())
    ]


def _notes(forecast: Forecast, panel: Panel) -> list[str]:
    """The model's notes, and whether its plans were unknown for the whole series."""
    known = [np.isfinite(plan).any(axis=1) for plan in panel.plans.values()]
    without = ~np.any(known, axis=0) if known else np.zeros(panel.n, dtype=bool)
    pairs = zip(forecast.notes, np.where(without, "no_plans", ""), strict=True)
    return [", ".join(filter(None, pair)) for pair in pairs]


def _quantile(forecast: Forecast, level: float) -> Array:
    try:
        return forecast.quantile(level)
    except UnknownLevel:
        low, high = forecast.levels[0], forecast.levels[-1]
        raise wrong("levels", f"levels: this model states quantiles from {low} to {high}.") from None
