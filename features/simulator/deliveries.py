"""Deliveries: how long an order is under way, and how much of it the brand can deliver.

`lead_days` [n, t] is the number of days from an order at the start of period t to its delivery: around
the product's lead time, with its spread, at least one day. `filled` [n, t] is the share of an order that
the brand has; whole packs of it are delivered. Luck is drawn for every period, ordered or not.

`at_once` is how the ordinary simulator delivers: within the period, whatever was bought.

>>> from features.simulator.nouns import Nouns
>>> n = Nouns.draw(World(dealers=2, products=2, months=12))
>>> bool((Deliveries.draw(n).lead_days >= 1).all()), int(Deliveries.at_once(n).lead_days.max())
(True, 0)
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.simulator.flow import Policy
from features.simulator.nouns import Nouns
from features.simulator.supply import supply_terms
from features.simulator.world import World as World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Deliveries:
    """Of orders at the start of each period, [n, t], and what may be ordered, [n]."""

    lead_days: NDArray[np.int64]
    filled: Floats
    pack_units: Floats
    moq_units: Floats

    @classmethod
    def at_once(cls, n: Nouns) -> Self:
        """Within the period, in single units, as it was bought."""
        shape, one = (n.sold.grid.n, n.periods.observed), np.ones(n.sold.grid.n)
        return cls(np.zeros(shape, dtype=np.int64), np.ones(shape), one, one)

    @classmethod
    def draw(cls, n: Nouns) -> Self:
        """By the supply terms of each product, short when the brand is."""
        terms, product = supply_terms(n), n.sold.grid.product
        usual, spread, pack, moq = (
            terms[name].to_numpy(np.float64)[product, None]
            for name in ("lead_time_days", "lead_time_spread_days", "pack_units", "moq_units")
        )
        luck = n.world.rng("lead times").standard_normal((n.sold.grid.n, n.periods.observed))
        days = np.maximum(np.round(usual + spread * luck), 1).astype(np.int64)
        return cls(days, Policy.draw(n.world, n.sold).filled.astype(np.float64), pack[:, 0], moq[:, 0])

    def sent(self, step: int, orders: Floats) -> Floats:
        """What the brand sends of the orders of a period, [n]: whole packs."""
        packs = np.floor(orders * self.filled[:, step] / self.pack_units + 1e-9)
        return np.asarray(packs * self.pack_units)

    def refused(self, orders: Floats) -> NDArray[np.bool_]:
        """Orders that nobody delivers, [n]: below zero, broken packs, under the least quantity."""
        broken = np.abs(orders / self.pack_units - np.round(orders / self.pack_units)) > 1e-6
        return np.asarray((orders < 0) | broken | ((orders > 0) & (orders < self.moq_units)))
