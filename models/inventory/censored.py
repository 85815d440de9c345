"""Censored: sales of a period in which the dealer ran out say only that demand was at least so much.

A cut period is filled with what uncut periods of like strength went on to: every sale is divided by the
series' own level (a mean of earlier uncut periods that forgets), and a cut one becomes

    level x E[ratio | ratio >= its own],

the mean over the uncut ratios of all series that are no smaller. That is redistribution to the right,
as in Kaplan and Meier, one step of it.

Shapes: sold [n, t] units, short [n, t]; the answer is [n, t], never below what was sold.
Source: Kaplan and Meier (1958), JASA 53; Efron (1967) for the redistribution.
Limits: a series that was always short stays as it is; ratios are pooled over series and periods.

>>> sold = np.array([[10.0, 10.0, 10.0, 16.0, 10.0, 4.0]])
>>> uplifted(sold, np.array([[False] * 5 + [True]])).round(1).tolist()
[[10.0, 10.0, 10.0, 16.0, 10.0, 12.7]]
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MEMORY = 0.75  # of the level from one period to the next
_MOST = 3.0  # times its level: a rare huge order is no demand that was missed
_LEAST_UNITS = 1e-9


def levels(sold: Array, seen: NDArray[np.bool_], memory: float = MEMORY) -> Array:
    """Forgetting mean of the seen periods before each one, [n, t + 1]; NaN before the first."""
    n, t = sold.shape
    out = np.full((n, t + 1), np.nan)
    total, weight = np.zeros(n), np.zeros(n)
    for step in range(t):
        now = seen[:, step]
        total = np.where(now, memory * total + np.where(now, sold[:, step], 0.0), total)
        weight = np.where(now, memory * weight + 1.0, weight)
        out[:, step + 1] = np.where(weight > 0, total / np.maximum(weight, 1.0), np.nan)
    return out


def uplifted(sold: Array, short: NDArray[np.bool_]) -> Array:
    """Sales with cut periods filled."""
    known = np.isfinite(sold)
    cut = short & known
    if not cut.any():
        return sold
    level = levels(sold, known & ~cut)[:, :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(level > _LEAST_UNITS, sold / level, np.nan)
    uncut = np.sort(ratio[np.isfinite(ratio) & ~cut])
    uncut = np.minimum(uncut, _MOST)
    if not len(uncut):
        return sold
    above = np.cumsum(uncut[::-1])[::-1] / np.arange(len(uncut), 0, -1)  # mean of this one and all above
    place = np.searchsorted(uncut, np.nan_to_num(ratio, nan=np.inf))
    filled = np.append(above, np.nan)[place] * level
    return np.where(cut & (filled > sold), filled, sold)
