"""Softmax: margins of exclusive labels become probabilities that keep their promise.

In:   margins [n, k] of clauses that the heads have not seen, truth [n] as label numbers.
Out:  probabilities [n, k] that add up to 1.

One temperature and one offset a label scale (the offsets are drawn to zero): p ~ exp(t * margin + b).
Source: Guo et al. (2017), On calibration of modern neural networks (temperature and vector scaling).
Errors: models.errors.NotFitted.

>>> rng = np.random.default_rng(0)
>>> truth = rng.integers(0, 3, 600)
>>> p = Softmax().fit(np.eye(3)[truth] + rng.normal(0, 1, (600, 3)), truth).predict(np.eye(3))
>>> bool(p.argmax(axis=1).tolist() == [0, 1, 2]), p.sum(axis=1).round(6).tolist()
(True, [1.0, 1.0, 1.0])
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.errors import NotFitted

Array = NDArray[np.float64]
_PULL = 2.0  # precision of the offsets' prior


class Softmax:
    """Learns `steepness_` and `offsets_` [k]."""

    def fit(self, margins: Array, truth: NDArray[np.intp]) -> Self:
        """Maximum a posteriori by L-BFGS from steepness 2, offsets 0."""
        n, k = margins.shape
        chosen = np.zeros((n, k))
        chosen[np.arange(n), truth] = 1.0

        def loss(theta: Array) -> tuple[float, Array]:
            t, b = np.exp(theta[0]), theta[1:]
            p = _softmax(t * margins + b)
            off = p - chosen
            value = -np.log(np.maximum(p[np.arange(n), truth], 1e-12)).sum() + _PULL * (b**2).sum()
            slope = np.concatenate([[t * (off * margins).sum()], off.sum(axis=0) + 2 * _PULL * b])
            return float(value), slope

        found = minimize(loss, np.concatenate([[np.log(2.0)], np.zeros(k)]), jac=True, method="L-BFGS-B")
        self.steepness_, self.offsets_ = float(np.exp(found.x[0])), found.x[1:]
        return self

    def predict(self, margins: Array) -> Array:
        """Probabilities of the labels."""
        if not hasattr(self, "steepness_"):
            raise NotFitted(self)
        return _softmax(self.steepness_ * margins + self.offsets_)


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
