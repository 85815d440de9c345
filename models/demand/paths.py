"""Paths: joint draws of the coming periods whose margins are the forecast's own quantiles.

Each series and period keeps its quantiles; what is added is how they move together. Where the truths of
rehearsals fell among their quantiles (as normal scores) teaches two things: how much a miss in one
period carries on to the next (a correlation of steps), and how much a dealer's products miss together
(a shared factor). New draws come from that Gaussian copula and are read off the quantiles:

    z = sqrt(share) * z_dealer + sqrt(1 - share) * z_own,   both with the steps' correlation
    units = Q(Phi(z))

Between the stated levels Q is linear; below them it goes on to zero, above them it has an exponential
tail whose scale makes the mean of the draws that of the forecast, as far as a tail can.

Shapes: w cutoffs, n series, h periods, k levels, s draws; units.
Source: Sklar's theorem; normal scores and their correlation as in Clemen and Reilly (1999), Correlations
        and copulas for decision and risk analysis, Management Science 45.
Limits: one dependence for all series; draws of different dealers are independent.

>>> levels = (0.1, 0.5, 0.9)
>>> q = np.array([[[8.0, 10.0, 12.0]] * 2] * 2000)
>>> rng = np.random.default_rng(0)
>>> both = 10 + 1.56 * rng.standard_normal((2000, 1)) * np.ones((1, 2))     # both months miss alike
>>> paths = Paths(levels=levels).fit([q], [both], np.arange(2000))
>>> bool(paths.steps_[0, 1] > 0.8)
True
>>> units = paths.draw(q[:1], np.full((1, 2), 10.0), np.array(["D1"]), count=2000, rng=rng)
>>> units.shape, bool(abs(units.mean() - 10) < 0.1)
((1, 2, 2000), True)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from models.errors import NotFitted

Array = NDArray[np.float64]
_MOST_SHARE = 0.9
_PRIOR_ROWS = 200.0  # series and cutoffs that "no dependence" is worth
_TAIL_SCALES = (0.2, 4.0)  # of the natural tail: the least and the most that the mean may ask for
_CHUNK = 2_000  # series drawn at once


@dataclass(kw_only=True)
class Paths:
    """How misses hang together, over steps and within a dealer."""

    levels: tuple[float, ...]
    steps_: Array | None = field(default=None, init=False, repr=False)  # [h, h] correlation
    share_: float = field(default=0.0, init=False)  # of a miss that a dealer's products share

    def fit(self, quantiles: Sequence[Array], truths: Sequence[Array], dealers: NDArray[Any]) -> Self:
        """Learn from past quantiles [w] of [n, h, k], truths [w] of [n, h]; dealers [all n in a row]."""
        scores = [self._scores(q, y) for q, y in zip(quantiles, truths, strict=True)]
        window = np.repeat(np.arange(len(scores)), [len(s) for s in scores])
        z = np.concatenate(scores)
        self.steps_ = _correlation(z)
        self.share_ = _shared(
            z, pd.factorize(pd.Series(dealers).astype(str) + "@" + pd.Series(window).astype(str))[0]
        )
        return self

    def draw(
        self, quantiles: Array, mean: Array, dealers: NDArray[Any], *, count: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Units [n, h, s] from quantiles [n, h, k] and means [n, h] of series of these dealers [n]."""
        if self.steps_ is None:
            raise NotFitted(self)
        n, h, _ = quantiles.shape
        root = _root(self.steps_[:h, :h])
        code, names = pd.factorize(np.asarray(dealers))
        common = rng.standard_normal((len(names), count, h), dtype=np.float32) @ root.T.astype(np.float32)
        out = np.empty((n, h, count), dtype=np.float32)
        for first in range(0, n, _CHUNK):
            rows = slice(first, min(first + _CHUNK, n))
            own = rng.standard_normal((rows.stop - first, count, h), dtype=np.float32) @ root.T.astype(
                np.float32
            )
            z = np.sqrt(self.share_) * common[code[rows]] + np.sqrt(1 - self.share_) * own
            out[rows] = self._read(quantiles[rows], mean[rows], ndtr(z.transpose(0, 2, 1)))
        return out

    def _read(self, quantiles: Array, mean: Array, u: Array) -> Array:
        """Q(u): units at each probability u [n, h, s]."""
        p = np.asarray(self.levels)
        low = np.maximum(2 * quantiles[..., :1] - quantiles[..., 1:2], 0.0)  # where the line reaches 0
        q = np.concatenate([np.minimum(low, quantiles[..., :1]), quantiles], axis=2)
        p = np.append(0.0, p)
        place = np.clip(np.searchsorted(p, u, "right") - 1, 0, len(p) - 2)
        share = np.minimum((u - p[place]) / (p[place + 1] - p[place]), 1.0)
        left = np.take_along_axis(q, place, axis=2)
        units = left + share * (np.take_along_axis(q, place + 1, axis=2) - left)
        above = np.maximum(np.log((1 - p[-1]) / np.maximum(1 - u, 1e-9)), 0.0)
        return np.asarray(units + self._tail(q, p, mean)[..., None] * above)

    def _tail(self, q: Array, p: Array, mean: Array) -> Array:
        """Scale of the exponential tail above the last level, [n, h]."""
        body = ((q[..., 1:] + q[..., :-1]) / 2 * np.diff(p)).sum(axis=2)
        rest = 1 - p[-1]
        natural = (q[..., -1] - q[..., -2]) / np.log((1 - p[-2]) / rest)
        wanted = (mean - body) / rest - q[..., -1]
        low, high = _TAIL_SCALES
        return np.asarray(np.clip(wanted, low * natural, high * natural))

    def _scores(self, quantiles: Array, y: Array) -> Array:
        """Normal scores of where truths fell among their quantiles, [n, h]; NaN where unknown."""
        p = np.asarray(self.levels)
        below = (quantiles < y[..., None]).sum(axis=2)
        tied = (quantiles <= y[..., None]).sum(axis=2)
        place = np.clip(below - 1, 0, len(p) - 2)
        left = np.take_along_axis(quantiles, place[..., None], axis=2)[..., 0]
        right = np.take_along_axis(quantiles, place[..., None] + 1, axis=2)[..., 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.clip((y - left) / (right - left), 0, 1)
        inside = p[place] + np.nan_to_num(share, nan=0.5) * (p[place + 1] - p[place])
        u = np.select([below == 0, below == len(p)], [p[0] / 2, (1 + p[-1]) / 2], inside)
        u = np.where(tied > below, (p[np.minimum(below, len(p) - 1)] + p[np.maximum(tied - 1, 0)]) / 2, u)
        return np.where(np.isfinite(y), ndtri(u), np.nan)


def _correlation(z: Array) -> Array:
    """Correlation of steps, pooled over series, drawn to none; positive definite, [h, h]."""
    full = z[np.isfinite(z).all(axis=1)]
    h = z.shape[1]
    if len(full) < 3 or h == 1:
        return np.eye(h)
    with np.errstate(divide="ignore", invalid="ignore"):  # a step that never varies correlates with none
        found = np.nan_to_num(np.corrcoef(full, rowvar=False), nan=0.0)
    share = len(full) / (len(full) + _PRIOR_ROWS)
    drawn = share * found + (1 - share) * np.eye(h)
    np.fill_diagonal(drawn, 1.0)
    return np.asarray(drawn)


def _shared(z: Array, group: NDArray[np.intp]) -> float:
    """Correlation of two series of the same dealer at the same cutoff and step, drawn to none."""
    products, pairs, squares, count = 0.0, 0.0, 0.0, 0
    for step in range(z.shape[1]):
        seen = np.isfinite(z[:, step])
        centred = z[seen, step] - (z[seen, step].mean() if seen.any() else 0.0)
        of, size = np.bincount(group[seen], centred), np.bincount(group[seen])
        squares += float((centred**2).sum())
        products += float((of**2).sum() - (centred**2).sum())
        pairs += float((size * (size - 1.0)).sum())
        count += int(seen.sum())
    if not pairs or not squares:
        return 0.0
    found = (products / pairs) / (squares / count)
    return float(np.clip(found * pairs / (pairs + _PRIOR_ROWS), 0.0, _MOST_SHARE))


def _root(correlation: Array) -> Array:
    """A square root of a correlation, also of one that is barely none, [h, h]."""
    value, vector = np.linalg.eigh(correlation)
    root = vector * np.sqrt(np.maximum(value, 0.0))
    return np.asarray(root / np.linalg.norm(root, axis=1, keepdims=True))
