"""Small panels for tests of every folder: a channel with prices, promotions, weather and odd series.

`changed_after` is the other world of the rule "change the future, the past must not move".
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from features.frequency import MONTHLY, Frequency
from features.panel import Panel

FIRST = {"M": pd.Timestamp("2019-01-01"), "W": pd.Timestamp("2019-01-07")}


def panel_of(y, *, freq: Frequency = MONTHLY, **covariates) -> Panel:
    """A panel of bare demand: one dealer a series, one product."""
    y = np.asarray(y, dtype=float)
    static = pd.DataFrame({"dealer_id": [f"D{i}" for i in range(len(y))], "sku_id": "S"})
    return Panel(static=static, first=FIRST[freq.letter], freq=freq, y=y, **covariates)


def small_channel(
    dealers: int = 8,
    products: int = 3,
    *,
    t: int = 40,
    ahead: int = 3,
    freq: Frequency = MONTHLY,
    seed: int = 0,
) -> Panel:
    """Dealers x products with season, price response, deals, gaps, zeros and late starters."""
    rng = np.random.default_rng(seed)
    n, season = dealers * products, freq.season
    price = 10 * np.exp(np.cumsum(rng.normal(0, 0.05, (n, t + ahead)), axis=1))
    deal = (rng.random((n, t + ahead)) < 0.15).astype(float)
    wave = 1 + 0.4 * np.sin(2 * np.pi * np.arange(t) / season)
    size = rng.lognormal(3, 1, (n, 1))
    y = size * wave * (price[:, :t] / 10) ** -1.5 * (1 + 0.5 * deal[:, :t]) * rng.gamma(20, 1 / 20, (n, t))
    y[: n // 6] *= rng.random((n // 6, t)) < 0.4  # lumpy
    y[n // 6 : n // 4, : t // 2] = np.nan  # began late
    y[rng.random((n, t)) < 0.03] = np.nan  # gaps
    return Panel(
        static=_static(dealers, products),
        first=FIRST[freq.letter],
        freq=freq,
        y=y,
        plans={"net_price": price, "deal": deal},
        signals={"weather": rng.normal(20, 5, (n, t))},
    )


def _static(dealers: int, products: int) -> pd.DataFrame:
    names = [(f"D{d:02}", f"S{s}") for d in range(dealers) for s in range(products)]
    static = pd.DataFrame(names, columns=["dealer_id", "sku_id"])
    territory = static["dealer_id"].str[1:].astype(int) % 3
    return static.assign(
        territory_id="T" + territory.astype(str), category=np.where(static["sku_id"] < "S2", "a", "b")
    )


def changed_after(panel: Panel, t: int, horizon: int, *, seed: int = 1) -> Panel:
    """Another future: demand and signals from period t on, plans from t + horizon on."""
    rng = np.random.default_rng(seed)

    def other(values, start):
        out = values.copy()
        shape = out[:, start:].shape
        out[:, start:] = np.where(rng.random(shape) < 0.2, np.nan, rng.lognormal(5, 3, shape))
        return out

    return replace(
        panel,
        y=other(panel.y, t),
        plans={name: other(plan, t + horizon) for name, plan in panel.plans.items()},
        signals={name: other(signal, t) for name, signal in panel.signals.items()},
    )
