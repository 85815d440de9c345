"""Running: sums of the rows of a code, in all and from the first row to each row.

>>> sums(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0]), 3).tolist()
[5.0, 2.0, 0.0]

>>> running(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0])).tolist()
[1.0, 2.0, 5.0]
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


def sums(values: NDArray[Any], code: NDArray[np.intp], count: int) -> Real:
    """Of each code below `count`, in float64, [count]."""
    return np.asarray(np.bincount(code, values, minlength=count), dtype=np.float64)


def running(values: Real, code: NDArray[np.intp]) -> Real:
    """Sums so far, [c], in the order of the rows."""
    if not len(values):
        return np.zeros(0)
    order = np.argsort(code, kind="stable")
    total, sorted_ = np.cumsum(values[order]), code[order]
    begins = np.r_[True, sorted_[1:] != sorted_[:-1]]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
    out = np.empty(len(values))
    out[order] = total - (total - values[order])[first]
    return out
