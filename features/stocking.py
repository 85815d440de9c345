"""Stocking: how long stock lasts, how dead it is, and what a quarter's end does to it.

In:   units [n, t] of stock, sell-in and sell-out; NaN where nothing is on record.
Out:  [n, t], each column from itself and earlier columns only.

>>> days_of_stock(np.array([[90.0]]), np.array([[30.0]]), period_days=30.0)
array([[90.]])
>>> quarter_ends(pd.to_datetime(["2025-02-01", "2025-03-01"]))
array([False,  True])
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
_PACE_PERIODS = 3  # of sell-out that say how fast goods go


def pace(sold: Array, k: int = _PACE_PERIODS) -> Array:
    """Mean units sold over the last k periods on record, [n, t]; NaN without any."""
    total, seen = _trailing(np.nan_to_num(sold), k), _trailing((~np.isnan(sold)).astype(float), k)
    return np.asarray(np.where(seen > 0, total / np.maximum(seen, 1), np.nan))


def days_of_stock(stock: Array, sold: Array, *, period_days: float) -> Array:
    """Days that the stock lasts at the pace of the last periods; infinite when nothing is sold."""
    rate = pace(sold) / period_days
    with np.errstate(divide="ignore", invalid="ignore"):
        days = np.where(stock > 0, stock / rate, 0.0)
    return np.asarray(np.where(np.isnan(stock) | np.isnan(rate), np.nan, days))


def idle_periods(stock: Array, sold: Array) -> Array:
    """For how many periods in a row there was stock and nothing sold, [n, t]."""
    idle = (stock > 0) & ~(np.nan_to_num(sold) > 0)
    out = np.zeros(idle.shape)
    for t in range(idle.shape[1]):
        before = out[:, t - 1] if t else 0.0
        out[:, t] = np.where(idle[:, t], before + 1, 0.0)
    return out


def usual(values: Array, k: int) -> Array:
    """Median of the k periods before each, [n, t]; NaN where none is on record."""
    out = np.full(values.shape, np.nan)
    for t in range(1, values.shape[1]):
        past = values[:, max(0, t - k) : t]
        some = np.isfinite(past).any(axis=1)
        out[some, t] = np.nanmedian(np.where(np.isfinite(past[some]), past[some], np.nan), axis=1)
    return out


def quarter_ends(periods: pd.DatetimeIndex) -> NDArray[np.bool_]:
    """Periods that are the last to begin in a calendar quarter, [t].

    The very last period counts when no other can begin in its quarter: a third month, or a week
    whose Monday is less than a week before the end.
    """
    if len(periods) == 0:
        return np.zeros(0, dtype=bool)
    step_days = 31 if periods.day.max() == 1 else 7
    after = periods + pd.Timedelta(days=step_days)
    return np.asarray(after.quarter != periods.quarter)


def _trailing(values: Array, k: int) -> Array:
    total = np.cumsum(values, axis=1)
    total[:, k:] = total[:, k:] - total[:, :-k].copy()
    return np.asarray(total)
