"""Moves: what would move a dealer's score, found by scoring changed dealers.

In:   conditions [d, k], the marks of good practice among the portfolio (its better quartile), and the
      function that scores conditions.
Out:  for each dealer the three changes that gain the most points: code, text, points.

A change is made only where the dealer falls short of good practice, and takes it there and no further:
half of all dealers or a quarter of them do as much already, so it is feasible. Nothing is said of a
column that is not known.

Limits: the points are what the model would then say, not a promise that the market answers so;
changes are tried one at a time and their points may not be added up.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.industries import Industry

Array = NDArray[np.float64]
Score = Callable[[pd.DataFrame], Array]

MOST = 3
LEAST_POINTS = 0.5
QUARTILES = (0.25, 0.5, 0.75)
_LOW, _MIDDLE, _HIGH = QUARTILES


@dataclass(frozen=True)
class Move:
    """A change: columns, and the quantile of the portfolio that each is taken to."""

    code: str
    text: str
    targets: Mapping[str, float]


MOVES = (
    Move(
        "PAY_ON_TIME",
        "Pay as punctually as the better quarter of dealers.",
        {"late_days_log": _LOW, "late_days_lately_log": _LOW, "late_rate": _LOW},
    ),
    Move("CLEAR_OVERDUE", "Settle what is overdue.", {"overdue_rate": _LOW}),
    Move("FILL_SHELVES", "Keep the products that sell in stock.", {"short_rate": _LOW}),
    Move("BALANCE_STOCK", "Bring days of stock back into the band of the trade.", {}),
    Move("SELL_ON", "Sell on what was taken in before ordering more.", {"loading": _MIDDLE}),
    Move("BROADEN", "Carry more of the assortment.", {"skus_log": _HIGH, "breadth_change": _MIDDLE}),
    Move(
        "VISIT_OUTLETS",
        "Win back outlets that have gone quiet.",
        {"outlet_rate": _HIGH, "outlet_change": _MIDDLE},
    ),
    Move(
        "ORDER_REGULARLY",
        "Order every month instead of now and then.",
        {"purchase_rate_6": _HIGH, "overdue_ratio": _LOW, "recency_months": _LOW, "volatility": _MIDDLE},
    ),
    Move("CUT_RETURNS", "Bring returns down to what is usual.", {"returns_rate": _MIDDLE}),
    Move(
        "WIN_BACK",
        "Bring the last months back to the dealer's usual level.",
        {"trend_3": _MIDDLE, "trend_6": _MIDDLE, "last_ratio": _MIDDLE},
    ),
)
_LESS = {"late_days_log", "late_days_lately_log", "late_rate", "overdue_rate", "short_rate", "loading"}
_LESS |= {"overdue_ratio", "recency_months", "volatility", "returns_rate"}


def practice(conditions: pd.DataFrame) -> pd.DataFrame:
    """The portfolio's quartiles, one row a quartile, one column a condition."""
    return conditions.quantile(list(QUARTILES))


def best_moves(
    conditions: pd.DataFrame, score: Score, marks: pd.DataFrame, industry: Industry
) -> list[list[dict[str, Any]]]:
    """The most effective changes of each dealer, best first."""
    now = score(conditions)
    gains = np.column_stack([score(_moved(m, conditions, marks, industry)) - now for m in MOVES])
    order = np.argsort(-gains, axis=1, kind="stable")[:, :MOST]
    return [
        [_told(MOVES[j], gains[i, j]) for j in row if gains[i, j] >= LEAST_POINTS]
        for i, row in enumerate(order)
    ]


def _told(move: Move, points: float) -> dict[str, Any]:
    return {"code": move.code, "text": move.text, "points": round(float(points), 1)}


def _moved(move: Move, conditions: pd.DataFrame, marks: pd.DataFrame, industry: Industry) -> pd.DataFrame:
    changed = {
        name: _towards(conditions[name], float(marks[name].to_numpy()[QUARTILES.index(level)]), name in _LESS)
        for name, level in move.targets.items()
    }
    if move.code == "BALANCE_STOCK":
        stock = industry.stock
        changed["stock_days"] = conditions["stock_days"].clip(stock.min_days, stock.max_days)
    return conditions.assign(**changed)


def _towards(values: "pd.Series[float]", target: float, is_less_better: bool) -> "pd.Series[float]":
    """The target where it is better; NaN stays."""
    if not np.isfinite(target):
        return values
    return values.clip(upper=target) if is_less_better else values.clip(lower=target)
