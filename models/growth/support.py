"""Support: the next best thing to do for a dealer, tied to the gap it closes.

In:   parts [d] of the points (0 to 100), what good dealers reach (third quartile), the weight of a part in
      the points, and a catalogue: code, kind, part, text, closes (share of the gap that it usually closes).
Out:  for each dealer up to three actions, the most points first: code, kind, part, text, gap, points.

expected points = weight of the part x gap to good practice x closes.
Limits: `closes` is the brand's own experience; the shipped values are assumptions, in configs/growth.yaml.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Array = NDArray[np.float64]

MOST = 3
LEAST_POINTS = 0.2
Part = Literal["size", "punctuality", "coverage", "regularity", "stock", "growth"]
Kind = Literal["knowledge", "tools", "funds", "supply", "finance"]


class Action(BaseModel):
    """One line of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    kind: Kind
    part: Part
    text: str
    closes: Annotated[float, Field(gt=0, le=1)] = 0.3


WEIGHTS: dict[str, float] = {  # of a part in the points; stock and growth work through size
    **{"size": 0.5, "punctuality": 0.35 / 3, "coverage": 0.35 / 3, "regularity": 0.35 / 3},
    **{"stock": 0.1, "growth": 0.15},
}
CATALOGUE: tuple[Action, ...] = (
    Action(
        code="TRAIN_SALES",
        kind="knowledge",
        part="size",
        text="Train the sales force on the range.",
        closes=0.08,
    ),
    Action(
        code="DISPLAY_FUND", kind="funds", part="size", text="Grant a display or promotion fund.", closes=0.12
    ),
    Action(code="CREDIT_TERMS", kind="finance", part="punctuality", text="Agree a payment plan.", closes=0.4),
    Action(
        code="ROUTE_TOOL",
        kind="tools",
        part="coverage",
        text="Provide the visit and route tool.",
        closes=0.35,
    ),
    Action(code="AUTO_ORDER", kind="tools", part="regularity", text="Set up suggested orders.", closes=0.3),
    Action(
        code="PRIORITY_SUPPLY", kind="supply", part="stock", text="Allocate scarce goods first.", closes=0.4
    ),
    Action(
        code="STOCK_COACH", kind="knowledge", part="stock", text="Coach on stock and ordering.", closes=0.3
    ),
    Action(
        code="LAUNCH_FUND", kind="funds", part="growth", text="Fund the launch of new products.", closes=0.25
    ),
)


def best_actions(
    parts: pd.DataFrame, good: "pd.Series[float]", catalogue: Sequence[Action]
) -> list[list[dict[str, Any]]]:
    """The most useful actions of each dealer."""
    gaps: dict[Part, Array] = {action.part: _gap(parts, good, action.part) for action in catalogue}
    points = np.column_stack([gaps[a.part] * WEIGHTS[a.part] * a.closes for a in catalogue])
    order = np.argsort(-points, axis=1, kind="stable")[:, :MOST]
    return [
        [_told(catalogue[k], gaps, i, points[i, k]) for k in row if points[i, k] >= LEAST_POINTS]
        for i, row in enumerate(order)
    ]


def _gap(parts: pd.DataFrame, good: "pd.Series[float]", name: str) -> Array:
    if name not in parts:
        return np.zeros(len(parts))
    return np.nan_to_num(np.maximum(float(good[name]) - parts[name].to_numpy(float), 0.0))


def _told(action: Action, gaps: Mapping[Part, Array], row: int, points: float) -> dict[str, Any]:
    about = action.model_dump(include={"code", "kind", "part", "text"})
    return about | {"gap": round(float(gaps[action.part][row]), 1), "points": round(float(points), 2)}
