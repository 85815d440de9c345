"""Least squares for many small problems at once: Levenberg and Marquardt's method, in batch.

In:   residuals(theta [p, c, r], rows [r]) -> [t, c, r], for c parameter sets of each of the series
      `rows`; first guesses [p, r]; a ridge: `pull` [p, r] and `centre` [p, 1].
Out:  theta [p, r] that lowers sum residual^2 + sum pull (theta - centre)^2 of each series, and the
      effective number of parameters [r]: each counts from 0 (held by its ridge) to 1 (free).

The slopes are finite differences, so whatever can be computed can be fitted; a series that stands
still leaves the batch. Each series is solved on its own: its company changes nothing.
Source: Marquardt (1963), An algorithm for least-squares estimation of nonlinear parameters;
        Hastie, Tibshirani and Friedman (2009), section 3.4.1 (effective parameters of a ridge).
Limits: finds the nearest valley, so the first guess matters.

>>> x = np.linspace(0, 1, 5)[:, None, None]
>>> y = np.exp(2 * x[..., 0])
>>> fit = least_squares(lambda b, rows: np.exp(b * x) - y[:, None], np.zeros((1, 1)), Ridge.none(1, 1))
>>> fit.theta.round(3), fit.n_effective.round(3)
(array([[2.]]), array([1.]))
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
Residuals = Callable[[Array, Rows], Array]

_STEP = 1e-4  # of the finite differences
_MAX_ROUNDS, _ENOUGH = 10, 1e-3  # stop when a round gains less than this fraction
_DAMPINGS = np.array([0.1, 1.0, 10.0])  # tried side by side, times the damping of the last round
_MAX_DAMPING = 1e4


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """Pulls theta toward `centre` [p, 1] with weight `pull` [p, r]; keeps |theta| below `bound` [p, 1]."""

    pull: Array
    centre: Array
    bound: Array

    @classmethod
    def none(cls, p: int, r: int) -> Self:
        return cls(pull=np.zeros((p, r)), centre=np.zeros((p, 1)), bound=np.full((p, 1), np.inf))


@dataclass(frozen=True, kw_only=True)
class Fit:
    theta: Array  # [p, r]
    sse: Array  # [r], the sum of squares without the ridge
    n_effective: Array  # [r]


def least_squares(residuals: Residuals, first: Array, ridge: Ridge) -> Fit:
    theta, active = first.copy(), np.arange(first.shape[1])
    cost = _costs(residuals, theta[:, None], ridge, active)[0]
    damping = np.full(len(active), 0.1)
    for _ in range(_MAX_ROUNDS):
        steps = _steps(residuals, theta, ridge, active, damping)  # [p, 3, active]
        costs = _costs(residuals, steps, ridge, active)
        best, each = costs.argmin(axis=0), np.arange(len(active))
        gain = 1 - costs[best, each] / np.maximum(cost[active], np.finfo(float).tiny)
        better = active[gain > 0]
        theta[:, better], cost[better] = steps[:, best, each][:, gain > 0], costs[best, each][gain > 0]
        damping[active] *= np.where(gain > 0, _DAMPINGS[best], 30.0)
        active = active[((gain > _ENOUGH) | (gain <= 0)) & (damping[active] < _MAX_DAMPING)]
        if len(active) == 0:
            break
    return _summary(residuals, theta, ridge)


def _steps(residuals: Residuals, theta: Array, ridge: Ridge, rows: Rows, damping: Array) -> Array:
    """Where three dampings lead, [p, 3, rows]."""
    at, pull = theta[:, rows], ridge.pull[:, rows]
    gram, downhill, _ = _normal_equations(residuals, at, rows)
    diagonal = np.einsum("rii->ir", gram) + pull
    floor = 1e-3 * diagonal.mean(axis=0) + np.finfo(float).tiny
    downhill = downhill - pull * (at - ridge.centre)
    out = np.empty((len(at), len(_DAMPINGS), len(rows)))
    for i, factor in enumerate(_DAMPINGS):
        held = gram + _diagonal(pull + factor * damping[rows] * (diagonal + floor))
        out[:, i] = at + np.linalg.solve(held, downhill.T[..., None])[..., 0].T
    return np.asarray(np.clip(out, -ridge.bound[:, None], ridge.bound[:, None]))


def _costs(residuals: Residuals, theta: Array, ridge: Ridge, rows: Rows) -> Array:
    """Sum of squares with the ridge, [c, rows]; infinite where it cannot be computed."""
    ridged = ridge.pull[:, None, rows] * (theta - ridge.centre[:, None]) ** 2
    costs = (residuals(theta, rows) ** 2).sum(axis=0) + ridged.sum(axis=0)
    return np.asarray(np.nan_to_num(costs, nan=np.inf))


def _normal_equations(residuals: Residuals, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
    """J'J [r, p, p], -J'e [p, r] and e'e [r] at theta, J by finite differences."""
    p = len(theta)
    nudged = np.repeat(theta[:, None], p + 1, axis=1)  # [p, 1 + p, r]
    nudged[np.arange(p), 1 + np.arange(p)] += _STEP
    out = residuals(nudged, rows)  # [t, 1 + p, r]
    now = out[:, 0]
    slopes = ((out[:, 1:] - now[:, None]) / _STEP).transpose(2, 1, 0)  # [r, p, t]
    return slopes @ slopes.transpose(0, 2, 1), -(slopes @ now.T[..., None])[..., 0].T, (now**2).sum(axis=0)


def _summary(residuals: Residuals, theta: Array, ridge: Ridge) -> Fit:
    """Effective parameters: the trace of (J'J + ridge)^-1 J'J."""
    gram, _, sse = _normal_equations(residuals, theta, np.arange(theta.shape[1]))
    free = np.einsum("rii->ir", gram).mean(axis=0) * 1e-9 + np.finfo(float).tiny
    share = np.linalg.solve(gram + _diagonal(ridge.pull + free), gram)
    return Fit(theta=theta, sse=sse, n_effective=np.einsum("rii->r", share))


def _diagonal(values: Array) -> Array:
    """[p, r] as diagonal matrices [r, p, p]."""
    return values.T[:, :, None] * np.eye(len(values))
