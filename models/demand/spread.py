"""Spread: quantiles around a mean forecast that keep their promise.

The size of an error is first explained (a log-linear model on the forecast, the series'
own variation, how far members disagree, zero share and step); errors over that size are then
pooled, and their order statistics become the quantiles: split conformal prediction with
normalised scores. A segment's own quantiles count by its rows. Lumpy segments, where many truths are zero
and no error is near zero, are told by `models.demand.seldom`, given enough rows of them.

How likely nothing sells at all is told by `seldom` for every segment: its classes of lumpy rows for those, of
the other rows for the others. A quantile whose level is not above that probability is zero.

Shapes: r rows for fitting, [n, h] for forecasts, k levels. Units are those of demand.
Source: Lei et al. (2018), Distribution-free predictive inference for regression, JASA 113,
        section 5.2 (locally weighted); Papadopoulos et al. (2008) for the normalised score.
Limits: the promise holds on average over rows like those of fitting, and fails under drift.

>>> rng = np.random.default_rng(0)
>>> mean = rng.uniform(10, 100, size=(2000, 1))
>>> y = mean * rng.gamma(10, 0.1, size=mean.shape)
>>> size = mean[:, 0]
>>> clues = Clues(mean=mean, level=size, deviation=size, disagreement=mean, zero_rate=0 * size)
>>> same = np.full(2000, "A", dtype=object)
>>> spread = Spread(levels=(0.1, 0.5, 0.9)).fit(clues, y, same)
>>> q = spread.quantiles(clues, same)
>>> float(((q[..., 0] <= y) & (y <= q[..., 2])).mean().round(2))
0.8
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.demand.ranks import order_statistics, zeroed
from models.demand.segments import is_lumpy
from models.demand.seldom import LEAST_ROWS, Seldom
from models.errors import NotFitted

Array = NDArray[np.float64]
Labels = NDArray[np.object_]
_FLOOR = 1e-3  # of the level: the least error size
_LEVEL_COUNTS = 0.2  # of the level, beside the forecast: what a truth of a lumpy series is measured in


@dataclass(frozen=True, kw_only=True)
class Clues:
    """What tells how far a forecast may miss."""

    mean: Array  # [n, h] forecast, units
    level: Array  # [n] units
    deviation: Array  # [n] units, of the last year
    disagreement: Array  # [n, h] units, spread of the members
    zero_rate: Array  # [n] fraction

    def design(self) -> Array:
        """Columns of the error-size model, [n, h, 6]."""
        size = self.level[:, None]
        step = np.broadcast_to(np.arange(self.mean.shape[1]) / 12, self.mean.shape)
        columns = [
            np.ones_like(self.mean),
            np.log(self.mean / size + 0.05),
            np.broadcast_to(np.log(self.deviation[:, None] / size + 0.05), self.mean.shape),
            np.log(self.disagreement / size + 0.01),
            np.broadcast_to(self.zero_rate[:, None], self.mean.shape),
            step,
        ]
        return np.stack([np.nan_to_num(c) for c in columns], axis=2)

    def size(self) -> Array:
        """What a truth may be measured in, above zero even where the forecast is zero, [n, h] units."""
        return self.mean + _LEVEL_COUNTS * self.level[:, None]


@dataclass(kw_only=True)
class Spread:
    """Normalised split conformal quantiles; `pull_rows` of evidence count for all segments pooled."""

    levels: tuple[float, ...]
    pull_rows: float = 300.0
    ridge: float = 1.0
    beta_: Array | None = field(default=None, init=False, repr=False)
    pooled_: Array = field(init=False, repr=False)  # [k]
    scores_: dict[str, Array] = field(default_factory=dict, init=False, repr=False)  # segment -> [k]
    seldom_: Seldom | None = field(default=None, init=False, repr=False)  # of lumpy segments
    others_: Seldom | None = field(default=None, init=False, repr=False)  # of the others, for zeros only

    def fit(self, clues: Clues, y: Array, segment: Labels) -> Self:
        """Learn from held-out truths y [n, h] (NaN is left out) in segments [n]."""
        seen = np.isfinite(y) & np.isfinite(clues.mean)
        design = clues.design()
        x, error = design[seen], (y - clues.mean)[seen]
        size = np.broadcast_to(clues.level[:, None], y.shape)[seen]
        target = np.log(np.abs(error) / size + _FLOOR)
        self.beta_ = np.asarray(np.linalg.solve(x.T @ x + self.ridge * np.eye(x.shape[1]), x.T @ target))
        score = error / self._size(design, clues.level)[seen]
        self.pooled_ = order_statistics(score, self.levels)
        names = np.broadcast_to(segment[:, None], y.shape)[seen]
        self.scores_ = {}
        for name in np.unique(names):
            own = score[names == name]
            share = len(own) / (len(own) + self.pull_rows)
            self.scores_[name] = share * order_statistics(own, self.levels) + (1 - share) * self.pooled_
        lumpy = seen & is_lumpy(segment)[:, None]
        enough = lumpy.sum() >= LEAST_ROWS
        others = seen & ~lumpy if enough else seen
        self.seldom_ = self._seldom(clues, y, lumpy) if enough else None
        self.others_ = self._seldom(clues, y, others if others.sum() >= LEAST_ROWS else seen)
        return self

    def quantiles(self, clues: Clues, segment: Labels) -> Array:
        """Units at each level, [n, h, k]: ascending, never negative."""
        return self.told(clues, segment)[0]

    def told(self, clues: Clues, segment: Labels) -> tuple[Array, Array]:
        """Quantiles [n, h, k], and the probability that nothing sells, fraction [n, h]; NaN: not learned."""
        x, lumpy = clues.design(), is_lumpy(segment)
        size = self._size(x, clues.level)
        score = np.stack([self.scores_.get(s, self.pooled_) for s in segment])  # [n, k]
        raw = clues.mean[..., None] + size[..., None] * score[:, None, :]
        zero = np.full(size.shape, np.nan) if self.others_ is None else self.others_.zero_probability(x)
        if self.seldom_ is not None:
            raw[lumpy] = self.seldom_.quantiles(x[lumpy], clues.size()[lumpy])
            zero[lumpy] = self.seldom_.zero_probability(x[lumpy])
        zero = np.where(np.isfinite(clues.mean), zero, np.nan)
        ascending = np.maximum(np.maximum.accumulate(raw, axis=2), 0.0)
        return zeroed(ascending, self.levels, zero), zero

    def _size(self, x: Array, level: Array) -> Array:
        """Expected log-size of an error for clues [n, h, p] and levels [n], as units, [n, h]."""
        if self.beta_ is None:
            raise NotFitted(self)
        return np.asarray(np.exp(x @ self.beta_) * level[:, None])

    def _seldom(self, clues: Clues, y: Array, rows: NDArray[np.bool_]) -> Seldom | None:
        """Learned from rows [n, h]; None: bands around the mean, no probability of zero."""
        return Seldom(levels=self.levels).fit(clues.design()[rows], clues.size()[rows], y[rows])
