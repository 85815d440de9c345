"""Stock: what to move between dealers, and how to share out what there is too little of.

Both are answered from the draws of demand that orders are made of.

Errors: serving.errors.NotFound (a dealer or product that is not on record), Wrong (a supply, pack or floor
that no allocation can be made of, by field).

>>> AllocationRequest.model_validate(ALLOCATION_EXAMPLE).floor_rate
0.5
"""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue

from models.inventory.allocation import MOST_PACKS, share
from models.inventory.transfers import transfers
from serving.errors import Fault, NotFound, wrong
from serving.rooms.asked import ModelUsed, made_by, records
from serving.rooms.history import STRICT
from serving.rooms.inventory import AboveZero, Id, Reason, of_dealers
from serving.scores import Scores

MOST_IDS = 10_000
REBALANCE_EXAMPLE: dict[str, JsonValue] = {"sku_ids": ["S001"], "between_territories": False}
ALLOCATION_EXAMPLE: dict[str, JsonValue] = {"sku_id": "S001", "supply_units": 240.0, "floor_rate": 0.5}
Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_IDS)]


class RebalanceRequest(BaseModel):
    """Which products and territories."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [REBALANCE_EXAMPLE]})

    sku_ids: Ids | None = Field(None, description="All products when left out.")
    territory_ids: Ids | None = Field(None, description="All territories when left out.")
    between_territories: bool = Field(False, description="Also between them, where freight is on record.")


class Transfer(BaseModel):
    """Units from one dealer to another."""

    sku_id: str
    from_dealer_id: str
    to_dealer_id: str
    from_territory_id: str
    to_territory_id: str
    units: float
    cases: float
    gain_amount: float = Field(description="What it is worth, after freight.")
    freight_amount: float
    currency: str
    probability: float = Field(description="That the taker runs out before an order of today arrives.")
    probability_after: float
    reasons: list[Reason]
    note: str


class RebalanceResponse(BaseModel):
    """Transfers, product by product."""

    model: ModelUsed
    data_version: str
    as_of: str
    transfers: list[Transfer]


class AllocationRequest(BaseModel):
    """So much of one product, for whom."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [ALLOCATION_EXAMPLE]})

    sku_id: Id
    supply_units: Annotated[FiniteFloat, Field(ge=0, le=1e9)]
    dealer_ids: Ids | None = Field(None, description="All dealers of the product when left out.")
    pack_units: AboveZero | None = Field(
        None, description="Shared out in whole packs; as on record when left out."
    )
    floor_rate: Annotated[FiniteFloat, Field(ge=0, le=1)] = Field(
        0.5, description="Of its fair share, that each dealer gets at least."
    )


class Share(BaseModel):
    """One dealer's part."""

    dealer_id: str
    territory_id: str
    units: float
    fair_units: float = Field(description="Its share by expected shortage.")
    expected_sold_units: float = Field(description="Of these, sold before the next delivery.")
    probability: float = Field(description="That it runs out all the same.")
    note: str


class AllocationResponse(BaseModel):
    """Shares, by dealer."""

    model: ModelUsed
    data_version: str
    as_of: str
    sku_id: str
    pack_units: float
    allocated_units: float
    left_units: float = Field(description="Kept back: no dealer would sell them, or less than a pack.")
    shares: list[Share]


REBALANCE_FIELDS = frozenset(RebalanceRequest.model_fields)
ALLOCATION_FIELDS = frozenset(AllocationRequest.model_fields)


def rebalance(request: RebalanceRequest, scores: Scores) -> RebalanceResponse:
    """Moves that are worth their freight."""
    book = scores.book
    lines: pd.DataFrame = book.lines
    chosen = np.ones(len(lines), dtype=bool)
    for field, column in (("sku_ids", "sku_id"), ("territory_ids", "territory_id")):
        asked = getattr(request, field)
        if asked is not None:
            chosen &= _known(field, asked, lines[column])
    rows = np.flatnonzero(chosen)
    frame = transfers(
        lines.iloc[rows].reset_index(drop=True),
        book.demand.of(rows),
        book.freights,
        between=request.between_territories,
    )
    told = [Transfer.model_validate(row) for row in records(frame)]
    return RebalanceResponse(**made_by(scores), transfers=told)


def allocate(request: AllocationRequest, scores: Scores) -> AllocationResponse:
    """Scarce stock over dealers."""
    lines = scores.book.lines
    rows = np.flatnonzero(_known("sku_id", [request.sku_id], lines["sku_id"]))
    if request.dealer_ids is not None:
        rows = rows[of_dealers(request.dealer_ids, lines["dealer_id"].iloc[rows])]
    own = lines.iloc[rows]
    pack = float(own["pack_units"].max()) if request.pack_units is None else request.pack_units
    if request.supply_units / pack > MOST_PACKS:
        raise wrong(
            "pack_units", f"pack_units: at most {MOST_PACKS:,} packs in one call; share out larger ones."
        )
    held = (own["qty_on_hand"].fillna(0.0) + own["qty_in_transit"].fillna(0.0)).to_numpy(float)
    draws = scores.book.demand.wanted[rows]
    given = share(draws, held, supply=request.supply_units, pack=pack, floor_rate=request.floor_rate)
    return AllocationResponse(
        **made_by(scores),
        sku_id=request.sku_id,
        pack_units=pack,
        allocated_units=float(given.sum()),
        left_units=float(request.supply_units - given.sum()),
        shares=_shares(own, draws, held, given, request.supply_units),
    )


def _shares(
    own: pd.DataFrame, draws: NDArray[Any], held: NDArray[Any], given: NDArray[Any], supply: float
) -> list[Share]:
    after = (held + given)[:, None]
    sold = (np.minimum(draws, after) - np.minimum(draws, held[:, None])).mean(axis=1)
    short = np.maximum(draws - held[:, None], 0.0).mean(axis=1)
    fair = short / max(float(short.sum()), 1e-9) * supply
    names = own[["dealer_id", "territory_id", "note"]].astype(str).to_numpy(dtype=object)
    return [
        Share(
            dealer_id=names[i, 0],
            territory_id=names[i, 1],
            units=float(given[i]),
            fair_units=float(fair[i]),
            expected_sold_units=float(sold[i]),
            probability=float((draws[i] > after[i]).mean()),
            note=names[i, 2],
        )
        for i in range(len(names))
    ]


def _known(field: str, asked: list[str], column: "pd.Series[str]") -> NDArray[np.bool_]:
    """Which lines are asked for; every id must be one of them."""
    have = set(column)
    if unknown := [i for i, name in enumerate(asked) if name not in have]:
        names = [field if field == "sku_id" else f"{field}[{i}]" for i in unknown]
        raise NotFound(
            f"{len(unknown)} of {len(asked)} ids are not on record.",
            kind="unknown-id",
            next_step="Check the ids, or load the sales with `qudao ingest`.",
            faults=[Fault(field=name, detail="nothing on record") for name in names],
        )
    return np.asarray(column.isin(set(asked)))
