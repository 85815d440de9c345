"""Tiers: where a dealer belongs, and not another place every month.

In:   points [d, t] (models.growth.paths), cuts [k - 1] from the lowest, a band and confirming months.
Out:  tier numbers [d, t], 0 the lowest; -1 before the first purchase.

Hysteresis: a dealer goes up one tier when its points were at or above the next cut plus the band in each
of the last `confirm` months, and down one when they were below its own cut less the band as long. In
between it stays. The highest tier also asks for the industry's years with us.

Limits: at most one tier a month; the first month is judged without a band.

>>> points = np.array([[40.0, 51, 49, 51, 56, 56, 56, 48, 44, 44, 44]])
>>> replay(points, np.array([50.0]), band=5, confirm=3).tolist()
[[0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0]]
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def cuts_of(points: Array, shares: Sequence[float]) -> Array:
    """Cuts from the lowest, so that the highest tier holds the first share of dealers, and so on."""
    seen = points[np.isfinite(points)]
    above = np.cumsum(shares)[:-1][::-1]
    return np.quantile(seen, 1 - above) if len(seen) else np.linspace(25.0, 75.0, len(above))


def replay(
    points: Array, cuts: Array, *, band: float, confirm: int, may_top: NDArray[np.bool_] | None = None
) -> Ints:
    """Month after month, [d, t]."""
    d, t = points.shape
    floor = np.concatenate([[-np.inf], cuts - band])  # [k] below it for long: down
    ceiling = np.concatenate([cuts + band, [np.inf]])  # [k] above it for long: up
    tiers, up, down = np.full((d, t), -1), np.zeros(d, int), np.zeros(d, int)
    held = np.full(d, -1)
    for j in range(t):
        now, known = points[:, j], np.isfinite(points[:, j])
        fresh = known & (held < 0)
        held = np.where(fresh, np.searchsorted(cuts, now, side="right"), held)
        place = np.maximum(held, 0)
        up = np.where(known & (now >= ceiling[place]), up + 1, 0)
        down = np.where(known & (now < floor[place]), down + 1, 0)
        step = (up >= confirm).astype(int) - (down >= confirm).astype(int)
        if may_top is not None:
            step = np.where((held + step == len(cuts)) & (step > 0) & ~may_top[:, j], 0, step)
            held = np.where(fresh & (held == len(cuts)) & ~may_top[:, j], held - 1, held)
        held = np.where(fresh, held, held + step)
        up, down = np.where(step != 0, 0, up), np.where(step != 0, 0, down)
        tiers[:, j] = np.where(known, held, -1)
    return tiers


def flip_flop_rate(tiers: Ints, *, within: int = 6) -> float:
    """Share of dealer-months in which a tier changes back to one that was left less than `within` months ago.

    >>> flip_flop_rate(np.array([[0, 1, 0, 0, 1]]))
    0.5
    """
    back, seen = 0, 0
    for j in range(1, tiers.shape[1]):
        now, before = tiers[:, j], tiers[:, j - 1]
        known = (now >= 0) & (before >= 0)
        changed = known & (now != before)
        earlier = tiers[:, max(j - within, 0) : j - 1]
        back += int((changed & (earlier == now[:, None]).any(axis=1)).sum())
        seen += int(known.sum())
    return back / seen if seen else 0.0


def change_rate(tiers: Ints) -> float:
    """Share of dealer-months in which a tier changes at all."""
    known = (tiers[:, 1:] >= 0) & (tiers[:, :-1] >= 0)
    return float(((tiers[:, 1:] != tiers[:, :-1]) & known).sum() / max(known.sum(), 1))
