"""The recursion of exponential smoothing, for a whole panel and many parameter sets at once.

One state per series: a level, a damped slope, one index per period of the year. Each new value
y moves them by a part of the one-step error e = y - expected:

    expected = (level + phi slope) + index            or (level + phi slope) x index
    level    = level + phi slope + alpha e            e / index     when the season multiplies
    slope    = phi slope + beta e                     e / index
    index    = index + gamma e                        e / (level + phi slope)

In:   y [t, r], units; r series side by side, NaN before a series began and in gaps; parameters
      theta [p, c, r]; c parameter sets tried on each series.
Out:  expected values [t + horizon, c, r], units: one step ahead inside y, then the forecast.

A gap moves nothing but the damped slope. Before its first value a series has no state.
theta is free of bounds, a logistic curve maps it to 0 < alpha < 1, 0 < beta < alpha, 0 < gamma < 1 - alpha
and 0.8 < phi < 0.98. The indices start as a sum of at most `MAX_HARMONICS` sines and cosines,
orthonormal and without a constant, counted from the end of y: for 12 months that is every profile,
for 52 weeks a smooth one.
Source: Hyndman, Koehler, Ord and Snyder (2008), Forecasting with Exponential Smoothing, tables 2.2-2.3.
        Error (M) differs from error (A) only in the likelihood: see `ets`.

>>> simple = Smoother(trend=False, season="none", periods=12)
>>> theta = np.array([[[0.0]], [[10.0]]])                      # alpha = 1/2, first level 10
>>> simple.expected(np.array([[12.0], [np.nan], [9.0]]), theta, horizon=1)[:, 0, 0]
array([10., 11., 11., 10.])
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Season = Literal["none", "additive", "multiplicative"]

MAX_HARMONICS = 6
LOWEST_PHI, HIGHEST_PHI = 0.8, 0.98
_FLOOR = 1e-3  # of level and index where the season multiplies; y is near 1 there


@dataclass(frozen=True, kw_only=True)
class Smoother:
    """Which states there are; `periods` in a year."""

    trend: bool
    season: Season
    periods: int

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The rows of theta before the seasonal ones."""
        smoothing = ["alpha"] + ["beta", "phi"] * self.trend + ["gamma"] * self.seasonal
        return (*smoothing, "level", *["slope"] * self.trend)

    @property
    def seasonal(self) -> bool:
        return self.season != "none"

    @property
    def n_smoothing(self) -> int:
        return self.names.index("level")

    @property
    def n_theta(self) -> int:
        return len(self.names) + (harmonics(self.periods).shape[1] if self.seasonal else 0)

    def expected(self, y: Array, theta: Array, *, horizon: int = 0) -> Array:
        """What was expected of each value one step before it was seen, then the forecast."""
        seen = ~np.isnan(y)
        filled, starts = np.nan_to_num(y), _starts(y)
        complete: NDArray[np.bool_] = np.asarray(seen.all(axis=1))
        state = _State(self, theta)
        out = np.zeros((len(y) + horizon, *theta.shape[1:]))
        for t in range(min(starts, default=0), len(out)):
            if t in starts:
                state.begin(starts[t])
            out[t] = state.advance((t - len(y)) % self.periods)
            if t < len(y):
                error = filled[t] - out[t]
                state.learn((t - len(y)) % self.periods, error if complete[t] else error * seen[t])
        return out


class _State:
    """Level, slope [c, r] and indices [periods, c, r] on their way through time."""

    def __init__(self, smoother: Smoother, theta: Array) -> None:
        named = dict(zip(smoother.names, theta, strict=False))
        self.smoother, self.first = smoother, named
        self.alpha = inside(named["alpha"], 0.0, 1.0)
        self.level, self.slope = np.zeros((2, *theta.shape[1:]))
        if smoother.trend:
            self.beta = self.alpha * inside(named["beta"], 0.0, 1.0)
            self.phi = inside(named["phi"], LOWEST_PHI, HIGHEST_PHI)
        if smoother.seasonal:
            self.gamma = (1 - self.alpha) * inside(named["gamma"], 0.0, 1.0)
            self.index = np.tensordot(harmonics(smoother.periods), theta[len(smoother.names) :], axes=1)
        if smoother.season == "multiplicative":
            self.index = np.maximum(1 + self.index, _FLOOR)

    def begin(self, rows: NDArray[np.intp]) -> None:
        self.level[:, rows] = self.first["level"][:, rows]
        if self.smoother.trend:
            self.slope[:, rows] = self.first["slope"][:, rows]

    def advance(self, now: int) -> Array:
        """One period on, to period `now` of the year: what is expected of it before it is seen, [c, r]."""
        if self.smoother.trend:
            self.slope = self.phi * self.slope
            self.level = self.level + self.slope
        if self.smoother.season == "additive":
            return np.asarray(self.level + self.index[now])
        if self.smoother.season == "multiplicative":
            self.level = np.maximum(self.level, _FLOOR)
            return np.asarray(self.level * self.index[now])
        return np.asarray(self.level)

    def learn(self, now: int, error: Array) -> None:
        error_of_index = error
        if self.smoother.season == "multiplicative":
            error, error_of_index = error / self.index[now], error / self.level
        self.level = self.level + self.alpha * error
        if self.smoother.trend:
            self.slope = self.slope + self.beta * error
        if self.smoother.seasonal:
            self.index[now] += self.gamma * error_of_index
        if self.smoother.season == "multiplicative":
            np.maximum(self.index[now], _FLOOR, out=self.index[now])


@lru_cache
def harmonics(periods: int) -> Array:
    """Orthonormal sines and cosines over a year, [periods, q]; no constant among them."""
    angles = 2 * np.pi * np.arange(periods) / periods
    waves = [f(k * angles) for k in range(1, min(periods // 2, MAX_HARMONICS) + 1) for f in (np.cos, np.sin)]
    if periods % 2 == 0 and periods // 2 <= MAX_HARMONICS:
        waves.pop()  # the sine of half a year is zero at every period
    basis = np.array(waves).reshape(len(waves), periods).T
    return np.asarray(basis / np.sqrt((basis**2).sum(axis=0)))


def inside(z: Array, low: float, high: float) -> Array:
    """Any number to one between `low` and `high`; zero to their middle."""
    return low + (high - low) / (1 + np.exp(-z))


def _starts(y: Array) -> dict[int, NDArray[np.intp]]:
    """The series that begin at each period."""
    first = np.argmax(~np.isnan(y), axis=0)
    return {int(t): np.flatnonzero(first == t) for t in np.unique(first)}
