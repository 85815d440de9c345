"""Tails: how far out one row is, from sorted columns alone, in microseconds.

In:   X [n, k] past rows; NaN where not known.   Out: score in [0, 1]: the share of past rows that are
      less surprising. Surprise = the largest -log tail probability of any column, plus a fifth of the
      sum of the others; upper tails only for columns in `upper`.

Source: Li et al. (2022), ECOD (empirical tails, summed); the maximum counts more here, because an order
        is wrong in one way.
Limits: columns are judged one by one. Errors: models.errors.NotFitted.

>>> tails = Tails().fit(np.linspace(0, 1, 101)[:, None])
>>> tails.score(np.array([[0.5], [7.0]])).round(2).tolist()
[0.0, 1.0]
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.errors import NotFitted

Array = NDArray[np.float64]

_OTHERS_SHARE = 0.2
_SPREADS_BEYOND = 3.0


@dataclass
class Tails:
    """Empirical tails of each column."""

    upper: tuple[int, ...] = ()
    sorted_: list[Array] = field(default_factory=list, init=False, repr=False)
    past_: Array | None = field(default=None, init=False, repr=False)  # sorted surprises of the fit

    def fit(self, X: ArrayLike) -> Self:
        """Learn from past rows that may hold a few wrong ones."""
        rows = np.asarray(X, dtype=float)
        self.sorted_ = [np.sort(column[np.isfinite(column)]) for column in rows.T]
        self.past_ = np.sort(self.surprise(rows))
        return self

    def score(self, X: ArrayLike) -> Array:
        """Share of past rows that are less surprising, [n]; beyond all of them it is 1."""
        if self.past_ is None:
            raise NotFitted(self)
        surprise = self.surprise(np.asarray(X, dtype=float))
        return np.searchsorted(self.past_, surprise, "left") / max(len(self.past_), 1)

    def surprise(self, rows: Array) -> Array:
        """Largest -log tail probability, and a share of the rest, [n]."""
        if len(self.sorted_) != rows.shape[1]:
            raise NotFitted(self)
        parts = np.column_stack([self._tail(j, rows[:, j]) for j in range(rows.shape[1])])
        most = parts.max(axis=1)
        return np.asarray(most + _OTHERS_SHARE * (parts.sum(axis=1) - most))

    def _tail(self, j: int, values: Array) -> Array:
        """-log of the tail beyond each value; outside of the past it goes on growing."""
        past = self.sorted_[j]
        n = len(past)
        if n == 0:
            return np.zeros(len(values))
        above = (n - np.searchsorted(past, values, "left") + 0.5) / (n + 1)
        below = (np.searchsorted(past, values, "right") + 0.5) / (n + 1)
        tail = above if j in self.upper else np.minimum(2 * np.minimum(above, below), 1.0)
        width = past[-1] - past[0] + 1e-9
        beyond = np.maximum(values - past[-1], 0) + (
            0 if j in self.upper else np.maximum(past[0] - values, 0)
        )
        out = -np.log(np.minimum(tail, 1.0)) + _SPREADS_BEYOND * beyond / width
        return np.asarray(np.where(np.isfinite(values), out, 0.0))
