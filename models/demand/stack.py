"""Stack: members blended by how each did where it could not have peeked.

A member's weight falls with the sixteenth power of its error: one that erred 5 % more has less than
half the say, one that erred 20 % more almost none, and those that did alike share alike. The power is less
where the evidence is little: few truths, or few that hold most of the units. Errors are
those of forecasts that members made at past cutoffs without seeing the answer, over all series and
over those of a segment; a segment's weights count by its rows, else it uses those of all. A cutoff
counts by the fourth power of its history over the longest: what members did with half of the record says
little of now. Members that look at one series alone say nearly the same: of several each has half a voice.
Smooth series count period by period, by absolute error. Lumpy ones count by the sum of the horizon, which is
what gets ordered, by squared error and a tenth of the bias: where most periods sell nothing, absolute error
prefers a member that promises too little.

A blend that erred to one side at every cutoff is moved the other way by a factor per segment, as far
as that paid: its strength is the one that did best at cutoffs left out in turn, by WAPE (of sums,
where lumpy) and a tenth of the bias.

Shapes: n series x cutoffs, h periods, m members; r rows: a smooth series' periods, a lumpy one's sum.
        `fit` also takes [n, m]; `combine` takes [..., m].
Source: Bates and Granger (1969), The combination of forecasts, OR Quarterly 20 (weights by error, no
        covariance); Wolpert (1992), Stacked generalization. Measured: docs/decisions/0021, 0022
        and 0024. How many truths of one size would tell as much: Kish (1965), Survey Sampling, 11.7.
Limits: a member that is NaN for a row hands its weight to the others.

>>> y = np.linspace(1.0, 50.0, 200)
>>> members = np.stack([y + 5, y - 5, 3 * y], axis=1)
>>> same = np.full(200, "A smooth", dtype=object)
>>> stack = Stack(names=("high", "low", "wild")).fit(members, y, same, record=48 + np.arange(200) % 4)
>>> stack.table().round(1).loc["all"].tolist()
[0.5, 0.5, 0.0]
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.demand.segments import is_lumpy
from models.errors import NotFitted

Array = NDArray[np.float64]
Labels = NDArray[np.object_]
ALL = "all"
_FACTORS = (0.75, 1.25)
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_BIAS_COUNTS = 0.1  # of a unit of bias, against a unit of absolute error
_LEAST_WINDOWS = 3
_NO_ERROR = 1e-6  # of a unit; below it members are alike
_FADES = 4  # power of a cutoff's history over the longest
_ALIKE = frozenset({"ets", "theta", "tsb", "croston", "imapa"})  # look at one series alone


@dataclass(kw_only=True)
class Stack:
    """Weights per segment; `pull_rows` of evidence count for the weights and the factor of all."""

    names: tuple[str, ...]
    pull_rows: float = 3000.0
    sharpness: float = 16.0  # 0: all alike; large: the best alone
    trust_rows: float = 200.0  # truths of one size at which half of the sharpness counts
    alike_voice: float = 0.5  # of each of several that look at one series alone
    weights_: dict[str, Array] | None = field(default=None, init=False, repr=False)  # segment -> [m]
    factors_: dict[str, float] = field(default_factory=dict, init=False, repr=False)
    strength_: float = field(default=0.0, init=False)  # of the factors, 0 to 1

    def fit(self, members: Array, y: Array, segment: Labels, *, record: NDArray[np.intp]) -> Self:
        """Learn from out-of-sample members [n, h, m] and truths [n, h], by segment [n].

        `record` [n]: how many periods were on record at the cutoff, by which cutoffs are told apart.
        """
        rows = _Rows.of(members, y, segment, record)
        overall = self._weights(rows)
        self.weights_ = {ALL: overall}
        blend = np.zeros(len(rows.y))
        for name in np.unique(rows.segment):
            mine = rows.segment == name
            own = self._weights(rows.take(mine))
            share = mine.sum() / (mine.sum() + self.pull_rows)
            weights = share * own + (1 - share) * overall
            self.weights_[name] = weights
            blend[mine] = rows.members[mine] @ weights
        self.strength_ = self._strength(blend, rows.y, rows.segment, rows.record)
        factors = self._factors(blend, rows.y, rows.segment)
        self.factors_ = {k: v**self.strength_ for k, v in factors.items()}
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

    def _weights(self, rows: "_Rows") -> Array:
        """Shares by error, [m]."""
        lumpy = is_lumpy(rows.segment)
        smooth, sums = rows.take(~lumpy), rows.take(lumpy)
        units = np.array([np.abs(smooth.y).sum(), np.abs(sums.y).sum()]) + 1e-12
        share = units / units.sum()
        error = share[0] * smooth.absolute() + share[1] * sums.squared()
        told = rows.of_one_size()
        odds = -self.sharpness * told / (told + self.trust_rows) * np.log(error + _NO_ERROR)
        alike = np.array([name in _ALIKE for name in self.names])
        voice = np.where(alike & (alike.sum() > 1), self.alike_voice, 1.0)
        weights = voice * np.exp(odds - odds.max())
        return np.asarray(weights / weights.sum())

    def _factors(self, blend: Array, y: Array, segment: Labels) -> dict[str, float]:
        """Truths over forecasts of all, and of each segment drawn towards that of all, within a quarter."""
        overall = _ratio(y, blend)
        factors = {ALL: overall}
        for name in np.unique(segment):
            rows = segment == name
            share = rows.sum() / (rows.sum() + self.pull_rows)
            factors[name] = share * _ratio(y[rows], blend[rows]) + (1 - share) * overall
        return {name: float(np.clip(factor, *_FACTORS)) for name, factor in factors.items()}

    def _strength(self, blend: Array, y: Array, segment: Labels, record: NDArray[np.intp]) -> float:
        """How much of the factors to apply, judged at each cutoff by factors of the others."""
        missed = np.bincount(np.unique(record, return_inverse=True)[1], weights=blend - y)
        if len(missed) < _LEAST_WINDOWS or abs(np.sign(missed).sum()) < len(missed):
            return 0.0
        cost = np.zeros(len(_STRENGTHS))
        for left_out in np.unique(record):
            out = record == left_out
            factors = self._factors(blend[~out], y[~out], segment[~out])
            factor = np.array([factors.get(s, factors[ALL]) for s in segment[out]])
            for i, strength in enumerate(_STRENGTHS):
                error = blend[out] * factor**strength - y[out]
                cost[i] += np.abs(error).sum() + _BIAS_COUNTS * abs(error.sum())
        return _STRENGTHS[int(cost.argmin())]


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """What is learned from: members [r, m], truths [r], segment [r] and periods on record [r]."""

    members: Array
    y: Array
    segment: Labels
    record: NDArray[np.intp]
    counts: Array  # how much each row counts, [r]

    @classmethod
    def of(cls, members: Array, y: Array, segment: Labels, record: NDArray[np.intp]) -> Self:
        """Periods of smooth series and sums of lumpy ones; what nobody foretold or saw is left out."""
        members, y = members.reshape(len(y), -1, members.shape[-1]), y.reshape(len(y), -1)
        seen = np.isfinite(y) & np.isfinite(members).any(axis=2)  # [n, h]
        filled = np.where(seen[..., None], _filled(members), 0.0)
        truth, lumpy = np.where(seen, y, 0.0), is_lumpy(segment)
        row, step = np.nonzero(seen & ~lumpy[:, None])
        sums = np.flatnonzero(lumpy & seen.any(axis=1))
        whose = np.concatenate([row, sums])
        return cls(
            members=np.concatenate([filled[row, step], filled[sums].sum(axis=1)]),
            y=np.concatenate([truth[row, step], truth[sums].sum(axis=1)]),
            segment=segment[whose],
            record=record[whose],
            counts=(record[whose] / record.max()) ** _FADES,
        )

    def take(self, rows: NDArray[np.bool_]) -> "_Rows":
        """Some of the rows."""
        parts = {name: getattr(self, name)[rows] for name in ("members", "y", "segment", "record", "counts")}
        return _Rows(**parts)

    def of_one_size(self) -> float:
        """How many truths of one size would tell as much: one giant among a thousand tells like one."""
        units = self.counts * np.abs(self.y)
        return float(units.sum() ** 2 / ((units**2).sum() + 1e-12))

    def absolute(self) -> Array:
        """Mean absolute error of each member over mean units, [m]."""
        error = np.abs(self.members - self.y[:, None])
        return np.asarray(self.counts @ error / (self.counts @ np.abs(self.y) + 1e-12))

    def squared(self) -> Array:
        """Mean squared error of each member over mean squared units, and a tenth of its bias, [m]."""
        error = self.members - self.y[:, None]
        bias = np.abs(self.counts @ error) / (self.counts @ np.abs(self.y) + 1e-12)
        return np.asarray(self.counts @ error**2 / (self.counts @ self.y**2 + 1e-12) + _BIAS_COUNTS * bias)


def _ratio(y: Array, blend: Array) -> float:
    return float(y.sum() / blend.sum()) if y.sum() > 0 and blend.sum() > 0 else 1.0


def _filled(members: Array) -> Array:
    """NaN members replaced by the mean of the others, along the last axis."""
    seen = np.isfinite(members)
    mean = np.where(seen, members, 0.0).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    return np.where(seen, members, mean[..., None])
