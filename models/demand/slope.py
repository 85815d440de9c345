"""The straight line through a series, as steep as the series can prove.

In:   y [n, t]; NaN before a series began and in gaps.
Out:  the line's value at the last period [n] and its slope per period [n], in the units of y.

Least squares on time. The slope is cut by its own uncertainty: by 4 se^2 / slope^2, so nothing is left
of one under twice its standard error. (The positive-part rule of James and Stein takes 1, not 4; errors
that come in runs make the standard error about half of what it should be.) Under 8 values it is zero.
Source: Efron and Morris (1977), Stein's paradox in statistics (the positive-part rule).
Limits: one slope for the whole history.

>>> middle, slope = proven_line(np.arange(10.0)[None])
>>> middle, slope
(array([9.]), array([1.]))
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_PROOF = 4.0  # squared standard errors
_MIN_VALUES = 8


def proven_line(y: Array) -> tuple[Array, Array]:
    """Value at the last period and slope, [n] each."""
    seen = ~np.isnan(y)
    n_seen = np.maximum(seen.sum(axis=1), 1)
    time = np.where(seen, np.arange(1.0 - y.shape[1], 1.0), 0.0)
    middle_time, middle = time.sum(axis=1) / n_seen, np.where(seen, y, 0.0).sum(axis=1) / n_seen
    late = np.where(seen, time - middle_time[:, None], 0.0)
    high = np.where(seen, y - middle[:, None], 0.0)
    spread = (late**2).sum(axis=1)
    spread = np.where(spread > 0, spread, 1.0)
    slope = (late * high).sum(axis=1) / spread
    error = ((high - slope[:, None] * late) ** 2).sum(axis=1) / np.maximum(n_seen - 2, 1) / spread
    slope = np.where(n_seen >= _MIN_VALUES, slope * _believed(slope, error), 0.0)
    return middle - slope * middle_time, slope


def _believed(slope: Array, squared_error: Array) -> Array:
    return np.maximum(1 - _PROOF * squared_error / np.where(slope != 0, slope**2, np.inf), 0.0)
