"""Ranks: order statistics that keep a promise for one more draw.

Of n exchangeable scores and one to come, the one to come lies at or below the k-th smallest with
probability k / (n + 1) or more. Levels below one half step down, the others up, so a band of two levels
holds at least what it says; with too few scores it ends at the least and the greatest.

Source: Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world, chapter 2.

>>> order_statistics(np.arange(1.0, 20.0), (0.1, 0.5, 0.9))
array([ 2., 10., 18.])

`zeroed` makes quantiles agree with how likely zero is: nothing is exceeded up to that level.

>>> zeroed(np.array([[1.0, 4.0, 9.0]]), (0.1, 0.5, 0.9), np.array([0.3]))
array([[0., 4., 9.]])
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def order_statistics(score: Array, levels: Sequence[float]) -> Array:
    """The score [r] that stands for each level, [k]; r is at least 1."""
    ordered, n = np.sort(score), len(score)
    ranks = [math.floor((n + 1) * p) if p < 0.5 else math.ceil((n + 1) * p) for p in levels]
    return np.asarray(ordered[np.clip(ranks, 1, n) - 1])


def zeroed(quantiles: Array, levels: Sequence[float], zero_probability: Array) -> Array:
    """Quantiles [..., k] with those up to the probability of zero [...] at zero; NaN changes none."""
    return np.where(np.asarray(levels) <= zero_probability[..., None], 0.0, quantiles)
