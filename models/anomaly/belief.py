"""Belief: how likely a detector's candidate is true; learned on simulated worlds.

In:   candidates of one kind, y [n] truths of the worlds they came from, groups [n] (the world).
Out:  probability [n], calibrated on worlds that the trees had not seen.

Trees are kept only when they beat the rule on worlds that they had not seen. They start from the
detector's own `raw` belief (its log-odds are where the trees begin), so with
few truths the answer stays near the rule. Without any it is the rule.

Errors: models.errors.NotFitted.

>>> from models.anomaly.candidates import frame
>>> rows = frame([{"kind": "dead", "raw": 0.2, "x_idle": 1.0}, {"kind": "dead", "raw": 0.9, "x_idle": 6.0}])
>>> Belief().fit(rows, np.array([0, 1]), np.array([0, 0])).probability(rows).round(1).tolist()
[0.2, 0.9]
"""

from dataclasses import dataclass, field
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.anomaly.candidates import features, numbers
from models.calibration import Calibrator
from models.scoring import log_loss

Array = NDArray[np.float64]

_LEAST_TRUE, _LEAST_ROWS, _ROWS_FOR_TREES, _FOLDS = 15, 100, 300, 3
_LEAST_GAIN_RATE = 0.003  # of the log loss, for trees to be worth keeping
_ROUNDS = 60
_TREES: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 7,
    "min_data_in_leaf": 25,
    "lambda_l2": 5.0,
    "feature_fraction": 0.8,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass
class Belief:
    """Boosted trees on top of a rule, calibrated."""

    seed: int = 0
    columns_: list[str] = field(default_factory=list, init=False)
    booster_: Any = field(default=None, init=False, repr=False)
    calibrator_: Calibrator | None = field(default=None, init=False)
    truths_: int = field(default=0, init=False)

    def fit(self, candidates: pd.DataFrame, y: Array, groups: Array) -> Self:
        """Learn from candidates whose truth is known; NaN truths are left out."""
        known = np.isfinite(np.asarray(y, float))
        rows, y, groups = candidates[known], np.asarray(y, float)[known], np.asarray(groups)[known]
        self.booster_, self.calibrator_, self.truths_ = None, None, int(y.sum())
        self.columns_ = features(rows)
        if min(y.sum(), len(y) - y.sum()) < _LEAST_TRUE or len(y) < _LEAST_ROWS:
            return self
        X, start = numbers(rows, self.columns_), _margin(rows)
        held_out = self._held_out(X, y, start, groups)
        rule, trees = (Calibrator().fit(expit(margin), y) for margin in (start, held_out))
        losses = [log_loss(y, one.predict(expit(m))) for one, m in ((trees, held_out), (rule, start))]
        if len(y) >= _ROWS_FOR_TREES and losses[0] < losses[1] * (1 - _LEAST_GAIN_RATE):
            self.calibrator_, self.booster_ = trees, self._trees(X, y, start)
        else:
            self.calibrator_ = rule
        return self

    def probability(self, candidates: pd.DataFrame) -> Array:
        """Calibrated probability of each candidate."""
        start = _margin(candidates)
        if self.calibrator_ is None or candidates.empty:
            return np.asarray(expit(start))
        if self.booster_ is None:
            return self.calibrator_.predict(expit(start))
        X = numbers(candidates, self.columns_)
        return self.calibrator_.predict(
            expit(start + self.booster_.predict(X, raw_score=True, num_threads=1))
        )

    def contributions(self, candidates: pd.DataFrame) -> tuple[Array, list[str]]:
        """Log-odds by feature [n, k + 1] and their names; the last is the rule itself."""
        start = _margin(candidates)[:, None]
        names = [*self.columns_, "raw"]
        if self.booster_ is None or candidates.empty:
            return np.hstack([np.zeros((len(candidates), len(self.columns_))), start]), names
        X = numbers(candidates, self.columns_)
        parts = self.booster_.predict(X, pred_contrib=True, num_threads=1)[:, :-1]
        return np.hstack([parts, start]), names

    def _held_out(self, X: Array, y: Array, start: Array, groups: Array) -> Array:
        """Margins of rows from trees that saw other worlds only (other rows when there is one world)."""
        names = np.unique(groups)
        fold = np.searchsorted(names, groups) % _FOLDS if len(names) >= _FOLDS else np.arange(len(y)) % _FOLDS
        out = start.copy()
        for k in range(_FOLDS):
            test = fold == k
            if test.any() and 0 < y[~test].sum() < (~test).sum():
                trees = self._trees(X[~test], y[~test], start[~test])
                out[test] += trees.predict(X[test], raw_score=True, num_threads=1)
        return out

    def _trees(self, X: Array, y: Array, start: Array) -> Any:
        data = lgb.Dataset(X, y, init_score=start)
        return lgb.train(_TREES | {"seed": self.seed}, data, num_boost_round=_ROUNDS)


def _margin(candidates: pd.DataFrame) -> Array:
    raw = candidates["raw"].to_numpy(dtype=float)
    return np.asarray(logit(np.clip(raw, 1e-4, 1 - 1e-4)))
