"""Street prices: what a surveyor finds in a dealer's shops, after the period.

The list price, less most of a planned discount, less the dealer's habit, less what a
competitor's attack in the territory forces on everybody (a decoy), less a breach. The
survey sees only a part of the series and periods; it is the signal `street_price`.

>>> from features.simulator.world import World
>>> seen = street_prices(Nouns.draw(World(dealers=2, products=2, months=12, survey_share=1.0)))
>>> seen["kind"].unique().tolist(), bool((seen["value"] > 0).all())
(['street_price'], True)
"""

import numpy as np
import pandas as pd

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
    price *= np.exp(rng.normal(0, _SURVEY_SPREAD, len(rows)))
    return grid.facts(cells, value=np.round(price, 2)).assign(kind="street_price")
