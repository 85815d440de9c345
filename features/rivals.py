"""Rivals: what the rest of a dealer's shelf costs, as one more plan.

A product sells more when those beside it become dear. `rival_price` is, for each series, a chained price
index of the same dealer's other products of the category: period by period, the mean change of their log
prices, weighted by the root of their units in a year. A product that comes or goes moves it only by its own
price changes. Like every price it is known as far ahead as prices are planned.

Units weigh a period only when they are `reach` old (a third of a year: 4 months, 17 weeks), so the index of
a period that is forecast up to that far ahead holds no unit from after the cutoff.

Shapes: n series, w periods (observed and planned).
Source: Diewert and Nakamura, eds. (1993), Essays in Index Number Theory 1 (chained indices).
Limits: weights lag, so a new product counts little at first; before any unit is old enough all count alike.

>>> from features.frequency import MONTHLY
>>> static = pd.DataFrame({"dealer_id": "D", "sku_id": ["A", "B"]})
>>> plans = {"net_price": np.array([[4.0, 4.0, 4.0], [10.0, 5.0, 10.0]])}
>>> first, y = pd.Timestamp("2024-01-01"), np.ones((2, 2))
>>> panel = Panel(static=static, first=first, freq=MONTHLY, y=y, plans=plans)
>>> with_rival_price(panel).plans["rival_price"]
array([[1. , 0.5, 1. ],
       [1. , 1. , 1. ]])
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.frequency import Frequency
from features.panel import RIVAL_PRICE, Panel, carry_forward

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
_LEAST_WEIGHT = 1e-3


def with_rival_price(panel: Panel) -> Panel:
    """The panel with the rivals' price among its plans, where prices are known and a shelf has rivals."""
    price = own_price(panel)
    shelf = shelves(panel)
    crowded = np.bincount(shelf)[shelf] > 1  # [n]
    if price is None or not crowded.any():
        return panel
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(price)
    logs = carry_forward(np.where(np.isfinite(logs), logs, np.nan))
    moved = np.diff(logs, axis=1, prepend=np.nan)
    index = np.exp(np.cumsum(of_the_rest(moved, _weights(panel, shelf, logs.shape[1]), shelf), axis=1))
    known = crowded[:, None] & np.isfinite(logs)
    given = panel.plans.get(RIVAL_PRICE, np.nan)  # of a series whose rivals are not in the panel
    return replace(panel, plans={**panel.plans, RIVAL_PRICE: np.where(known, index, given)})


def own_price(panel: Panel) -> Array | None:
    """Net price, else list price, as far as planned; None where neither is known."""
    found = panel.plans.get("net_price", panel.plans.get("list_price"))
    return found if found is not None and np.isfinite(found).any() else None


def reach(freq: Frequency) -> int:
    """How many periods ahead a rivals' price is free of units that are not known yet."""
    return freq.season // 3


def without_rival_price(panel: Panel) -> Panel:
    """The panel with the plans that somebody gave."""
    return replace(panel, plans={k: v for k, v in panel.plans.items() if k != RIVAL_PRICE})


def within_reach(panel: Panel, steps: int) -> Panel:
    """The panel as it may be asked `steps` periods ahead: beyond the reach, without the rivals' price."""
    return panel if steps <= reach(panel.freq) else without_rival_price(panel)


def shelves(panel: Panel) -> Codes:
    """Code of each series' dealer and category, [n]: products that stand side by side."""
    category = panel.static.get("category", pd.Series("", index=panel.static.index))
    key = panel.static["dealer_id"].astype(str) + "\t" + category.fillna("").astype(str)
    return np.asarray(pd.factorize(key)[0], dtype=np.int64)


def of_the_rest(values: Array, weight: Array, shelf: Codes) -> Array:
    """Weighted mean over the other series of the shelf where known, [n, w]; zero where none is."""
    known = np.isfinite(values)
    weight = np.where(known, weight, 0.0)
    part = weight * np.where(known, values, 0.0)
    top, below = (np.zeros((shelf.max() + 1, values.shape[1])) for _ in range(2))
    np.add.at(top, shelf, part)
    np.add.at(below, shelf, weight)
    rest = below[shelf] - weight
    return np.where(rest > 1e-9, (top[shelf] - part) / np.maximum(rest, 1e-9), 0.0)


def _weights(panel: Panel, shelf: Codes, width: int) -> Array:
    """Root of the units of the year that ended `reach` before; alike where a shelf sold nothing, [n, w]."""
    total = np.zeros((panel.n, width + 1))
    total[:, 1 : panel.t + 1] = np.nan_to_num(panel.y).cumsum(axis=1)
    total[:, panel.t + 1 :] = total[:, panel.t : panel.t + 1]
    ends = np.maximum(np.arange(width) - reach(panel.freq) + 1, 0)
    begins = np.maximum(ends - panel.freq.season, 0)
    root = np.sqrt(np.maximum(total[:, ends] - total[:, begins], 0.0))
    sold = np.zeros((shelf.max() + 1, width))
    np.add.at(sold, shelf, root)
    return np.where(sold[shelf] > 0, root + _LEAST_WEIGHT * sold[shelf], 1.0)
