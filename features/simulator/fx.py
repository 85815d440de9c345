"""Exchange rates: foreign money in CNY, one rate a business day.

A random walk of logarithms whose volatility changes between calm and stormy spells; a rate
is known the day after.

>>> from features.simulator.periods import Periods
>>> table, truth = fx_rates(World(months=1), Periods.of(World(months=1)))
>>> len(table), truth["base_currency"].tolist()
(115, ['USD', 'EUR', 'HKD', 'JPY', 'VND'])
"""

import numpy as np
import pandas as pd

from features.simulator.grid import stamps
from features.simulator.periods import Periods
from features.simulator.world import World

_BASES = ("USD", "EUR", "HKD", "JPY", "VND")
_FIRST_RATES = np.array([7.1, 7.8, 0.91, 0.048, 0.00028])  # CNY for one
_CALM_VOLATILITIES = np.array([0.04, 0.07, 0.04, 0.10, 0.05])  # of a year
_STORMY = 2.5  # times as volatile
_CHANGE_RATE = 1 / 120  # of the days begin another spell
_BUSINESS_DAYS = 252


def fx_rates(world: World, periods: Periods) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Canonical table `fx_rates`, and the true calm and stormy volatility of each currency."""
    rng = world.rng("fx")
    days = np.arange(periods.starts[0], periods.now)
    days = days[np.is_busday(days)]
    spell = np.cumsum(rng.random((len(days), len(_BASES))) < _CHANGE_RATE, axis=0) % 2
    daily = _CALM_VOLATILITIES / np.sqrt(_BUSINESS_DAYS) * np.where(spell, _STORMY, 1)
    walk = np.cumsum(daily * rng.standard_normal(daily.shape), axis=0)
    rate = _FIRST_RATES * np.exp(walk)  # [days, bases]
    day = np.repeat(stamps(days), len(_BASES))
    table = pd.DataFrame({"base_currency": np.tile(np.array(_BASES, dtype=object), len(days))})
    table = table.assign(
        quote_currency="CNY",
        rate_date=day,
        rate=np.round(rate.ravel(), 8),
        event_at=day,
        known_at=day + np.timedelta64(1, "D"),
    )
    truth = pd.DataFrame({"base_currency": list(_BASES), "calm_volatility": _CALM_VOLATILITIES})
    return table, truth.assign(stormy_volatility=_CALM_VOLATILITIES * _STORMY)
