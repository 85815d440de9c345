"""Stack: members blended by how each did where it could not have peeked.

Weights are positive and sum to one. They minimise absolute error on forecasts made at past
cutoffs by members that had not seen the answer, once for all and once for each segment; a
segment's weights count by its rows, else it uses those of all. Least absolute error alone
forecasts a median, so a factor per segment then moves the blend's sum towards the truth's, as
far as that paid: its strength is the one that did best at cutoffs left out in turn, by WAPE
and a tenth of the bias.

Shapes: r rows (series x cutoff x step), m members; `combine` takes [..., m].
Source: Wolpert (1992), Stacked generalization; convex weights after Breiman (1996).
Limits: a member that is NaN for a row hands its weight to the others.

>>> y = np.linspace(1.0, 50.0, 200)
>>> members = np.stack([y + 5, y - 5, 3 * y], axis=1)
>>> same = np.full(200, "A smooth", dtype=object)
>>> stack = Stack(names=("high", "low", "wild")).fit(members, y, same, window=np.arange(200) % 4)
>>> stack.table().round(1).loc["all"].tolist()
[0.5, 0.5, 0.0]
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.errors import NotFitted

Array = NDArray[np.float64]
Labels = NDArray[np.object_]
ALL = "all"
_FACTORS = (0.75, 1.25)
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BIAS_COUNTS = 0.1  # of a unit of bias, against a unit of absolute error
_LEAST_WINDOWS = 3


@dataclass(kw_only=True)
class Stack:
    """Convex weights per segment; `pull_rows` of evidence count for the weights of all."""

    names: tuple[str, ...]
    pull_rows: float = 1000.0
    ridge: float = 0.02
    weights_: dict[str, Array] | None = field(default=None, init=False, repr=False)  # segment -> [m]
    factors_: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    strength_: float = field(default=0.0, init=False)  # of the factors, 0 to 1

    def fit(self, members: Array, y: Array, segment: Labels, *, window: NDArray[np.intp]) -> Self:
        """Learn from out-of-sample members [r, m] and truths [r], by segment [r] and cutoff [r]."""
        seen = np.isfinite(y) & np.isfinite(members).any(axis=1)
        members, y, segment, window = _filled(members[seen]), y[seen], segment[seen], window[seen]
        equal = np.full(members.shape[1], 1 / members.shape[1])
        overall = self._weights(members, y, equal)
        self.weights_ = {ALL: overall}
        blend = np.zeros(len(y))
        for name in np.unique(segment):
            rows = segment == name
            own = self._weights(members[rows], y[rows], overall)
            share = rows.sum() / (rows.sum() + self.pull_rows)
            weights = share * own + (1 - share) * overall
            self.weights_[name] = weights
            blend[rows] = members[rows] @ weights
        self.strength_ = self._strength(blend, y, segment, window)
        self.factors_ = {k: v**self.strength_ for k, v in self._factors(blend, y, segment).items()}
        return self

    def combine(self, members: Array, segment: Labels) -> Array:
        """Blended means, members' shape without its last axis; `segment` names the first axis."""
        share, spoken = self.shares(members, segment), np.isfinite(members).any(axis=-1)
        blend = np.where(spoken, (np.nan_to_num(members) * share).sum(axis=-1), np.nan)
        return np.asarray(blend * self.factor(segment).reshape(-1, *[1] * (members.ndim - 2)))

    def shares(self, members: Array, segment: Labels) -> Array:
        """The weight of each member in each forecast, members' shape; those that are NaN have none."""
        if self.weights_ is None:
            raise NotFitted(self)
        weights = np.stack([self.weights_.get(s, self.weights_[ALL]) for s in segment])
        weights = weights.reshape(len(weights), *[1] * (members.ndim - 2), -1)
        spoken = np.where(np.isfinite(members), weights, 0.0)
        total = spoken.sum(axis=-1, keepdims=True)
        return np.asarray(spoken / np.where(total > 0, total, 1.0))

    def factor(self, segment: Labels) -> Array:
        """What the blend of each series is multiplied by, [n]."""
        return np.array([self.factors_.get(s, self.factors_[ALL]) for s in segment])

    def table(self) -> pd.DataFrame:
        """Weights, one row a segment, one column a member."""
        return pd.DataFrame(self.weights_, index=list(self.names)).T

    def _weights(self, members: Array, y: Array, centre: Array) -> Array:
        scale = np.abs(y).mean() + 1e-12

        def cost(raw: Array) -> float:
            weights = _simplex(raw)
            error = np.sqrt((members @ weights - y) ** 2 + (1e-3 * scale) ** 2)  # smooth absolute error
            return float(error.mean() / scale + self.ridge * ((weights - centre) ** 2).sum())

        start = np.log(centre + 0.05)
        return _simplex(minimize(cost, start, method="L-BFGS-B").x)

    def _factors(self, blend: Array, y: Array, segment: Labels) -> dict[str, float]:
        """Truths over forecasts of all, and of each segment drawn towards that of all, within a quarter."""
        overall = _ratio(y, blend)
        factors = {ALL: overall}
        for name in np.unique(segment):
            rows = segment == name
            share = rows.sum() / (rows.sum() + self.pull_rows)
            factors[name] = share * _ratio(y[rows], blend[rows]) + (1 - share) * overall
        return {name: float(np.clip(factor, *_FACTORS)) for name, factor in factors.items()}

    def _strength(self, blend: Array, y: Array, segment: Labels, window: NDArray[np.intp]) -> float:
        """How much of the factors to apply, judged at each cutoff by factors of the others."""
        if len(np.unique(window)) < _LEAST_WINDOWS:
            return 0.0
        cost = np.zeros(len(_STRENGTHS))
        for left_out in np.unique(window):
            out = window == left_out
            factors = self._factors(blend[~out], y[~out], segment[~out])
            factor = np.array([factors.get(s, factors[ALL]) for s in segment[out]])
            for i, strength in enumerate(_STRENGTHS):
                error = blend[out] * factor**strength - y[out]
                cost[i] += np.abs(error).sum() + _BIAS_COUNTS * abs(error.sum())
        return _STRENGTHS[int(cost.argmin())]


def _ratio(y: Array, blend: Array) -> float:
    return float(y.sum() / blend.sum()) if y.sum() > 0 and blend.sum() > 0 else 1.0


def _simplex(raw: Array) -> Array:
    e = np.exp(raw - raw.max())
    return np.asarray(e / e.sum())


def _filled(members: Array) -> Array:
    """NaN members replaced by the mean of the others in the row."""
    seen = np.isfinite(members)
    mean = np.where(seen, members, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(seen, members, mean[:, None])
