"""Supply: what a unit costs the brand, how goods reach a dealer, and freight between territories.

A unit costs 55 to 75 % of what a dealer first pays for it. Delivery takes 3 to 12 days, the same for
every dealer; nothing below one to four cases is delivered. Freight between two territories is 1 to 4 %
of a usual price, and nothing at home. All of it is on record from the beginning.

>>> from features.simulator.nouns import Nouns
>>> terms = supply_terms(Nouns.draw(World(dealers=2, products=2, months=3)))
>>> bool((terms["moq_units"] >= terms["pack_units"]).all())
True
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.grid import stamps, texts
from features.simulator.nouns import Nouns
from features.simulator.prices import CURRENCY, TERMS_RATES
from features.simulator.world import World as World

_COST_RATES = (0.55, 0.75)
_LEAD_DAYS = (3, 12)
_MOST_CASES = 4
_ORDER_COSTS = (5, 30)
_HOLDING_RATE = 0.25
_FREIGHT_RATES = (0.01, 0.04)


def supply_terms(n: Nouns) -> pd.DataFrame:
    """Canonical table `supply_terms`."""
    rng, p = n.world.rng("supply"), n.world.products
    lead_days = rng.integers(*_LEAD_DAYS, p, endpoint=True).astype(float)
    packs = rng.integers(1, _MOST_CASES, p, endpoint=True)
    return _on_record(n, p).assign(
        sku_id=texts(n.goods.sku_ids, np.arange(p)),
        dealer_id="",
        lead_time_days=lead_days,
        lead_time_spread_days=np.round(lead_days * rng.uniform(0.1, 0.4, p), 1),
        review_days=7.0 if n.world.freq == "W" else 30.0,
        moq_units=(packs * n.goods.case_units).astype(float),
        pack_units=n.goods.case_units.astype(float),
        order_cost_amount=np.round(rng.uniform(*_ORDER_COSTS, p), 2),
        holding_rate=_HOLDING_RATE,
        currency=CURRENCY,
    )


def product_costs(n: Nouns) -> pd.DataFrame:
    """Canonical table `product_costs`."""
    rng, p = n.world.rng("costs"), n.world.products
    paid = n.goods.list_price[:, 0] * (1 - TERMS_RATES.mean())
    return _on_record(n, p).assign(
        sku_id=texts(n.goods.sku_ids, np.arange(p)),
        unit_cost_amount=np.round(paid * rng.uniform(*_COST_RATES, p), 2),
        currency=CURRENCY,
    )


def freights(n: Nouns) -> pd.DataFrame:
    """Canonical table `freights`: every pair of territories, the further the dearer."""
    ids = n.land.territory_ids
    near: NDArray[np.float64] = n.land.away_rates / n.land.away_rates.max()
    low, high = _FREIGHT_RATES
    usual = float(np.median(n.goods.list_price[:, 0]))
    amount = np.where(np.eye(len(ids), dtype=bool), 0.0, usual * (high - (high - low) * near))
    row, column = (x.ravel() for x in np.indices(amount.shape))
    return _on_record(n, amount.size).assign(
        from_territory_id=texts(ids, row),
        to_territory_id=texts(ids, column),
        freight_amount=np.round(amount.ravel(), 2),
        currency=CURRENCY,
    )


def _on_record(n: Nouns, rows: int) -> pd.DataFrame:
    day = stamps(n.periods.starts[:1])
    return pd.DataFrame({"event_at": np.repeat(day, rows), "known_at": np.repeat(day, rows)})
