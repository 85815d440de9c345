"""Scorecard: points for bins that a clerk can add up by hand.

In:   X, a frame of any columns (models.credit.columns), y [n] 0/1 (1: the bad event).
Out:  predict: calibrated probability [n]; points: whole points a column [n, k] and their sum; table:
      one row a bin with its rows, bad ones, weight of evidence and points; contributions [n, k] in
      log-odds of the bad event.

Each column is binned (models.credit.woe) and weighed by a logistic regression whose weights are held at
zero or above, so that a bin with more bad cases never earns more points. The pull towards zero is
chosen by cross-fitting inside the rows given: bins, weights and probabilities are made without the
rows they are judged on; the same predictions teach the calibrator. More points are safer: `base`
points are odds of `base_odds` good to one bad, and every `double_odds` points double the odds.

Source: Siddiqi (2006), Credit risk scorecards, ch. 6.
Limits: no interactions; with fewer than `least` bad or good cases it answers with the shrunk rate.
Errors: models.errors.NotFitted; models.credit.columns.BadFrame.

>>> rng = np.random.default_rng(0)
>>> X = pd.DataFrame({"overdue_rate": rng.random(900), "noise": rng.random(900)})
>>> y = (rng.random(900) < 0.5 * X["overdue_rate"]).astype(int)
>>> card = Scorecard().fit(X, y)
>>> card.names_, bool(np.corrcoef(card.predict(X), X["overdue_rate"])[0, 1] > 0.85)
(['overdue_rate'], True)
>>> safest = card.table()["points"].max()
>>> bool((card.points(X)["overdue_rate"].max() == safest))
True
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from models.calibration import Calibrator
from models.credit.columns import Columns, outcomes
from models.credit.woe import Woe
from models.errors import NotFitted
from models.scoring import log_loss

Array = NDArray[np.float64]
_PULLS = (2.0, 10.0, 40.0)  # precision of the prior on the weights that are tried
_LEAST_INFORMATION = 0.01


@dataclass(kw_only=True)
class Scorecard:
    """Weights of evidence, added up."""

    directions: Mapping[str, int] = field(default_factory=dict)  # +1: more is worse
    bins: int = 8
    least: int = 8  # bad and good cases
    folds: int = 5
    base: float = 600.0
    base_odds: float = 30.0
    double_odds: float = 20.0
    seed: int = 0
    columns_: Columns | None = field(default=None, init=False, repr=False)
    woes_: dict[Hashable, Woe] = field(default_factory=dict, init=False, repr=False)
    weights_: Array = field(default_factory=lambda: np.empty(0), init=False, repr=False)  # [k]
    level_: float = field(default=0.0, init=False)
    pull_: float = field(default=_PULLS[1], init=False)
    calibrator_: Calibrator | None = field(default=None, init=False, repr=False)
    cross_fitted_: Array | None = field(default=None, init=False, repr=False)  # [n], of the rows given

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Bins, weights and calibration from these rows; rows of one group are never on both sides."""
        y = outcomes(y, len(X))
        fold = folds_of(y, self.folds, self.seed, groups)
        self.columns_ = Columns().fit(X)
        frame = self.columns_.frame(X)
        self.calibrator_, self.cross_fitted_ = None, None
        if min(y.sum(), (1 - y).sum()) >= self.least and len(self.columns_.names_):
            self._choose_pull(frame, y, fold)
            self._learn(frame, y)
        else:
            self.woes_, self.weights_ = {}, np.empty(0)
            self.level_ = float(logit((y.sum() + 0.5) / (len(y) + 1)))
        return self

    @property
    def names_(self) -> list[Hashable]:
        """The columns on the card."""
        return list(self.woes_)

    def predict(self, X: pd.DataFrame) -> Array:
        """Probability of the bad event, [n]."""
        raw = self._raw(self._frame(X))
        return raw if self.calibrator_ is None else self.calibrator_.predict(raw)

    def contributions(self, X: pd.DataFrame) -> Array:
        """What each column on the card adds to the log-odds, [n, k]; 0 is the average case."""
        return self._weights_of_evidence(self._frame(X)) * self.weights_

    def points(self, X: pd.DataFrame) -> pd.DataFrame:
        """Whole points of each column, and `points`, their sum with the base."""
        effects = self.contributions(X)
        out = pd.DataFrame(np.round(-self._factor * effects), columns=self.names_, index=X.index)
        return out.assign(points=out.sum(axis=1) + self._start).astype(int)

    def probability_of(self, points: ArrayLike) -> Array:
        """What a sum of points means: the uncalibrated probability, exact but for rounding."""
        odds = (np.asarray(points, float) - self.base) / self._factor + np.log(self.base_odds)
        return np.asarray(expit(-odds))

    def table(self) -> pd.DataFrame:
        """The card: one row a bin; start with `start` points and add one row a column."""
        if self.columns_ is None:
            raise NotFitted(self)
        rows = [
            {
                "column": name,
                "bin": b.label,
                "n": b.n,
                "bad": b.bad,
                "bad_rate": b.bad / b.n if b.n else np.nan,
                "woe": b.woe,
                "points": round(-self._factor * weight * b.woe),
            }
            for (name, woe), weight in zip(self.woes_.items(), self.weights_, strict=True)
            for b in woe.bins_
        ]
        names = ["column", "bin", "n", "bad", "bad_rate", "woe", "points"]
        return pd.DataFrame(rows, columns=names).assign(start=self._start)

    @property
    def _factor(self) -> float:
        return self.double_odds / float(np.log(2))

    @property
    def _start(self) -> int:
        """Points before any column."""
        return round(self.base - self._factor * (self.level_ + float(np.log(self.base_odds))))

    def _frame(self, X: pd.DataFrame) -> pd.DataFrame:
        if self.columns_ is None:
            raise NotFitted(self)
        return self.columns_.frame(X)

    def _raw(self, frame: pd.DataFrame) -> Array:
        return np.asarray(expit(self._weights_of_evidence(frame) @ self.weights_ + self.level_))

    def _weights_of_evidence(self, frame: pd.DataFrame) -> Array:
        if not self.woes_:
            return np.zeros((len(frame), 0))
        return np.column_stack([woe.transform(frame[name].to_numpy()) for name, woe in self.woes_.items()])

    def _learn(self, frame: pd.DataFrame, y: Array) -> None:
        self.woes_ = self._binned(frame, y)
        evidence = self._weights_of_evidence(frame)
        self.weights_, self.level_ = weighed(evidence, y, self.pull_)
        used = self.weights_ > 1e-6
        self.woes_ = {name: woe for (name, woe), keep in zip(self.woes_.items(), used, strict=True) if keep}
        self.weights_ = self.weights_[used]

    def _binned(self, frame: pd.DataFrame, y: Array) -> dict[Hashable, Woe]:
        all_: dict[Hashable, Woe] = {}
        for name in frame.columns:
            woe = Woe(direction=self.directions.get(str(name), 0), most=self.bins)
            all_[name] = woe.fit(frame[name].to_numpy(), y)
        return {name: woe for name, woe in all_.items() if woe.information_ >= _LEAST_INFORMATION}

    def _choose_pull(self, frame: pd.DataFrame, y: Array, fold: NDArray[np.intp]) -> None:
        """The pull with the best cross-fitted log loss; its predictions teach the calibrator."""
        guesses = {pull: np.zeros(len(y)) for pull in _PULLS}
        for f in range(self.folds):
            seen, held = fold != f, fold == f
            self.woes_ = self._binned(frame[seen], y[seen])
            evidence, asked = (self._weights_of_evidence(part) for part in (frame[seen], frame[held]))
            for pull in _PULLS:
                weights, level = weighed(evidence, y[seen], pull)
                guesses[pull][held] = expit(asked @ weights + level)
        self.pull_ = min(_PULLS, key=lambda pull: log_loss(y, guesses[pull]))
        self.calibrator_ = Calibrator().fit(guesses[self.pull_], y)
        self.cross_fitted_ = guesses[self.pull_]


def folds_of(y: Array, folds: int, seed: int, groups: ArrayLike | None = None) -> NDArray[np.intp]:
    """A fold for each row, [n]; both classes are spread evenly, a group stays together.

    >>> np.bincount(folds_of(np.array([0, 0, 0, 0, 1, 1.0]), 2, 0)).tolist()
    [3, 3]
    >>> folds_of(np.array([0, 1.0, 0, 0]), 2, 0, ["a", "a", "b", "b"]).reshape(2, 2).std(axis=1).tolist()
    [0.0, 0.0]
    """
    if groups is not None:
        code = pd.factorize(np.asarray(groups))[0]
        bad = np.bincount(code, y) > 0
        return folds_of(bad.astype(float), folds, seed)[code]
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(y)), y))
    fold = np.empty(len(y), dtype=np.intp)
    fold[order] = np.arange(len(y)) % folds
    return fold


def weighed(evidence: Array, y: Array, pull: float) -> tuple[Array, float]:
    """Logistic weights [k], none below zero, and the level."""
    k = evidence.shape[1]

    def loss(theta: Array) -> tuple[float, Any]:
        z = evidence @ theta[:k] + theta[k]
        value = float(np.logaddexp(0, z).sum() - y @ z) + 0.5 * pull * float(theta[:k] @ theta[:k])
        residual = expit(z) - y
        gradient = np.append(evidence.T @ residual + pull * theta[:k], residual.sum())
        return value / len(y), gradient / len(y)

    rate = np.clip(y.mean(), 1e-6, 1 - 1e-6)
    start = np.append(np.full(k, 0.3), logit(rate))
    bounds = [(0.0, None)] * k + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 300})
    return np.asarray(found.x[:k]), float(found.x[k])
