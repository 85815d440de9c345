"""Prices: what each dealer pays, and how demand answers.

net_price = list_price x (1 - the dealer's terms) x (1 - the planned discount), per unit.
Terms follow tier, are renegotiated at each new year and differ a little by product. A
buyer sees the price against what it was in the first period, inflated by 2 % a year:

    log demand moves by elasticity x log(net_price / reference)

with the elasticity of the category times the dealer's own factor (log-normal).

>>> bool((TERMS_RATES[:-1] > TERMS_RATES[1:]).all())  # a higher tier buys at better terms
True
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.catalogue import CATEGORIES, Catalogue
from features.simulator.geography import Geography
from features.simulator.grid import Grid
from features.simulator.periods import Array
from features.simulator.promotions import Promotions
from features.simulator.world import World

TERMS_RATES = np.array([0.24, 0.22, 0.2, 0.18], dtype=np.float32)  # off the list, by tier A to D
INFLATION_RATE = 0.02
CURRENCY = "CNY"


@dataclass(frozen=True)
class Prices:
    """Prices [n, t], in CNY a unit, and the elasticity of each series [n]."""

    list_price: Array
    net_price: Array
    elasticity: NDArray[np.float32]

    @classmethod
    def draw(
        cls, world: World, land: Geography, goods: Catalogue, sold: Assortment, plans: Promotions
    ) -> Self:
        """Prices of a world."""
        rng = world.rng("prices")
        grid = sold.grid
        kept = (1 - _terms(rng, land, grid)) * (1 - plans.discount)
        of_category = np.array([c.elasticity for c in CATEGORIES])[goods.category][grid.product]
        of_dealer = np.exp(rng.normal(0, world.elasticity_spread, world.dealers))[grid.dealer]
        list_price = goods.list_price.astype(np.float32)[grid.product]
        net_price = np.asarray(np.round(list_price * kept, 2), dtype=np.float32)
        return cls(list_price, net_price, (of_category * of_dealer).astype(np.float32))

    def response(self, grid: Grid) -> Array:
        """Log demand moved by price, [n, t]."""
        growth = np.float32(np.log1p(INFLATION_RATE)) * grid.periods.years
        reference = self.list_price[:, :1] * (1 - TERMS_RATES.mean())
        return np.asarray(self.elasticity[:, None] * (np.log(self.net_price / reference) - growth))

    def table(self, sold: Assortment) -> pd.DataFrame:
        """Canonical table `prices`."""
        cells = np.nonzero(sold.planned)
        cents = {"list_price": self.list_price, "net_price": self.net_price}
        columns = {name: np.round(price[cells].astype(np.float64), 2) for name, price in cents.items()}
        return sold.grid.plans(cells, **columns).assign(currency=CURRENCY)


def _terms(rng: np.random.Generator, land: Geography, grid: Grid) -> Array:
    """Fraction off the list for each series and period, [n, t]; new at each new year."""
    year = grid.periods.starts.astype("M8[Y]").astype(int)
    year -= year[0]
    of_dealer = TERMS_RATES[land.tier][:, None] + rng.normal(0, 0.015, (len(land.tier), year[-1] + 1))
    of_series = rng.normal(0, 0.01, grid.n)
    terms = of_dealer.astype(np.float32)[grid.dealer][:, year] + of_series.astype(np.float32)[:, None]
    return np.asarray(np.clip(terms, 0.05, 0.4))
