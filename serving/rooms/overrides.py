"""Overrides: a planner's own figures, in place of the machine's, until they expire.

One edit names dealers, products or both, the periods, and either a `quantity`, the total of all these cells,
dealt out in proportion to the forecast so that it adds up exactly, or a `factor` on the forecast of each.
Every cell becomes a row of the table `overrides` with author and reason; nothing is overwritten. The very
same edit of the same author, sent again while it is what counts, writes nothing. `factor: 1` gives cells
back to the machine.

Errors: serving.errors.Wrong (neither or both figures, a period that is not forecast, a quantity that is not
whole units or hundredths, an expiry that is past), NotFound (nobody sells that).

>>> import json
>>> Request.model_validate_json(json.dumps(EXAMPLE)).quantity
1200.0
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat, JsonValue, model_validator

from features.lake import Receipt
from features.panel import Panel
from models.demand.baselines import seasonal_naive
from models.demand.forecast import Forecast
from models.demand.overrides import CELL, finals, in_force, split
from serving.errors import Fault, NotFound, wrong
from serving.rooms.demand import ModelUsed, model_used
from serving.rooms.history import MOST_UNITS, STRICT, Name
from serving.rooms.periods import Period, expected, starts, written
from serving.rooms.plans import ready
from serving.snapshot import Snapshot

Array = NDArray[np.float64]
ROUTE = "/v1/forecasts/overrides"
_STATISTICAL = ("ets", "theta")
_MOST_NAMES, _MOST_PERIODS, _MOST_TEXT, _MOST_FACTOR = 1_000, 13, 2_000, 100.0
_DECIMALS = 6
Names = Annotated[list[Name], Field(min_length=1, max_length=_MOST_NAMES)]
EXAMPLE: dict[str, JsonValue] = {
    "sku_ids": ["S001"],
    "periods": ["2025-10", "2025-11"],
    "quantity": 1200.0,
    "reason": "Listing at a second retailer, agreed on 12 September.",
    "expires_at": "2025-12-01T00:00:00Z",
}


class Request(BaseModel):
    """Which cells, what figure, why, and until when."""

    model_config = STRICT

    dealer_ids: Names | None = Field(None, description="Every dealer of the products when left out.")
    sku_ids: Names | None = Field(None, description="Every product of the dealers when left out.")
    periods: Annotated[list[Period], Field(min_length=1, max_length=_MOST_PERIODS)]
    quantity: Annotated[FiniteFloat, Field(ge=0, lt=MOST_UNITS)] | None = Field(
        None,
        description="Units of all these cells together, whole or in hundredths. Either this or `factor`.",
    )
    factor: Annotated[FiniteFloat, Field(ge=0, le=_MOST_FACTOR)] | None = Field(
        None, description="On the machine's forecast of each cell, also when that changes; 1 gives it back."
    )
    reason: Annotated[str, Field(min_length=1, max_length=_MOST_TEXT)]
    expires_at: datetime | None = Field(
        None, description="From then on it does nothing; never when left out."
    )
    on_behalf_of: Name | None = Field(None, description="Who decided, when the caller speaks for somebody.")

    @model_validator(mode="after")
    def _one_figure(self) -> Self:
        if (self.quantity is None) == (self.factor is None):
            raise ValueError("give either quantity or factor")
        if self.dealer_ids is None and self.sku_ids is None:
            raise ValueError("name dealer_ids, sku_ids or both")
        return self


class Cell(BaseModel):
    """One dealer, product and period."""

    override_id: str
    unique_id: str
    dealer_id: str
    sku_id: str
    period: str
    mean: float = Field(description="What the machine says.")
    final: float = Field(description="What counts now.")


class Response(BaseModel):
    """The edit, cell by cell."""

    model: ModelUsed
    edit_id: str
    written: bool = Field(description="False when the very same edit was what counted already.")
    author: str
    expires_at: str | None
    machine_total: float
    final_total: float
    cells: list[Cell]


FIELDS = frozenset(Request.model_fields)


class Warehouse(Protocol):
    """What is needed of the lake."""

    def read(self, name: str) -> pd.DataFrame: ...
    def merge(
        self, tables: dict[str, pd.DataFrame], *, source: str, now: pd.Timestamp | None = None
    ) -> Receipt: ...


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who edits, by which key, and when (naive UTC)."""

    name: str
    caller: str
    moment: pd.Timestamp

    @classmethod
    def of(cls, request: Request, caller: str, now: pd.Timestamp) -> Self:
        """The one that a request speaks for."""
        plain = now.tz_convert("UTC").tz_localize(None) if now.tz else now
        name = f"{request.on_behalf_of} (by {caller})" if request.on_behalf_of else caller
        return cls(name=name, caller=caller, moment=plain.floor("us"))


def override(
    request: Request, snapshot: Snapshot, lake: Warehouse, author: Author, *, max_series: int
) -> Response:
    """Write one edit, unless it is what counts already."""
    expires, digest = _expiry(request, author.moment), _digest(request, author.name)
    cells = _cells(request, snapshot, max_series)
    force = in_force(lake.read("overrides"), author.moment)
    held = cells[CELL].merge(force, on=CELL, how="left")["edit_id"].fillna("").unique()
    fresh = len(held) != 1 or held[0].rpartition("-")[0] != digest
    edit_id = f"{digest}-{author.moment:%Y%m%d%H%M%S%f}" if fresh else str(held[0])
    if fresh:
        rows = _rows(cells, request, author, edit_id).assign(expires_at=expires)
        lake.merge({"overrides": rows}, source=f"override of {author.caller}", now=author.moment)
        force = in_force(lake.read("overrides"), author.moment)
    told = finals(cells, force)
    return Response(
        model=model_used(snapshot),
        edit_id=edit_id,
        written=fresh,
        author=author.name,
        expires_at=None if expires is None else f"{expires.isoformat()}Z",
        machine_total=_round(told["mean"].sum()),
        final_total=_round(told["final"].sum()),
        cells=[_cell(row) for row in told.to_dict("records")],
    )


def _expiry(request: Request, moment: pd.Timestamp) -> pd.Timestamp | None:
    if request.expires_at is None:
        return None
    end = pd.Timestamp(request.expires_at)
    end = end.tz_convert(UTC).tz_localize(None) if end.tz else end
    if end <= moment:
        raise wrong("expires_at", "expires_at: is past; an expired override does nothing.")
    return end.floor("us")


def _digest(request: Request, author: str) -> str:
    told = json.dumps([author, request.model_dump(mode="json")], sort_keys=True)
    return f"E-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _cells(request: Request, snapshot: Snapshot, max_series: int) -> pd.DataFrame:
    """What the machine and simple methods say of every cell of the edit."""
    panel, model = _chosen(request, snapshot, max_series), snapshot.model
    forecast = model.predict(ready(panel, model.plans_, model.horizon_, missing="carry"))
    steps = _steps(request, forecast, panel)
    naive = seasonal_naive(panel.y, season=panel.freq.season, horizon=model.horizon_)
    size, count = len(steps), panel.n
    return pd.DataFrame(
        {
            "unique_id": np.repeat(panel.ids, size),
            "dealer_id": np.repeat(panel.static["dealer_id"].astype(str).to_numpy(), size),
            "sku_id": np.repeat(panel.static["sku_id"].astype(str).to_numpy(), size),
            "period_start": np.tile(forecast.periods[steps].as_unit("us"), count),
            "period": np.tile(written(forecast.periods[steps], panel.freq), count),
            "mean": forecast.mean[:, steps].ravel(),
            "statistical_units": _statistical(forecast)[:, steps].ravel(),
            "naive_units": naive[:, steps].ravel(),
        }
    )


def _chosen(request: Request, snapshot: Snapshot, max_series: int) -> Panel:
    if (panel := snapshot.panel) is None:
        raise _nobody("dealer_ids" if request.dealer_ids else "sku_ids", [])
    mask = np.ones(panel.n, dtype=bool)
    for field, column in (("dealer_ids", "dealer_id"), ("sku_ids", "sku_id")):
        if (names := getattr(request, field)) is not None:
            own = panel.static[column].astype(str)
            if absent := [i for i, name in enumerate(names) if name not in set(own)]:
                raise _nobody(field, absent)
            mask &= own.isin(names).to_numpy()
    if not mask.any():
        raise _nobody("sku_ids", [])
    if (count := int(mask.sum())) > max_series:
        detail = f"The edit holds {count:,} series; at most {max_series:,}."
        raise wrong("dealer_ids", detail, next_step="Name fewer dealers or products in one edit.")
    return panel.take(mask)


def _nobody(field: str, absent: Sequence[int]) -> NotFound:
    return NotFound(
        "None of these dealers has sold that product, or the warehouse does not know them.",
        kind="unknown-series",
        next_step="Check the ids; a series needs sell-in in the warehouse (`qudao ingest`).",
        faults=[Fault(field=f"{field}[{i}]", detail="has no sell-in") for i in absent],
    )


def _steps(request: Request, forecast: Forecast, panel: Panel) -> list[int]:
    """Positions of the asked periods among those forecast, in order and once."""
    days = starts(request.periods, panel.freq)
    ahead, names = list(forecast.periods), ", ".join(written(forecast.periods, panel.freq))
    for i, day in enumerate(days):
        if pd.isna(day):
            raise wrong(f"periods[{i}]", f"periods[{i}]: should be {expected(panel.freq)}.")
        if day not in ahead:
            detail = f"periods[{i}]: only periods that are forecast can be overridden: {names}."
            raise wrong(f"periods[{i}]", detail)
    return sorted({ahead.index(day) for day in days})


def _statistical(forecast: Forecast) -> Array:
    """Mean of the smoothing members, [n, h]; NaN where the model has none."""
    found = [forecast.members[name] for name in _STATISTICAL if name in forecast.members]
    return np.mean(found, axis=0) if found else np.full_like(forecast.mean, np.nan)


def _rows(cells: pd.DataFrame, request: Request, author: Author, edit_id: str) -> pd.DataFrame:
    """The edit as rows of the table `overrides`."""
    moment = author.moment
    names = cells["dealer_id"] + "\0" + cells["sku_id"] + "\0" + cells["period"]
    hashes = [hashlib.sha256(f"{edit_id}\0{name}".encode()).hexdigest()[:20] for name in names]
    return cells[[*CELL, "statistical_units", "naive_units"]].assign(
        override_id=[f"O-{digest}" for digest in hashes],
        edit_id=edit_id,
        qty=_figures(cells, request),
        factor=np.nan if request.factor is None else request.factor,
        machine_units=cells["mean"],
        author=author.name,
        reason=request.reason,
        made_at=moment,
        event_at=moment,
        known_at=moment,
    )


def _figures(cells: pd.DataFrame, request: Request) -> Array:
    if request.quantity is None:
        return cells["mean"].to_numpy() * request.factor
    try:
        return split(request.quantity, cells["mean"].to_numpy())
    except ValueError:
        detail = "quantity: should be whole units, or hundredths of a unit."
        raise wrong("quantity", detail) from None


def _cell(row: dict[Any, Any]) -> Cell:
    plain = {name: str(row[name]) for name in ("override_id", "unique_id", "dealer_id", "sku_id", "period")}
    return Cell(**plain, mean=_round(row["mean"]), final=_round(row["final"]))


def _round(value: float) -> float:
    return round(float(value), _DECIMALS)
