"""Ranker: verdicts teach which alerts deserve a look first.

In:   features [n, k] of judged alerts, y [n] (1 confirmed, 0 dismissed), prior [n]: the detectors'
      probability. Out: probability [n].

Without verdicts the answer is the prior, so the detectors' order stands. With some, the prior's level
and steepness are mended (a calibrator that is itself drawn to no change); from `_LEAST_VERDICTS` on,
with both outcomes, small trees start from there and learn where this channel differs. Their weight
grows with the number of verdicts.

Source: Friedman (2001), boosting from an offset; Das et al. (2016), Incorporating expert feedback into
        active anomaly discovery.
Limits: verdicts on shown alerts only; what was never shown is judged by likeness.

>>> Ranker().probability(np.zeros((2, 1)), np.array([0.3, 0.6])).tolist()
[0.3, 0.6]
"""

from dataclasses import dataclass, field
from typing import Any, Self

import lightgbm as lgb
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from models.calibration import Calibrator

Array = NDArray[np.float64]

_LEAST_VERDICTS = 20
_HALF_WEIGHT_VERDICTS = 25.0  # at so many the trees count half
_MOST_ROUNDS = 150
_TREES: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 6,
    "lambda_l2": 2.0,
    "feature_fraction": 0.7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass
class Ranker:
    """A calibrator and boosted trees on top of a prior probability."""

    seed: int = 0
    calibrator_: Calibrator | None = field(default=None, init=False)
    booster_: Any = field(default=None, init=False, repr=False)
    verdicts_: int = field(default=0, init=False)

    def fit(self, X: ArrayLike, y: ArrayLike, prior: ArrayLike) -> Self:
        """Learn from verdicts; forgets earlier ones."""
        rows, outcomes, before = (np.asarray(part, dtype=float) for part in (X, y, prior))
        self.calibrator_, self.booster_, self.verdicts_ = None, None, len(outcomes)
        if not len(outcomes):
            return self
        self.calibrator_ = Calibrator().fit(before, outcomes)
        if len(outcomes) >= _LEAST_VERDICTS and 0 < outcomes.sum() < len(outcomes):
            data = lgb.Dataset(rows, outcomes, init_score=self._start(before))
            leaf = max(4, min(50, len(outcomes) // 20))
            rounds = min(_MOST_ROUNDS, 20 + len(outcomes) // 4)
            settings = _TREES | {"min_data_in_leaf": leaf, "seed": self.seed}
            self.booster_ = lgb.train(settings, data, num_boost_round=rounds)
        return self

    def probability(self, X: ArrayLike, prior: ArrayLike) -> Array:
        """What the detectors believe, moved by what verdicts taught."""
        before = np.asarray(prior, dtype=float)
        if self.calibrator_ is None:
            return before
        margin = self._start(before)
        if self.booster_ is not None:
            weight = self.verdicts_ / (self.verdicts_ + _HALF_WEIGHT_VERDICTS)
            learned = self.booster_.predict(np.asarray(X, dtype=float), raw_score=True, num_threads=1)
            margin = margin + weight * learned
        return np.asarray(expit(margin))

    def _start(self, before: Array) -> Array:
        if self.calibrator_ is None:
            return np.asarray(logit(before))
        return np.asarray(logit(self.calibrator_.predict(before)))
