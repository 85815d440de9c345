"""Calibration: a score becomes a probability that keeps its promise.

In:   p [n] raw probabilities (0 to 1) of rows the scorer has not seen, y [n] outcomes.
Out:  a monotone map of probabilities that stays inside (0, 1).

The map is logistic in two features, log p and -log(1 - p), with weights held at zero or above,
so it never turns the order round. A Gaussian prior of precision `prior` draws it to the map that
changes nothing, so that a handful of outcomes cannot bend it.

Source: Kull, Silva Filho and Flach (2017), Beta calibration.
Limits: it mends level and steepness, not an order that is wrong.
Errors: models.errors.NotFitted.

>>> rng = np.random.default_rng(0)
>>> truth = rng.uniform(0.02, 0.5, 4000)
>>> y = (rng.random(4000) < truth).astype(float)
>>> raw = truth**2  # too sure of itself
>>> calibrated = Calibrator().fit(raw, y).predict(raw)
>>> bool(np.abs(calibrated - truth).mean() < 0.02), bool((np.diff(calibrated[np.argsort(raw)]) >= 0).all())
(True, True)
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit

from models.errors import NotFitted

Array = NDArray[np.float64]
_LEAST = 1e-6


@dataclass
class Calibrator:
    """Beta calibration with a Gaussian prior."""

    prior: float = 5.0  # precision of weights 1, 1 and level 0
    slopes_: Array | None = field(default=None, init=False)  # [2], of log p and -log(1 - p)
    level_: float = field(default=0.0, init=False)

    def fit(self, p: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> Self:
        """Learn the map from rows that the scorer has not seen."""
        raw, outcomes = _clipped(p), np.asarray(y, float)
        w = np.ones(len(raw)) if weights is None else np.asarray(weights, float)
        features = _features(raw)
        start = np.array([1.0, 1.0, 0.0])
        found = minimize(
            _loss,
            start,
            args=(features, outcomes, w, self.prior),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None), (0, None), (None, None)],
        )
        self.slopes_, self.level_ = np.asarray(found.x[:2]), float(found.x[2])
        return self

    def predict(self, p: ArrayLike) -> Array:
        """Calibrated probabilities, in (0, 1)."""
        if self.slopes_ is None:
            raise NotFitted(self)
        calibrated: Array = np.asarray(expit(_features(_clipped(p)) @ self.slopes_ + self.level_))
        return calibrated


def _clipped(p: ArrayLike) -> Array:
    clipped: Array = np.clip(np.asarray(p, float), _LEAST, 1 - _LEAST)
    return clipped


def _features(p: Array) -> Array:
    return np.column_stack([np.log(p), -np.log1p(-p)])


def _loss(theta: Array, features: Array, y: Array, w: Array, prior: float) -> tuple[float, Array]:
    """Log loss and the pull towards (1, 1, 0), per unit of weight, with the gradient."""
    z = features @ theta[:2] + theta[2]
    away = theta - np.array([1.0, 1.0, 0.0])
    loss = float(w @ (np.logaddexp(0, z) - y * z)) + 0.5 * prior * float(away @ away)
    residual = w * (expit(z) - y)
    gradient = np.array([*(features.T @ residual), residual.sum()]) + prior * away
    total = max(float(w.sum()), 1.0)
    return loss / total, gradient / total
