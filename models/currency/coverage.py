"""Coverage: are stated quantiles kept as often as they say?

In:   hits [n], whether each outcome lay inside (or beyond) its interval; the rate that was stated.
Out:  the p-value of Kupiec's likelihood ratio: how surprising so many hits are when the rate is right. For
      forecasts of variance also QLIKE, the loss that ranks them rightly when variance is seen through noise.

Source: Kupiec (1995), Techniques for verifying the accuracy of risk measurement models; Patton (2011),
        Volatility forecast comparison using imperfect volatility proxies.
Limits: outcomes are taken as independent: windows must not overlap.

>>> inside = np.arange(200) % 10 > 0                  # nine in ten
>>> round(kupiec(inside, 0.9), 3), bool(kupiec(inside, 0.99) < 0.001)
(1.0, True)
>>> qlike(np.array([4.0]), np.array([4.0])).tolist()   # the right variance costs nothing
[0.0]
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import chi2

Array = NDArray[np.float64]
_LEAST_VARIANCE = 1e-14


def kupiec(hits: NDArray[np.bool_], rate: float) -> float:
    """p-value of the rate, given these hits."""
    n, k = len(hits), int(np.sum(hits))
    if n == 0:
        return float("nan")
    found = k / n
    stated = xlogy(k, rate) + xlogy(n - k, 1 - rate)
    seen = xlogy(k, found) + xlogy(n - k, 1 - found)
    return float(chi2.sf(2 * max(float(seen - stated), 0.0), 1))


def qlike(realised: Array, forecast: Array) -> Array:
    """Loss of each forecast of a variance, [n]; zero when it is the realised one."""
    ratio = np.maximum(realised, _LEAST_VARIANCE) / np.maximum(forecast, _LEAST_VARIANCE)
    return np.asarray(ratio - np.log(ratio) - 1)
