"""Belief: demand over the lead time, from the demand room's draws, and held to what then happened.

Sources: draws of the demand room (with plans) and stretches of the dealer's own sales
(models.inventory.history). Both are sums over the same days, averaged rank by rank with a weight; conformal
shifts, one a level and segment, move the quantiles to where past sums fell:

    Q'(p) = Q(p) + share x shift[segment, p] x spread

with the spread of a line's draws: their mean absolute deviation and 5 % of their mean.

Weight and share are those whose levels were cheapest in money at past cutoffs: each cutoff is moved by what
was over before it, its level is the critical ratio's, and units missing and left over cost what they cost.
What the usual belief (the forecast alone, unmoved) would have cost must be undercut by a tenth, and by more
than a standard error of the cutoffs' differences: what cannot be told from luck moves nothing, nor what the
whole demand room would do away with where its trees alone were rehearsed. With under two cutoffs that have
others over before them, shifts cannot be judged: all of them stand, with the weight that was cheapest.

A past cutoff counts half as much for every `HALF_LIFE` cutoffs that lie between, so that the shifts follow
the channel (online: fit again when the next outcome is known). A segment's shifts are drawn to those of
all, those to none, by their rows beyond the level.

In:   `Past`, one a cutoff: what the sources said, [n, s], and the sums that followed, [n].
Out:  draws [n, s] of the sum, ascending in rank with the first source, so that draws stay joint.
Source: Romano, Patterson and Candes (2019), Conformalized quantile regression; Ratcliff (1979) for the
        average of quantiles; Breiman et al. (1984) for the rule of one standard error.
Limits: the promise holds over lines like those of the past, on average, and fails when the channel turns.
Errors: models.errors.NotFitted.

>>> rng = np.random.default_rng(0)
>>> def past(k):
...     said, cutoff = rng.gamma(4.0, 25.0, (1000, 200)), pd.Timestamp("2024-01-01") + pd.DateOffset(months=k)
...     costs = Costs(short=np.full(1000, 9.0), over=np.ones(1000), order=np.zeros(1000))
...     return Past(cutoff=cutoff, ends=cutoff + pd.DateOffset(months=1), forecast=None, history=said,
...                 y=rng.gamma(4.0, 35.0, 1000), segment=np.full(1000, "steady", dtype=object), costs=costs)
>>> belief = Belief().fit([past(k) for k in range(5)])
>>> later = past(5)
>>> draws = belief.predict(None, later.history, later.segment)
>>> bool(abs((later.y <= np.quantile(draws, 0.9, axis=1)).mean() - 0.9) < 0.03)
True
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotFitted
from models.inventory.levels import Costs, critical_ratio, newsvendor

Array = NDArray[np.float64]
Labels = NDArray[Any]
LEVELS = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98])
HALF_LIFE = 6.0  # cutoffs
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the demand room's draws
SHARES = (0.0, 0.5, 1.0)  # of the shifts
_PULL_ROWS = 20.0  # beyond the level: of a segment, towards all
_PULL_ALL = 5.0  # of all, towards none
_MOST_ERROR = 8.0  # spreads; a line that wakes up says nothing of the others
_MEAN_SHARE = 0.05
_LEAST_SPREAD = 1e-6
_USUAL = (1.0, 0.0)  # the forecast alone, unmoved
_LEAST_JUDGED = 2  # cutoffs
_LEAST_SAVING = 0.1  # of the usual cost: the whole demand room answers, its trees alone were rehearsed
STEADY, NOW_AND_THEN = "steady", "now_and_then"


@dataclass(frozen=True, kw_only=True)
class Past:
    """A past cutoff."""

    cutoff: pd.Timestamp
    ends: pd.Timestamp  # when the last of the days was over
    forecast: Array | None  # [n, s] sums from the demand room's draws; NaN rows where it said nothing
    history: Array  # [n, s] sums from stretches
    y: Array  # [n] what followed; NaN unknown
    segment: Labels  # [n]
    costs: Costs  # [n] of a unit missing or left over


@dataclass(kw_only=True)
class Belief:
    """Weight of the sources and conformal shifts; one set with a forecast, one without."""

    weight_: float = field(default=1.0, init=False)
    shifts_: dict[str, dict[str, Array]] | None = field(default=None, init=False, repr=False)
    rows_: int = field(default=0, init=False)

    def fit(self, past: Sequence[Past]) -> Self:
        """Learn from cutoffs in order of time."""
        self.rows_ = int(sum(np.isfinite(p.y).sum() for p in past))
        told = [p for p in past if p.forecast is not None]
        self.weight_, share = _cheapest(told, WEIGHTS)
        own = [replace(p, forecast=None) for p in past]
        _, share_alone = _cheapest(own, (1.0,))
        self.shifts_ = {
            "forecast": _part(_shifts(told, _blends(told, self.weight_)), share),
            "history": _part(_shifts(own, _blends(own, 1.0)), share_alone),
        }
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


def _blends(past: Sequence[Past], weight: float) -> list[Array]:
    return [_blend(p.forecast, p.history, weight) for p in past]


def _cheapest(past: Sequence[Past], weights: Sequence[float]) -> tuple[float, float]:
    """Weight and share of the shifts; (1, 0) unless another pair was surely cheaper."""
    known = [p for p in past if np.isfinite(p.y).any()]
    if not known:
        return _USUAL
    learned = [[i for i, p in enumerate(known) if p.ends <= now.cutoff] for now in known]
    if sum(map(bool, learned)) < _LEAST_JUDGED:
        return _unjudged(known, weights)
    options = [(weight, share) for weight in weights for share in SHARES]
    spent = np.concatenate([_spent(known, _blends(known, w), learned) for w in weights])  # [options, cutoffs]
    usual = spent[options.index(_USUAL)]
    saved = usual - spent
    best = int(saved.sum(axis=1).argmax())
    error = saved[best].std() / np.sqrt(max(len(usual) - 1, 1))
    bar = max(float(error), _LEAST_SAVING * float(usual.mean()))
    return options[best] if saved[best].mean() > bar else _USUAL


def _unjudged(past: Sequence[Past], weights: Sequence[float]) -> tuple[float, float]:
    """The cheapest weight, with all of the shifts: too few cutoffs to judge shifts by."""
    everybody = [list(range(len(past)))] * len(past)
    spent = [_spent(past, _blends(past, weight), everybody)[-1].sum() for weight in weights]
    return weights[int(np.argmin(spent))], SHARES[-1]


def _spent(past: Sequence[Past], blends: Sequence[Array], learned: Sequence[Sequence[int]]) -> Array:
    """Cost of the levels, an amount, by share of the shifts and cutoff that others are learned from."""
    told = []
    for now, blend, rows in zip(past, blends, learned, strict=True):
        if rows:
            shifts = _shifts([past[i] for i in rows], [blends[i] for i in rows])
            told.append([_cost(now, _moved(blend, now.segment, _part(shifts, s))) for s in SHARES])
    return np.array(told).T


def _cost(past: Past, draws: Array) -> float:
    """What levels of the critical ratio cost in units missing and left over."""
    seen = np.isfinite(past.y) & np.isfinite(draws).all(axis=1)
    ratio = critical_ratio(past.costs.short, past.costs.over)
    cost = pinball(past.y, newsvendor(draws, ratio), ratio) * (past.costs.short + past.costs.over)
    return float(cost[seen].sum())


def _part(shifts: dict[str, Array], share: float) -> dict[str, Array]:
    return {segment: share * shift for segment, shift in shifts.items()}


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
