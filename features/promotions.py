"""Plans: prices and promotions, known ahead, against what was usual and what was last year.

In: a plan's values, [n, t + ahead]. Out: [n, h], one column a period ahead.
Prices are compared as log ratios (a tenth cheaper is -0.105 at any price), promotions as
differences. NaN where either side is unknown.

>>> price = np.array([[10.0, 10.0, 8.0]])
>>> against_usual(price, t=2, horizon=1, k=2, ratio=True).round(3)
array([[-0.223]])
"""

import numpy as np

from features.lags import Array
from features.windows import window_mean


def planned(plan: Array, *, t: int, horizon: int) -> Array:
    """The plan for the periods ahead, [n, h]; NaN beyond the last planned period."""
    out = np.full((len(plan), horizon), np.nan)
    known = plan[:, t : t + horizon]
    out[:, : known.shape[1]] = known
    return out


def against_usual(plan: Array, *, t: int, horizon: int, k: int, ratio: bool) -> Array:
    """The plan against its own mean over the last k periods, [n, h]."""
    return _against(planned(plan, t=t, horizon=horizon), window_mean(plan[:, :t], k)[:, None], ratio=ratio)


def against_year_ago(plan: Array, *, t: int, horizon: int, season: int, ratio: bool) -> Array:
    """The plan against the same period last year, [n, h]."""
    source = t + np.arange(horizon) - season
    then = np.full((len(plan), horizon), np.nan)
    known = (source >= 0) & (source < plan.shape[1])
    then[:, known] = plan[:, source[known]]
    return _against(planned(plan, t=t, horizon=horizon), then, ratio=ratio)


def _against(now: Array, then: Array, *, ratio: bool) -> Array:
    if not ratio:
        return now - then
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.log(now) - np.log(then)
    return np.where(np.isfinite(change), change, np.nan)
