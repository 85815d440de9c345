"""Nouns: everything of a simulated channel, drawn in the order in which one needs another.

Read `draw` top to bottom to see who depends on whom. Each noun draws from its own
generator, so that a noun added here moves the luck of no other. Demand alone gathers the responses of
many nouns: `known` is what dealers see coming, `moved` everything.

>>> Nouns.draw(World(dealers=2, products=2, months=12)).demand.mean.shape[1]  # 12 observed, 3 planned
15
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from features.simulator.assortment import Assortment
from features.simulator.breaches import Breaches
from features.simulator.catalogue import Catalogue
from features.simulator.demand import Demand, trends
from features.simulator.diversion import Diversion
from features.simulator.flow import Flow
from features.simulator.geography import Geography
from features.simulator.money import Money
from features.simulator.periods import Periods
from features.simulator.prices import Prices
from features.simulator.promotions import Promotions
from features.simulator.rebates import Rebates
from features.simulator.seasons import seasons
from features.simulator.shocks import Shocks
from features.simulator.solvency import Solvency
from features.simulator.wars import Wars
from features.simulator.world import World

_FADING_RATE = 0.6  # of demand is gone when a dealer fails


@dataclass(frozen=True)
class Nouns:
    """One simulated channel, as arrays."""

    world: World
    periods: Periods
    land: Geography
    goods: Catalogue
    solvency: Solvency
    sold: Assortment
    plans: Promotions
    prices: Prices
    rebates: Rebates
    breaches: Breaches
    shocks: Shocks
    wars: Wars
    demand: Demand
    diversion: Diversion
    flow: Flow
    money: Money

    @classmethod
    def draw(cls, world: World) -> Self:
        """The channel of a world."""
        periods = Periods.of(world)
        land = Geography.draw(world, periods)
        goods = Catalogue.draw(world, periods)
        season = seasons(periods)  # [c, t]
        solvency = Solvency.draw(world, periods, land)
        sold = Assortment.draw(world, land, goods, solvency, periods)
        plans = Promotions.draw(world, sold, goods, season)
        prices = Prices.draw(world, land, goods, sold, plans)
        rebates = Rebates.draw(world, sold, prices)
        breaches = Breaches.draw(world, sold)
        shocks = Shocks.draw(world, sold)
        wars = Wars.draw(world, periods)
        known = season[goods.category][sold.grid.product] + prices.response(sold.grid)
        known += plans.response(sold.grid, goods.category)
        unforeseen = rebates.response(sold) + np.log1p(-_FADING_RATE * solvency.distress)  # [d, t]
        moved = known + trends(world, land.quality, sold) + unforeseen[sold.grid.dealer]
        moved += shocks.response(sold, land, goods) + breaches.response(prices)
        moved += wars.response(sold, land, goods, prices)
        demand = Demand.draw(world, sold, moved, shocks.project_units)
        diversion = Diversion.draw(world, land, goods, sold, demand)
        flow = Flow.draw(world, goods, sold, demand, diversion, known)
        money = Money.draw(world, land, sold, flow, prices, solvency)
        return cls(
            world, periods, land, goods, solvency, sold, plans, prices,
            rebates, breaches, shocks, wars, demand, diversion, flow, money,
        )  # fmt: skip
