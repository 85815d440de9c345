"""Targeting: does it pay to give different dealers different offers, or is one offer for all as good?

In:   Trial: who got which arm (the first one is nothing), what came of it, what was known before, what an arm
      costs, and the chance of each arm (known in an experiment; estimated from logged data when left out).
Out:  Verdict: the value of each policy with its interval, the advantage of each learned policy over the best
      constant arm, and whether one of them is surely better. If none is: no targeting, and the arm for all.

Everything is cross-fitted: policies, the best constant arm and chances of a row come from models that have
not seen it, and the models behind a policy's values neither. Learned policies: the best arm by boosted
trees of each arm's outcome ("outcomes"), and by trees of the doubly robust scores of each arm ("scores").

    score of row i and arm a = m_a(x_i) + [arm of i is a] (y_i - m_a(x_i)) / chance of a

Intervals are bootstrapped over rows; "surely" is 95 % for all learned policies together (Bonferroni).

Source: Robins, Rotnitzky & Zhao (1994); Athey & Wager (2021), Policy learning with observational data;
        Kennedy (2023), DR-learner.
Limits: rows are independent; logged data have no unseen causes of both arm and outcome.
Errors: BadTrial, NoOverlap.

>>> rng = np.random.default_rng(0)
>>> X, arm = pd.DataFrame({"size": rng.normal(size=4000)}), rng.integers(0, 2, 4000)
>>> y = rng.normal(size=4000) + np.where(arm == 1, np.where(X["size"] > 0, 2.0, -1.0), 0.0)
>>> verdict = worth_targeting(Trial(X=X, arm=arm, outcome=y, arms=("none", "offer"), chance=(0.5, 0.5)))
>>> verdict.targeting, verdict.best_constant
(True, 'offer')
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.errors import ModelError

Array = NDArray[np.float64]
Arms = NDArray[np.intp]
FOLDS = 5
RESAMPLES = 1_000
LEARNERS = ("outcomes", "scores")
LEAST_ROWS = 100  # of each arm
LEAST_CHANCE = 0.02
_RARE_SHARE = 0.05  # of rows with so small a chance: more is refused
_ROUNDS = 80
_SETTINGS = {
    "learning_rate": 0.06,
    "num_leaves": 8,
    "min_data_in_leaf": 50,
    "lambda_l2": 10.0,
    "num_threads": 1,
    "verbose": -1,
    "seed": 0,
    "deterministic": True,
}


class BadTrial(ModelError):
    """A trial that cannot be judged."""


class NoOverlap(ModelError):
    """Some kinds of dealers were never given some arm."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was given to whom, and what came of it."""

    X: pd.DataFrame = field(repr=False)  # [n, p] known before
    arm: ArrayLike = field(repr=False)  # [n] position in arms
    outcome: ArrayLike = field(repr=False)  # [n], more is better
    arms: Sequence[str]  # the first one is nothing
    cost: Sequence[float] | None = None  # of an arm, in units of the outcome; default: none
    chance: Sequence[float] | None = None  # of each arm; None: estimated for every row


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether to target."""

    targeting: bool
    policy: str  # the learned policy that is surely better, else "constant"
    best_constant: str  # the arm for all
    values: pd.DataFrame  # policy, value, low, high, one row for each arm and learned policy
    advantages: pd.DataFrame  # policy, advantage over the best constant arm, low, high
    said: str


def worth_targeting(trial: Trial, *, folds: int = FOLDS, seed: int = 0) -> Verdict:
    """Learned policies against one arm for all."""
    data = _Data.of(trial)
    rng = np.random.default_rng(seed)
    fold = _folds(data.arm, folds, rng)
    scores, chosen = np.zeros(data.shape), np.zeros((len(data.y), len(LEARNERS) + 1), np.intp)
    for k in range(folds):
        test, train = fold == k, fold != k
        scores[test], chosen[test] = _one_fold(data, train, test, rng)
    gained = scores - data.cost
    return _verdict(trial.arms, gained, chosen, rng)


@dataclass(frozen=True, kw_only=True)
class _Data:
    X: Array
    arm: Arms
    y: Array
    cost: Array  # [a]
    chance: Array | None  # [a]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.y), len(self.cost)

    @classmethod
    def of(cls, trial: Trial) -> "_Data":
        arm, y = np.asarray(trial.arm), np.asarray(trial.outcome, np.float64)
        a = len(trial.arms)
        if not len(trial.X) == len(arm) == len(y):
            raise BadTrial(f"X, arm and outcome have a row each; got {len(trial.X)}, {len(arm)}, {len(y)}.")
        if a < 2 or not np.isin(arm, np.arange(a)).all():
            raise BadTrial(f"arm holds positions 0 to {a - 1} in arms, of which there are two or more.")
        if not np.isfinite(y).all():
            raise BadTrial("outcome holds numbers that are not finite. Leave those rows out.")
        counts = np.bincount(arm.astype(np.intp), minlength=a)
        if counts.min() < LEAST_ROWS:
            rare = trial.arms[int(counts.argmin())]
            raise BadTrial(f"Arm {rare!r} has {counts.min()} rows; at least {LEAST_ROWS} are needed.")
        cost = np.zeros(a) if trial.cost is None else np.asarray(trial.cost, np.float64)
        chance = None if trial.chance is None else np.asarray(trial.chance, np.float64)
        if chance is not None and (chance.shape != (a,) or (chance <= 0).any()):
            raise BadTrial(f"chance is one number above 0 for each of {a} arms.")
        return cls(X=_numbers(trial.X), arm=arm.astype(np.intp), y=y, cost=cost, chance=chance)


def _one_fold(
    data: _Data, train: NDArray[np.bool_], test: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Array, Arms]:
    """Scores of the test rows, and what each learned policy and the best constant arm give them."""
    outcome = _outcomes(data, train)(data.X[test])
    scores = _scores(data, test, outcome, _chances(data, train, test))
    inner = _inner_scores(data, np.flatnonzero(train), rng)
    by_score = np.column_stack(
        [_trees(data.X[train], inner[:, a])(data.X[test]) for a in range(data.shape[1])]
    )
    constant = int((inner.mean(axis=0) - data.cost).argmax())
    learned = [(told - data.cost).argmax(axis=1) for told in (outcome, by_score)]
    return scores, np.column_stack([*learned, np.full(len(outcome), constant)])


def _inner_scores(data: _Data, rows: Arms, rng: np.random.Generator) -> Array:
    """Scores of training rows, each half by models of the other half."""
    half = _folds(data.arm[rows], 2, rng)
    scores = np.zeros((len(rows), data.shape[1]))
    for h in (0, 1):
        learn, told = (_mask(rows[half == side], len(data.y)) for side in (1 - h, h))
        outcome = _outcomes(data, learn)(data.X[told])
        scores[half == h] = _scores(data, told, outcome, _chances(data, learn, told))
    return scores


def _outcomes(data: _Data, rows: NDArray[np.bool_]) -> Any:
    """Trees of each arm's outcome, as a function of X [m, p] -> [m, a]."""
    models = [
        _trees(data.X[rows & (data.arm == a)], data.y[rows & (data.arm == a)]) for a in range(data.shape[1])
    ]
    return lambda X: np.column_stack([model(X) for model in models])


def _trees(X: Array, y: Array) -> Any:
    booster = lgb.train(_SETTINGS | {"objective": "regression"}, lgb.Dataset(X, y), _ROUNDS)
    return lambda new: np.asarray(booster.predict(new, num_threads=1))


def _scores(data: _Data, rows: NDArray[np.bool_], outcome: Array, chance: Array) -> Array:
    arm, y = data.arm[rows], data.y[rows]
    scores, own = outcome.copy(), np.arange(len(y))
    scores[own, arm] += (y - outcome[own, arm]) / chance[own, arm]
    return scores


def _chances(data: _Data, learn: NDArray[np.bool_], told: NDArray[np.bool_]) -> Array:
    """Chance of each arm for each row, [m, a]."""
    m, a = int(told.sum()), data.shape[1]
    if data.chance is not None:
        return np.broadcast_to(data.chance, (m, a))
    settings = _SETTINGS | {"objective": "multiclass", "num_class": a}
    booster = lgb.train(settings, lgb.Dataset(data.X[learn], data.arm[learn]), _ROUNDS // 2)
    chance = np.asarray(booster.predict(data.X[told], num_threads=1)).reshape(m, a)
    rare = float((chance.min(axis=1) < LEAST_CHANCE).mean())
    if rare > _RARE_SHARE:
        raise NoOverlap(
            f"{rare:.0%} of rows had next to no chance (below {LEAST_CHANCE:.0%}) of some arm. Nothing can "
            "be said of what they were never given: leave these dealers out, or try the arm on some of them."
        )
    return np.asarray(np.maximum(chance, LEAST_CHANCE))


def _verdict(arms: Sequence[str], gained: Array, chosen: Arms, rng: np.random.Generator) -> Verdict:
    own = np.arange(len(gained))
    learned = np.column_stack([gained[own, chosen[:, p]] for p in range(chosen.shape[1])])
    constant = learned[:, -1]
    columns = np.column_stack([gained, learned[:, :-1] - constant[:, None], learned[:, :-1]])
    means = _resampled(columns, rng)
    a, p = gained.shape[1], len(LEARNERS)
    values = _told([*arms, *LEARNERS], columns, means, [*range(a), *range(a + p, a + 2 * p)], 0.05)
    gaps = _told(list(LEARNERS), columns, means, list(range(a, a + p)), 0.05 / p)
    gaps = gaps.rename(columns={"value": "advantage"})
    best = arms[int(np.bincount(chosen[:, -1], minlength=a).argmax())]
    sure = gaps[gaps["low"] > 0]
    policy = str(sure.sort_values("advantage")["policy"].iloc[-1]) if len(sure) else "constant"
    said = (
        f"Target by {policy}: surely better than {best!r} for all."
        if len(sure)
        else f"No targeting: no learned policy is surely better than {best!r} for all."
    )
    return Verdict(
        targeting=bool(len(sure)),
        policy=policy,
        best_constant=best,
        values=values,
        advantages=gaps,
        said=said,
    )


def _told(names: list[str], columns: Array, means: Array, which: list[int], error: float) -> pd.DataFrame:
    low, high = np.quantile(means[:, which], [error / 2, 1 - error / 2], axis=0)
    return pd.DataFrame({"policy": names, "value": columns[:, which].mean(axis=0), "low": low, "high": high})


def _resampled(columns: Array, rng: np.random.Generator) -> Array:
    """Means of resampled rows, [b, c]."""
    n = len(columns)
    return np.stack(
        [np.bincount(rng.integers(n, size=n), minlength=n) @ columns / n for _ in range(RESAMPLES)]
    )


def _folds(arm: Arms, count: int, rng: np.random.Generator) -> Arms:
    """Folds with the same share of each arm."""
    fold = np.zeros(len(arm), np.intp)
    for a in np.unique(arm):
        rows = rng.permutation(np.flatnonzero(arm == a))
        fold[rows] = np.arange(len(rows)) % count
    return fold


def _mask(rows: Arms, n: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, np.bool_)
    mask[rows] = True
    return mask


def _numbers(X: pd.DataFrame) -> Array:
    """Words as codes, in order of the alphabet."""
    columns = [
        X[name].to_numpy(float)
        if pd.api.types.is_numeric_dtype(X[name])
        else pd.factorize(X[name], sort=True)[0]
        for name in X
    ]
    return np.column_stack(columns).astype(np.float64)
