"""Rebalance: units that lie with one dealer and are missing with another, of the same product.

A dealer gives what it holds above its order-up-to level, never below it; a dealer takes up to its own
level. A pack moves when it is worth more than the freight:

    gain = short x (units that would be missing before an order could arrive, with and without it)
         + what the giver no longer has to hold  -  freight,

the pair with the largest gain first. Gains fall as packs move, so inside a territory, where freight is one
amount, no other set of moves gains more. Between territories only where freight is on record, pair by pair.

In:   `Shelf` of one product, arrays [n] and draws [n, s]; freight [n, n] a unit, infinite where not allowed.
Out:  moves: giver, taker, units, gain and freight, in order.

>>> draws = np.tile(np.array([5.0, 10.0]), (2, 1))
>>> shelf = Shelf(position=np.array([40.0, 0.0]), on_hand=np.array([40.0, 0.0]), up_to=np.array([10.0, 10.0]),
...               short=np.full(2, 4.0), over=np.full(2, 0.1), rate=np.full(2, 8.0), wanted=draws, lead=draws)
>>> [(m.giver, m.taker, m.units) for m in moves(shelf, np.zeros((2, 2)), pack=5.0)]
[(0, 1, 10.0)]
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """One product at several dealers."""

    position: Array  # on hand and on its way
    on_hand: Array
    up_to: Array
    short: Array  # amount a unit missing
    over: Array  # amount a unit lying for a review period
    rate: Array  # units a review period
    wanted: Array  # [n, s] over lead time and review
    lead: Array  # [n, s] before an order of today arrives


@dataclass(frozen=True, kw_only=True)
class Move:
    """So much from one to another; positions in the shelf."""

    giver: int
    taker: int
    units: float
    gain_amount: float  # after freight
    freight_amount: float


def moves(shelf: Shelf, freight: Array, *, pack: float) -> list[Move]:
    """Moves that are worth it, one a pair."""
    total: dict[tuple[int, int], Array] = {}
    for giver, taker, gain in _packs(shelf, freight, pack):
        told = total.setdefault((giver, taker), np.zeros(3))
        told += (pack, gain, freight[giver, taker] * pack)
    return [
        Move(giver=g, taker=t, units=float(u), gain_amount=float(a), freight_amount=float(f))
        for (g, t), (u, a, f) in total.items()
    ]


def _packs(shelf: Shelf, freight: Array, pack: float) -> Iterator[tuple[int, int, float]]:
    """Giver, taker and gain of one pack after the other."""
    position, left = shelf.position.copy(), shelf.on_hand.copy()
    n = len(position)
    saved = np.array([_saved(shelf, position, left, i, pack) for i in range(n)])
    helped = np.array([_helped(shelf, position, i, pack) for i in range(n)])
    while True:
        givers, takers = np.flatnonzero(np.isfinite(saved)), np.flatnonzero(np.isfinite(helped))
        if not len(givers) or not len(takers):
            return
        gain = saved[givers, None] + helped[takers] - freight[np.ix_(givers, takers)] * pack
        row, column = np.unravel_index(np.argmax(gain), gain.shape)
        giver, taker, best = int(givers[row]), int(takers[column]), float(gain[row, column])
        if not best > _TINY:
            return
        position[giver] -= pack
        left[giver] -= pack
        position[taker] += pack
        saved[giver] = _saved(shelf, position, left, giver, pack)
        helped[taker] = _helped(shelf, position, taker, pack)
        yield giver, taker, best


def _saved(shelf: Shelf, position: Array, left: Array, i: int, pack: float) -> float:
    """What giving one pack saves; minus infinity when it may not."""
    after = position[i] - pack
    if not after >= shelf.up_to[i] - _TINY or not left[i] >= pack - _TINY:
        return -np.inf
    return _holding(shelf, i, position[i]) - _holding(shelf, i, after)


def _helped(shelf: Shelf, position: Array, i: int, pack: float) -> float:
    """What one more pack saves of being short; minus infinity when it would be too much."""
    if not position[i] + pack <= shelf.up_to[i] + _TINY:
        return -np.inf
    missing = np.maximum(shelf.lead[i] - position[i], 0.0) - np.maximum(shelf.lead[i] - position[i] - pack, 0)
    return float(shelf.short[i] * missing.mean())


def _holding(shelf: Shelf, i: int, level: float) -> float:
    """Of what is left over, until it is sold."""
    left = np.maximum(level - shelf.wanted[i], 0.0)
    return float(shelf.over[i] * (left * (1 + left / (2 * max(shelf.rate[i], _TINY)))).mean())
