"""Spans: sums over neighbouring months of an array [n, t].

Months outside the array count as nothing, so the first and the last months have shorter spans.

>>> x = np.array([[1.0, 2.0, 3.0, 4.0]])
>>> trailing(x, 2).tolist(), leading(x, 2).tolist(), around(x, 1).tolist()
([[1.0, 3.0, 5.0, 7.0]], [[3.0, 5.0, 7.0, 4.0]], [[3.0, 6.0, 9.0, 7.0]])
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def trailing(x: Array, w: int) -> Array:
    """Sum of each month and the w - 1 before it."""
    return _between(x, w - 1, 0)


def leading(x: Array, w: int) -> Array:
    """Sum of each month and the w - 1 after it."""
    return _between(x, 0, w - 1)


def around(x: Array, w: int) -> Array:
    """Sum of each month, the w before and the w after it."""
    return _between(x, w, w)


def mean_of(x: Array, before: int, after: int) -> Array:
    """Mean of what is known between `before` months back and `after` months on; NaN where nothing is."""
    known = np.isfinite(x)
    total = _between(np.where(known, x, 0.0), before, after)
    count = _between(known.astype(float), before, after)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def root_mean(x: Array, before: int, after: int) -> Array:
    """Sum divided by the root of the count: a z-score again, if the members are independent ones."""
    known = np.isfinite(x)
    total = _between(np.where(known, x, 0.0), before, after)
    count = _between(known.astype(float), before, after)
    return np.asarray(np.where(count > 0, total / np.sqrt(np.maximum(count, 1)), np.nan))


def cusum(z: Array, drift: float = 0.5) -> Array:
    """Page's one-sided sum: how much has come together since it was last at zero, [n, t]."""
    total = np.zeros_like(z)
    now = np.zeros(len(z))
    for step in range(z.shape[1]):
        now = np.maximum(0.0, now + np.nan_to_num(z[:, step]) - drift)
        total[:, step] = now
    return total


def _between(x: Array, before: int, after: int) -> Array:
    t = x.shape[1]
    sums = np.concatenate([np.zeros((len(x), 1)), np.cumsum(x, axis=1)], axis=1)
    step = np.arange(t)
    return np.asarray(sums[:, np.minimum(step + after + 1, t)] - sums[:, np.maximum(step - before, 0)])
