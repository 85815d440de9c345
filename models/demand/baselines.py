"""The planners' methods: what a planner can do in a spreadsheet, and what a model has to beat.

In:   y [n, t], units; n series, t periods, oldest first; NaN before a series began and in gaps.
Out:  [n, horizon], units, never negative; NaN for a series without one value.

`season` is the periods in a year (12 or 52). Gaps count as not there, not as zero: the last value
is the last one seen, a mean is over the values seen, and where the window or the month of last
year is empty the last value stands in.

>>> y = np.array([[4.0, 8.0, np.nan, 6.0]])
>>> last_value(y, season=4, horizon=2)
array([[6., 6.]])
>>> seasonal_naive(y, season=4, horizon=3)
array([[4., 8., 6.]])
>>> window_mean(y, periods=3, horizon=1)
array([[7.]])
>>> sorted(PLANNERS["W"])
['last_value', 'mean_12', 'mean_52', 'seasonal_naive']
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Forecaster(Protocol):
    """A pure function from the past to mean forecasts, [n, t] to [n, horizon], in units."""

    def __call__(self, y: Array, *, season: int, horizon: int) -> Array: ...


def last_value(y: Array, *, season: int, horizon: int) -> Array:
    """The last value seen, however long ago, repeated."""
    return _repeated(_last_seen(y), horizon)


def seasonal_naive(y: Array, *, season: int, horizon: int) -> Array:
    """The same month (or week) of last year; the last value where that is not there."""
    n, t = y.shape
    padded = np.hstack([np.full((n, max(season - t, 0)), np.nan), y])
    year = padded[:, -season:][:, np.arange(horizon) % season]  # [n, horizon]
    return np.where(np.isnan(year), last_value(y, season=season, horizon=horizon), np.maximum(year, 0.0))


def mean_3(y: Array, *, season: int, horizon: int) -> Array:
    """The mean of the last 3 periods: a quarter of monthly history."""
    return window_mean(y, periods=3, horizon=horizon)


def mean_12(y: Array, *, season: int, horizon: int) -> Array:
    """The mean of the last 12 periods: a year of months, a quarter of weeks."""
    return window_mean(y, periods=12, horizon=horizon)


def mean_52(y: Array, *, season: int, horizon: int) -> Array:
    """The mean of the last 52 periods: a year of weeks."""
    return window_mean(y, periods=52, horizon=horizon)


def window_mean(y: Array, *, periods: int, horizon: int) -> Array:
    """The mean of the values seen in the last `periods` periods; the last value when there are none."""
    window = y[:, -periods:]
    seen = ~np.isnan(window)
    total = np.where(seen, window, 0.0).sum(axis=1)  # [n]
    mean = total / np.maximum(seen.sum(axis=1), 1)
    return _repeated(np.where(seen.any(axis=1), mean, _last_seen(y)), horizon)


def _last_seen(y: Array) -> Array:
    """The last value that is not NaN, [n]; NaN where there is none."""
    if y.shape[1] == 0:
        return np.full(len(y), np.nan)
    seen = ~np.isnan(y)
    position = y.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    last: Array = y[np.arange(len(y)), position]
    return last


def _repeated(level: Array, horizon: int) -> Array:
    return np.repeat(np.maximum(level, 0.0)[:, None], horizon, axis=1)


PLANNERS: dict[str, dict[str, Forecaster]] = {  # frequency -> name -> method
    "M": {"last_value": last_value, "seasonal_naive": seasonal_naive, "mean_3": mean_3, "mean_12": mean_12},
    "W": {"last_value": last_value, "seasonal_naive": seasonal_naive, "mean_12": mean_12, "mean_52": mean_52},
}
