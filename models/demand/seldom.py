"""Seldom: quantiles of what often does not sell at all.

Many truths here are exactly zero: no band around a mean has their shape. So forecasts are put into classes
that sell about equally often, and quantiles are order statistics of truth over size in the class. Where two
of three of a class sold nothing, the median is zero and the 90 % quantile lies among those that sold.

    rare     = x b                      least squares of "sold nothing": orders forecasts into classes
    quantile = size * order statistic of y / size, linear between the middles of classes
    zero     = share of the class that sold nothing, linear likewise; beyond the last middles as x b goes on,
               but never certain: at most n + 1 of n + 2, where the last class has n rows (Laplace)

In:   x [r, p] clues with a column of ones, size [r] above zero and truths y [r], at least zero, in units.
Out:  quantiles [..., k] for x [..., p] and size [...]: ascending, never negative. Probability of zero [...].

Source: Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world, 4.5 (Mondrian: a promise
        for every class); Bostrom, Johansson and Lofstrom (2021), Mondrian conformal predictive
        distributions, PMLR 152.
Limits: a band that begins at zero holds at least the share of zeros, whatever it promises.
Errors: NotFitted.

>>> rng = np.random.default_rng(0)
>>> rate = rng.uniform(0.05, 0.5, 20_000)
>>> x, y = np.stack([np.ones_like(rate), rate], axis=1), rng.poisson(rate).astype(float)
>>> seldom = Seldom(levels=(0.25, 0.5, 0.75, 0.95)).fit(x, np.ones_like(rate), y)
>>> seldom.quantiles(np.array([[1.0, 0.1], [1.0, 0.45]]), np.ones(2)).round(1).tolist()
[[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 2.0]]
>>> seldom.zero_probability(np.array([[1.0, 0.1], [1.0, 0.45]])).round(2).tolist()  # true: 0.90, 0.64
[0.91, 0.64]
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.demand.ranks import order_statistics
from models.errors import NotFitted

Array = NDArray[np.float64]
LEAST_ROWS = 100  # of a class
_MOST_CLASSES = 20


@dataclass(kw_only=True)
class Seldom:
    """Order statistics among forecasts that sell about as often."""

    levels: tuple[float, ...]
    ridge: float = 1.0
    rare_: Array | None = field(default=None, init=False, repr=False)  # [p] of "sold nothing"
    middles_: Array = field(init=False, repr=False)  # [classes] of x b, ascending
    scores_: Array = field(init=False, repr=False)  # [classes, k]
    zeros_: Array = field(init=False, repr=False)  # [classes] fraction that sold nothing
    most_: float = field(default=1.0, init=False)  # probability of zero that so many rows can prove

    def fit(self, x: Array, size: Array, y: Array) -> Self:
        """Learn from clues [r, p], sizes [r] and truths [r] of forecasts made without them; r at least 1."""
        target = (y <= 0).astype(float)
        self.rare_ = np.asarray(np.linalg.solve(x.T @ x + self.ridge * np.eye(x.shape[1]), x.T @ target))
        rare, score = x @ self.rare_, y / size
        classes = int(np.clip(len(y) // LEAST_ROWS, 1, _MOST_CLASSES))
        bounds = np.unique(np.quantile(rare, np.arange(1, classes) / classes))
        code = np.searchsorted(bounds, rare, side="right")
        members = [code == c for c in np.unique(code)]
        self.middles_ = np.array([rare[own].mean() for own in members])
        self.scores_ = np.stack([order_statistics(score[own], self.levels) for own in members])
        self.zeros_ = np.array([target[own].mean() for own in members])
        self.most_ = 1 - 1 / (members[-1].sum() + 2)
        return self

    def quantiles(self, x: Array, size: Array) -> Array:
        """Units at each level for clues [..., p] and sizes [...], [..., k]."""
        rare = self._rare(x)
        score = np.stack([np.interp(rare, self.middles_, of) for of in self.scores_.T], axis=-1)
        return np.asarray(size[..., None] * score)

    def zero_probability(self, x: Array) -> Array:
        """Probability that nothing sells for clues [..., p], fraction [...]."""
        rare = self._rare(x)
        return np.clip(rare + np.interp(rare, self.middles_, self.zeros_ - self.middles_), 0.0, self.most_)

    def _rare(self, x: Array) -> Array:
        if self.rare_ is None:
            raise NotFitted(self)
        return np.asarray(x @ self.rare_)
