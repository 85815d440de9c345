"""Lead: demand until what is ordered at the next look at the stock could be on the shelf.

An order of today arrives after the lead time; one that is not placed today can be placed at the next
review, and arrives a lead time after it. So what is in stock and on its way has to last

    lead time (random) + review period,

and the demand of those days is summed draw by draw; quantiles are taken of the SUM. (The 90 % quantiles
of three weeks add up to far more than the 90 % quantile of the three weeks.)

A lead time is gamma distributed with the mean and standard deviation on record; without a spread it is
that many days.

Shapes: n lines, s draws; days; units.

>>> lead_days(np.array([10.0]), np.array([0.0]), count=3, rng=np.random.default_rng(0)).tolist()
[[10.0, 10.0, 10.0]]
>>> days = lead_days(np.array([10.0]), np.array([4.0]), count=4000, rng=np.random.default_rng(0))
>>> bool(abs(days.mean() - 10) < 0.1), bool(abs(days.std() - 4) < 0.2)
(True, True)
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

from features.draws import Draws

Array = NDArray[np.float64]
_LEAST_SPREAD = 1e-6


def lead_days(mean_days: Array, spread_days: Array, *, count: int, rng: np.random.Generator) -> Array:
    """Equally likely lead times of each line, [n, s]: one stratified sample, the same ranks for all lines."""
    u = (rng.permutation(count) + 0.5) / count
    mean, spread = np.asarray(mean_days, float), np.asarray(spread_days, float)
    pairs, which = np.unique(np.stack([mean, spread], axis=1), axis=0, return_inverse=True)
    drawn = np.stack([_gamma(m, sd, u) for m, sd in pairs])
    return np.asarray(drawn[which.ravel()])


def wanted(draws: Draws, days: Array) -> Array:
    """Units wanted in the first days of each line's own draws, [n, s]; `days` [n, s]."""
    rows, which = np.unique(days, axis=0, return_inverse=True)
    out = np.empty((len(days), draws.count))
    for k, own in enumerate(rows):  # lines with the same terms together
        mine = np.flatnonzero(which.ravel() == k)
        out[mine] = draws.take(mine).within(own)
    return out


def _gamma(mean: float, spread: float, u: Array) -> Array:
    if spread <= _LEAST_SPREAD:
        return np.full(len(u), mean)
    shape = (mean / spread) ** 2
    return np.asarray(gamma.ppf(u, shape, scale=mean / shape))
