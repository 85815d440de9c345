"""Pricing: how far the price in the street lies below what was to be expected.

In:   street and list prices, planned discounts (a fraction, already announced) [n, t]; the dealer and
      the market (territory x category) of each series as codes [n].
Out:  log gaps [n, t], negative when cheaper; NaN where no price was surveyed. A column is made of
      itself and earlier columns only.

gap      log(street / list) - passed_on x log(1 - discount)
habit    median gap of the dealer in earlier periods, drawn to the channel's
market   median over the market's OTHER dealers of gap - habit, in the same period, drawn to zero

>>> gap = gaps(np.array([[8.0]]), np.array([[10.0]]), np.array([[0.0]]), passed_on_rate=0.7)
>>> gap.round(3)
array([[-0.223]])
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_HABIT_PRIOR = 5.0  # surveys that the channel's habit is worth
_MARKET_PRIOR = 1.0  # surveys that no move of the market is worth
_HABIT_PERIODS = 24


def gaps(street: Array, list_price: Array, discount: Array, *, passed_on_rate: float) -> Array:
    """Log of the street price over the list price less the announced discount, [n, t]."""
    kept = np.log1p(-np.clip(np.nan_to_num(discount), 0, 0.95))
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.log(street) - np.log(list_price) - passed_on_rate * kept
    return np.asarray(np.where(np.isfinite(gap), gap, np.nan))


def passed_on(street: Array, list_price: Array, discount: Array, *, usual_rate: float = 0.7) -> float:
    """Share of announced discounts that reaches the street: a median over discounted cells, in [0, 1]."""
    gap = gaps(street, list_price, discount, passed_on_rate=0.0)
    deep = (np.nan_to_num(discount) > 0.03) & ~np.isnan(gap)
    if deep.sum() < 20:
        return usual_rate
    level = np.nanmedian(np.where(deep, np.nan, gap)) if (~deep & ~np.isnan(gap)).any() else 0.0
    rates = (gap[deep] - level) / np.log1p(-discount[deep])
    return float(np.clip(np.median(rates), 0, 1))


def habits(gap: Array, dealer: Ints) -> Array:
    """What each dealer usually takes off, known before each period, [d, t]."""
    count, t = int(dealer.max(initial=-1)) + 1, gap.shape[1]
    out = np.zeros((count, t))
    for step in range(1, t):
        past = pd.DataFrame(gap[:, max(0, step - _HABIT_PERIODS) : step])
        if past.notna().to_numpy().any():
            out[:, step] = _drawn(past, dealer, count)
    return out


def _drawn(past: pd.DataFrame, dealer: Ints, count: int) -> Array:
    """Medians of each dealer, drawn to the median of the dealers."""
    long = past.assign(dealer=dealer).melt("dealer").dropna()
    grouped = long.groupby("dealer")["value"]
    median = grouped.median().reindex(range(count)).to_numpy()
    n = grouped.size().reindex(range(count)).fillna(0).to_numpy()
    centre = float(np.nanmedian(median))
    share = n / (n + _HABIT_PRIOR)
    return np.asarray(centre + share * (np.nan_to_num(median, nan=centre) - centre))


def market_moves(own: Array, dealer: Ints, market: Ints) -> Array:
    """Median of the other dealers of the market in the same period, drawn to zero, [n, t].

    Each other dealer counts once, by its own median; `own` [n, t] is gap - habit.
    """
    out = np.zeros(own.shape)
    for m in np.unique(market):
        rows = np.flatnonzero(market == m)
        inside = dealer[rows]
        names = np.unique(inside)
        by_dealer = np.vstack([_median(own[rows[inside == d]]) for d in names])  # [names, t]
        for position, d in enumerate(names):
            others = np.delete(by_dealer, position, axis=0)
            n = np.isfinite(others).sum(axis=0)
            move = np.nan_to_num(_median(others)) * n / (n + _MARKET_PRIOR)
            out[rows[inside == d]] = move
    return out


def _median(values: Array) -> Array:
    """Median of each column, NaN where it is empty."""
    out = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).any(axis=0)
    if some.any():
        out[some] = np.nanmedian(values[:, some], axis=0)
    return out
