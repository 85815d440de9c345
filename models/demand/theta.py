"""Theta: half a straight line through the past, half simple smoothing of what bends around it.

In:   y [n, t], units; NaN before a series began and in gaps.   Out: [n, horizon], units, >= 0.
`season` is the periods in a year.

The year's profile is taken out and put back (`seasonality`); what is left is the mean of a straight
line and of simple smoothing of the line that bends twice as far. The series itself has to prove the
slope (`slope`) and the smoothing constant (a ridge toward 0.18 that fades with the length).
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
from models.demand.slope import proven_line
from models.demand.smoothing import Smoother

Array = NDArray[np.float64]

_ALPHA_PULL, _ALPHA_CENTRE, _ALPHA_BOUND = 1.5, -1.5, 6.0  # on the logistic scale; -1.5 is 0.18
_ALPHA_GRID = np.array([-3.0, -1.1, 0.4, 3.0])
_SIMPLE = Smoother(trend=False, season="none", periods=1)


def theta(y: Array, *, season: int, horizon: int) -> Array:
    """The mean of a straight and a bent line, with the year's profile put back."""
    return without_season(
        y, season=season, horizon=horizon, forecast=lambda rest, positive: _two_lines(rest, horizon)
    )


def _two_lines(y: Array, horizon: int) -> Array:
    """The mean of theta line 0 (straight) and theta line 2 (smoothed), without season. [n, horizon]"""
    last, slope = proven_line(y)
    time = np.arange(1 - y.shape[1], 1 + horizon)
    straight = last[:, None] + slope[:, None] * time  # [n, t + horizon]
    bent = 2 * y - straight[:, : y.shape[1]]
    return (straight[:, y.shape[1] :] + _smoothed(bent, horizon)) / 2


def _smoothed(y: Array, horizon: int) -> Array:
    """Simple exponential smoothing, its constant and first level fitted to each series. [n, horizon]"""
    past = y.T
    seen = ~np.isnan(past)

    def residuals(guess: Array, rows: Rows) -> Array:
        error = past[:, None, rows] - _SIMPLE.expected(past[:, rows], guess)
        return np.where(seen[:, None, rows], error, 0.0)

    every, mean = np.arange(len(y)), np.where(seen, past, 0.0).sum(axis=0) / seen.sum(axis=0)
    grid = np.empty((2, len(_ALPHA_GRID), len(y)))
    grid[0], grid[1] = _ALPHA_GRID[:, None], (past[seen.argmax(axis=0), every] + mean) / 2
    sse = (residuals(grid, every) ** 2).sum(axis=0)
    pull = np.array([_ALPHA_PULL * sse.min(axis=0) / seen.sum(axis=0), np.zeros(len(y))])
    ridge = Ridge(
        pull=pull, centre=np.array([[_ALPHA_CENTRE], [0.0]]), bound=np.array([[_ALPHA_BOUND], [np.inf]])
    )
    fit = least_squares(residuals, grid[:, sse.argmin(axis=0), every], ridge)
    ahead: Array = _SIMPLE.expected(past, fit.theta[:, None], horizon=horizon)[len(past) :, 0].T
    return ahead
