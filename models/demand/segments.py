"""Segments: which series resemble each other enough to share weights and error sizes.

Volume class A holds the largest series that make up 80 % of units, B the next 15 %, C the
rest; a series is `lumpy` when more than a tenth of its last year's observed periods had no sale.
Bounds are learned once, so that one series is classed alike whoever is asked about with it.

>>> y = np.vstack([np.full((1, 12), 90.0), np.full((1, 12), 9.0), [[1.0, 0.0] * 6]])
>>> segments = Segments().fit(y, 12)
>>> segments.names(y, 12).tolist()
['A smooth', 'B smooth', 'C lumpy']
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.intermittency import zero_rate
from features.windows import level
from models.errors import NotFitted

Array = NDArray[np.float64]
LUMPY_RATE = 0.1
_LUMPY = " lumpy"


@dataclass(kw_only=True)
class Segments:
    """Volume class x lumpiness."""

    shares: tuple[float, float] = (0.80, 0.95)
    bounds_: tuple[float, float] | None = field(default=None, init=False)  # least level of A, of B

    def fit(self, y: Array, season: int) -> Self:
        """Learn the bounds of the volume classes from units [n, t]."""
        size = np.sort(level(y, season))[::-1]
        before = (np.cumsum(size) - size) / size.sum()
        a, b = (size[before < share].min() for share in self.shares)
        self.bounds_ = (float(a), float(b))
        return self

    def names(self, y: Array, season: int) -> NDArray[np.object_]:
        """The segment of each series, [n]."""
        if self.bounds_ is None:
            raise NotFitted(self)
        size = level(y, season)
        volume = np.where(size >= self.bounds_[0], "A", np.where(size >= self.bounds_[1], "B", "C"))
        lumpy = np.nan_to_num(zero_rate(y, season)) > LUMPY_RATE
        named = np.char.add(volume, np.where(lumpy, _LUMPY, " smooth"))
        return named.astype(object)


def is_lumpy(segment: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which names are those of lumpy segments, [n].

    >>> is_lumpy(np.array(["A smooth", "C lumpy"], dtype=object)).tolist()
    [False, True]
    """
    return np.array([str(name).endswith(_LUMPY) for name in segment], dtype=bool)
