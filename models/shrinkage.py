"""Shrinkage: coefficients of series, drawn to those of their group, and groups to all.

    beta_series ~ N(beta_group, 1 / P_series),   beta_group ~ N(beta_all, 1 / P_group)

In:   what each series says: precision A [n, p, p] (sum of x x' over the noise) and A beta_hat [n, p];
      its group's code [n]; the evidence of one row `unit` [p]; sign bounds [p], [p].
Out:  `Shrunk`: posterior means and covariances of series, groups and all.

P is diagonal, so many rows of evidence each; how many is the likeliest (empirical Bayes, the spread of
the prior being uniform beforehand), once for the main coefficient (the first) and once for the others
together. Signs hold by
construction: where the best coefficients break a bound, the best ones that keep it are taken.

Source: Morris (1983), Parametric empirical Bayes, JASA 78; Gelman (2006), Prior distributions for
        variance parameters, Bayesian Analysis 1; coordinate descent for box-constrained
        quadratics (Bertsekas 1999, 2.7).
Limits: normal errors; what groups share beyond their periods' shocks (`group_shocks`) is left out.

>>> rng = np.random.default_rng(0)
>>> beta = rng.normal(-2.0, 0.3, 200)
>>> hat = rng.normal(beta, 0.5)
>>> said = Said(A=np.full((200, 1, 1), 4.0), b=4.0 * hat[:, None])
>>> bounds = np.array([-9.0]), np.array([0.0])
>>> found = shrink(said, np.zeros(200, int), unit=np.array([0.1]), bounds=bounds)
>>> error = lambda b: float(np.sqrt(np.mean((b - beta) ** 2)).round(2))
>>> error(hat), error(found.series[:, 0])
(0.51, 0.26)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_PULLS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)  # rows
START = 100.0
_MOST_JUDGED = 600  # series that the pulls are chosen on
_SWEEPS = 200
_EXACT = 1e-10


@dataclass(frozen=True)
class Said:
    """Quadratic evidence about coefficients, in units of precision."""

    A: Array  # [n, p, p]
    b: Array  # [n, p]

    def through(self, pull: Array) -> "Said":
        """What it says of the mean of a prior with this precision [p]."""
        kept = pull[:, None] * np.linalg.inv(self.A + np.diag(pull))  # P (A + P)^-1
        return Said(kept @ self.A, np.einsum("npq,nq->np", kept, self.b))

    def summed(self, code: Ints, count: int, over: float = 1.0) -> "Said":
        """The evidence of groups; worth less by `over` where members share shocks."""
        A, b = np.zeros((count, *self.A.shape[1:])), np.zeros((count, self.b.shape[1]))
        np.add.at(A, code, self.A)
        np.add.at(b, code, self.b)
        return Said(A / over, b / over)

    def likelihood(self, centre: NDArray[Any], pull: Array) -> float:
        """Log marginal likelihood under a prior of precision pull [p] around centre [n, p]."""
        both = self.A + np.diag(pull)
        target = self.b + centre * pull
        fitted = np.linalg.solve(both, target[..., None])[..., 0]
        gain = np.einsum("np,np->n", target, fitted) - np.einsum("np,p,np->n", centre, pull, centre)
        return float(0.5 * (np.log(pull).sum() - np.linalg.slogdet(both)[1] + gain).sum())


@dataclass(frozen=True)
class Shrunk:
    """Posterior of coefficients: means and covariances."""

    series: Array  # [n, p]
    series_var: Array  # [n, p, p]
    group: Array  # [g, p]
    group_var: Array  # [g, p, p]
    overall: Array  # [p]
    overall_var: Array  # [p, p]
    pulls: tuple[Array, Array]  # rows that the priors of series and of groups are worth, [p] each
    apart: tuple[Array, Array]  # variance of series within their group, of groups, [p] each


def shrink(
    said: Said,
    group: Ints,
    *,
    unit: Array,
    bounds: tuple[Array, Array],
    group_shocks: float = 1.0,
    pulls: tuple[Array, Array] | None = None,
) -> Shrunk:
    """Posterior of all levels; `group_shocks` is by how much shared shocks inflate a group's variance.

    With `pulls`, those are taken instead of the likeliest.
    """
    count = int(group.max(initial=-1)) + 1
    rows = pulls[0] if pulls else _pulls(lambda pull: _series_likelihood(said, group, pull, unit), unit)
    groups = said.through(rows * unit).summed(group, count, group_shocks)
    wide = pulls[1] if pulls else _pulls(lambda pull: _group_likelihood(groups, pull, unit), unit)
    every = groups.through(wide * unit).summed(np.zeros(count, int), 1)
    nothing = np.zeros((1, len(unit))), np.zeros((1, *every.A.shape[1:]))
    top, top_var = _posterior(every, nothing, unit, bounds)
    above = np.tile(top, (count, 1)), np.tile(top_var, (count, 1, 1))
    middle, middle_var = _posterior(groups, above, wide * unit, bounds)
    own, own_var = _posterior(said, (middle[group], middle_var[group]), rows * unit, bounds)
    return Shrunk(
        own,
        own_var,
        middle,
        middle_var,
        top[0],
        top_var[0],
        (rows, wide),
        (1 / (rows * unit), 1 / (wide * unit)),
    )


def boxed(A: Array, b: Array, low: Array, high: Array) -> Array:
    """The minimum of x'Ax/2 - b'x with low <= x <= high, one a row, [n, p]; A positive definite."""
    x = np.linalg.solve(A, b[..., None])[..., 0]
    broken = ((x < low) | (x > high)).any(axis=1)
    if broken.any():
        x[broken] = _descended(A[broken], b[broken], np.clip(x[broken], low, high), low, high)
    return np.asarray(x)


def _descended(A: Array, b: Array, x: Array, low: Array, high: Array) -> Array:
    for _ in range(_SWEEPS):
        before = x.copy()
        for j in range(x.shape[1]):
            slope = b[:, j] - np.einsum("np,np->n", A[:, j], x) + A[:, j, j] * x[:, j]
            x[:, j] = np.clip(slope / A[:, j, j], low[j], high[j])
        if np.abs(x - before).max() < _EXACT:
            break
    return x


def _posterior(
    said: Said, prior: tuple[Array, Array], pull: Array, bounds: tuple[Array, Array]
) -> tuple[Array, Array]:
    """Mean and covariance under a prior of precision pull around an uncertain centre."""
    centre, centre_var = prior
    both = said.A + np.diag(pull)
    inverse = np.linalg.inv(both)
    kept = inverse * pull  # what of the centre's error is carried on, (A + P)^-1 P
    mean = boxed(both, said.b + centre * pull, *bounds)
    return mean, inverse + kept @ centre_var @ np.swapaxes(kept, 1, 2)


def _series_likelihood(said: Said, group: Ints, pull: Array, unit: Array) -> float:
    step = max(len(group) // _MOST_JUDGED, 1)
    part, code = Said(said.A[::step], said.b[::step]), group[::step]
    groups = part.through(pull).summed(code, int(group.max(initial=-1)) + 1)
    centre = np.linalg.solve(groups.A + np.diag(unit), groups.b[..., None])[..., 0]
    return part.likelihood(centre[code], pull)


def _group_likelihood(groups: Said, pull: Array, unit: Array) -> float:
    every = groups.through(pull).summed(np.zeros(len(groups.b), int), 1)
    centre = np.linalg.solve(every.A + np.diag(unit), every.b[..., None])[..., 0]
    return groups.likelihood(np.tile(centre, (len(groups.b), 1)), pull)


def _pulls(likelihood: Callable[[Array], float], unit: Array) -> Array:
    """Rows of the prior [p]: the likeliest rows for the main coefficient, then for the others; twice."""
    rows: Array = np.full(len(unit), START)
    for part in (slice(0, 1), slice(1, None)) * 2:
        told = []
        for pull in _PULLS if len(unit[part]) else ():
            rows[part] = pull
            told.append(likelihood(np.asarray(rows * unit, dtype=float)) - 0.5 * np.log(pull))
        if told:
            rows[part] = _PULLS[int(np.argmax(told))]
    return rows
