"""Stack: members blended by how each did where it could not have peeked.

Weights are positive and sum to one. They minimise absolute error on forecasts made at past
cutoffs by members that had not seen the answer, once for all and once for each segment; a
segment's weights count by its rows, else it uses those of all. A factor per segment then
makes the blend's sum right (least absolute error alone forecasts a median).

Shapes: r rows (series x cutoff x step), m members; `combine` takes [..., m].
Source: Wolpert (1992), Stacked generalization; convex weights after Breiman (1996).
Limits: a member that is NaN for a row hands its weight to the others.

>>> y = np.linspace(1.0, 50.0, 200)
>>> members = np.stack([y + 5, y - 5, 3 * y], axis=1)
>>> same = np.full(200, "A smooth", dtype=object)
>>> Stack(names=("high", "low", "wild")).fit(members, y, same).table().round(1).loc["all"].tolist()
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


@dataclass(kw_only=True)
class Stack:
    """Convex weights per segment; `pull_rows` of evidence count for the weights of all."""

    names: tuple[str, ...]
    pull_rows: float = 1000.0
    ridge: float = 0.02
    bias_pull: float = 0.5
    weights_: dict[str, Array] | None = field(default=None, init=False, repr=False)  # segment -> [m]
    factors_: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def fit(self, members: Array, y: Array, segment: Labels) -> Self:
        """Learn from out-of-sample members [r, m] and truths [r] in segments [r]."""
        seen = np.isfinite(y) & np.isfinite(members).any(axis=1)
        members, y, segment = _filled(members[seen]), y[seen], segment[seen]
        equal = np.full(members.shape[1], 1 / members.shape[1])
        overall = self._weights(members, y, equal)
        self.weights_, self.factors_ = {ALL: overall}, {ALL: self._factor(members @ overall, y, 1.0)}
        for name in np.unique(segment):
            rows = segment == name
            own = self._weights(members[rows], y[rows], overall)
            share = rows.sum() / (rows.sum() + self.pull_rows)
            weights = share * own + (1 - share) * overall
            self.weights_[name] = weights
            self.factors_[name] = self._factor(members[rows] @ weights, y[rows], self.factors_[ALL])
        return self

    def combine(self, members: Array, segment: Labels) -> Array:
        """Blended means, members' shape without its last axis; `segment` names the first axis."""
        if self.weights_ is None:
            raise NotFitted(self)
        weights = np.stack([self.weights_.get(s, self.weights_[ALL]) for s in segment])
        factor = np.array([self.factors_.get(s, self.factors_[ALL]) for s in segment])
        middle = members.ndim - 2  # axes between series and members
        weights = weights.reshape(len(weights), *[1] * middle, -1)
        spoken = np.where(np.isfinite(members), weights, 0.0)
        total = spoken.sum(axis=-1)
        blend = (np.nan_to_num(members) * spoken).sum(axis=-1) / np.where(total > 0, total, np.nan)
        return np.asarray(blend * factor.reshape(-1, *[1] * middle))

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

    def _factor(self, blend: Array, y: Array, centre: float) -> float:
        """Truths over forecasts, pulled towards `centre` and within a quarter."""
        own = y.sum() / max(blend.sum(), 1e-12) if y.sum() > 0 else 1.0
        pull = self.bias_pull + self.pull_rows / (len(y) + self.pull_rows) * (1 - self.bias_pull)
        return float(np.clip(pull * centre + (1 - pull) * own, 0.75, 1.25))


def _simplex(raw: Array) -> Array:
    e = np.exp(raw - raw.max())
    return np.asarray(e / e.sum())


def _filled(members: Array) -> Array:
    """NaN members replaced by the mean of the others in the row."""
    seen = np.isfinite(members)
    mean = np.where(seen, members, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.where(seen, members, mean[:, None])
