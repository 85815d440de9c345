"""Shocks: what nobody planned.

Level shifts of single series (a listing won or lost) and of whole dealers; competitors who
take a share of a category in a territory for some months; one-off project orders (a
wedding hall, a school) that look like a trend and are none.

>>> world = World(shock_share=0.0)
>>> from features.simulator.channel import simulate
>>> simulate(world).truth["shocks"]["kind"].unique().tolist()
['competitor', 'project']
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.catalogue import CATEGORIES, Catalogue
from features.simulator.geography import Geography
from features.simulator.grid import stamps
from features.simulator.periods import Array, Periods
from features.simulator.world import World


@dataclass(frozen=True)
class Shocks:
    """Moves of log demand, and units that come on top."""

    series_at: NDArray[np.int64]  # [n], period of the shift; t: none
    series_log: NDArray[np.float32]  # [n]
    dealer_at: NDArray[np.int64]  # [d]
    dealer_log: NDArray[np.float32]  # [d]
    attack: Array  # [territories, c, t], fraction of demand taken by a competitor
    project_units: Array  # [n, t]

    @classmethod
    def draw(cls, world: World, sold: Assortment) -> Self:
        """Shocks of a world."""
        rng = world.rng("shocks")
        grid = sold.grid
        series_at, series_log = _shifts(rng, grid.n, world.shock_share, 0.45, grid.periods)
        dealer_at, dealer_log = _shifts(rng, world.dealers, world.shock_share, 0.3, grid.periods)
        attack = _attacks(rng, world, grid.periods)
        chance = np.float32(world.project_rate / grid.periods.per_month)
        hit = rng.random((grid.n, grid.periods.count), dtype=np.float32) < chance
        units = np.zeros(hit.shape, dtype=np.float32)
        units[hit] = np.round(sold.level[hit.nonzero()[0]] * rng.uniform(1, 5, hit.sum()))
        return cls(series_at, series_log, dealer_at, dealer_log, attack, units * sold.active)

    def response(self, sold: Assortment, land: Geography, goods: Catalogue) -> Array:
        """Log demand moved by shifts and competitors, [n, t]."""
        grid, step = sold.grid, np.arange(sold.grid.periods.count)
        moved = self.series_log[:, None] * (step >= self.series_at[:, None])
        dealers = self.dealer_log[:, None] * (step >= self.dealer_at[:, None])
        kept = np.log1p(-self.attack)[land.territory[grid.dealer], goods.category[grid.product]]
        return np.asarray(moved + dealers[grid.dealer] + kept, dtype=np.float32)

    def truth(self, sold: Assortment, land: Geography) -> pd.DataFrame:
        """Every shock: kind, where, when, and how strong (log of the factor, or units)."""
        return pd.concat([self._shifted(sold), self._attacked(sold, land), self._projects(sold)])

    def _shifted(self, sold: Assortment) -> pd.DataFrame:
        starts = stamps(sold.grid.periods.starts)
        rows = np.flatnonzero(self.series_log)
        series = sold.grid.keys(rows).assign(kind="series shift", strength=self.series_log[rows])
        series["period_start"] = starts[self.series_at[rows]]
        hit = np.flatnonzero(self.dealer_log)
        dealers = pd.DataFrame({"dealer_id": sold.grid.dealer_ids[hit], "strength": self.dealer_log[hit]})
        dealers["period_start"] = starts[self.dealer_at[hit]]
        return pd.concat([series, dealers.assign(kind="dealer shift")])

    def _attacked(self, sold: Assortment, land: Geography) -> pd.DataFrame:
        where, category, step = np.nonzero(self.attack)
        names = np.array([c.name for c in CATEGORIES])
        frame = pd.DataFrame({"territory_id": land.territory_ids[where], "category": names[category]})
        frame["period_start"] = stamps(sold.grid.periods.starts)[step]
        return frame.assign(kind="competitor", strength=np.log1p(-self.attack[where, category, step]))

    def _projects(self, sold: Assortment) -> pd.DataFrame:
        rows, step = np.nonzero(self.project_units)
        frame = sold.grid.keys(rows).assign(kind="project", strength=self.project_units[rows, step])
        return frame.assign(period_start=stamps(sold.grid.periods.starts)[step])


def _shifts(
    rng: np.random.Generator, count: int, share: float, spread: float, periods: Periods
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each of `count`: the period of its one shift, and its log (0: no shift)."""
    hit = rng.random(count) < share
    at = rng.integers(0, periods.observed, count)
    log = rng.normal(0, spread, count) * hit
    return np.where(hit, at, periods.count), log.astype(np.float32)


def _attacks(rng: np.random.Generator, world: World, periods: Periods) -> Array:
    """Two to six months of 15 to 40 % less, [territories, c, t]."""
    taken = np.zeros((world.territories, len(CATEGORIES), periods.count), dtype=np.float32)
    years = periods.observed / (12 * periods.per_month)
    counts = rng.poisson(world.attacks_per_year * years, taken.shape[:2])
    for where, category in np.argwhere(counts):
        start = rng.integers(periods.observed)
        length = round(rng.integers(2, 7) * periods.per_month)
        taken[where, category, start : start + length] = rng.uniform(0.15, 0.4)
    return taken
