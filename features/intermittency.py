"""Intermittency: how often a series sells at all.

>>> zero_rate(np.array([[9.0, 0.0, 3.0, 0.0, np.nan, 5.0]]), 4)
array([0.5])
>>> periods_since_sale(np.array([[0.0, 3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
array([2., 4.])
>>> age(np.array([[np.nan, 3.0, np.nan, 1.0]]))
array([3.])
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def zero_rate(y: Array, k: int) -> Array:
    """Share of the last k observed periods without a sale, [n]; NaN when none was observed."""
    seen = np.isfinite(y)
    since = np.cumsum(seen[:, ::-1], axis=1)[:, ::-1]  # observed periods from here on
    used = seen & (since <= k)
    count = used.sum(axis=1)
    rate: Array = np.where(count > 0, (used & (y == 0)).sum(axis=1) / np.maximum(count, 1), np.nan)
    return rate


def periods_since_sale(y: Array) -> Array:
    """Periods since the last sale, [n]; the whole history when there was none."""
    steps = np.where(np.nan_to_num(y) > 0, np.arange(1, y.shape[1] + 1), 0)
    since: Array = (y.shape[1] - steps.max(axis=1)).astype(float)
    return since


def age(y: Array) -> Array:
    """Periods since the first observation, [n]; 0 when there is none."""
    seen = np.isfinite(y)
    first = np.where(seen.any(axis=1), seen.argmax(axis=1), y.shape[1])
    periods: Array = (y.shape[1] - first).astype(float)
    return periods
