"""Fill: the best use of what is left of a budget when the next step no longer fits.

One dealer, or two at once, change their options; every change and every pair of the `_CORE` that lose least
at the going price is tried, downgrades that make room for a larger upgrade too. Which changes are tried does
not depend on how much is left, so that more left never gains less.

>>> gain, cost = np.array([[0.0, 0.0], [3.0, 1.0]]), np.array([[0.0, 0.0], [2.0, 1.0]])
>>> found = fill(Held.of(gain, cost, np.zeros(2, np.int16), np.arange(2)), 1.5, price=1.4)
>>> (found.of.tolist(), found.to.tolist(), found.gain.tolist())
([1], [1], [1.0])
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.rebate.choice import Choices
from models.rebate.options import Array, Codes
from models.rebate.steps import Real, Rows, Steps

MOST_DEALERS = 20_000  # looked at; spread evenly over all
_CORE = 320


@dataclass(frozen=True, kw_only=True)
class Held:
    """All changes of some dealers from what they hold, [k, m]."""

    rows: Rows
    gain: Real  # more than now
    cost: Real
    region: Codes  # [m]
    room: Real  # [r] left of each region's cap

    @classmethod
    def of(
        cls,
        gain: Array,
        cost: Array,
        at: Choices,
        rows: Rows,
        region: Codes | None = None,
        room: Real | None = None,
    ) -> Self:
        """Of the dealers `rows`, evenly thinned when they are many."""
        rows = rows[:: max(-(-len(rows) // MOST_DEALERS), 1)]
        held = at[rows].astype(np.intp), rows
        return cls(
            rows=rows,
            gain=gain[:, rows].astype(np.float64) - gain[held],
            cost=cost[:, rows].astype(np.float64) - cost[held],
            region=np.zeros(len(rows), np.intp) if region is None else region[rows],
            room=np.full(1, np.inf) if room is None else room,
        )


def fill(held: Held, left: float, *, price: float) -> Steps:
    """The changes, none to two, that gain most within what is left."""
    to, who = _core(held, price)
    gain, cost, region = held.gain[to, who], held.cost[to, who], held.region[who]
    alone = np.where((cost <= left) & (cost <= held.room[region]), gain, -np.inf)
    both_cost = cost[:, None] + cost[None, :]
    same = region[:, None] == region[None, :]
    in_region = np.where(same, both_cost, cost[:, None])
    fits = (both_cost <= left) & (in_region <= held.room[region][:, None]) & (who[:, None] != who[None, :])
    fits &= fits.T
    both = np.where(fits, gain[:, None] + gain[None, :], -np.inf)
    return _best(held, (to, who), alone, both)


def _core(held: Held, price: float) -> tuple[Rows, Rows]:
    loss = price * held.cost - held.gain
    loss[(held.gain == 0) & (held.cost == 0) | ~np.isfinite(held.gain)] = np.inf
    flat = loss.ravel()
    count = min(_CORE, int(np.isfinite(flat).sum()))
    least = np.argpartition(flat, count - 1)[:count] if count else np.zeros(0, np.intp)
    to, who = np.unravel_index(np.sort(least), loss.shape)
    return to, who


def _best(held: Held, change: tuple[Rows, Rows], alone: Real, both: Real) -> Steps:
    (to, who), none = change, np.zeros(0, np.intp)
    chosen = none
    if len(alone) and max(alone.max(), both.max()) > 0:
        pair = np.array(np.unravel_index(int(both.argmax()), both.shape))
        chosen = pair if both.max() > alone.max() else np.array([int(alone.argmax())])
    to, who = to[chosen], who[chosen]
    gain, cost = held.gain[to, who], held.cost[to, who]
    return Steps(held.rows[who], to, gain, cost, np.divide(gain, cost, out=gain.copy(), where=cost > 0))
