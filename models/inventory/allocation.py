"""Allocation: scarce stock of one product over dealers, so that most is sold on and nobody gets nothing.

Each dealer first gets a floor: a fraction of its fair share, the share of its expected shortage in that of
all. What is left goes pack by pack where the next pack is most likely to be sold:

    gain of a pack = E min(D, held + pack) - E min(D, held),

which falls with what is held, so that taking the best pack each time is the best allocation there is under
the floors. Nothing is given that would surely lie, and never more than there is.

Shapes: draws [n, s] of each dealer's demand, held [n]; units.
Source: Fox (1966), Discrete optimization via marginal analysis, Management Science 13.
Errors: BadSupply.

>>> draws = np.array([[10.0, 10.0], [2.0, 4.0]])
>>> share(draws, np.zeros(2), supply=8.0, pack=2.0, floor_rate=0.5).tolist()
[6.0, 2.0]
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.errors import ChannelError

Array = NDArray[np.float64]
MOST_PACKS = 500_000
_TINY = 1e-9


class BadSupply(ChannelError):
    """A supply, pack or floor that no allocation can be made of."""


@dataclass(frozen=True)
class Sales:
    """Expected units sold of what is held: E min(D, y), from draws [n, s]."""

    ascending: Array
    before: Array  # [n, s + 1] sums of the smallest draws

    @classmethod
    def of(cls, draws: Array) -> "Sales":
        """Of draws in any order."""
        ascending = np.sort(draws, axis=1)
        return cls(ascending, np.pad(np.cumsum(ascending, axis=1), ((0, 0), (1, 0))))

    def at(self, row: int, held: float) -> float:
        """Expected units sold by one dealer."""
        own = self.ascending[row]
        k = int(np.searchsorted(own, held))
        return float((self.before[row, k] + (len(own) - k) * held) / len(own))


def share(
    draws: Array, held: Array, *, supply: float, pack: float, floor_rate: float, weights: Array | None = None
) -> Array:
    """Units for each dealer, [n]; `weights` take the place of expected shortages in fair shares."""
    _check(supply, pack, floor_rate)
    short = np.maximum(draws - held[:, None], 0.0).mean(axis=1)
    fair = _fair(short if weights is None else weights, supply)
    most = np.ceil(np.maximum(draws.max(axis=1) - held, 0.0) / pack - _TINY) * pack
    given = _floors(np.minimum(floor_rate * fair, most), supply, pack)
    return _greedy(Sales.of(draws), held, given, supply=supply, pack=pack)


def _greedy(sales: Sales, held: Array, given: Array, *, supply: float, pack: float) -> Array:
    given = given.copy()
    packs = int((supply - given.sum()) / pack + _TINY)

    def gain(row: int) -> float:
        now = held[row] + given[row]
        return sales.at(row, now + pack) - sales.at(row, now)

    queue = [(-gain(row), row) for row in range(len(held))]
    heapq.heapify(queue)
    while packs > 0 and queue and -queue[0][0] > _TINY:
        _, row = queue[0]
        given[row] += pack
        packs -= 1
        heapq.heapreplace(queue, (-gain(row), row))
    return given


def _fair(weights: Array, supply: float) -> Array:
    total = float(weights.sum())
    return weights / total * supply if total > 0 else np.zeros(len(weights))


def _floors(least: Array, supply: float, pack: float) -> Array:
    """Whole packs at or above each floor; where all are too many, the largest remainders first."""
    given = np.floor(least / pack + _TINY) * pack
    for row in np.argsort(given - least, kind="stable"):
        if least[row] - given[row] > _TINY * pack and given.sum() + pack <= supply + _TINY:
            given[row] += pack
    return np.asarray(given)


def _check(supply: float, pack: float, floor_rate: float) -> None:
    if not 0 <= supply < np.inf:
        raise BadSupply("supply_units: expected zero or more.")
    if not 0 < pack < np.inf:
        raise BadSupply("pack_units: expected above zero.")
    if not 0 <= floor_rate <= 1:
        raise BadSupply("floor_rate: expected a fraction from 0 to 1.")
    if supply / pack > MOST_PACKS:
        raise BadSupply(f"supply_units: more than {MOST_PACKS:,} packs; allocate in cases or pallets.")
