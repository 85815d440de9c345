"""Awards: what the yearly programme pays beside its ladder, for punctual payment and for outlets.

About half of the dealers are promised each: 0.3 to 0.8 % of purchases when 80 to 95 % of what fell due
was paid in time, and a sum of money when most of their outlets bought.

>>> from features.simulator.nouns import Nouns
>>> from features.simulator.world import World
>>> sorted(rebate_awards(Nouns.draw(World(dealers=9, months=12)))["measure"].unique())
['collections', 'outlets']
"""

import numpy as np
import pandas as pd

from features.simulator.nouns import Nouns
from features.simulator.prices import CURRENCY

_PROMISED_RATE = 0.5
_OUTLET_AMOUNT = 300.0


def rebate_awards(n: Nouns) -> pd.DataFrame:
    """Canonical table `rebate_awards`: one row a programme, dealer and award, known with its ladder."""
    ladders = n.rebates.table(n.sold).drop_duplicates(["programme_id", "dealer_id"])
    rng, d = n.world.rng("awards"), n.world.dealers
    collections, outlets = (rng.random(d) < _PROMISED_RATE for _ in range(2))
    share, rate = np.round(rng.uniform(0.8, 0.95, d), 2), np.round(rng.uniform(0.003, 0.008, d), 4)
    count = np.round(np.bincount(n.land.outlet_dealer, minlength=d) * rng.uniform(0.6, 0.9, d))
    promises = [
        ("collections", collections, share, np.nan, rate),
        ("outlets", outlets & (count > 0), count, _OUTLET_AMOUNT, np.full(d, np.nan)),
    ]
    dealer = np.searchsorted(n.land.dealer_ids.astype(str), ladders["dealer_id"].to_numpy(str))
    parts = [
        ladders[["programme_id", "dealer_id", "event_at", "known_at"]]
        .assign(
            award_id=measure,
            measure=measure,
            threshold=threshold[dealer],
            award_amount=amount,
            award_rate=of_sales[dealer],
            currency=CURRENCY,
        )
        .loc[promised[dealer]]
        for measure, promised, threshold, amount, of_sales in promises
    ]
    return pd.concat(parts, ignore_index=True)
