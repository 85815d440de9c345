"""Market: what buyers would have wanted of the same world, had prices or ladders been others.

The luck stays: a world draws its demand once, and another decision only moves its mean by a factor. With
a factor of 1 the draw is the world's own, to the unit; below 1 each unit stays with that chance, above 1
Poisson units come on top, both at one uniform number for each series and period. So more demand in the
mean is never less in the draw, and two policies that decide the same see the same.

Project orders stay as they are. Limits: launch, shocks and distress do not depend on decisions.

>>> from features.simulator.nouns import Nouns
>>> n = Nouns.draw(World(dealers=2, products=2, months=12))
>>> market = Market.draw(n.world, n.demand, n.shocks.project_units)
>>> kept = market.wanted(5, np.zeros(len(n.demand.mean)))
>>> bool((kept == n.demand.wanted[:, 5]).all()), bool((market.wanted(5, kept * 0 + 0.5) >= kept).all())
(True, True)
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, poisson

from features.simulator.demand import Demand
from features.simulator.periods import Array
from features.simulator.world import World as World

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """Demand of a world, and the luck of what may be added or taken, [n, t]."""

    demand: Demand
    project_units: Array
    luck: Floats

    @classmethod
    def draw(cls, world: World, demand: Demand, project_units: Array) -> Self:
        """The market of a world."""
        return cls(demand, project_units, world.rng("market").random(demand.mean.shape))

    def mean(self, step: int, moved: Floats) -> Floats:
        """Units a period, [n], when decisions moved the logarithm by `moved` [n]."""
        return np.asarray(self.demand.mean[:, step] * np.exp(moved), dtype=np.float64)

    def wanted(self, step: int, moved: Floats) -> Floats:
        """Units that buyers ask for, [n]."""
        factor = np.exp(np.asarray(moved, dtype=np.float64))
        units = self.demand.wanted[:, step].astype(np.float64)
        project = self.project_units[:, step].astype(np.float64)
        luck, own = self.luck[:, step], units - project
        fewer = binom.ppf(luck, own, np.minimum(factor, 1.0))
        more = poisson.ppf(luck, np.maximum(factor - 1.0, 0.0) * self.demand.rate[:, step])
        return np.asarray(np.where(factor < 1, fewer, own + more) + project)
