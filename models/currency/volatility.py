"""Volatility: how much an exchange rate moves, today and over the coming days.

In:   daily log returns of one rate [t], oldest first, without gaps.
Out:  variances [t + 1] of each day and of tomorrow, given the days before it; the variance of the sum of the
      next h days; sample paths of the coming days (filtered historical simulation: the rate's own
      standardised returns of the past, drawn again and scaled by the variance that each path has by then).

    Constant   the mean square of all returns
    Ewma       v[t+1] = decay v[t] + (1 - decay) r[t]^2
    Garch      v[t+1] = v (1 - a - b) + a r[t]^2 + b v[t], v the mean square (variance-targeted)
    Anchored   half the variance of Garch, half the mean square of the last `RECENT_DAYS`

`decay`, or a and b, and the degrees of freedom of Student's t are those of the highest likelihood (scipy).
A mean of ten years is no anchor where regimes last for years (a managed rate that is let go): Anchored was
chosen for that, on rates of 2005 to 2014 and simulated ones (docs/rooms/currency.md).
`belief` takes Anchored with `LEAST_GARCH` returns, Ewma with `LEAST_EWMA`, else Constant.

The mean return is zero: over days it is small beside the spread, and guessing it is a view on the rate.

Source: Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity; RiskMetrics (1996);
        Francq, Horvath and Zakoian (2011) for targeting; Barone-Adesi, Giannopoulos and Vosper (1999) for
        filtered historical simulation.
Errors: models.errors.NotFitted, features.errors.TooFewRows.
Limits: a jump that the history does not hold is not drawn; a rate that never moved has a volatility near 0.

>>> rng = np.random.default_rng(0)
>>> calm, wild = rng.normal(0, 0.002, 500), rng.normal(0, 0.008, 40)
>>> model = Garch().fit(np.concatenate([calm, wild, calm]))
>>> now, then = (np.sqrt(model.variances(r)[-1]) for r in (calm, np.concatenate([calm, wild])))
>>> bool(then > 2 * now)
True
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.signal import lfilter
from scipy.special import gammaln

from features.errors import TooFewRows
from models.errors import NotFitted

Array = NDArray[np.float64]
LEAST_EWMA, LEAST_GARCH = 60, 500
RECENT_DAYS = 120
FLOOR = 1e-12  # of a variance: a rate that is held moves by rounding alone
_DAYS_BEFORE = 60  # whose mean square starts the recursion
_LEAST_FREEDOM, _MOST_FREEDOM = 2.5, 200.0


@dataclass(kw_only=True)
class Constant:
    """One variance for all days."""

    variance_: float = field(default=float("nan"), init=False)
    recent_share: ClassVar[float] = 0.0  # of the variance is that of the last days

    def fit(self, returns: Array) -> Self:
        """The mean square."""
        _enough(returns, 2)
        self.variance_ = _mean_square(returns)
        return self

    @property
    def weights(self) -> tuple[float, float, float]:
        """What v[t+1] takes of 1, of r[t]^2 and of v[t]."""
        if np.isnan(self.variance_):
            raise NotFitted(self)
        return self.variance_, 0.0, 0.0

    def variances(self, returns: Array) -> Array:
        """Of each day and of tomorrow, [t + 1]."""
        moved = _filtered(returns, self.weights)
        return np.asarray((1 - self.recent_share) * moved + self.recent_share * _recent(returns))


@dataclass(kw_only=True)
class Ewma(Constant):
    """Yesterday counts most: weights fade by `decay_`."""

    decay_: float = field(default=float("nan"), init=False)
    freedom_: float = field(default=float("nan"), init=False)

    def fit(self, returns: Array) -> Self:
        """Decay and degrees of freedom by maximum likelihood."""
        _enough(returns, LEAST_EWMA)
        self.variance_ = _mean_square(returns)

        def loss(x: Array) -> float:
            decay = _share(x[0])
            return -_likelihood(returns, _filtered(returns, (0.0, 1 - decay, decay)), _freedom(x[1]))

        best = _lowest(loss, [(2.0, 1.0), (3.0, 2.0), (4.5, 2.0)])
        self.decay_, self.freedom_ = _share(best[0]), _freedom(best[1])
        return self

    @property
    def weights(self) -> tuple[float, float, float]:
        if np.isnan(self.decay_):
            raise NotFitted(self)
        return 0.0, 1 - self.decay_, self.decay_


@dataclass(kw_only=True)
class Garch(Constant):
    """Variance that is moved by news and returns to its mean."""

    news_: float = field(default=float("nan"), init=False)  # a
    memory_: float = field(default=float("nan"), init=False)  # b
    freedom_: float = field(default=float("nan"), init=False)
    likelihood_: float = field(default=float("nan"), init=False)

    def fit(self, returns: Array) -> Self:
        """a, b and degrees of freedom by maximum likelihood, the mean variance held at the mean square."""
        _enough(returns, LEAST_EWMA)
        self.variance_ = variance = _mean_square(returns)

        def loss(x: Array) -> float:
            news, memory = _pair(x)
            weights = (variance * (1 - news - memory), news, memory)
            return -_likelihood(returns, _filtered(returns, weights), _freedom(x[2]))

        best = _lowest(loss, [(3.0, -2.5, 2.0), (4.5, -3.5, 2.0), (2.0, -1.5, 1.0)])
        (self.news_, self.memory_), self.freedom_ = _pair(best), _freedom(best[2])
        self.likelihood_ = -loss(best)
        return self

    @property
    def weights(self) -> tuple[float, float, float]:
        if np.isnan(self.news_):
            raise NotFitted(self)
        return self.variance_ * (1 - self.news_ - self.memory_), self.news_, self.memory_


@dataclass(kw_only=True)
class Anchored(Garch):
    """Garch held halfway to what the rate did lately."""

    recent_share: ClassVar[float] = 0.5


def belief(returns: Array) -> Constant:
    """The richest model that the length of a history supports."""
    kinds = [(LEAST_GARCH, Anchored), (LEAST_EWMA, Ewma)]
    kind = next((kind for least, kind in kinds if len(returns) >= least), Constant)
    return kind().fit(returns)


def horizon_variance(model: Constant, returns: Array, days: int) -> float:
    """Variance of the sum of the next so many days."""
    base, news, memory = model.weights
    share, recent = model.recent_share, _recent(returns)[-1]
    moved, total = _filtered(returns, model.weights)[-1], 0.0
    for _ in range(days):
        variance = (1 - share) * moved + share * recent
        total += variance
        moved = base + news * variance + memory * moved
    return float(total)


def standardised(model: Constant, returns: Array) -> Array:
    """Returns over the spread that was expected of their day, drawn to a mean square of one, [t]."""
    scores = returns / np.sqrt(model.variances(returns)[:-1])
    return np.asarray(scores / max(np.sqrt(np.mean(scores**2)), 1e-6))


def paths(model: Constant, returns: Array, scores: Array) -> Array:
    """Sums of the returns of the coming days, [h, s], from standardised returns drawn for them [h, s]."""
    base, news, memory = model.weights
    share, recent = model.recent_share, _recent(returns)[-1]
    moved = np.full(scores.shape[1], _filtered(returns, model.weights)[-1])
    out = np.empty(scores.shape)
    for day, drawn in enumerate(scores):
        out[day] = np.sqrt((1 - share) * moved + share * recent) * drawn
        moved = base + news * out[day] ** 2 + memory * moved
    return np.cumsum(out, axis=0)


def _enough(returns: Array, least: int) -> None:
    if len(returns) < least:
        raise TooFewRows("A volatility (daily returns)", least, len(returns))


def _mean_square(returns: Array) -> float:
    return max(float(np.mean(returns**2)), FLOOR)


def _filtered(returns: Array, weights: tuple[float, float, float]) -> Array:
    """v[0] is the mean square of the first days; then the recursion, as a linear filter."""
    base, news, memory = weights
    first = _mean_square(returns[:_DAYS_BEFORE]) if len(returns) and (news or memory) else base
    driven = base + news * returns**2
    rest = lfilter([1.0], [1.0, -memory], driven, zi=np.array([memory * first]))[0]
    return np.asarray(np.maximum(np.append(first, rest), FLOOR))


def _recent(returns: Array) -> Array:
    """Mean square of the last days before each day and before tomorrow, [t + 1]; the first days' at first."""
    sums = np.append(0.0, np.cumsum(returns**2))
    ends = np.maximum(np.arange(len(sums)), min(_DAYS_BEFORE, len(returns)))
    begins = np.maximum(ends - RECENT_DAYS, 0)
    return np.asarray(np.maximum((sums[ends] - sums[begins]) / np.maximum(ends - begins, 1), FLOOR))


def _likelihood(returns: Array, variances: Array, freedom: float) -> float:
    """Log-likelihood of Student's t with these variances."""
    v = variances[:-1]
    level = gammaln((freedom + 1) / 2) - gammaln(freedom / 2) - 0.5 * np.log(np.pi * (freedom - 2))
    tails = (freedom + 1) / 2 * np.log1p(returns**2 / (v * (freedom - 2)))
    return float(np.sum(level - 0.5 * np.log(v) - tails))


def _share(x: float) -> float:
    return float(np.clip(1 / (1 + np.exp(-x)), 1e-4, 0.9995))


def _pair(x: Array) -> tuple[float, float]:
    """Persistence a + b, and the share of news in it."""
    together, share = _share(x[0]), _share(x[1])
    return together * share, together * (1 - share)


def _freedom(x: float) -> float:
    return float(np.clip(_LEAST_FREEDOM + np.exp(x), _LEAST_FREEDOM, _MOST_FREEDOM))


def _lowest(loss: Callable[[Array], float], starts: list[tuple[float, ...]]) -> Array:
    """The best end of several starts."""
    options: Any = {"xatol": 1e-3, "fatol": 1e-4, "maxiter": 400}
    found = [minimize(loss, list(start), method="Nelder-Mead", options=options) for start in starts]
    return np.asarray(min(found, key=lambda one: float(one.fun)).x)
