"""Moving: who will go up, go down or leave within six months.

In:   Paths and replayed tiers. Out: rows of dealers and months with what was known then, what followed
      (`y_up`, `y_down`, `y_left`; NaN while six months are not over), and three propensities.

up    the tier is higher at the end of one of the six months after than now; down: lower
left  nothing is bought in the six months after, by a dealer that bought within the six before

Three-month probabilities assume an even hazard: 1 - (1 - p)^(1/2).
Limits: rows of one dealer overlap; folds by dealer keep them together.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.growth.paths import Paths
from models.propensity import Propensity
from models.reasons import Wording

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

AHEAD = 6
EVENTS = ("up", "down", "left")
COLUMNS = (
    *("points", "gap_up", "gap_down", "slope_3", "slope_6", "trend_3", "trend_6", "silence_months"),
    *("regularity", "late_days_log", "overdue_rate", "years", "size", "is_lowest", "is_highest"),
)
RATES = {"up": 0.08, "down": 0.08, "left": 0.06}  # before anything is known
RISING = {
    "up": (),
    "down": ("late_days_log", "overdue_rate", "silence_months"),
    "left": ("late_days_log", "overdue_rate", "silence_months"),
}
EXPERT = {
    "up": {"gap_up": -0.8, "slope_6": 0.4},
    "down": {"gap_down": -0.8, "slope_6": -0.4},
    "left": {"silence_months": 0.6, "trend_3": -0.4, "overdue_rate": 0.4},
}
WORDINGS = {
    "silence_months": Wording("SILENCE", "Has not ordered for a while.", "Ordered recently."),
    "regularity": Wording("IRREGULAR", "Orders in few months.", "Orders in most months."),
    **dict.fromkeys(
        ("trend_3", "trend_6", "slope_3", "slope_6"),
        Wording("TREND", "Sales or points are falling.", "Sales or points hold or rise."),
    ),
    "late_days_log": Wording("PAYMENT_LATE", "Pays late.", "Pays on time."),
    "overdue_rate": Wording("OVERDUE", "Money is overdue.", "Little or nothing is overdue."),
    **dict.fromkeys(
        ("points", "size", "gap_up", "gap_down", "is_lowest", "is_highest"),
        Wording("STANDING", "Dealers of this standing leave more often.", "Dealers of this standing stay."),
    ),
    "years": Wording("YEARS", "Has not been with us for long.", "Has been with us for long."),
}


def rows_at(paths: Paths, tiers: Ints, cuts: Array, j: int) -> pd.DataFrame:
    """What was known of every dealer at the end of month j, [d]."""
    held, points = np.maximum(tiers[:, j], 0), paths.points[:, : j + 1]
    units, sales = paths.standing.layers["units"][:, : j + 1], paths.standing.layers["sales"][:, : j + 1]
    above = np.append(cuts, np.nan)[held]
    below = np.insert(cuts, 0, np.nan)[held]
    columns = {
        "points": points[:, -1],
        "gap_up": above - points[:, -1],
        "gap_down": points[:, -1] - below,
        "slope_3": _change(points, 3),
        "slope_6": _change(points, 6),
        "trend_3": _trend(sales, 3),
        "trend_6": _trend(sales, 6),
        "silence_months": _silence(units),
        "regularity": paths.parts["regularity"][:, j],
        "late_days_log": np.log1p(paths.late_days[:, j]),
        "overdue_rate": np.minimum(paths.overdue_rate[:, j], 2.0),
        "years": paths.parts["years"][:, j],
        "size": paths.parts["size"][:, j],
        "is_lowest": (held == 0).astype(float),
        "is_highest": (held == len(cuts)).astype(float),
    }
    return pd.DataFrame(columns, index=paths.standing.dealer_ids)[list(COLUMNS)]


def past_rows(paths: Paths, tiers: Ints, cuts: Array, *, least: int = 6) -> pd.DataFrame:
    """All dealers at all months from `least` on: COLUMNS, dealer_id, cutoff, territory_id, tier, outcomes."""
    parts = []
    for j in range(min(least, tiers.shape[1]) - 1, tiers.shape[1]):
        frame = rows_at(paths, tiers, cuts, j).assign(**_outcomes(paths, tiers, j))
        named = paths.standing.dealers
        frame = frame.assign(
            cutoff=paths.standing.months[j], territory_id=named["territory_id"], tier=named["tier"]
        )
        parts.append(frame.rename_axis("dealer_id").reset_index()[tiers[:, j] >= 0])
    return pd.concat(parts, ignore_index=True)


@dataclass
class Moving:
    """Three propensities."""

    seed: int = 0
    beliefs_: dict[str, Propensity] = field(default_factory=dict, init=False)

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn from past months whose six months are over."""
        self.beliefs_ = {
            event: Propensity(
                rising=RISING[event], expert=EXPERT[event], rate=RATES[event], seed=self.seed
            ).fit(rows[list(COLUMNS)], rows[f"y_{event}"].to_numpy(float), rows["dealer_id"].to_numpy())
            for event in EVENTS
        }
        return self

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """up, down, left: probabilities within six months, [d, 3]; nobody rises above the highest tier."""
        told = pd.DataFrame({name: b.predict(frame) for name, b in self.beliefs_.items()}, index=frame.index)
        told["up"] = told["up"].where(frame["is_highest"] == 0, 0.0)
        told["down"] = told["down"].where(frame["is_lowest"] == 0, 0.0)
        return told


def even(p: Array) -> Array:
    """The probability of half the time under an even hazard.

    >>> even(np.array([0.75])).tolist()
    [0.5]
    """
    return np.asarray(1 - np.sqrt(1 - p))


def _outcomes(paths: Paths, tiers: Ints, j: int) -> dict[str, Array]:
    after, units = tiers[:, j + 1 : j + 1 + AHEAD], paths.standing.layers["units"]
    over = after.shape[1] == AHEAD
    held, known = tiers[:, [j]], np.asarray(tiers[:, j] >= 0)
    if not over:
        return {f"y_{event}": np.full(len(tiers), np.nan) for event in EVENTS}
    bought = np.nan_to_num(units[:, j + 1 : j + 1 + AHEAD]).sum(axis=1) > 0
    lately = np.nan_to_num(units[:, max(j + 1 - AHEAD, 0) : j + 1]).sum(axis=1) > 0
    return {
        "y_up": np.where(known & (held[:, 0] < tiers.max()), (after > held).any(axis=1), np.nan),
        "y_down": np.where(known & (held[:, 0] > 0), (after < held).any(axis=1), np.nan),
        "y_left": np.where(known & lately, (~bought).astype(float), np.nan),
    }


def _change(points: Array, months: int) -> Array:
    if points.shape[1] <= months:
        return np.full(len(points), np.nan)
    return np.asarray(points[:, -1] - points[:, -1 - months])


def _trend(sales: Array, months: int) -> Array:
    """Log of the last months' mean over the year's."""
    now, year = (np.nan_to_num(sales[:, -k:]).sum(axis=1) / k for k in (months, 12))
    trend = np.log((now + 0.05 * year + 1e-9) / (1.05 * year + 1e-9))
    return np.asarray(trend)


def _silence(units: Array) -> Array:
    bought = np.nan_to_num(units) > 0
    since = np.where(bought.any(axis=1), bought[:, ::-1].argmax(axis=1), units.shape[1])
    return np.asarray(since, dtype=float)
