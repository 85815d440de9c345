"""Likeness: which months of a series' past were most like a month that is forecast.

Two periods are alike when they stand at the same place in the year and had plans as unusual: prices as
log ratios to the mean of the year before, promotions as they are, each over its own spread in the
series. The distance is Euclidean; half a year apart counts as much as two spreads of a plan.

In:   a panel of one series, plans as far as they are known.
Out:  for each period ahead the positions of the `count` nearest observed periods, the nearest first,
      and their distances.

Limits: says nothing of size: a month of five years ago is told with the units of then.

>>> from features.frequency import MONTHLY
>>> static = pd.DataFrame({"dealer_id": ["D"], "sku_id": ["S"]})
>>> first = pd.Timestamp("2022-01-01")
>>> panel = Panel(static=static, first=first, freq=MONTHLY, y=np.arange(24.0)[None])
>>> [position for position, _ in nearest(panel, 1, count=2)[0]]  # both Januaries
[12, 0]
"""

import numpy as np
import pandas as pd  # noqa: F401  (the example)
from numpy.typing import NDArray

from features.panel import Panel, is_price

Array = NDArray[np.float64]
_HALF_A_YEAR = 2.0  # spreads of a plan that half a year of distance is worth


def nearest(panel: Panel, horizon: int, *, count: int = 3) -> list[list[tuple[int, float]]]:
    """Observed periods and their distance, for each period ahead."""
    traits, season = _traits(panel, horizon), panel.freq.season
    seen = np.flatnonzero(np.isfinite(panel.y[0]))[::-1]  # of equals, the newest
    found = []
    for ahead in range(panel.t, panel.t + horizon):
        apart = np.abs(seen - ahead) % season
        phase = np.minimum(apart, season - apart) / (season / 2) * _HALF_A_YEAR
        gap = np.nan_to_num(traits[:, seen] - traits[:, [ahead]])
        distance = np.sqrt(phase**2 + (gap**2).sum(axis=0))
        order = np.argsort(distance, kind="stable")[:count]
        found.append([(int(seen[i]), float(distance[i])) for i in order])
    return found


def _traits(panel: Panel, horizon: int) -> Array:
    """How unusual each plan is in each period, over its own spread, [p, t + h]."""
    rows = [_against_year(v[0], panel.freq.season) if is_price(k) else v[0] for k, v in panel.plans.items()]
    out = np.full((len(rows), panel.t + horizon), np.nan)
    for j, row in enumerate(rows):
        known = row[: panel.t + horizon]
        out[j, : len(known)] = known
        past = known[: panel.t][np.isfinite(known[: panel.t])]
        spread = past.std() if past.size else 0.0
        out[j] = out[j] / spread if spread > 0 else np.nan
    return out


def _against_year(price: Array, season: int) -> Array:
    """Log of each price over the mean of the year before it, [t]."""
    out = np.full(len(price), np.nan)
    for t in range(1, len(price)):
        before = price[max(t - season, 0) : t]
        if np.isfinite(before).any() and price[t] > 0:
            out[t] = np.log(price[t] / np.nanmean(before))
    return out
