"""Seasonality: the same period of earlier years, and the year's shape in a group of series.

Shapes: y is [n, t]; answers are [n, h], one column a period ahead.
A shape is a mean of units over a level, so 1 means an ordinary period. A group's shape
(all dealers of one product, say) is far less noisy than one series' own.

>>> y = np.array([[1.0, 2.0, 3.0, 4.0]])
>>> year_ago(y, season=4, horizon=2)
array([[1., 2.]])
>>> mean_shape(y, season=4, horizon=1)
array([[0.4]])
"""

import numpy as np

from features.lags import Array
from features.windows import window_mean


def year_ago(y: Array, *, season: int, horizon: int, years: int = 1) -> Array:
    """Units in the same period `years` ago, [n, h]; NaN where the series is shorter."""
    n, t = y.shape
    source = t + np.arange(horizon) - season * years
    known = (source >= 0) & (source < t)
    out = np.full((n, horizon), np.nan)
    out[:, known] = y[:, source[known]]
    return out


def around_year_ago(y: Array, *, season: int, horizon: int, spread: int) -> Array:
    """Mean units within `spread` periods of the same period last year, [n, h]."""
    return _mean_of([_shifted(y, season, horizon, d) for d in range(-spread, spread + 1)])


def mean_shape(y: Array, season: int, horizon: int) -> Array:
    """Units in the coming periods of past years over the level of each year, averaged, [n, h].

    NaN before a full year is seen.
    """
    shapes = []
    for years in range(1, y.shape[1] // season + 1):
        size = window_mean(y[:, : y.shape[1] - season * (years - 1)], season)[:, None]
        ahead = year_ago(y, season=season, horizon=horizon, years=years)
        with np.errstate(invalid="ignore", divide="ignore"):
            shapes.append(np.where(size > 0, ahead / size, np.nan))
    return _mean_of(shapes) if shapes else np.full((len(y), horizon), np.nan)


def _shifted(y: Array, season: int, horizon: int, by: int) -> Array:
    n, t = y.shape
    source = t + np.arange(horizon) - season + by
    known = (source >= 0) & (source < t)
    out = np.full((n, horizon), np.nan)
    out[:, known] = y[:, source[known]]
    return out


def _mean_of(layers: list[Array]) -> Array:
    stacked = np.stack(layers)
    seen = np.isfinite(stacked)
    count = seen.sum(axis=0)
    mean: Array = np.where(count > 0, np.where(seen, stacked, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    return mean
