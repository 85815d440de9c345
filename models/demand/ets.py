"""Exponential smoothing averaged over its forms, for a whole panel at once.

In:   y [n, t], units; NaN before a series began and in gaps.   Out: [n, horizon], units, >= 0.
`season` is the periods in a year.

The year's profile is taken out and put back (`seasonality`); the rest is smoothed with a level alone
and with a damped trend, with relative errors where all values are positive (M,.,N), else absolute ones
(A,.,N). From 15 months to two years, too short for a profile, forms with a season of their own are
tried beside them, (M,.,M) or (A,.,A). Forms are averaged, not chosen: weights fall with AICc, slowly.
Under 15 months (weeks: two years) only a level is fitted, under 8 values the answer is their mean.
A few years of months cannot carry the textbook's 14 free numbers, so a ridge draws indices and slope
toward none, measured against the noise of the series itself, and smoothing constants toward usual
ones; AICc counts effective parameters, so that what the ridge holds down costs less.

`holt_winters` is the planners' version: one additive damped form, nothing held, nothing averaged.

Source: Hyndman, Koehler, Ord and Snyder (2008), Forecasting with Exponential Smoothing (forms 2.2-2.3,
        likelihood of relative errors 5.1, AICc 7.1); Kolassa (2011), Combining exponential smoothing
        forecasts using Akaike weights, IJF 27; Hastie, Tibshirani and Friedman (2009), 3.4.1.
Tuned on M3 windows inside the training part, Stallion cutoffs 2015-12 to 2016-09 and orange juice 48 to
72 weeks before its end; never on the windows that are reported.
Limits: means, no intervals; from two years on the season is the same every year.

>>> y = np.tile([10.0, 20.0, 30.0, 20.0], 6)[None]
>>> ets(y, season=4, horizon=4).round()
array([[10., 20., 30., 20.]])
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.demand.baselines import window_mean
from models.demand.least_squares import Fit, Ridge, Rows, least_squares
from models.demand.seasonality import MIN_YEARS, without_season
from models.demand.smoothing import MAX_HARMONICS, Season, Smoother

Array = NDArray[np.float64]

_MIN_VALUES = 8  # to fit anything
_YEARS_FOR_SEASON = 1.25  # of months
_TEMPERATURE = 10.0  # AICc points that count as one; 1 would be Akaike's own weights
_SERIES_AT_ONCE = 512  # so that a batch stays in the processor's cache
_CENTRE = {"alpha": -1.5, "beta": -2.5, "gamma": -2.5}  # on the logistic scale: 0.18, 0.08, 0.08
_PULL = {"alpha": 1.0, "beta": 1.0, "gamma": 1.0, "phi": 1.0, "slope": 100.0, "index": 0.5}
_GRID = {"alpha": (-3.0, -1.1, 0.4, 3.0), "beta": (-3.0,), "gamma": (-3.0, -0.85), "phi": (0.0,)}
_BOUND = 6.0  # on the logistic scale: 0.0025 to 0.9975
_SMALLEST = 1e-3  # expected value, of the mean of the series
_PERFECT = 1e-12  # squared error, of the squared mean


def ets(y: Array, *, season: int, horizon: int) -> Array:
    """The average of two to four forms of exponential smoothing."""

    def forecast(rest: Array, positive: bool) -> Array:
        return _answers(rest, season, horizon, lambda past, years: _ets_forms(past, season, years, positive))

    return without_season(y, season=season, horizon=horizon, forecast=forecast)


def holt_winters(y: Array, *, season: int, horizon: int) -> Array:
    """One additive form with damped trend, and with a season of its own from two years on."""
    size = window_mean(np.abs(y), periods=max(y.shape[1], 1), horizon=1)  # [n, 1]
    size = np.where(size > 0, size, 1.0)

    def forms(past: Array, years: float) -> list["_Form"]:
        kind: Season = "additive" if years >= MIN_YEARS else "none"
        smoother = Smoother(trend=True, season=kind, periods=season)
        return [_Form(y=past, smoother=smoother, relative=False, pull={})]

    return np.maximum(size * _answers(y / size, season, horizon, forms), 0.0)


@dataclass(frozen=True, kw_only=True)
class _Form:
    """One form of smoothing for series near 1, y [t, r]; `pull` is the ridge by name."""

    y: Array
    smoother: Smoother
    relative: bool
    pull: Mapping[str, float]

    def answer(self, horizon: int) -> tuple[Array, Array]:
        """Forecast [r, horizon] and AICc [r]."""
        first = self._first_guess()
        fit = least_squares(self.residuals, first, self._ridge(first))
        expected = self.smoother.expected(self.y, fit.theta[:, None], horizon=horizon)
        return expected[len(self.y) :, 0].T, self._aicc(fit)

    def residuals(self, theta: Array, rows: Rows) -> Array:
        """One-step errors [t, c, r], 0 at gaps; relative ones times the geometric mean of what was
        expected, so that the sum of their squares is the likelihood of relative errors."""
        y = self.y[:, None, rows]
        seen = ~np.isnan(y)
        expected = self.smoother.expected(self.y[:, rows], theta)
        error = np.where(seen, y - expected, 0.0)
        if not self.relative:
            return error
        size = np.where(seen, np.maximum(expected, _SMALLEST), 1.0)
        return np.asarray(error / size * np.exp(np.log(size).sum(axis=0) / seen.sum(axis=0)))

    def _first_guess(self) -> Array:
        """The best of a small grid of smoothing constants, from the mean of the first year. [p, r]"""
        every = np.arange(self.y.shape[1])
        names = self.smoother.names[: self.smoother.n_smoothing]
        grid = np.array(np.meshgrid(*[_GRID[name] for name in names])).reshape(len(names), -1)
        theta = np.zeros((self.smoother.n_theta, grid.shape[1], len(every)))
        theta[: len(names)] = grid[:, :, None]
        theta[len(names)] = _first_level(self.y, self.smoother.periods)
        sse = (self.residuals(theta, every) ** 2).sum(axis=0)
        return np.asarray(theta[:, sse.argmin(axis=0), every])

    def _ridge(self, first: Array) -> Ridge:
        """Smoothing constants are pulled in units of the noise, [p, r]; slope and indices in their own."""
        smoother, every = self.smoother, np.arange(self.y.shape[1])
        noise = (self.residuals(first[:, None], every)[:, 0] ** 2).sum(axis=0) / _n_seen(self.y)
        names = [*smoother.names, *["index"] * (smoother.n_theta - len(smoother.names))]
        pull = np.array([self.pull.get(name, 0.0) * np.ones_like(noise) for name in names])
        pull[: smoother.n_smoothing] *= noise
        bound = np.full((len(names), 1), np.inf)
        bound[: smoother.n_smoothing] = _BOUND
        return Ridge(pull=pull, centre=np.array([[_CENTRE.get(name, 0.0)] for name in names]), bound=bound)

    def _aicc(self, fit: Fit) -> Array:
        n, k = _n_seen(self.y), fit.n_effective + 1  # 1 for the variance
        fitness = n * np.log(np.maximum(fit.sse / n, _PERFECT))
        return np.asarray(fitness + 2 * k + 2 * k * (k + 1) / np.maximum(n - k - 1, 1))


def _ets_forms(y: Array, season: int, years: float, positive: bool) -> list[_Form]:
    level = Smoother(trend=False, season="none", periods=season)
    damped = replace(level, trend=True)
    smoothers = [level, damped] if years >= MIN_YEARS else [level]
    if _YEARS_FOR_SEASON <= years < MIN_YEARS and season <= 2 * MAX_HARMONICS:
        kind: Season = "multiplicative" if positive else "additive"
        smoothers = [level, damped, replace(level, season=kind), replace(damped, season=kind)]
    return [_Form(y=y, smoother=smoother, relative=positive, pull=_PULL) for smoother in smoothers]


def _answers(y: Array, season: int, horizon: int, forms: Callable[[Array, float], list[_Form]]) -> Array:
    """What the forms for its length say of each series; the mean of a very short one. [n, horizon]"""
    out = window_mean(y, periods=max(y.shape[1], 1), horizon=horizon)
    n_seen = _n_seen(y.T)
    enough = (n_seen >= _MIN_VALUES) & (np.nan_to_num(y) != 0).any(axis=1)
    bars = (_YEARS_FOR_SEASON, float(MIN_YEARS))
    for years, rows in _batches(y, np.where(enough, np.digitize(n_seen / season, bars), -1)):
        answers = [form.answer(horizon) for form in forms(y[rows].T, (0.0, *bars)[years])]
        out[rows] = _average(answers)
    return out


def _batches(y: Array, kind: NDArray[np.intp]) -> Iterator[tuple[int, Rows]]:
    """Series of one kind, those that begin together side by side; kind -1 is left out."""
    by_start = np.argsort(np.isnan(y).cumprod(axis=1).sum(axis=1), kind="stable")
    for each in range(kind.max(initial=-1) + 1):
        rows = by_start[kind[by_start] == each]
        yield from ((each, rows[i : i + _SERIES_AT_ONCE]) for i in range(0, len(rows), _SERIES_AT_ONCE))


def _average(answers: list[tuple[Array, Array]]) -> Array:
    """Forecasts [r, horizon] weighted by AICc, cooled by the temperature."""
    forecasts, aicc = (np.array(part) for part in zip(*answers, strict=True))
    weights = np.exp((aicc.min(axis=0) - aicc) / (2 * _TEMPERATURE))
    return np.asarray(np.einsum("kr,krh->rh", weights / weights.sum(axis=0), forecasts))


def _first_level(y: Array, periods: int) -> Array:
    """The mean of the first year of each series, [r]."""
    age = np.arange(len(y))[:, None] - (~np.isnan(y)).argmax(axis=0)
    year = ~np.isnan(y) & (age < periods)
    return np.asarray(np.where(year, y, 0.0).sum(axis=0) / year.sum(axis=0))


def _n_seen(y: Array) -> Array:
    return np.asarray((~np.isnan(y)).sum(axis=0), dtype=float)
