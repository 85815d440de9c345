"""MinTrace: forecasts of series and of their totals made to agree, each trusted by how well it did.

In:   forecasts of g totals [g, h] and of n series [n, h], and errors of such forecasts in the past,
      [g, m] and [n, m] (NaN where there was no truth).
Out:  units of the series, [n, h]: never negative. Totals are their sums (features.totals), so that
      children add up to parents by construction.

The answer is the point nearest to the forecasts that adds up, in the metric of the errors' covariance W:

    minimise (y - f)' W^-1 (y - f)   subject to   totals = sums of series,   series >= 0

W = D^1/2 (lambda I + (1 - lambda) R) D^1/2: variances D, correlations R of the m past errors drawn to none by
lambda, which is estimated. R is of rank m, so neither it nor W is ever written out: lambda needs m x m
products only, and the equations, one for each total, are solved by conjugate gradients on sparse products.
There is one method at every size; nothing is approximated for large n.

Series that the answer would make negative are held at zero, and let go when that no longer costs anything,
until neither happens (block principal pivoting): the optimum, not a clamp. After `_ROUNDS` rounds series are
only held, which ends; what is left is then feasible and close.

Source: Wickramasuriya, Athanasopoulos and Hyndman (2019), Optimal forecast reconciliation through trace
        minimization, JASA 114; Schaefer and Strimmer (2005) for lambda; Wickramasuriya, Turlach and Hyndman
        (2020), Optimal non-negative forecast reconciliation, Statistics and Computing 30.
Limits: one W for all steps ahead. A node without past errors has the median variance of its kind.

Errors: NotFitted, ValueError (shapes that disagree).

>>> from features.totals import Totals
>>> static = pd.DataFrame({"dealer_id": ["A", "B"], "sku_id": ["x", "x"]})
>>> totals = Totals.of(static.drop(columns="sku_id").assign(sku_id=["x", "y"]))
>>> rng = np.random.default_rng(0)
>>> trace = MinTrace(totals=totals).fit(rng.normal(0, 1, (5, 40)), rng.normal(0, 1, (2, 40)))
>>> series = trace.series(np.array([[30.0], [10.0], [20.0], [10.0], [20.0]]), np.array([[11.0], [21.0]]))
>>> series.round(1).tolist(), totals.sums(series).round(1)[0].tolist()
([[10.1], [20.1]], [30.3])
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd  # noqa: F401  (the example)
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, cg

from features.totals import Totals
from models.errors import NotFitted

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
_ROUNDS = 30  # of letting go; then series are only held
_PRECISION = 1e-10  # of the equations
_STEPS = 2_000  # of conjugate gradients
_LEAST_RATE = 1e-12  # of the largest variance: the least variance


@dataclass(kw_only=True)
class MinTrace:
    """What past errors say about whom to trust."""

    totals: Totals
    variance_: Array = field(init=False, repr=False)  # D [g + n]
    scores_: Array = field(init=False, repr=False)  # errors over their deviation / sqrt(m), [g + n, m]
    shrinkage_: float | None = field(default=None, init=False)  # lambda

    def fit(self, of_totals: Array, of_series: Array) -> Self:
        """Learn from past errors [g, m] and [n, m]."""
        if of_totals.shape[0] != self.totals.count or of_totals.shape[1:] != of_series.shape[1:]:
            raise ValueError(
                f"Errors are {of_totals.shape} and {of_series.shape}; {self.totals.count} totals."
            )
        errors = np.concatenate([of_totals, of_series])
        seen = np.isfinite(errors)
        square = np.where(seen, errors, 0.0) ** 2
        count = seen.sum(axis=1)
        variance = square.sum(axis=1) / np.maximum(count, 1)
        kind = np.arange(len(errors)) < self.totals.count
        for one in (kind, ~kind):
            known = one & (count > 0)
            variance[one & ~known] = np.median(variance[known]) if known.any() else 1.0
        self.variance_ = np.maximum(variance, _LEAST_RATE * max(float(variance.max()), 1e-300))
        z = np.where(seen, errors, 0.0) / np.sqrt(self.variance_)[:, None]
        self.shrinkage_ = shrinkage(z)
        self.scores_ = z / np.sqrt(max(z.shape[1], 1))
        return self

    def series(self, totals: Array, series: Array) -> Array:
        """Units of the series, [n, h], from forecasts of totals [g, h] and of series [n, h]."""
        if self.shrinkage_ is None:
            raise NotFitted(self)
        if totals.shape[0] != self.totals.count or totals.shape[1:] != series.shape[1:]:
            raise ValueError(f"Forecasts are {totals.shape}, {series.shape}; {self.totals.count} totals.")
        columns = [
            self._non_negative(np.concatenate([t, s])) for t, s in zip(totals.T, series.T, strict=True)
        ]
        return np.stack(columns, axis=1)

    def _non_negative(self, forecast: Array) -> Array:
        """The nearest point that adds up without a negative series, [n]."""
        g = self.totals.count
        held = np.zeros(len(forecast) - g, dtype=bool)
        for round_ in range(2 * _ROUNDS):
            y, force = self._nearest(forecast, held)
            scale = 1e-9 * max(float(np.abs(forecast).max()), 1e-300)
            low = ~held & (y[g:] < -scale)
            free = held & (force > 0) if round_ < _ROUNDS else np.zeros_like(held)
            if not (low | free).any():
                break
            held = (held | low) & ~free
        return np.where(held, 0.0, np.maximum(y[g:], 0.0))

    def _nearest(self, forecast: Array, held: Mask) -> tuple[Array, Array]:
        """The nearest point that adds up with held series at zero, [g + n], and how these pull upwards, [n].

        y = f - W C' v with (C W C') v = C f, the rows of C being the totals and the held series.
        """
        g, holds = self.totals.count, np.flatnonzero(held)
        gap = np.concatenate([self._gaps(forecast), forecast[g + holds]])

        def back(v: Array) -> Array:
            return self._spread(v[:g], v[g:], holds)

        def equations(v: Array) -> Array:
            y = self._covariance(back(np.asarray(v)))
            return np.concatenate([self._gaps(y), y[g + holds]])

        diagonal = self._diagonal(holds)
        size = (len(gap), len(gap))
        easier = LinearOperator(size, matvec=lambda v: v / diagonal, dtype=float)
        asked = LinearOperator(size, matvec=equations, dtype=float)
        v, _ = cg(asked, gap, rtol=_PRECISION, maxiter=_STEPS, M=easier)
        force = np.zeros(len(held))
        force[holds] = v[g:]
        return forecast - self._covariance(back(v)), force

    def _gaps(self, y: Array) -> Array:
        """Totals less the sums of their series, [g]."""
        g = self.totals.count
        return np.asarray(y[:g] - self.totals.matrix @ y[g:])

    def _spread(self, of_totals: Array, of_held: Array, holds: NDArray[np.intp]) -> Array:
        """C' v, [g + n]."""
        series = -(self.totals.matrix.T @ of_totals)
        series[holds] += of_held
        return np.concatenate([of_totals, series])

    def _covariance(self, x: Array) -> Array:
        """W x, [g + n]."""
        deviation = np.sqrt(self.variance_)
        scaled, kept = deviation * x, 1 - (self.shrinkage_ or 0.0)
        own = 1 - kept * (self.scores_**2).sum(axis=1)  # so that the diagonal of W is D
        return np.asarray(deviation * (own * scaled + kept * (self.scores_ @ (self.scores_.T @ scaled))))

    def _diagonal(self, holds: NDArray[np.intp]) -> Array:
        """Of C D C', for the equations to be solved in fewer steps."""
        g = self.totals.count
        totals, series = self.variance_[:g], self.variance_[g:]
        return np.concatenate([totals + self.totals.matrix @ series, series[holds]])


def shrinkage(z: Array) -> float:
    """Weight of "no correlation" for standardised errors z [n, m], without an n x n matrix.

    The sums over pairs of series are those over all products less those of a series with itself; the former
    are squares of the m x m matrix of products.

    >>> z = np.random.default_rng(0).standard_normal((30, 20))
    >>> shrinkage(z) > 0.9, shrinkage(np.repeat(z[:1], 30, axis=0)) < 0.2
    (True, True)
    """
    n, m = z.shape
    if m < 2 or n < 2:
        return 1.0
    square = z**2
    mean_own = square.mean(axis=1)  # [n] w_ii
    of_means = ((z.T @ z) ** 2).sum() / m**2 - (
        mean_own**2
    ).sum()  # sum of w_ij^2 over pairs, w = mean of z_i z_j
    of_products = (square.sum(axis=0) ** 2).sum() - (
        square**2
    ).sum()  # sum over pairs and moments of (z_i z_j)^2
    variance = m / (m - 1) ** 3 * (of_products - m * of_means)
    found = of_means * (m / (m - 1)) ** 2
    return float(np.clip(variance / found, 0.0, 1.0)) if found > 0 else 1.0
