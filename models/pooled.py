"""Pooled: units as a log-linear function of drivers, each series' coefficients drawn to its group's.

    mean units = exp(level of the series + x beta of the series)

In:   rows of series and periods (models.response says the columns), drivers with the sign that each
      coefficient must have.
Out:  mean units; the posterior of every coefficient.

Fitted by quasi-likelihood, not by a regression of logarithms: the answer is a mean, so totals are not
understated, and a period without sales counts. Noise is estimated by series; rows that follow each
other and series that share their periods' shocks count for less than independent ones.

Source: McCullagh and Nelder (1989), 9 (quasi-likelihood, variance mu^1.5); models.shrinkage.
Limits: observational: what always coincides with a price takes part of its credit.
Errors: models.errors.NotFitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotFitted
from models.shrinkage import START, Said, Shrunk, shrink

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_WEIGHT = 0.5  # weights are mu^(2 - 1.5), within a series
_STEPS = 8
_CHOOSING = (2, 5)  # steps in which the pulls are chosen
_FARTHEST = 8.0  # a working residual never counts for more, in logs
_LEAST_SLOPE = 0.01  # of a coefficient whose sign is known
_WIDEST = 20.0
_NOISE_ROWS = 20.0  # rows that the noise of all series is worth
_LEAST_UNITS = 1e-3


@dataclass(frozen=True)
class Driver:
    """A column that moves demand, and the sign of its effect: -1, 1, or 0 where either can be."""

    name: str
    sign: int = 0

    @property
    def bounds(self) -> tuple[float, float]:
        """Of its coefficient."""
        return (
            _LEAST_SLOPE if self.sign > 0 else -_WIDEST,
            -_LEAST_SLOPE if self.sign < 0 else _WIDEST,
        )


@dataclass(kw_only=True)
class Pooled:
    """Shrunk log-linear response; the first driver is the one that is asked about."""

    drivers: Sequence[Driver]
    half_life: float = np.inf  # of what past periods say of a series' level, in periods
    ids_: "pd.Index[Any] | None" = field(default=None, init=False, repr=False)
    groups_: "pd.Index[Any]" = field(init=False, repr=False)
    shrunk_: Shrunk = field(init=False, repr=False)
    level_: Array = field(init=False, repr=False)  # [n] log units at drivers of zero
    centre_: Array = field(init=False, repr=False)  # [p] usual values of the drivers
    group_level_: Array = field(init=False, repr=False)  # [g] of a series nobody has seen

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn from rows of any order."""
        rows = rows.sort_values(["unique_id", "step"], kind="stable")
        codes, self.ids_ = pd.factorize(rows["unique_id"], sort=True)
        group, self.groups_ = pd.factorize(rows["group"], sort=True)
        of_series = np.zeros(len(self.ids_), dtype=np.int64)
        of_series[codes] = group
        X = self._design(rows)
        self.centre_ = X.mean(axis=0)
        X = X - self.centre_
        work = _Work(
            X, rows["y"].to_numpy(float), codes.astype(np.int64), of_series, rows["step"].to_numpy(int)
        )
        self.shrunk_ = work.solved(self._bounds())
        age = rows["step"].max() - rows["step"].to_numpy(float)
        fade = 0.5 ** (age / self.half_life)
        self.level_ = work.levels(self.shrunk_.series, fade, power=_WEIGHT)
        self.group_level_ = np.array([self.level_[of_series == g].mean() for g in range(len(self.groups_))])
        return self

    def predict(self, rows: pd.DataFrame) -> Array:
        """Mean units of each row; a new series answers as its group does, [r]."""
        place, beta = self.place(rows["unique_id"]), self.coefficients(rows)
        group = self.groups_.get_indexer(pd.Index(rows["group"]))
        strange = np.where(group >= 0, self.group_level_[group], self.group_level_.mean())
        level = np.where(place >= 0, self.level_[place], strange)
        return np.asarray(np.exp(level + ((self._design(rows) - self.centre_) * beta).sum(axis=1)))

    def place(self, ids: "pd.Series[Any]") -> Ints:
        """Where each series stands, -1 where it was never seen."""
        if self.ids_ is None:
            raise NotFitted(self)
        return np.asarray(self.ids_.get_indexer(pd.Index(ids)), dtype=np.int64)

    def coefficients(self, rows: pd.DataFrame) -> Array:
        """Posterior means of each row's series, its group's, or all's, [r, p]."""
        return self._of(rows, "")[0]

    def slopes(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The main coefficient of each row: mean, standard deviation, and whose it is."""
        mean, var = self._of(rows, "_var")
        place, group = self.place(rows["unique_id"]), self.groups_.get_indexer(pd.Index(rows["group"]))
        whose = np.select([place >= 0, group >= 0], ["series", "group"], "all")
        return pd.DataFrame(
            {"slope": mean[:, 0], "slope_sd": np.sqrt(var[:, 0, 0]), "whose": whose}, index=rows.index
        )

    def _of(self, rows: pd.DataFrame, kind: str) -> tuple[Array, Array]:
        place, group = self.place(rows["unique_id"]), self.groups_.get_indexer(pd.Index(rows["group"]))
        found = self.shrunk_
        mean = np.where((group >= 0)[:, None], found.group[group], found.overall)
        mean = np.where((place >= 0)[:, None], found.series[place], mean)
        if not kind:
            return mean, np.empty(0)
        within, between = (np.diag(part) for part in found.apart)
        of_group, of_all = found.group_var[group] + within, found.overall_var + between + within
        var = np.where((group >= 0)[:, None, None], of_group, of_all)
        return mean, np.where((place >= 0)[:, None, None], found.series_var[place], var)

    def _design(self, rows: pd.DataFrame) -> Array:
        return rows[[driver.name for driver in self.drivers]].to_numpy(float)

    def _bounds(self) -> tuple[Array, Array]:
        low, high = zip(*(driver.bounds for driver in self.drivers), strict=True)
        return np.array(low), np.array(high)


@dataclass(frozen=True)
class _Work:
    """Rows as arrays, sorted by series and step."""

    X: Array  # [r, p], less its mean
    y: Array  # [r]
    series: Ints  # [r]
    group: Ints  # [n]
    step: Ints  # [r]

    def solved(self, bounds: tuple[Array, Array]) -> Shrunk:
        """Reweighted least squares, shrunk in each step; the pulls are chosen twice."""
        n, p = len(self.group), self.X.shape[1]
        beta, shocks = np.zeros((n, p)), 1.0
        pulls: tuple[Array, Array] | None = (np.full(p, START), np.full(p, START))
        for step in range(_STEPS):
            z, w, eta = self._working(beta)
            Xc, zc = self._centred(self.X, w), self._centred(z[:, None], w)[:, 0]
            w = w / self._noise(z - eta, w)[self.series]
            said = self._said(Xc, zc, w)
            unit = np.einsum("npp->p", said.A) / len(self.y) + 1e-12
            pulls = None if step in _CHOOSING else pulls
            found = shrink(said, self.group, unit=unit, bounds=bounds, group_shocks=shocks, pulls=pulls)
            beta, pulls = found.series, found.pulls
            shocks = self._shared(Xc, zc - (Xc * beta[self.series]).sum(axis=1), w)
        return found

    def levels(self, beta: Array, fade: Array, *, power: float = 1.0) -> Array:
        """Log units at the drivers' means, [n]: what makes totals those that were seen.

        Periods count by their mean units to a power less one: with `_WEIGHT` as their noise asks, so that
        a few weeks of campaign do not say alone what all weeks sell.
        """
        moved = np.exp((self.X * beta[self.series]).sum(axis=1))
        weight = fade * moved ** (power - 1)
        wanted, given = self._sum(self.y * weight), self._sum(moved * weight)
        return np.asarray(np.log(np.maximum(wanted, _LEAST_UNITS) / given))

    def _working(self, beta: Array) -> tuple[Array, Array, Array]:
        moved = (self.X * beta[self.series]).sum(axis=1)
        eta = moved + self.levels(beta, np.ones(len(self.y)))[self.series]
        mu = np.exp(eta)
        share = mu / (self._sum(mu) / self._sum(np.ones(len(mu))))[self.series]
        return eta + np.clip(self.y / mu - 1.0, -1.0, _FARTHEST), share**_WEIGHT, eta

    def _noise(self, residual: Array, w: Array) -> Array:
        """Weighted mean square of each series, drawn to that of all, [n]."""
        square = w * residual**2
        usual = square.mean()
        return np.asarray(
            (self._sum(square) + _NOISE_ROWS * usual) / (self._sum(np.ones(len(w))) + _NOISE_ROWS)
        )

    def _said(self, Xc: Array, zc: Array, w: Array) -> Said:
        n, p = len(self.group), Xc.shape[1]
        A, b = np.zeros((n, p, p)), np.zeros((n, p))
        for j in range(p):
            b[:, j] = self._sum(w * Xc[:, j] * zc)
            for k in range(p):
                A[:, j, k] = self._sum(w * Xc[:, j] * Xc[:, k])
        return Said(A, b)

    def _shared(self, Xc: Array, residual: Array, w: Array) -> float:
        """By how much shocks common to a group's period inflate the variance of its main slope."""
        score = w * Xc[:, 0] * residual
        step = self.step - self.step.min()
        cell = self.group[self.series] * (int(step.max()) + 1) + step
        return float(max((np.bincount(cell, score) ** 2).sum() / max((score**2).sum(), 1e-12), 1.0))

    def _centred(self, values: Array, w: Array) -> Array:
        mean = np.column_stack([self._sum(w * column) for column in values.T]) / self._sum(w)[:, None]
        return np.asarray(values - mean[self.series])

    def _sum(self, values: Array) -> Array:
        return np.asarray(np.bincount(self.series, values, len(self.group)), dtype=float)
