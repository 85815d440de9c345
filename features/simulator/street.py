"""Street prices: what a surveyor finds in a dealer's shops, after the period.

The list price, less most of a planned discount, less the dealer's habit, less what a
competitor's attack in the territory forces on everybody (a decoy), less a breach, a price war or
what diverted goods press the market by. The survey sees only a part of the series and
periods; it is the signal `street_price`.

>>> from features.simulator.world import World
>>> seen = street_prices(Nouns.draw(World(dealers=2, products=2, months=12, survey_share=1.0)))
>>> seen["kind"].unique().tolist(), bool((seen["value"] > 0).all())
(['street_price'], True)
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.nouns import Nouns

_PASSED_ON_RATE = 0.7  # of a planned discount reaches the street
_FORCED_RATE = 0.5  # of a competitor's share is answered by price
_MOST_HABIT_RATE = 0.06
_SURVEY_SPREAD = 0.02


def street_prices(n: Nouns) -> pd.DataFrame:
    """Canonical table `signals`: the surveyed street prices."""
    rng = n.world.rng("street")
    grid, sold = n.sold.grid, n.sold.observed
    habit = rng.uniform(0, _MOST_HABIT_RATE, n.world.dealers)
    asked = rng.random(sold.shape, dtype=np.float32) < n.world.survey_share
    rows, steps = cells = np.nonzero(sold & asked)
    dealer, category = grid.dealer[rows], n.goods.category[grid.product[rows]]
    price = n.prices.list_price[cells] * (1 - _PASSED_ON_RATE * n.plans.discount[cells])
    price = price * (1 - habit[dealer]) * (1 - n.breaches.depth[cells])
    price *= 1 - _FORCED_RATE * n.shocks.attack[n.land.territory[dealer], category, steps]
    price *= (1 - n.wars.depth(n.sold, n.land, n.goods)[cells]) * (1 - _pressed(n)[cells])
    price *= np.exp(rng.normal(0, _SURVEY_SPREAD, len(rows)))
    return grid.facts(cells, value=np.round(price, 2)).assign(kind="street_price")


def _pressed(n: Nouns) -> NDArray[np.float32]:
    """Fraction off the price where diverted goods came in: by their share of the market, [n, t]."""
    where, product = n.land.territory[n.sold.grid.dealer], n.sold.grid.product
    market = where * n.world.products + product
    lost, mean = (np.zeros((market.max() + 1, n.periods.count), dtype=np.float32) for _ in range(2))
    np.add.at(lost, market, n.diversion.lost)
    np.add.at(mean, market, n.demand.mean)
    share = np.minimum(lost / np.maximum(mean, 1), 1)[market]
    return np.asarray(np.float32(n.world.diversion_price_rate) * share, dtype=np.float32)
