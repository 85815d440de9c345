"""Attainment: which tiers will be reached, what is missing, and what the programme will cost.

In:   n ladders, purchases to date [n] and draws of purchases by the end [n, s], all in the ladder's
      currency; awards of each draw in coins [n, s].
Out:  `Attainment`, one row a ladder:
      probability     [n, k] of reaching each tier; NaN where a ladder has no such tier
      tier            [n] tiers reached by now
      shortfall       [n] amount to the next threshold; NaN when all are reached
      gain            [n] what the programme would pay more at the next threshold than for what was bought
      to_date         [n] what the ladder would pay for what was bought, awards apart
      mean, p50, p90  [n] what it will pay by the end, awards and cap included: the accrual
      coins           [n, s] the draws that these are taken from

Accruals are exact rebates of draws, in coins; quantiles are draws, not between two of them.
Errors: ValueError (shapes that disagree).

>>> from models.rebate.ladder import Ladder
>>> ladder = Ladder.of([(1, 100, 0.02), (2, 200, 0.05)], rule="retroactive", currency="CNY")
>>> told = attain(Ladders.of([ladder]), np.array([120.0]), np.array([[150.0, 190.0, 210.0, 260.0]]))
>>> told.probability.round(2).tolist(), told.shortfall.tolist(), told.gain.tolist()
([[0.9, 0.5]], [80.0], [7.6])
>>> told.mean.tolist(), told.p90.tolist()
([7.58], [13.0])
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.rebate.ladder import Coins, Ladders

Array = NDArray[np.float64]
_NEVER = 2**62


@dataclass(frozen=True, kw_only=True)
class Attainment:
    """n ladders, k tiers, s draws."""

    probability: Array
    tier: NDArray[np.intp]
    shortfall: Array
    gain: Array
    to_date: Array
    mean: Array
    p50: Array
    p90: Array
    coins: Coins


def attain(ladders: Ladders, to_date: Array, totals: Array, awards: Coins | None = None) -> Attainment:
    """What draws of the purchases of a whole programme come to."""
    if totals.shape[0] != len(ladders.ladders) or len(to_date) != len(ladders.ladders):
        raise ValueError(f"{len(ladders.ladders)} ladders, purchases {to_date.shape}, draws {totals.shape}.")
    unit = ladders.coins_per_unit.astype(float)
    so_far, drawn = ladders.to_coins(to_date[:, None]), ladders.to_coins(totals)
    paid, paid_now = ladders.coins(drawn, awards), ladders.coins(so_far)[:, 0]
    tier = ladders.places(so_far)[:, 0]
    following, there = _following(ladders, tier)
    at_next = ladders.coins(np.where(there, following, 0)[:, None])[:, 0]
    levels = np.quantile(paid, (0.5, 0.9), axis=1, method="inverted_cdf") if paid.size else np.zeros((2, 0))
    return Attainment(
        probability=_probability(ladders, drawn),
        tier=tier,
        shortfall=np.where(there, (following - so_far[:, 0]) / unit, np.nan),
        gain=np.where(there, (at_next - paid_now) / unit, np.nan),
        to_date=paid_now / unit,
        mean=(paid.mean(axis=1) / unit).round(2) if paid.size else np.zeros(0),
        p50=levels[0] / unit,
        p90=levels[1] / unit,
        coins=paid,
    )


def chance(reached: Array, within: Array, threshold: Array) -> Array:
    """Share of draws that come to a threshold when `reached` is bought by now, [n]."""
    hits = ((reached[:, None] + within) >= threshold[:, None]).sum(axis=1)
    return np.asarray((hits + 0.5) / (within.shape[1] + 1))


def _following(ladders: Ladders, tier: NDArray[np.intp]) -> tuple[Coins, NDArray[np.bool_]]:
    """Threshold of the next tier, and whether there is one, [n]."""
    depth = ladders.thresholds.shape[1]
    place = np.minimum(tier, depth - 1)
    following = ladders.thresholds[np.arange(len(tier)), place] if len(tier) else np.zeros(0, np.int64)
    return following, (tier < depth) & (following < _NEVER)


def _probability(ladders: Ladders, drawn: Coins) -> Array:
    """Share of draws at each threshold or above, never quite 0 or 1, [n, k]."""
    hits = (drawn[:, None, :] >= ladders.thresholds[:, :, None]).sum(axis=2)
    share = (hits + 0.5) / (drawn.shape[1] + 1)
    return np.where(ladders.thresholds < _NEVER, share, np.nan)
