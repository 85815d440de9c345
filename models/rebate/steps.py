"""Steps: the upgrades of each dealer in falling order of what they gain for what they cost more.

From the option a dealer holds, the next step goes to the option with the steepest gain for its extra cost; so
the steps of a dealer get flatter, and taking them in order is what a falling price of spending would do.

In:   gain, cost [k, m] of the dealers asked; `at` [m] what they hold; `least` [m]: flatter steps are left
      out.
Out:  Steps, one row a step, in falling order of rate.

>>> gain, cost = np.array([[0.0], [3.0], [4.0]]), np.array([[0.0], [1.0], [3.0]])
>>> steps(gain, cost, np.zeros(1, np.int16), np.zeros(1)).rate.tolist()
[3.0, 0.5]
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.rebate.choice import Choices
from models.rebate.options import Array

Real = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Steps:
    """Upgrades, or a change of several dealers at once (`of` below zero names it)."""

    of: Rows  # position of the dealer
    to: Rows  # the option it would hold
    gain: Real  # more than before
    cost: Real
    rate: Real  # gain by cost

    def __len__(self) -> int:
        return len(self.of)

    def pick(self, which: NDArray[np.bool_] | Rows | slice) -> Self:
        """Some of them."""
        return type(self)(
            self.of[which], self.to[which], self.gain[which], self.cost[which], self.rate[which]
        )

    def joined(self, other: "Steps") -> "Steps":
        """Both, in falling order of rate; of equal ones, ours first."""
        both = Steps(
            np.concatenate([self.of, other.of]),
            np.concatenate([self.to, other.to]),
            np.concatenate([self.gain, other.gain]),
            np.concatenate([self.cost, other.cost]),
            np.concatenate([self.rate, other.rate]),
        )
        return both.pick(np.argsort(-both.rate, kind="stable"))


def steps(gain: Array, cost: Array, at: Choices, least: Real) -> Steps:
    """All steps steeper than `least` from what is held."""
    gain, cost = gain.astype(np.float64), cost.astype(np.float64)
    rows = np.arange(gain.shape[1])
    held, last = at.astype(np.intp), np.full(len(rows), np.inf)
    found: list[Steps] = []
    while len(rows):
        rate, to = _steepest(gain, cost, held)
        rate = np.minimum(rate, last)
        on = rate > least[rows]
        gain, cost, held, to = gain[:, on], cost[:, on], held[on], to[on]
        rows, last = rows[on], rate[on]
        across = np.arange(len(rows))
        more = gain[to, across] - gain[held, across]
        found.append(Steps(rows, to, more, cost[to, across] - cost[held, across], last))
        held = to
    return _ordered(found)


def _steepest(gain: Array, cost: Array, held: Rows) -> tuple[Real, Rows]:
    """Rate and target of each dealer's next step; of equal rates the longer step."""
    across = np.arange(gain.shape[1])
    own_gain, own_cost = gain[held, across], cost[held, across]
    rate, to = np.full(len(across), -np.inf), held.copy()
    longest = np.zeros(len(across))
    for j in range(len(gain)):
        more, dearer = gain[j] - own_gain, cost[j] - own_cost
        up = (dearer > 0) & (more > 0)
        slope = np.where(up, more / np.where(up, dearer, 1.0), -np.inf)
        better = (slope > rate) | ((slope == rate) & up & (dearer > longest))
        rate, to = np.where(better, slope, rate), np.where(better, j, to)
        longest = np.where(better, dearer, longest)
    return rate, to


def _ordered(found: list[Steps]) -> Steps:
    if not found:
        none = np.zeros(0, np.intp)
        return Steps(none, none, np.zeros(0), np.zeros(0), np.zeros(0))
    turn = np.concatenate([np.full(len(one), place) for place, one in enumerate(found)])
    every = Steps(
        np.concatenate([one.of for one in found]),
        np.concatenate([one.to for one in found]),
        np.concatenate([one.gain for one in found]),
        np.concatenate([one.cost for one in found]),
        np.concatenate([one.rate for one in found]),
    )
    return every.pick(np.lexsort((turn, every.of, -every.rate)))
