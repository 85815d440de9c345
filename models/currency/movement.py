"""Movement: how all exchange rates move together over the coming days.

In:   log returns against home [t, k] (features.rates), NaN where a currency has no rate of a day.
Out:  joint sample paths [k, h, s] of the log of each rate over what it is today: the standardised returns of
      one past day are drawn for all currencies at once, so that what moves together stays together; each
      currency scales them by its own variance (models.currency.volatility).

No view: every currency's paths are shifted so that the mean of exp(path) is 1 on every day (a martingale).
`stretch_` widens the paths by what past windows, each foretold from the days before it, were found too narrow
by; it is shrunk to 1 where few windows are on record.

Errors: models.errors.NotFitted. Limits: the last `MEMORY_DAYS` are read; a day on which
only some currencies have a rate is filled in for the others from their own past: that loosens what ties them.

>>> rng = np.random.default_rng(0)
>>> both = rng.normal(0, 0.005, 700)
>>> days = pd.bdate_range("2022-01-03", periods=700)
>>> returns = pd.DataFrame({"EUR": both, "USD": 0.9 * both}, index=days)
>>> paths = Movement().fit(returns).paths(returns, days=20, count=500)
>>> paths.shape, bool(np.corrcoef(paths[:, -1])[0, 1] > 0.95)
((2, 20, 500), True)
>>> bool(abs(np.exp(paths).mean(axis=2) - 1).max() < 1e-9)
True
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.currency.volatility import LEAST_EWMA, Constant, belief, paths, standardised
from models.errors import NotFitted

Array = NDArray[np.float64]
LEAST = 20  # returns, below which nothing is said of a currency
MEMORY_DAYS = 2520  # ten years: what a currency was under an older regime says little
STRETCHES = (0.8, 1.6)
_WINDOW_DAYS = 21
_FIRST_DAYS = 252  # of a history, before its first window
_REFIT_DAYS = 252
_LEVELS = (0.90, 0.95)
_PRIOR_WINDOWS = 30.0
_DRAWS = 500


@dataclass(kw_only=True)
class Movement:
    """A volatility for each currency, and one stretch for all."""

    seed: int = 0
    models_: dict[str, Constant] = field(default_factory=dict, init=False)
    stretch_: float = field(default=float("nan"), init=False)

    def fit(self, returns: pd.DataFrame) -> Self:
        """Learn each currency's volatility, and from past windows how wide bands have to be."""
        returns = returns.tail(MEMORY_DAYS)
        histories = {str(c): returns[c].dropna().to_numpy(dtype=np.float64) for c in returns}
        self.models_ = {c: belief(r) for c, r in histories.items() if len(r) >= LEAST_EWMA}
        self.stretch_ = _stretch([ratio for r in histories.values() for ratio in _ratios(r, self.seed)])
        return self

    def model(self, currency: str, own: Array) -> Constant:
        """The currency's volatility; one that was not there to be learned is learned from what is known."""
        if np.isnan(self.stretch_):
            raise NotFitted(self)
        return self.models_[currency] if currency in self.models_ else belief(own)

    def paths(self, returns: pd.DataFrame, *, days: int, count: int) -> Array:
        """Log of the coming rates over today's, [k, h, s], currencies in the order of the columns."""
        rng, returns = np.random.default_rng(self.seed), returns.tail(MEMORY_DAYS)
        place = rng.integers(0, max(len(returns), 1), (days, count))
        out = [self._one(str(c), returns[c], place) for c in returns]
        return np.stack(out) if out else np.zeros((0, days, count))

    def _one(self, currency: str, returns: "pd.Series[Any]", place: NDArray[np.int64]) -> Array:
        own = returns.dropna().to_numpy(dtype=np.float64)
        model = self.model(currency, own)
        scores = pd.Series(standardised(model, own), returns.dropna().index).reindex(returns.index)
        filled = np.array(scores, dtype=np.float64)
        missing = np.flatnonzero(np.isnan(filled))
        filled[missing] = filled[np.isfinite(filled)][missing % len(own)]
        walk = self.stretch_ * paths(model, own, filled[place])
        return np.asarray(walk - np.log(np.exp(walk).mean(axis=1, keepdims=True)))


def _ratios(returns: Array, seed: int) -> Iterator[tuple[float, ...]]:
    """Each past window's return over the edges that were foretold for it, one number a level."""
    rng = np.random.default_rng(seed)
    model, last = Constant(), -_REFIT_DAYS
    for t in range(_FIRST_DAYS, len(returns) - _WINDOW_DAYS + 1, _WINDOW_DAYS):
        past = returns[:t]
        if t - last >= _REFIT_DAYS:
            model, last = belief(past), t
        drawn = standardised(model, past)[rng.integers(0, t, (_WINDOW_DAYS, _DRAWS))]
        ends = paths(model, past, drawn)[-1]
        moved = float(returns[t : t + _WINDOW_DAYS].sum())
        edges = [np.quantile(ends, (1 + level) / 2 if moved > 0 else (1 - level) / 2) for level in _LEVELS]
        yield tuple(moved / edge if edge * moved > 0 else 0.0 for edge in edges)


def _stretch(ratios: list[tuple[float, ...]]) -> float:
    """The factor at which the bands of past windows would have held what they say."""
    if not ratios:
        return 1.0
    found = [np.quantile([one[i] for one in ratios], level) for i, level in enumerate(_LEVELS)]
    share = len(ratios) / (len(ratios) + _PRIOR_WINDOWS)
    return float(np.clip(np.exp(share * np.log(max(float(np.mean(found)), 1e-3))), *STRETCHES))
