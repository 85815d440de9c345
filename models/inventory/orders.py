"""Orders: what to order now, from levels, positions and the terms of supply.

Position is what is on hand and on its way. At or below the reorder level, so much is ordered that the
position comes up to the order-up-to level:

1. whole packs: the one below or above, whichever costs less;
2. the least quantity that is delivered (MOQ), or nothing when taking it costs more than going without;
3. never more than can be sold while the goods may still be sold (`cap`), in whole packs.

An order is never negative, a multiple of the pack, and zero or at least the MOQ.

Shapes: all [n], draws [n, s]; units.
Errors: none; `Terms` that make no sense are refused where they enter (models.inventory.terms).

>>> draws = np.tile(np.arange(0.0, 100.0), (3, 1))
>>> costs = Costs(short=np.full(3, 9.0), over=np.full(3, 1.0), order=np.zeros(3))
>>> need = Need(position=np.array([95.0, 40.0, 40.0]), reorder=np.full(3, 89.0), up_to=np.full(3, 89.0),
...             cap=np.array([999.0, 999.0, 60.0]))
>>> lots = Lots(pack=np.full(3, 12.0), moq=np.full(3, 24.0))
>>> units, codes = order(need, lots, draws, costs, np.full(3, 30.0))
>>> units.tolist(), codes
([0.0, 48.0, 0.0], ['ENOUGH', 'REORDER', 'MOQ_ABOVE_SHELF_LIFE'])
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.inventory.levels import Costs, holding_cost, lasting_cost

Array = NDArray[np.float64]
Cost = Callable[[Array], Array]
_TINY = 1e-6  # of a pack


@dataclass(frozen=True, kw_only=True)
class Need:
    """Where stock is and where it should be, [n] units."""

    position: Array
    reorder: Array
    up_to: Array
    cap: Array  # the most that may be held, by shelf life; infinite without


@dataclass(frozen=True, kw_only=True)
class Lots:
    """In which quantities goods are delivered, [n] units."""

    pack: Array
    moq: Array


def order(need: Need, lots: Lots, draws: Array, costs: Costs, rate: Array) -> tuple[Array, list[str]]:
    """Units to order [n], and why: ENOUGH, REORDER, MOQ, MOQ_NOT_WORTH, SHELF_LIFE, MOQ_ABOVE_SHELF_LIFE.

    A position that is not known (NaN) is answered by NaN and "NO_STOCK".
    """
    known = np.isfinite(need.position)
    position = np.where(known, need.position, 0.0)
    is_low = known & (position <= need.reorder) & (need.up_to > position)
    wished = np.where(is_low, need.up_to - position, 0.0)

    def cost(units: Array) -> Array:
        return lasting_cost(draws, position + units, costs, rate)

    least = up(lots.moq, lots.pack)
    room = np.maximum(down(need.cap - position, lots.pack), 0.0)
    packed = _nearest(wished, lots.pack, lambda units: holding_cost(draws, position + units, costs))
    units = np.minimum(packed, room)
    raised = (units > 0) & (units < least)
    worth = cost(np.where(raised, least, 0.0)) < cost(np.zeros(len(units)))
    fits = least <= room
    units = np.where(raised, np.where(worth & fits, least, 0.0), units)
    tests = [~known, packed <= 0, raised & ~fits | (packed > 0) & (room <= 0), raised & ~worth, raised]
    names = ["NO_STOCK", "ENOUGH", "MOQ_ABOVE_SHELF_LIFE", "MOQ_NOT_WORTH", "MOQ"]
    tests, names = [*tests, packed > room], [*names, "SHELF_LIFE"]
    return np.where(known, units, np.nan), [str(c) for c in np.select(tests, names, "REORDER")]


def up(units: Array, pack: Array) -> Array:
    """The next whole pack at or above."""
    return np.asarray(np.ceil(np.maximum(units / pack - _TINY, 0.0)) * pack)


def down(units: Array, pack: Array) -> Array:
    """The next whole pack at or below; an infinite room stays infinite."""
    finite = np.isfinite(units)
    return np.asarray(np.where(finite, np.floor(np.where(finite, units, 0.0) / pack + _TINY) * pack, units))


def _nearest(wished: Array, pack: Array, cost: Cost) -> Array:
    low, high = down(wished, pack), up(wished, pack)
    return np.asarray(np.where(cost(high) <= cost(low), high, low))
