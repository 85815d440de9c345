"""Propensity: the probability that something happens to a subject, boosted trees beside a plain logistic.

In:   X [n, k] (NaN: not known), y [n] (1: it happened; NaN: not known yet), groups [n] (the subject of a
      row; its rows are never split between learning and judging).
Out:  calibrated probabilities, and contributions of each column in log-odds.

Two members see the same columns: LightGBM, and a logistic regression on standardised columns. Their
log-odds are averaged with a weight, and the average is calibrated, both on rows that the members had
not seen (folds by group). Columns in `rising` can only raise the probability: the trees are constrained
(Booster `monotone_constraints`), the logistic weights are held at zero or above, and the calibration is
monotone, so the promise holds for the answer.

With fewer than `LEAST_EVENTS` events or non-events the trees stay out and the logistic is drawn to
`expert` weights (per standard deviation), which with no outcome at all decide alone: `is_expert_` says so.

Source: Ke et al. (2017), LightGBM; Kull et al. (2017), Beta calibration (models.calibration).
Limits: a column that is NaN for all adds nothing; what was NaN in training and is not now adds nothing
        in the logistic and follows the missing branch in the trees.
Errors: models.errors.NotFitted, ModelError (no rows).

>>> rng = np.random.default_rng(0)
>>> X = pd.DataFrame({"late": rng.exponential(1, 600), "size": rng.normal(0, 1, 600)})
>>> y = (rng.random(600) < 1 / (1 + np.exp(1.5 - X["late"]))).to_numpy(float)
>>> belief = Propensity(rising=("late",)).fit(X, y, np.arange(600))
>>> p = belief.predict(pd.DataFrame({"late": [0.0, 1.0, 4.0], "size": 0.0}))
>>> bool((np.diff(p) >= 0).all()), belief.is_expert_
(True, False)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from models.calibration import Calibrator
from models.errors import ModelError, NotFitted

Array = NDArray[np.float64]

LEAST_EVENTS = 30
FOLDS = 5
_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the trees
_EDGE = 1e-4


@dataclass
class Logistic:
    """Logistic regression on standardised columns, drawn to `expert`; columns in `rising` only raise."""

    rising: Sequence[str] = ()
    expert: Mapping[str, float] = field(default_factory=dict)
    prior: float = 8.0  # precision of the pull, in rows
    rate: float = 0.25  # of the event, before anything is known
    weight_: Array | None = field(default=None, init=False)  # [k] per standard deviation
    level_: float = field(default=0.0, init=False)
    middle_: Array = field(default_factory=lambda: np.empty(0), init=False)
    scale_: Array = field(default_factory=lambda: np.empty(0), init=False)

    def fit(self, X: pd.DataFrame, y: Array) -> Self:
        """Columns are scaled on all rows, weights learned on those whose outcome is known."""
        self._scale(X)
        z, known = self._standard(X), np.isfinite(y)
        start = np.array([self.expert.get(name, 0.0) for name in X.columns])
        centre = np.append(start, logit(self.rate))
        free: list[tuple[float | None, None]] = [
            (0.0 if name in self.rising else None, None) for name in X.columns
        ]
        found = minimize(
            _penalised,
            centre,
            args=(z[known], y[known], centre, self.prior),
            jac=True,
            method="L-BFGS-B",
            bounds=[*free, (None, None)],
        )
        self.weight_, self.level_ = np.asarray(found.x[:-1]), float(found.x[-1])
        return self

    def log_odds(self, X: pd.DataFrame) -> Array:
        """[n]"""
        return np.asarray(self.contributions(X).sum(axis=1) + self.level_)

    def contributions(self, X: pd.DataFrame) -> Array:
        """What each column adds to the log-odds, [n, k]; 0 for a usual value."""
        if self.weight_ is None:
            raise NotFitted(self)
        return np.asarray(self._standard(X) * self.weight_)

    def _scale(self, X: pd.DataFrame) -> None:
        values = X.to_numpy(float)
        seen = np.isfinite(values).any(axis=0)
        filled = np.where(seen, values, 0.0)
        self.middle_ = np.nanmedian(filled, axis=0)
        spread = np.nanstd(filled, axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)

    def _standard(self, X: pd.DataFrame) -> Array:
        z = np.clip((X.to_numpy(float) - self.middle_) / self.scale_, -4.0, 4.0)
        return np.where(np.isfinite(z), z, 0.0)


@dataclass
class Propensity:
    """Trees and logistic, blended and calibrated on rows they had not seen."""

    rising: Sequence[str] = ()
    expert: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.25  # of the event, before anything is known
    rounds: int = 200
    learning_rate: float = 0.03
    leaves: int = 7
    least_rows: int = 40
    seed: int = 0
    columns_: list[str] = field(default_factory=list, init=False)
    logistic_: Logistic | None = field(default=None, init=False)
    booster_: Any = field(default=None, init=False)
    share_: float = field(default=0.0, init=False)  # of the trees in the blend
    calibrator_: Calibrator = field(default_factory=Calibrator, init=False)
    is_expert_: bool = field(default=True, init=False)  # too few outcomes to learn from

    def fit(self, X: pd.DataFrame, y: Array, groups: Any) -> Self:
        """Learn from rows whose outcome is known; the others only help to scale."""
        if X.empty:
            raise ModelError(
                "Propensity.fit got no rows; load history with `qudao ingest`, then train again."
            )
        y, self.columns_ = np.asarray(y, float), list(map(str, X.columns))
        known = np.isfinite(y)
        events = float(y[known].sum())
        self.is_expert_ = min(events, known.sum() - events) < LEAST_EVENTS
        self.booster_, self.share_, self.calibrator_ = None, 0.0, Calibrator().fit([], [])
        self.logistic_ = self._plain().fit(X, y)
        if not self.is_expert_:
            self._blend(X[known], y[known], np.asarray(groups)[known])
        return self

    def predict(self, X: pd.DataFrame) -> Array:
        """Calibrated probabilities, [n]."""
        return self.calibrator_.predict(expit(self.log_odds(X)))

    def log_odds(self, X: pd.DataFrame) -> Array:
        """Blended log-odds before calibration, [n]."""
        if self.logistic_ is None:
            raise NotFitted(self)
        plain = self.logistic_.log_odds(X[self.columns_])
        if self.booster_ is None:
            return plain
        return np.asarray(self.share_ * self._trees(self.booster_, X) + (1 - self.share_) * plain)

    def contributions(self, X: pd.DataFrame) -> Array:
        """What each column adds to the log-odds, [n, k], in the order of `columns_`."""
        if self.logistic_ is None:
            raise NotFitted(self)
        plain = self.logistic_.contributions(X[self.columns_])
        if self.booster_ is None or not self.share_:
            return plain
        told = self.booster_.predict(X[self.columns_].to_numpy(float), pred_contrib=True, num_threads=1)
        return np.asarray(self.share_ * np.asarray(told)[:, :-1] + (1 - self.share_) * plain)

    def _blend(self, X: pd.DataFrame, y: Array, groups: NDArray[Any]) -> None:
        fold = folds(groups, self.seed)
        plain, trees = np.zeros(len(y)), np.zeros(len(y))
        for k in range(FOLDS):
            seen, asked = fold != k, fold == k
            plain[asked] = self._plain().fit(X[seen], y[seen]).log_odds(X[asked])
            trees[asked] = self._trees(self._boosted(X[seen], y[seen]), X[asked])
        blends = [share * trees + (1 - share) * plain for share in _WEIGHTS]
        best = int(np.argmin([_loss(z, y) for z in blends]))
        self.share_ = _WEIGHTS[best]
        self.calibrator_ = Calibrator().fit(expit(blends[best]), y)
        self.booster_ = self._boosted(X, y) if self.share_ else None

    def _plain(self) -> Logistic:
        return Logistic(rising=self.rising, expert=self.expert, rate=self.rate)

    def _boosted(self, X: pd.DataFrame, y: Array) -> Any:
        settings = {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": min(self.least_rows, max(len(y) // 20, 5)),
            "feature_fraction": 0.4,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "lambda_l2": 10.0,
            "monotone_constraints": [int(name in self.rising) for name in X.columns],
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbose": -1,
        }
        data = lgb.Dataset(X.to_numpy(float), y, params={"verbose": -1})
        return lgb.train(settings, data, num_boost_round=self.rounds)

    def _trees(self, booster: Any, X: pd.DataFrame) -> Array:
        values = X[self.columns_].to_numpy(float)
        return np.asarray(booster.predict(values, raw_score=True, num_threads=1), dtype=float)


def folds(groups: NDArray[Any], seed: int) -> NDArray[np.intp]:
    """A fold for each row, the same for all rows of a group, [n]."""
    code, names = pd.factorize(groups, sort=True)
    order = np.random.default_rng(seed).permutation(len(names))
    fold: NDArray[np.intp] = (order % FOLDS)[code]
    return fold


def _penalised(theta: Array, z: Array, y: Array, centre: Array, prior: float) -> tuple[float, Array]:
    """Log loss and the pull towards the centre, with the gradient."""
    odds = z @ theta[:-1] + theta[-1]
    away = theta - centre
    loss = float(np.sum(np.logaddexp(0, odds) - y * odds)) + 0.5 * prior * float(away @ away)
    residual = expit(odds) - y
    gradient = np.append(z.T @ residual, residual.sum()) + prior * away
    return loss / max(len(y), 1), gradient / max(len(y), 1)


def _loss(odds: Array, y: Array) -> float:
    return float(np.mean(np.logaddexp(0, odds) - y * odds))
