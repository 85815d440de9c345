"""Theta: half a straight line through the past, half simple smoothing of what bends around it.

In:   y [n, t], units; NaN before a series began and in gaps.   Out: [n, horizon], units, >= 0.
`season` is the periods in a year.

The year's profile is taken out and put back (`seasonality`); what is left is the mean of a straight
line and of simple smoothing of the line that bends twice as far. The series itself has to prove the
slope (it counts as far as it is over twice its standard error: errors come in runs, so the standard
error flatters) and the smoothing constant (a ridge toward 0.18 that fades with the length).
Tuned on M3 windows inside the training part and Stallion cutoffs 2015-12 to 2016-09, never on the
windows that are reported.

Source: Assimakopoulos and Nikolopoulos (2000), The theta model, IJF 16; Hyndman and Billah (2003),
        Unmasking the Theta method: the same as simple smoothing with half the slope as drift.
Limits: no own weight for the recent slope; under two years of values there is no season.

>>> theta(np.full((1, 20), 7.0), season=12, horizon=2).round(6)
array([[7., 7.]])
"""

import numpy as np
from numpy.typing import NDArray

from models.demand.least_squares import Ridge, Rows, least_squares
from models.demand.seasonality import without_season
from models.demand.smoothing import Smoother

Array = NDArray[np.float64]

_ALPHA_PULL, _ALPHA_CENTRE, _ALPHA_BOUND = 1.5, -1.5, 6.0  # on the logistic scale; -1.5 is 0.18
_ALPHA_GRID = np.array([-3.0, -1.1, 0.4, 3.0])
_SLOPE_PROOF = 4.0  # squared standard errors
_MIN_VALUES = 8  # for a slope
_SIMPLE = Smoother(trend=False, season="none", periods=1)


def theta(y: Array, *, season: int, horizon: int) -> Array:
    """The mean of a straight and a bent line, with the year's profile put back."""
    return without_season(
        y, season=season, horizon=horizon, forecast=lambda rest, positive: _two_lines(rest, horizon)
    )


def _two_lines(y: Array, horizon: int) -> Array:
    """The mean of theta line 0 (straight) and theta line 2 (smoothed), without season. [n, horizon]"""
    middle, slope = _line(y)
    time = np.arange(1 - y.shape[1], 1 + horizon)
    straight = middle[:, None] + slope[:, None] * time  # [n, t + horizon]
    bent = 2 * y - straight[:, : y.shape[1]]
    return (straight[:, y.shape[1] :] + _smoothed(bent, horizon)) / 2


def _line(y: Array) -> tuple[Array, Array]:
    """Least squares on time: the value at the last period, and the slope as far as it is proven. [n] each"""
    time = np.where(np.isnan(y), np.nan, np.arange(1.0 - y.shape[1], 1.0))
    late, high = time - _mean(time)[:, None], y - _mean(y)[:, None]
    spread = _sum(late**2)
    slope = _sum(late * high) / np.where(spread > 0, spread, 1.0)
    free = np.maximum((~np.isnan(y)).sum(axis=1) - 2, 1)
    error = _sum((high - slope[:, None] * late) ** 2) / free / np.where(spread > 0, spread, 1.0)
    proven = np.maximum(1 - _SLOPE_PROOF * error / np.where(slope != 0, slope**2, np.inf), 0.0)
    slope *= np.where((~np.isnan(y)).sum(axis=1) >= _MIN_VALUES, proven, 0.0)
    return _mean(y) - slope * _mean(time), slope


def _smoothed(y: Array, horizon: int) -> Array:
    """Simple exponential smoothing, its constant and first level fitted to each series. [n, horizon]"""
    past = y.T
    seen = ~np.isnan(past)

    def residuals(guess: Array, rows: Rows) -> Array:
        error = past[:, None, rows] - _SIMPLE.expected(past[:, rows], guess)
        return np.where(seen[:, None, rows], error, 0.0)

    every = np.arange(len(y))
    grid = np.empty((2, len(_ALPHA_GRID), len(y)))
    grid[0], grid[1] = _ALPHA_GRID[:, None], (past[seen.argmax(axis=0), every] + _mean(y)) / 2
    sse = (residuals(grid, every) ** 2).sum(axis=0)
    pull = np.array([_ALPHA_PULL * sse.min(axis=0) / seen.sum(axis=0), np.zeros(len(y))])
    ridge = Ridge(
        pull=pull, centre=np.array([[_ALPHA_CENTRE], [0.0]]), bound=np.array([[_ALPHA_BOUND], [np.inf]])
    )
    fit = least_squares(residuals, grid[:, sse.argmin(axis=0), every], ridge)
    ahead: Array = _SIMPLE.expected(past, fit.theta[:, None], horizon=horizon)[len(past) :, 0].T
    return ahead


def _sum(y: Array) -> Array:
    return np.asarray(np.where(np.isnan(y), 0.0, y).sum(axis=1))


def _mean(y: Array) -> Array:
    return np.asarray(_sum(y) / (~np.isnan(y)).sum(axis=1))
