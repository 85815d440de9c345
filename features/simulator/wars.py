"""Wars: prices of a whole territory that fall, with or without a reason.

A price war: all dealers of a territory cut the price of a category for two to five months,
and buyers follow by half the elasticity. A decoy: the street price of one product falls in a
territory for as long, and nothing else happens. Neither is diversion.

>>> from features.simulator.world import World
>>> from features.simulator.periods import Periods
>>> world = World(wars_per_year=1.0)
>>> wars = Wars.draw(world, Periods.of(world))
>>> wars.war.shape, bool(wars.war.max() > 0.05), bool(wars.decoy.any())
((5, 5, 51), True, False)
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from features.simulator.assortment import Assortment
from features.simulator.catalogue import CATEGORIES, Catalogue
from features.simulator.geography import Geography
from features.simulator.grid import stamps
from features.simulator.periods import Array, Periods
from features.simulator.prices import Prices
from features.simulator.world import World


@dataclass(frozen=True)
class Wars:
    """Fractions off the street price."""

    war: Array  # [territories, categories, t]
    decoy: Array  # [territories, products, t]

    @classmethod
    def draw(cls, world: World, periods: Periods) -> Self:
        """Price wars and decoys of a world."""
        rng = world.rng("wars")
        war = _falls(rng, (world.territories, len(CATEGORIES)), world.wars_per_year, periods)
        decoy = _falls(rng, (world.territories, world.products), world.decoys_per_year, periods)
        return cls(war, decoy)

    def depth(self, sold: Assortment, land: Geography, goods: Catalogue) -> Array:
        """What is off the street price of each series, [n, t]."""
        where, product = land.territory[sold.grid.dealer], sold.grid.product
        kept = (1 - self.war[where, goods.category[product]]) * (1 - self.decoy[where, product])
        return np.asarray(1 - kept, dtype=np.float32)

    def response(self, sold: Assortment, land: Geography, goods: Catalogue, prices: Prices) -> Array:
        """Log demand moved by price wars, [n, t]."""
        war = self.war[land.territory[sold.grid.dealer], goods.category[sold.grid.product]]
        return np.asarray(np.float32(0.5) * prices.elasticity[:, None] * np.log1p(-war))

    def truth(self, periods: Periods, land: Geography) -> pd.DataFrame:
        """Every month of a price war, as a shock; `strength` is the log of what is left of the price."""
        where, category, step = np.nonzero(self.war)
        names = np.array([c.name for c in CATEGORIES])
        frame = pd.DataFrame({"territory_id": land.territory_ids[where], "category": names[category]})
        frame["period_start"] = stamps(periods.starts)[step]
        return frame.assign(kind="price war", strength=np.log1p(-self.war[where, category, step]))


def _falls(rng: np.random.Generator, shape: tuple[int, int], per_year: float, periods: Periods) -> Array:
    """Two to five months of 6 to 20 % less, [*shape, t]."""
    off = np.zeros((*shape, periods.count), dtype=np.float32)
    counts = rng.poisson(per_year * periods.observed / (12 * periods.per_month), shape)
    for where, what in np.argwhere(counts):
        start = rng.integers(periods.observed)
        months = rng.integers(2, 6)
        off[where, what, start : start + round(months * periods.per_month)] = rng.uniform(0.06, 0.2)
    return off
