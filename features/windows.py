"""Windows: how much this dealer bought of this product lately, on average.

Means over the last k periods, NaN periods left out; NaN where none was observed.

>>> window_mean(np.array([[1.0, np.nan, 3.0, 5.0]]), 3)
array([4.])
>>> level(np.array([[0.0, 0.0], [4.0, 8.0]]), 12)
array([1., 6.])
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def window_mean(y: Array, k: int) -> Array:
    """Mean units over the last k periods, [n]."""
    return _over_observed(y[:, -k:], 1)


def window_deviation(y: Array, k: int) -> Array:
    """Standard deviation of units over the last k periods, [n]."""
    last = y[:, -k:]
    return np.sqrt(_over_observed((last - window_mean(y, k)[:, None]) ** 2, 1))


def around_mean(y: Array, reach: int) -> Array:
    """Mean of the observed periods up to `reach` before and after each, axis 1; 0 where there is none.

    >>> around_mean(np.array([[1.0, np.nan, 3.0, 5.0]]), 1)
    array([[1., 2., 4., 4.]])
    """
    seen = np.isfinite(y)
    pad = [(0, 0), (1, 0)] + [(0, 0)] * (y.ndim - 2)
    total = np.pad(np.cumsum(np.where(seen, y, 0.0), axis=1), pad)
    count = np.pad(np.cumsum(seen, axis=1), pad)
    t = np.arange(y.shape[1])
    start, end = np.maximum(t - reach, 0), np.minimum(t + reach + 1, y.shape[1])
    return np.asarray((total[:, end] - total[:, start]) / np.maximum(count[:, end] - count[:, start], 1))


def decayed_mean(y: Array, half_life: float) -> Array:
    """Mean units of all past periods, weights halving every `half_life` periods, [n]."""
    age = np.arange(y.shape[1] - 1, -1, -1.0)
    seen = np.isfinite(y)
    weight = np.where(seen, 0.5 ** (age / half_life), 0.0)
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, (weight * np.where(seen, y, 0.0)).sum(axis=1) / total, np.nan)


def level(y: Array, season: int) -> Array:
    """The size of a series: mean of its last year, else of all it has; 1 where it never sold, [n]."""
    lately = window_mean(y, season)
    ever = window_mean(y, y.shape[1])
    size = np.where(np.nan_to_num(lately) > 0, lately, ever)
    return np.where(np.nan_to_num(size) > 0, size, 1.0)


def _over_observed(values: Array, axis: int) -> Array:
    seen = np.isfinite(values)
    count = seen.sum(axis=axis)
    total = np.where(seen, values, 0.0).sum(axis=axis)
    mean: Array = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean
