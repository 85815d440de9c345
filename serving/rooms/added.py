"""Added: which step of the way made forecasts better, and whose edits do (forecast value added).

Judged on what planners overrode, as far as the truth is known by now; models.demand.fva says how. The
truth is the panel of the snapshot: what was delivered, as it is known today.

Errors: serving.errors.NotReady (no data), Wrong (a period that is none).

>>> Request(author="li.na").author
'li.na'
"""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from features.panel import Panel
from models.demand.fva import judge, planners, stages
from serving.errors import NotReady, wrong
from serving.rooms.history import STRICT, Name
from serving.rooms.periods import Period, expected, starts
from serving.snapshot import Snapshot

ROUTE = "/v1/fva"
_DECIMALS = 6


class Request(BaseModel):
    """Which overrides; every filter may be left out."""

    model_config = STRICT

    author: Name | None = Field(None, description="Edits of one planner only.")
    since: Period | None = Field(None, description="Periods from this one on.")


class Stage(BaseModel):
    """One step of the way, judged on the cells that somebody overrode."""

    stage: str = Field(description="naive, statistical, machine, override, final")
    cells: int
    wape: float | None
    bias: float | None
    value_added: float | None = Field(
        description="WAPE of the stage before less its own; null for the first."
    )
    low: float | None = Field(description="Of a 95 % interval, by edits.")
    high: float | None


class Planner(BaseModel):
    """What one author's edits were worth."""

    author: str
    edits: int
    cells: int
    raw_rate: float = Field(description="Units of error saved, over units at stake.")
    value_added_rate: float = Field(description="The same, drawn towards zero as far as chance explains it.")
    low: float
    high: float
    probability: float = Field(description="That the edits make forecasts better.")


class Response(BaseModel):
    """Forecast value added, so far."""

    as_of: str
    stages: list[Stage]
    planners: list[Planner]
    open: int = Field(description="Overridden cells whose outcome is not known yet.")
    too_late: int = Field(description="Made after their period began: not judged.")


FILTERS = tuple(Request.model_fields)
FIELDS = frozenset(FILTERS)


def answer(request: Request, snapshot: Snapshot, overrides: pd.DataFrame) -> Response:
    """What the overrides were worth; `overrides` are all rows of the table."""
    if (panel := snapshot.panel) is None:
        raise NotReady("The warehouse holds no sell-in.", next_step="Load it with `qudao ingest`.")
    judged = judge(_passing(overrides, request, panel), _truth(panel, overrides))
    return Response(
        as_of=f"{panel.cutoff:%Y-%m-%d}",
        stages=[Stage(**one) for one in _plain(stages(judged.cells))],
        planners=[Planner(**one) for one in _plain(planners(judged.edits))],
        open=judged.open,
        too_late=judged.too_late,
    )


def _passing(overrides: pd.DataFrame, request: Request, panel: Panel) -> pd.DataFrame:
    rows = overrides
    if request.author is not None:
        rows = rows[rows["author"] == request.author]
    if request.since is not None:
        day = starts([request.since], panel.freq)[0]
        if pd.isna(day):
            raise wrong("since", f"since: should be {expected(panel.freq)}.")
        rows = rows[rows["period_start"] >= day]
    return rows


def _truth(panel: Panel, overrides: pd.DataFrame) -> pd.DataFrame:
    """What the overridden series sold, in every observed period."""
    own = overrides[["dealer_id", "sku_id"]].drop_duplicates()
    names = panel.static[["dealer_id", "sku_id"]].astype(str).assign(row=np.arange(panel.n))
    rows = names.merge(own, on=["dealer_id", "sku_id"])
    index = np.repeat(np.arange(len(rows)), panel.t)
    truth = rows.drop(columns="row").iloc[index].reset_index(drop=True)
    days = np.tile(panel.periods().as_unit("us"), len(rows))
    return truth.assign(period_start=days, y=panel.y[rows["row"].to_numpy()].ravel())


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows without NaN, numbers rounded."""
    rounded = frame.round(_DECIMALS).astype(object)
    rows = rounded.where(rounded.notna(), None).to_dict("records")
    return [{str(k): v for k, v in row.items()} for row in rows]
