"""Paths: joint draws of the coming periods whose margins are the forecast's own quantiles.

Each series and period keeps its quantiles; what is added is how they move together. Where the truths of
rehearsals fell among their quantiles (as normal scores) teaches two things: how much a miss in one
period carries on to the next (a correlation of steps), and how much series miss together: all of the
channel, those of a dealer, those of a product. New draws come from that Gaussian copula and are read off
the quantiles:

    z = sqrt(a) z_all + sqrt(b) z_dealer + sqrt(c) z_product + sqrt(1 - a - b - c) z_own
    units = Q(Phi(z)),   every z with the steps' correlation

Q is zero up to the probability of zero, as the forecast says it, and linear from there and between the stated
levels; below them it goes on to zero, above them it has an exponential tail whose scale makes the mean of
the draws that of the forecast, as far as a tail can.

Every z is drawn by its name and the seed: a series has the same futures whoever is asked about with it, so
totals may be added up part by part.

Shapes: w cutoffs, n series, h periods, k levels, s draws; units.
Source: Sklar's theorem; normal scores and their correlation as in Clemen and Reilly (1999), Correlations
        and copulas for decision and risk analysis, Management Science 45; shares as in a random-effects
        analysis of variance, by products of pairs.
Limits: one dependence for all series. What the whole channel shares is learned from w cutoffs, a handful.

>>> levels = (0.1, 0.5, 0.9)
>>> q = np.array([[[8.0, 10.0, 12.0]] * 2] * 2000)
>>> rng = np.random.default_rng(0)
>>> both = 10 + 1.56 * rng.standard_normal((2000, 1)) * np.ones((1, 2))     # both months miss alike
>>> static = pd.DataFrame({"dealer_id": np.arange(2000), "sku_id": "S"})
>>> paths = Paths(levels=levels).fit([q], [both], [static])
>>> bool(paths.steps_[0, 1] > 0.8)
True
>>> units = paths.draw(q[:1], np.full((1, 2), 10.0), static[:1], count=2000, seed=0)
>>> units.shape, bool(abs(units.mean() - 10) < 0.1)
((1, 2, 2000), True)
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from features.hierarchy import EVERYONE
from features.panel import series_ids
from models.errors import NotFitted

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
Float32 = NDArray[np.float32]
GROUPS = ("dealer_id", "sku_id")
_MOST_SHARE = 0.9
_PRIOR_ROWS = 200.0  # series and cutoffs that "steps do not depend" is worth
_PRIOR_GROUPS = 20.0  # dealers or products and cutoffs that "nothing is shared" is worth
_TAIL_SCALES = (0.2, 4.0)  # of the natural tail: the least and the most that the mean may ask for
_LEAST_STRETCH = 1e-9  # of probability
_CHUNK = 2_000  # series drawn at once


@dataclass(kw_only=True)
class Paths:
    """How misses hang together, over steps and over series."""

    levels: tuple[float, ...]
    steps_: Array | None = field(default=None, init=False, repr=False)  # [h, h] correlation
    shares_: Mapping[str, float] = field(default_factory=dict, init=False)  # of a miss, by who shares it

    def fit(
        self, quantiles: Sequence[Array], truths: Sequence[Array], series: Sequence[pd.DataFrame]
    ) -> Self:
        """Learn from past quantiles [w] of [n, h, k], truths [w] of [n, h], and whose they are [w]."""
        scores = [self._scores(q, y) for q, y in zip(quantiles, truths, strict=True)]
        z = np.concatenate(scores)
        self.steps_ = _correlation(z)
        self.shares_ = _shares(scores, [_weights(q) for q in quantiles], series)
        return self

    def draw(
        self,
        quantiles: Array,
        mean: Array,
        series: pd.DataFrame,
        *,
        count: int,
        seed: int,
        zero_probability: Array | None = None,
    ) -> Float32:
        """Units [n, h, s] from quantiles [n, h, k] and means [n, h] of series [n] (dealer_id, sku_id).

        `zero_probability` [n, h], or NaN where it is not known.
        """
        if self.steps_ is None:
            raise NotFitted(self)
        n, h, _ = quantiles.shape
        zero = np.zeros((n, h)) if zero_probability is None else np.nan_to_num(zero_probability)
        noise = _Noise(root=_root(self.steps_[:h, :h]).astype(np.float32), count=count, seed=seed)
        own, groups = series_ids(series), {by: pd.factorize(series[by].astype(str)) for by in GROUPS}
        common = {by: noise.of(by, names) for by, (_, names) in groups.items()}  # [groups, s, h]
        everyone = noise.of(EVERYONE, [EVERYONE])
        rest = 1 - sum(self.shares_.values())
        out = np.empty((n, h, count), dtype=np.float32)
        for first in range(0, n, _CHUNK):
            rows = slice(first, min(first + _CHUNK, n))
            z = np.sqrt(rest) * noise.of("own", own[rows]) + np.sqrt(self.shares_[EVERYONE]) * everyone
            for by, (code, _) in groups.items():
                z += np.sqrt(self.shares_[by]) * common[by][code[rows]]
            out[rows] = self._read(quantiles[rows], mean[rows], zero[rows], ndtr(z.transpose(0, 2, 1)))
        return out

    def _read(self, quantiles: Array, mean: Array, zero: Array, u: Array) -> Array:
        """Q(u): units at each probability u [n, h, s]."""
        p = np.append(0.0, self.levels)
        low = np.maximum(2 * quantiles[..., :1] - quantiles[..., 1:2], 0.0)  # where the line reaches 0
        q = np.concatenate([np.minimum(low, quantiles[..., :1]), quantiles], axis=2)
        starts = np.clip(zero[..., None], p[:-1], p[1:])  # of each stretch, [n, h, k]
        place = np.clip(np.searchsorted(p, u, "right") - 1, 0, len(p) - 2)
        start, left = (np.take_along_axis(values, place, axis=2) for values in (starts, q))
        share = np.clip((u - start) / np.maximum(p[place + 1] - start, _LEAST_STRETCH), 0.0, 1.0)
        units = left + share * (np.take_along_axis(q, place + 1, axis=2) - left)
        last = np.maximum(p[-1], zero)[..., None]
        above = np.maximum(np.log((1 - last) / np.maximum(1 - u, 1e-9)), 0.0)
        units += self._tail(q, p, starts, mean, zero)[..., None] * above
        return np.asarray(np.where(u < zero[..., None], 0.0, units))

    def _tail(self, q: Array, p: Array, starts: Array, mean: Array, zero: Array) -> Array:
        """Scale of the exponential tail above the last level, or zero where that is likelier, [n, h]."""
        body = ((q[..., 1:] + q[..., :-1]) / 2 * (p[1:] - starts)).sum(axis=2)
        rest = 1 - np.maximum(p[-1], zero)
        natural = (q[..., -1] - q[..., -2]) / np.log((1 - p[-2]) / (1 - p[-1]))
        wanted = (mean - body) / np.maximum(rest, 1e-9) - q[..., -1]
        low, high = _TAIL_SCALES
        return np.asarray(np.where(zero < p[-1], np.clip(wanted, low * natural, high * natural), wanted))

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


def _weights(quantiles: Array) -> Array:
    """What a series' miss weighs in a total: the width of its band, mean square 1, [n]."""
    width = (quantiles[..., -1] - quantiles[..., 0]).mean(axis=1)
    usual = np.sqrt((width**2).mean()) if len(width) else 0.0
    return np.asarray(width / usual if usual > 0 else np.ones_like(width))


def _shares(
    scores: Sequence[Array], weights: Sequence[Array], series: Sequence[pd.DataFrame]
) -> dict[str, float]:
    """What the channel, a dealer's series and a product's series share of a miss.

    By products of weighted scores of two series at one cutoff and step: of no common name (a), of one dealer
    (a + b), of one product (a + c). Every dealer and product counts alike: their totals are to be right, not
    those of the largest only. Scores are centred over w cutoffs, which takes a / w out of a: put back here.
    """
    windows = len(scores)
    window = np.repeat(np.arange(windows), [len(one) for one in scores])
    z, weight = _centred(np.concatenate(scores)), np.concatenate(weights)
    square = float(np.nansum(z**2)) / max(int(np.isfinite(z).sum()), 1)
    if not square:
        return dict.fromkeys((EVERYONE, *GROUPS), 0.0)
    pairs = {by: _pairs(z, weight, _codes(window, [one[by] for one in series])) for by in GROUPS}
    apart = _pairs(z, weight, window).sum(axis=0) - sum(of.sum(axis=0) for of in pairs.values())
    everyone = max(apart[0] / apart[1] / square, 0.0) if apart[1] > 0 else 0.0
    shares = {by: _usual(of) / square - everyone for by, of in pairs.items()}
    shares = {by: max(share, 0.0) for by, share in shares.items()}
    shares[EVERYONE] = everyone * windows / max(windows - 1, 1)
    excess = max(sum(shares.values()) / _MOST_SHARE, 1.0)
    return {by: float(share / excess) for by, share in shares.items()}


def _centred(z: Array) -> Array:
    """Without the mean of each step."""
    count = np.maximum(np.isfinite(z).sum(axis=0), 1)
    return np.asarray(z - np.nansum(z, axis=0) / count)


def _usual(pairs: Array) -> float:
    """Mean over groups of products over weights [groups, 2], drawn to nothing when groups are few."""
    told = pairs[pairs[:, 1] > 0]
    if not len(told):
        return 0.0
    return float((told[:, 0] / told[:, 1]).mean()) * len(told) / (len(told) + _PRIOR_GROUPS)


def _pairs(z: Array, weight: Array, group: Codes) -> Array:
    """Weighted products summed over pairs of rows of each group, all steps; their weights, [groups, 2]."""
    seen, size = np.isfinite(z), int(group.max(initial=-1)) + 1
    out = np.zeros((size, 2))
    for step in range(z.shape[1]):
        known = seen[:, step]
        code, miss, wide = group[known], weight[known] * z[known, step], weight[known]
        for column, values in enumerate((miss, wide)):
            of = np.bincount(code, values, minlength=size)
            out[:, column] += of**2 - np.bincount(code, values**2, minlength=size)
    return out


def _codes(window: Codes, names: "Sequence[pd.Series[str]]") -> Codes:
    """The number of each name at each cutoff, all cutoffs in a row."""
    name = pd.factorize(pd.concat(list(names), ignore_index=True).astype(str))[0]
    return np.asarray(pd.factorize(window * (name.max(initial=0) + 1) + name)[0], dtype=np.intp)


@dataclass(frozen=True, kw_only=True)
class _Noise:
    """Normal draws with the steps' correlation, by name: the same name, the same draws."""

    root: Float32  # [h, h]
    count: int
    seed: int

    def of(self, kind: str, names: Iterable[str]) -> Float32:
        """[names, s, h]."""
        drawn = [self._raw(f"{kind}={name}") for name in names]
        return np.asarray(np.stack(drawn) @ self.root.T)

    def _raw(self, name: str) -> Float32:
        key = hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=16).digest()
        rng = np.random.Generator(np.random.SFC64(int.from_bytes(key)))
        return rng.standard_normal((self.count, len(self.root)), dtype=np.float32)


def _root(correlation: Array) -> Array:
    """A square root of a correlation, also of one that is barely none, [h, h]."""
    value, vector = np.linalg.eigh(correlation)
    root = vector * np.sqrt(np.maximum(value, 0.0))
    return np.asarray(root / np.linalg.norm(root, axis=1, keepdims=True))
