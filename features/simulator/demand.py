"""Demand: what buyers want of each dealer's products, whether or not it is in stock.

    log mean = level + trend of dealer and product + season + price + feature + ladder
             + shocks + undercutting + launch + distress          (units a month)

`mean` [n, t] is that mean in units a period: what the best forecaster could know. `wanted`
is one draw from it: auto-correlated noise, gamma-Poisson counts (so sizes are over-dispersed),
for slow products many zeros, and project orders on top. Both reach over the planned periods.

>>> from features.simulator.channel import simulate
>>> truth = simulate(World(months=24)).truth["demand"]
>>> bool(0.9 < truth["units_wanted"].sum() / truth["units_mean"].sum() < 1.15)
True
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.periods import Array
from features.simulator.world import World

_NOISE_MEMORY = 0.5  # correlation of the noise from month to month
_SHAPE = np.float32(60)  # of the gamma: variance = mean + mean^2 / 60
_MOST_LOG = np.float32(3.0)  # demand never moves further from its level than this


@dataclass(frozen=True)
class Demand:
    """Mean and draw, [n, t], units a period."""

    mean: Array
    rate: Array  # of the Poisson draw: the mean with its noise, before project orders
    buying: NDArray[np.float32]  # [n], chance that there is any demand in a period
    wanted: Array

    @classmethod
    def draw(cls, world: World, sold: Assortment, moved: Array, project_units: Array) -> Self:
        """Demand of a world, given by how much all causes move its logarithm, [n, t]."""
        rng = world.rng("demand")
        log = np.clip(moved + _launch(sold), -2 * _MOST_LOG, _MOST_LOG)
        mean = np.exp(log) * sold.level[:, None] * sold.grid.periods.months * sold.active
        noisy = mean * np.exp(_noise(rng, world, mean.shape, sold.grid.periods.per_month))
        slow = world.rng("intermittency").uniform(0.2, 0.6, len(mean)).astype(np.float32)
        buying = np.where(sold.slow, slow, np.float32(1))
        buys = rng.random(mean.shape, dtype=np.float32) < buying[:, None]
        spread = rng.standard_gamma(_SHAPE, mean.shape, dtype=np.float32) / _SHAPE
        rate = noisy * spread * buys / buying[:, None]
        units = rng.poisson(rate).astype(np.float32)
        return cls(mean, rate, buying, units + project_units)


def futures(world: World, mean: Array, buying: Array, rng: np.random.Generator) -> Array:
    """One draw of the law that a world draws its demand from, of monthly means [n, h]: for oracles."""
    noisy = mean * np.exp(_noise(rng, world, mean.shape, 1.0))
    spread = rng.standard_gamma(_SHAPE, mean.shape, dtype=np.float32) / _SHAPE
    buys = rng.random(mean.shape, dtype=np.float32) < buying[:, None]
    return np.asarray(rng.poisson(noisy * spread * buys / buying[:, None]), dtype=np.float32)


def trends(world: World, quality: NDArray[np.float64], sold: Assortment) -> Array:
    """Log demand moved by growth, [n, t]: good dealers grow; products rise and fall."""
    rng = world.rng("trends")
    of_dealer = 0.02 + 0.05 * quality + rng.normal(0, 0.06, len(quality))
    of_product = rng.normal(0, 0.06, world.products)
    a_year = (of_dealer[sold.grid.dealer] + of_product[sold.grid.product]).astype(np.float32)
    return a_year[:, None] * sold.grid.periods.years


def _launch(sold: Assortment) -> Array:
    """Log of the share reached since a late beginning: 30 % at first, all after half a year."""
    periods = sold.grid.periods
    age_months = (np.arange(periods.count) - sold.begins[:, None]) / np.float32(periods.per_month)
    reached = 1 - 0.7 * np.exp(-np.maximum(age_months, 0) / 2)
    return np.where(sold.begins[:, None] > 0, np.log(reached), 0).astype(np.float32)


def _noise(rng: np.random.Generator, world: World, shape: tuple[int, ...], per_month: float) -> Array:
    """Log noise with a memory, [n, t]; the mean of its exponential is 1."""
    memory = np.float32(_NOISE_MEMORY ** (1 / per_month))
    noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(world.noise_spread)
    fresh = np.sqrt(1 - memory**2)
    for t in range(1, shape[1]):
        noise[:, t] = memory * noise[:, t - 1] + fresh * noise[:, t]
    return noise - np.float32(world.noise_spread**2 / 2)
