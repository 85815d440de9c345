"""Overrides: a planner's figures in place of the machine's, and exactly as much as was said.

`split` deals a total out over cells in proportion to the forecast, in whole units (in hundredths when
the total has a fraction), so that the parts add up to the total exactly: each cell gets the pieces of its
share, the pieces left over go to the largest remainders, the first of equals first.

`in_force` finds what counts at a moment: of each dealer, product and period the override made last, among
those known by then and not yet expired. An expired one does nothing: an older one that still holds
counts again. `finals` puts them beside the machine's means: a quantity stands, a factor multiplies
the mean of now, so a factor of 1 gives the cell back to the machine.

Source: Hamilton's method (largest remainder), Balinski and Young (1982), Fair Representation.
Errors: ValueError (a total below zero or finer than a hundredth, weights below zero or not finite).

>>> split(100, [1, 1, 1]).tolist(), split(0.05, [2.0, 1.0]).tolist()
([34.0, 33.0, 33.0], [0.03, 0.02])
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
CELL = ["dealer_id", "sku_id", "period_start"]
_HUNDREDTHS = 100


def split(total: float, weights: Sequence[float] | Array) -> Array:
    """The total in proportion to the weights, [n], units; equal parts when all weights are zero."""
    shares = np.asarray(weights, dtype=np.float64)
    if not np.isfinite(shares).all() or (shares < 0).any() or not len(shares):
        raise ValueError("A total is split over one or more finite weights that are not below zero.")
    per_unit = 1 if float(total).is_integer() else _HUNDREDTHS
    pieces = Decimal(str(total)) * per_unit
    if pieces < 0 or pieces != int(pieces):
        raise ValueError("A total to split is zero or more, in whole units or in hundredths.")
    exact = [Fraction(float(w)) for w in (shares if shares.any() else np.ones_like(shares))]
    quotas = [int(pieces) * w / sum(exact) for w in exact]
    floors = [q.numerator // q.denominator for q in quotas]
    left = int(pieces) - sum(floors)
    order = sorted(range(len(quotas)), key=lambda i: floors[i] - quotas[i])  # the largest remainder first
    for i in order[:left]:
        floors[i] += 1
    return np.array([float(Decimal(n) / per_unit) for n in floors])


def in_force(overrides: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    """The override that counts for each dealer, product and period at a moment (naive UTC)."""
    said = overrides[(overrides["known_at"] <= moment) & (overrides["made_at"] <= moment)]
    holds = said[said["expires_at"].isna() | (said["expires_at"] > moment)]
    ordered = holds.sort_values(["made_at", "known_at", "override_id"], kind="stable")
    return ordered.drop_duplicates(CELL, keep="last").sort_values(CELL, ignore_index=True)


def finals(cells: pd.DataFrame, force: pd.DataFrame) -> pd.DataFrame:
    """`cells` (dealer_id, sku_id, period_start, mean) with `final` and `override_id` ("" without one)."""
    told = cells.merge(force[[*CELL, "override_id", "qty", "factor"]], on=CELL, how="left")
    scaled = told["mean"] * told["factor"]
    own = scaled.where(told["factor"].notna(), told["qty"])
    final = own.where(told["override_id"].notna(), told["mean"])
    return cells.assign(final=final.to_numpy(), override_id=told["override_id"].fillna("").to_numpy())
