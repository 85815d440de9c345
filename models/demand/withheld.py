"""Withheld: the same question with plans taken out of the periods ahead.

"Without its promotions" a panel plans none for the periods ahead; "without any plan" its prices are also
the usual ones, the geometric mean of the last year. The past stays as it was, and so does a plan that
nobody made (NaN). What a model says of these panels is the counterfactual of its own forecast.

Limits: a net price that holds the promotion's discount stays low when the promotion is taken out; a
counterfactual of a model is no experiment.

>>> from features.frequency import MONTHLY
>>> plans = {"net_price": np.array([[4.0, 9.0, 3.0]]), "deal": np.array([[0.0, 1.0, 1.0]])}
>>> static = pd.DataFrame({"dealer_id": ["D"], "sku_id": ["S"]})
>>> first, y = pd.Timestamp("2024-01-01"), np.ones((1, 2))
>>> panel = Panel(static=static, first=first, freq=MONTHLY, y=y, plans=plans)
>>> without_promotions(panel).plans["deal"], without_plans(panel).plans["net_price"].round(1)
(array([[0., 1., 0.]]), array([[4., 9., 6.]]))
"""

from dataclasses import replace

import numpy as np
import pandas as pd  # noqa: F401  (the example)
from numpy.typing import NDArray

from features.panel import Panel, is_price
from features.windows import window_mean

Array = NDArray[np.float64]


def without_promotions(panel: Panel) -> Panel:
    """No promotion ahead; prices as planned."""
    plans = {k: v if is_price(k) else _none(v, panel.t) for k, v in panel.plans.items()}
    return replace(panel, plans=plans)


def without_plans(panel: Panel) -> Panel:
    """No promotion ahead, and the usual prices."""
    year = panel.freq.season
    kept = without_promotions(panel).plans
    plans = {k: _usual(v, panel.t, year) if is_price(k) else v for k, v in kept.items()}
    return replace(panel, plans=plans)


def _none(plan: Array, t: int) -> Array:
    out = plan.copy()
    out[:, t:] = np.where(np.isfinite(plan[:, t:]), 0.0, np.nan)
    return out


def _usual(price: Array, t: int, year: int) -> Array:
    out = price.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(price[:, :t])
    usual = np.exp(window_mean(np.where(np.isfinite(logs), logs, np.nan), year))[:, None]
    known = np.isfinite(price[:, t:]) & np.isfinite(usual)
    out[:, t:] = np.where(known, usual, price[:, t:])
    return out
