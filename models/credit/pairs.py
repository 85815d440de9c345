"""Pairs: ratios and differences of columns, so that trees can see what single columns hide.

In:   x [n, k] numbers with NaN, and which columns to pair.
Out:  [n, 2 p]: for each of the p pairs a / b and a - b (float32; 0 / 0 and x / 0 are missing).

Financial ratios share numerators and denominators: a ratio of two ratios is another ratio of the
same accounts, and one split on it replaces a staircase of splits.

Limits: signs of denominators are kept as they are; nothing is learned here but which columns.

>>> Pairs.of([0, 2], columns=3).make(np.array([[1.0, 9.0, 2.0], [1.0, 9.0, 0.0]])).tolist()
[[0.5, -1.0], [nan, 1.0]]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LARGEST = 1e30  # beyond it a float32 overflows


@dataclass(frozen=True)
class Pairs:
    """Which columns are paired with which."""

    left: NDArray[np.intp]  # [p]
    right: NDArray[np.intp]  # [p]
    columns: int

    @classmethod
    def of(cls, chosen: Sequence[int], *, columns: int) -> Self:
        """Every pair of the chosen columns, the earlier over the later."""
        upper = np.triu_indices(len(chosen), 1)
        order = np.asarray(sorted(chosen), dtype=np.intp)
        return cls(order[upper[0]], order[upper[1]], columns)

    def make(self, x: Array) -> NDArray[np.float32]:
        """The new columns, [n, 2 p]."""
        out = np.empty((len(x), 2 * len(self.left)), dtype=np.float32)
        with np.errstate(all="ignore"):
            for i, (a, b) in enumerate(zip(self.left, self.right, strict=True)):
                out[:, 2 * i] = _finite(x[:, a] / x[:, b])
                out[:, 2 * i + 1] = _finite(x[:, a] - x[:, b])
        return out

    def back(self, effects: Array) -> Array:
        """Effects of the new columns [n, 2 p] given to the old ones [n, k], half to each of a pair."""
        out = np.zeros((len(effects), self.columns))
        for i, (a, b) in enumerate(zip(self.left, self.right, strict=True)):
            half = (effects[:, 2 * i] + effects[:, 2 * i + 1]) / 2
            out[:, a] += half
            out[:, b] += half
        return out


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), np.nan)
