"""Breaches: dealers who undercut the price (乱价).

A breach takes 12 to 30 % off the price of one product for two to five months, and draws
some buyers: log demand moves by half the elasticity x log(1 - depth). What of it can be
seen is in street.py.

>>> from features.simulator.channel import simulate
>>> simulate(World(breach_share=0.0)).truth["price_breaches"].empty
True
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.grid import stamps
from features.simulator.periods import Array
from features.simulator.prices import Prices
from features.simulator.world import World


@dataclass(frozen=True)
class Breaches:
    """Undercutting [n, t], as a fraction of the price, and where it began."""

    depth: Array  # [n, t]
    row: NDArray[np.int64]  # [breaches], series
    first: NDArray[np.int64]  # [breaches], period
    after: NDArray[np.int64]  # [breaches], period after the last
    of_price: NDArray[np.float64]  # [breaches], depth

    @classmethod
    def draw(cls, world: World, sold: Assortment) -> Self:
        """Breaches of a world: some dealers, one to three products each, two to five months."""
        rng = world.rng("breaches")
        grid = sold.grid
        eligible = sold.observed.sum(axis=1) > 0
        chance = (rng.random(world.dealers) < world.breach_share)[grid.dealer] & eligible
        row = np.flatnonzero(chance & (rng.random(grid.n) < 2 / max(2, world.products)))
        length = np.ceil(rng.integers(2, 6, len(row)) * grid.periods.per_month).astype(int)
        until = np.minimum(sold.ends[row], grid.periods.observed)
        first = sold.begins[row] + np.floor(rng.random(len(row)) * (until - sold.begins[row])).astype(int)
        after = np.minimum(first + length, until)
        of_price = rng.uniform(0.12, 0.3, len(row))
        depth = np.zeros((grid.n, grid.periods.count), dtype=np.float32)
        for r, a, b, x in zip(row, first, after, of_price, strict=True):
            depth[r, a:b] = x
        return cls(depth, row, first, after, of_price)

    def response(self, prices: Prices) -> Array:
        """Log demand moved by undercutting, [n, t]."""
        return np.asarray(np.float32(0.5) * prices.elasticity[:, None] * np.log1p(-self.depth))

    def truth(self, sold: Assortment) -> pd.DataFrame:
        """Every breach: dealer, product, first and last day, depth."""
        periods = sold.grid.periods
        return sold.grid.keys(self.row).assign(
            starts_at=stamps(periods.starts)[self.first],
            ends_at=stamps(periods.ends)[self.after - 1] - np.timedelta64(1, "D"),
            depth=self.of_price,
        )
