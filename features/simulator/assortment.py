"""Assortment: which dealer carries which product, from when to when, at what level.

A series begins when the dealer has joined and the product is launched, sometimes later;
it ends when the product is delisted there or the dealer fails. `level` is the latent demand
in units a month before season, price, promotion and trouble.

>>> world = World(dealers=2, products=3, assortment_share=1.0)
>>> periods = Periods.of(world)
>>> land = Geography.draw(world, periods)
>>> goods, solvency = Catalogue.draw(world, periods), Solvency.draw(world, periods, land)
>>> Assortment.draw(world, land, goods, solvency, periods).grid.n
6
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.simulator.catalogue import Catalogue
from features.simulator.geography import Geography
from features.simulator.grid import Grid, Ints
from features.simulator.periods import Periods
from features.simulator.solvency import Solvency
from features.simulator.world import World

_SLOW_LEVEL = 0.08  # of a normal product's level
_LEAST_PERIODS = 3  # a series that begins late has at least these, if the channel has


@dataclass(frozen=True)
class Assortment:
    """The n series of the channel."""

    grid: Grid
    row: Ints  # [d, p], the series of dealer and product; -1: not carried
    begins: Ints  # [n], first period
    ends: Ints  # [n], the period after the last
    level: NDArray[np.float32]  # [n], units a month
    slow: NDArray[np.bool_]  # [n], sells now and then

    @classmethod
    def draw(
        cls, world: World, land: Geography, goods: Catalogue, solvency: Solvency, periods: Periods
    ) -> Self:
        """Each dealer carries `assortment_share` of the products, at least one."""
        rng = world.rng("assortment")
        earliest = np.maximum(np.maximum(land.joins[:, None], goods.launches), 0)  # [d, p]
        carried = rng.random(earliest.shape) < world.assortment_share
        carried &= earliest < np.maximum(solvency.fails, 1)[:, None]
        carried[~carried.any(axis=1), 0] = True  # the first product is old enough for everybody
        dealer, product = np.nonzero(carried)
        row = np.full(carried.shape, -1)
        row[dealer, product] = np.arange(len(dealer))
        fails = solvency.fails[dealer]
        begins = _begins(rng, world, earliest[carried], fails, periods)
        delisted = _delisted(rng, world, begins, periods)
        affinity = np.exp(rng.normal(0, 0.5, len(dealer)))
        slow = np.where(goods.slow[product], _SLOW_LEVEL, 1.0)
        level = world.units_per_month * land.size[dealer] * goods.popularity[product] * affinity * slow
        return cls(
            grid=Grid(land.dealer_ids, goods.sku_ids, dealer, product, periods),
            row=row,
            begins=begins,
            ends=np.minimum(delisted, np.maximum(fails, begins + 1)),
            level=level.astype(np.float32),
            slow=goods.slow[product],
        )

    @property
    def active(self) -> NDArray[np.bool_]:
        """Periods in which each series is sold, planned ones included, [n, t]."""
        step = np.arange(self.grid.periods.count)
        return (step >= self.begins[:, None]) & (step < self.ends[:, None])

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Periods of which sales are on record, [n, t]."""
        return self.active & (np.arange(self.grid.periods.count) < self.grid.periods.observed)

    @property
    def planned(self) -> NDArray[np.bool_]:
        """Periods of which a plan is on record: from the beginning on, to the end of the plans."""
        return np.asarray(np.arange(self.grid.periods.count) >= self.begins[:, None])


def _begins(rng: np.random.Generator, world: World, earliest: Ints, fails: Ints, periods: Periods) -> Ints:
    n, last = len(earliest), np.clip(fails - 1, 0, max(0, periods.observed - _LEAST_PERIODS))
    late = rng.random(n) < world.late_share
    waits = rng.integers(1, max(2, periods.observed // 2), n)
    return np.asarray(np.minimum(earliest + np.where(late, waits, 0), last))


def _delisted(rng: np.random.Generator, world: World, begins: Ints, periods: Periods) -> Ints:
    ended = rng.random(len(begins)) < world.ended_share
    left = np.maximum(periods.observed - begins - _LEAST_PERIODS, 1)
    end = begins + _LEAST_PERIODS + np.floor(rng.random(len(begins)) * left).astype(int)
    return np.where(ended, end, periods.count)
