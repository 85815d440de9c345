"""Belief: demand over the lead time, from two sources blended, and held to what then happened.

Sources: draws of the demand room (what the brand sells to dealers, with plans) and stretches of the
dealer's own sales (models.inventory.history). Both are sums over the same days. The blend averages them
rank by rank, with the one weight that made decisions cheapest at past cutoffs; then conformal shifts, one
a level and segment, move its quantiles to where past sums fell:

    Q'(p) = Q(p) + shift[segment, p] x spread

with the spread of a line's draws: their mean absolute deviation and 5 % of their mean.

A past cutoff counts half as much for every `HALF_LIFE` cutoffs that lie between, so that the shifts follow
the channel (online: fit again when the next outcome is known). A segment's shifts are drawn to those of
all, those to none, by their rows beyond the level.

In:   `Past`, one a cutoff: what the sources said, [n, s], and the sums that followed, [n].
Out:  draws [n, s] of the sum, ascending in rank with the first source, so that draws stay joint.
Source: Romano, Patterson and Candes (2019), Conformalized quantile regression; Ratcliff (1979) for the
        average of quantiles.
Limits: the promise holds over lines like those of the past, on average, and fails when the channel turns.
Errors: models.errors.NotFitted.

>>> rng = np.random.default_rng(0)
>>> def past(k):
...     said = rng.gamma(4.0, 25.0, (1000, 200))
...     return Past(cutoff=pd.Timestamp("2024-01-01") + pd.DateOffset(months=k), forecast=None, history=said,
...                 y=rng.gamma(4.0, 35.0, 1000), segment=np.full(1000, "steady", dtype=object))
>>> belief = Belief().fit([past(k) for k in range(5)])
>>> later = past(5)
>>> draws = belief.predict(None, later.history, later.segment)
>>> bool(abs((later.y <= np.quantile(draws, 0.9, axis=1)).mean() - 0.9) < 0.03)
True
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotFitted

Array = NDArray[np.float64]
Labels = NDArray[Any]
LEVELS = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98])
HALF_LIFE = 6.0  # cutoffs
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the demand room's draws
_JUDGED = slice(6, 12)  # of LEVELS: stock is held against the upper half
_PULL_ROWS = 20.0  # beyond the level: of a segment, towards all
_PULL_ALL = 5.0  # of all, towards none
_MOST_ERROR = 8.0  # spreads; a line that wakes up says nothing of the others
_MEAN_SHARE = 0.05
_LEAST_SPREAD = 1e-6
STEADY, NOW_AND_THEN = "steady", "now_and_then"


@dataclass(frozen=True, kw_only=True)
class Past:
    """A past cutoff."""

    cutoff: pd.Timestamp
    forecast: Array | None  # [n, s] sums from the demand room's draws; NaN rows where it said nothing
    history: Array  # [n, s] sums from stretches
    y: Array  # [n] what followed; NaN unknown
    segment: Labels  # [n]


@dataclass(kw_only=True)
class Belief:
    """Weight of the sources and conformal shifts; one set with a forecast, one without."""

    weight_: float = field(default=0.5, init=False)
    shifts_: dict[str, dict[str, Array]] | None = field(default=None, init=False, repr=False)
    rows_: int = field(default=0, init=False)

    def fit(self, past: Sequence[Past]) -> Self:
        """Learn from cutoffs in order of time."""
        self.weight_, self.rows_ = _best_weight(past), int(sum(np.isfinite(p.y).sum() for p in past))
        told = [p for p in past if p.forecast is not None]
        blended = [_blend(p.forecast, p.history, self.weight_) for p in told]
        alone = [np.sort(p.history, axis=1) for p in past]
        self.shifts_ = {"forecast": _shifts(told, blended), "history": _shifts(past, alone)}
        return self

    def predict(self, forecast: Array | None, history: Array, segment: Labels) -> Array:
        """Draws of the sum [n, s]; rows of `forecast` that are NaN are answered by history alone."""
        if self.shifts_ is None:
            raise NotFitted(self)
        alone = _moved(np.sort(history, axis=1), segment, self.shifts_["history"])
        if forecast is None:
            return alone
        known = np.asarray(np.isfinite(forecast).all(axis=1))
        said = np.where(known[:, None], forecast, history)
        both = _moved(_blend(said, history, self.weight_), segment, self.shifts_["forecast"])
        return _in_rank_of(said, np.where(known[:, None], both, alone))


def segments(sold: Array, periods: int = 12) -> Labels:
    """Whether a series sells in most of its last periods, [n]."""
    last = sold[:, -periods:]
    seen = np.isfinite(last).sum(axis=1)
    zeros = (last == 0).sum(axis=1) / np.maximum(seen, 1)
    return np.where(zeros >= 0.25, NOW_AND_THEN, STEADY).astype(object)


def pinball(y: Array, q: Array, level: Array | float) -> Array:
    """Cost of holding q when y is wanted, units short counting `level` and units over 1 - level."""
    return np.asarray(np.where(y > q, level * (y - q), (1 - level) * (q - y)))


def _blend(forecast: Array | None, history: Array, weight: float) -> Array:
    """Rank by rank, ascending, [n, s]."""
    if forecast is None:
        return np.sort(history, axis=1)
    return np.asarray(weight * np.sort(forecast, axis=1) + (1 - weight) * np.sort(history, axis=1))


def _in_rank_of(said: Array, ascending: Array) -> Array:
    """The ascending values put where `said` has the same rank."""
    rank = np.argsort(np.argsort(said, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(np.take_along_axis(ascending, rank, axis=1))


def _best_weight(past: Sequence[Past]) -> float:
    """The weight whose blend, shifted by its own past, was cheapest."""
    told = [p for p in past if p.forecast is not None and np.isfinite(p.y).any()]
    if not told:
        return 0.5
    costs = []
    for weight in WEIGHTS:
        blends = [_blend(p.forecast, p.history, weight) for p in told]
        shifts = _shifts(told, blends)
        moved = [_moved(b, p.segment, shifts) for b, p in zip(blends, told, strict=True)]
        costs.append(sum(_cost(p, m) for p, m in zip(told, moved, strict=True)))
    return WEIGHTS[int(np.argmin(costs))]


def _cost(past: Past, ascending: Array) -> float:
    """Pinball of the upper levels over the usual size of a line, added up."""
    seen = np.isfinite(past.y) & np.isfinite(ascending).all(axis=1)
    said = past.history if past.forecast is None else past.forecast
    size = past.history[seen].mean(axis=1) + said[seen].mean(axis=1)
    cost = pinball(past.y[seen, None], _quantiles(ascending[seen]), LEVELS)[:, _JUDGED].sum(axis=1)
    return float((cost / np.maximum(size, _LEAST_SPREAD)).sum())


def _shifts(past: Sequence[Past], ascending: Sequence[Array]) -> dict[str, Array]:
    """Segment to shifts at LEVELS, in spreads; "" for all."""
    if not past:
        return {"": np.zeros(len(LEVELS))}
    age = np.arange(len(past))[::-1]
    parts, weights, names = [], [], []
    for p, q, back in zip(past, ascending, age, strict=True):
        seen = np.isfinite(p.y) & np.isfinite(q).all(axis=1)
        seen &= np.nan_to_num(q).max(axis=1) > 0  # draws of nothing have no spread to be moved by
        error = (p.y[seen, None] - _quantiles(q[seen])) / _spread(q[seen])[:, None]
        parts.append(np.clip(error, -_MOST_ERROR, _MOST_ERROR))
        weights.append(np.full(seen.sum(), 0.5 ** (back / HALF_LIFE)))
        names.append(np.asarray(p.segment)[seen])
    told, weight = np.concatenate(parts), np.concatenate(weights)
    name = np.concatenate(names).astype(str)
    pooled = _drawn(told, weight, np.zeros(len(LEVELS)), _PULL_ALL)
    own = {str(s): _drawn(told[name == s], weight[name == s], pooled) for s in np.unique(name)}
    return {"": pooled} | own


def _drawn(error: Array, weight: Array, towards: Array, pull: float = _PULL_ROWS) -> Array:
    """Conformal quantile of the errors at each level, drawn to another, [k]."""
    if not len(error):
        return towards
    beyond = weight.sum() * np.minimum(LEVELS, 1 - LEVELS)
    share = beyond / (beyond + pull)
    found = np.array([_ranked(error[:, k], weight, level) for k, level in enumerate(LEVELS)])
    return np.asarray(share * found + (1 - share) * towards)


def _ranked(error: Array, weight: Array, level: float) -> float:
    """Weighted order statistic with the finite-sample step: outwards from the middle."""
    order = np.argsort(error, kind="stable")
    n = len(error)
    step = level * (n + 1) / n if level >= 0.5 else level - (1 - level) / n
    place = np.searchsorted(np.cumsum(weight[order]) / weight.sum(), np.clip(step, 0.0, 1.0))
    return float(error[order][min(int(place), n - 1)])


def _moved(ascending: Array, segment: Labels, shifts: dict[str, Array]) -> Array:
    """Draws with each rank shifted, ascending and never negative."""
    table = np.stack([shifts.get(str(s), shifts[""]) for s in segment]) if len(segment) else np.empty((0, 12))
    count = ascending.shape[1]
    u = (np.arange(count) + 0.5) / count
    place = np.clip(np.searchsorted(LEVELS, u) - 1, 0, len(LEVELS) - 2)
    share = np.clip((u - LEVELS[place]) / (LEVELS[place + 1] - LEVELS[place]), 0.0, 1.0)
    shift = table[:, place] * (1 - share) + table[:, place + 1] * share
    moved = ascending + shift * _spread(ascending)[:, None]
    return np.asarray(np.maximum(np.maximum.accumulate(moved, axis=1), 0.0))


def _quantiles(ascending: Array) -> Array:
    """At LEVELS, of ascending draws, [n, k]."""
    count = ascending.shape[1]
    u = (np.arange(count) + 0.5) / count
    place = np.clip(np.searchsorted(u, LEVELS) - 1, 0, count - 2)
    share = np.clip((LEVELS - u[place]) / (u[place + 1] - u[place]), 0.0, 1.0)
    return np.asarray(ascending[:, place] * (1 - share) + ascending[:, place + 1] * share)


def _spread(draws: Array) -> Array:
    middle = np.median(draws, axis=1, keepdims=True)
    return np.asarray(np.abs(draws - middle).mean(axis=1) + _MEAN_SHARE * draws.mean(axis=1) + _LEAST_SPREAD)
