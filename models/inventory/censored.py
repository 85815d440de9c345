"""Censored: sales of a period in which the dealer ran out say only that demand was at least so much.

A cut period is filled with what uncut periods of like strength went on to: every sale is divided by the
series' own level (a mean of uncut periods that forgets), and a cut one becomes

    level x E[ratio | ratio >= its own],

the mean over the uncut ratios of all series that are no smaller. That is redistribution to the right,
as in Kaplan and Meier, one step of it.

Shapes: sold [n, t] units, short [n, t]; the answer is [n, t], never below what was sold.
Source: Kaplan and Meier (1958), JASA 53; Efron (1967) for the redistribution.
Limits: a series that was always short stays as it is; ratios are pooled over series and periods.

>>> sold = np.array([[10.0, 10.0, 10.0, 16.0, 10.0, 4.0]])
>>> uplifted(sold, np.array([[False] * 5 + [True]])).round(1).tolist()
[[10.0, 10.0, 10.0, 16.0, 10.0, 11.8]]
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SALES_KEPT = 4.0  # months of sales that a level remembers; more periods where a series sells now and then
PRIOR_SALES = 2.0
_MOST = 3.0  # times its level: a rare huge order is no demand that was missed
_LEAST_UNITS = 1e-9


def levels(sold: Array, seen: NDArray[np.bool_], per_month: float = 1.0) -> Array:
    """Forgetting mean of the seen periods before each one, [n, t + 1]; NaN where none was ever seen.

    It begins with the series' own mean, which counts as `PRIOR_SALES` sales: a level of a few periods
    would be near nothing by chance.
    """
    n, t = sold.shape
    count = seen.sum(axis=1)
    sells = np.clip(((sold > 0) & seen).sum(axis=1) / np.maximum(count, 1), 0.02, 1.0)
    kept = 1 - sells / (SALES_KEPT * per_month)  # the rarer the sales, the longer the memory
    mean = np.where(seen, sold, 0.0).sum(axis=1) / np.maximum(count, 1)
    weight = PRIOR_SALES / sells
    total = weight * mean
    out = np.full((n, t + 1), np.nan)
    out[:, 0] = np.where(count > 0, mean, np.nan)
    for step in range(t):
        now = seen[:, step]
        total = np.where(now, kept * total + np.where(now, sold[:, step], 0.0), total)
        weight = np.where(now, kept * weight + 1.0, weight)
        out[:, step + 1] = np.where(count > 0, total / weight, np.nan)
    return out


def uplifted(sold: Array, short: NDArray[np.bool_], per_month: float = 1.0) -> Array:
    """Sales with cut periods filled."""
    known = np.isfinite(sold)
    cut = short & known
    if not cut.any():
        return sold
    level = levels(sold, known & ~cut, per_month)[:, :-1]
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
