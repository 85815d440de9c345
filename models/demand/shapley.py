"""Shapley values of a few families of columns, on the scale that a planner reads.

Trees of a Tweedie objective add up in logs: raw = base + sum of effects, units = link(raw). An effect in
logs has no fixed worth in units: it depends on the others. The Shapley value of a family is its worth
averaged over every order in which the families can be added; it is exact here, since f families have
only 2^f subsets.

In:   base [r], effects [r, f] on the raw scale, link (such as `np.exp`).
Out:  [r, f]; base's own worth link(base) and the values add up to link(base + all effects).
Source: Shapley (1953), A value for n-person games; Lundberg and Lee (2017) for SHAP.
Limits: cost doubles with each family: at most `MOST_FAMILIES`.

>>> shapley(np.zeros(1), np.log([[2.0, 3.0]]), np.exp)  # from 1 to 6: alone 1 and 2, together 5
array([[2., 3.]])
"""

from collections.abc import Callable
from math import factorial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST_FAMILIES = 12


def shapley(base: Array, effects: Array, link: Callable[[Array], Array]) -> Array:
    """What each family is worth on the scale of `link`, [r, f]."""
    count = effects.shape[1]
    if count > MOST_FAMILIES:
        raise ValueError(f"At most {MOST_FAMILIES} families can be told apart; got {count}.")
    subsets = np.arange(2**count)
    held = (subsets[:, None] >> np.arange(count)) & 1  # [2^f, f]
    worth = link(base[:, None] + effects @ held.T)  # [r, 2^f]
    size = held.sum(axis=1)
    chance = np.array([factorial(k) * factorial(count - k - 1) / factorial(count) for k in range(count)])
    out = np.zeros_like(effects, dtype=np.float64)
    for j in range(count):
        without = subsets[held[:, j] == 0]
        out[:, j] = (worth[:, without | (1 << j)] - worth[:, without]) @ chance[size[without]]
    return out
