"""Levels: how much to hold, and below what to order, from draws of the demand over the lead time.

Costs of one review period, of a unit: `short` when it is wanted and not there (its margin), `over` when it
lies (capital and storage). The critical ratio short / (short + over) is the chance with which stock should
suffice (newsvendor), and

    G(y) = over x E(y - D)+ + short x E(D - y)+

what holding y costs. With a cost K of each order line it pays to order less often: a lot Q (the economic
lot, or what must be taken) and the reorder level s with G(s) = G(s + Q), the best one for that lot. Looking
at the stock only now and then, one finds it some way below s (the undershoot u), so

    order up to S = s + Q - u / 2,    or to the newsvendor's level for lots of hardly
                             more than a period, which are ordered nearly every time.

Beside the exact optimum it costs about 1 % more (benchmarks/inventory.py; tests hold it to 5 %).

Shapes: n lines, s draws; units; amounts in the line's currency.
Source: Arrow, Harris and Marschak (1951); Zheng (1992), On properties of stochastic inventory systems,
        Management Science 38, for G(r) = G(r + Q) and for the economic lot within 1/8 of the best cost;
        Silver, Pyke and Thomas, Inventory and Production Management, for undershoot.
Limits: what is not there is waited for, at most until the next delivery; demand goes on as it is.

>>> draws = np.arange(1.0, 101.0)[None, :]
>>> newsvendor(draws, critical_ratio(np.array([9.0]), np.array([1.0]))).tolist()
[90.0]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
YEAR_DAYS = 365.0
_HALVINGS = 40
_LEAST = 1e-9
_SMALL_LOT = 1.2  # periods of demand: less is ordered nearly every time


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Of a unit for a review period, and of an order line, [n]."""

    short: Array
    over: Array
    order: Array

    def of(self, rows: NDArray[np.intp]) -> "Costs":
        """Some of the lines."""
        return Costs(short=self.short[rows], over=self.over[rows], order=self.order[rows])


def critical_ratio(short: Array, over: Array) -> Array:
    """Chance with which stock should suffice, [n]."""
    return np.asarray(short / np.maximum(short + over, _LEAST))


def newsvendor(draws: Array, ratio: Array) -> Array:
    """The least of the draws that suffices with the critical ratio, [n]."""
    count = draws.shape[1]
    place = np.clip(np.ceil(np.asarray(ratio) * count - _LEAST).astype(int) - 1, 0, count - 1)
    return np.asarray(np.take_along_axis(np.sort(draws, axis=1), place[:, None], axis=1)[:, 0])


def holding_cost(draws: Array, level: Array, costs: Costs) -> Array:
    """G: expected cost of one review period at these levels, [n]."""
    gap = np.asarray(level)[:, None] - draws
    over, short = np.maximum(gap, 0.0).mean(axis=1), np.maximum(-gap, 0.0).mean(axis=1)
    return np.asarray(costs.over * over + costs.short * short)


def lasting_cost(draws: Array, level: Array, costs: Costs, rate: Array) -> Array:
    """The same, with what is left over lying until it is sold at `rate` units a period, [n].

    A leftover o lasts o / rate periods and shrinks evenly: it costs over x o x (1 + o / (2 rate)).
    """
    gap = np.asarray(level)[:, None] - draws
    left, short = np.maximum(gap, 0.0), np.maximum(-gap, 0.0).mean(axis=1)
    lasting = left * (1 + left / (2 * np.maximum(rate, _LEAST))[:, None])
    return np.asarray(costs.over * lasting.mean(axis=1) + costs.short * short)


def economic_lot(rate: Array, costs: Costs) -> Array:
    """Units in one order that make ordering and holding cheapest together; `rate` units a period, [n]."""
    return np.asarray(np.sqrt(2 * costs.order * rate / np.maximum(costs.over, _LEAST)))


def reorder_level(draws: Array, lot: Array, costs: Costs) -> Array:
    """r with G(r) = G(r + lot), never below zero, [n]; for no lot the newsvendor's level."""
    best = newsvendor(draws, critical_ratio(costs.short, costs.over))
    low, high = best - lot, best.copy()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_low = holding_cost(draws, middle, costs) > holding_cost(draws, middle + lot, costs)
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return np.asarray(np.maximum((low + high) / 2, 0.0))


def s_and_S(draws: Array, review: Array, lot: Array, costs: Costs) -> tuple[Array, Array]:
    """Reorder and order-up-to levels, [n] each; `review` [n, s] is the demand of one review period."""
    mean = np.maximum(review.mean(axis=1), _LEAST)
    under = np.minimum((review**2).mean(axis=1) / (2 * mean), lot)
    r = reorder_level(draws, lot, costs)
    base = np.maximum(newsvendor(draws, critical_ratio(costs.short, costs.over)), r)
    return r, np.where(lot < _SMALL_LOT * mean, base, r + lot - under / 2)


@dataclass(frozen=True, kw_only=True)
class Break:
    """From so many units in one order on, every unit of it costs this."""

    min_units: float
    unit_cost_amount: float


def best_lot(year_units: float, order_amount: float, holding_rate: float, breaks: Sequence[Break]) -> float:
    """The economic lot with all-units discounts: the cheapest year of goods, orders and holding.

    >>> steps = [Break(min_units=0, unit_cost_amount=0.75), Break(min_units=800, unit_cost_amount=0.68)]
    >>> best_lot(1300, 8, 0.3, steps), round(best_lot(1300, 8, 0.3, steps[:1]))
    (800, 304)
    """
    ordered = sorted(breaks, key=lambda one: one.min_units)
    ends = [one.min_units for one in ordered[1:]] + [np.inf]
    found = []
    for step, end in zip(ordered, ends, strict=True):
        holding = max(holding_rate * step.unit_cost_amount, _LEAST)
        lot = float(np.sqrt(2 * order_amount * year_units / holding))
        lot = min(max(lot, step.min_units, _LEAST), end)
        cost = step.unit_cost_amount * year_units + order_amount * year_units / lot + holding * lot / 2
        found += [(cost, lot)] if lot < end else []
    return min(found)[1]
