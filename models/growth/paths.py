"""Paths: size, ability and years of every dealer, month by month, as points from 0 to 100.

In:   Books and a moment. Out: `Paths`, arrays [d, t]; month j is told by what had happened by its end.
      size      log of sales of 12 months (scaled up while there are fewer), on a scale of the portfolio
      ability   mean of what is known of punctuality (100 x exp(-late days / 30) x (1 - overdue share)),
                coverage (outlets active of those known) and regularity (months with an order of the last 12)
      years     with us, over twice what the industry asks for the highest tier
      points    .5 size + .35 ability + .15 years
A dealer has points from its first purchase on, NaN before.

Limits: the scale of size is that of the portfolio at the moment of fit; who sold nothing has size 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.industries import Industry
from features.punctuality import punctuality
from features.sheets import naive
from features.standing import Books, Standing

Array = NDArray[np.float64]

YEAR = 12
WEIGHTS = {"size": 0.5, "ability": 0.35, "years": 0.15}
LATE_DAYS = 30.0  # after which punctuality has fallen to e^-1
_QUANTILES = (0.02, 0.98)


@dataclass(frozen=True, kw_only=True)
class Paths:
    """d dealers over t months."""

    standing: Standing
    parts: dict[str, Array]  # size, ability, years, punctuality, coverage, regularity: [d, t], 0 to 100
    points: Array  # [d, t]
    late_days: Array  # [d, t]
    overdue_rate: Array  # [d, t]
    sales: Array  # [d, t] of 12 months

    @property
    def started(self) -> NDArray[np.bool_]:
        """Which months lie after the first purchase."""
        return np.isfinite(self.points)


def size_scale(standing: Standing) -> tuple[float, float]:
    """Log sales of a year that are worth 0 and 100 points."""
    year = rolling(standing.layers["sales"])[:, -1]
    logs = np.log1p(year[year > 0])
    if not len(logs):
        return 0.0, 1.0
    low, high = (float(np.quantile(logs, q)) for q in _QUANTILES)
    return low, max(high, low + 1.0)


def paths(books: Books, moment: pd.Timestamp, industry: Industry, scale: tuple[float, float]) -> Paths:
    """Every dealer that was known at the moment."""
    moment = naive(moment)
    standing = books.at(moment)
    sales = rolling(standing.layers["sales"])
    begun = np.isfinite(standing.layers["units"])
    late_days, overdue = _collections(books, standing)
    parts = {
        "size": np.clip((np.log1p(sales) - scale[0]) / (scale[1] - scale[0]), 0, 1) * 100,
        "punctuality": 100 * np.exp(-late_days / LATE_DAYS) * (1 - np.clip(overdue, 0, 1)),
        "coverage": _coverage(standing),
        "regularity": 100 * _share(standing.layers["units"]),
        "years": _years(standing, industry),
    }
    parts["ability"] = _mean([parts[name] for name in ("punctuality", "coverage", "regularity")])
    total = sum(weight * np.nan_to_num(parts[name]) for name, weight in WEIGHTS.items())
    return Paths(
        standing=standing,
        parts=parts,
        points=np.where(begun, total, np.nan),
        late_days=late_days,
        overdue_rate=overdue,
        sales=sales,
    )


def rolling(layer: Array, months: int = YEAR) -> Array:
    """Sum of the last 12 months up to each month, scaled up while there are fewer, [d, t].

    >>> rolling(np.array([[np.nan, 10.0, 20.0]])).tolist()
    [[0.0, 120.0, 180.0]]
    """
    seen = _window_sum(np.isfinite(layer).astype(float), months)
    total = _window_sum(np.nan_to_num(layer), months)
    return np.where(seen > 0, np.maximum(total, 0.0) * months / np.maximum(seen, 1), 0.0)


def _window_sum(values: Array, months: int) -> Array:
    sums = np.cumsum(values, axis=1)
    before = np.zeros_like(sums)
    before[:, months:] = sums[:, :-months]
    return np.asarray(sums - before)


def _share(units: Array) -> Array:
    bought = (np.nan_to_num(units) > 0).astype(float)
    return rolling(np.where(np.isfinite(units), bought, np.nan)) / YEAR


def _coverage(standing: Standing) -> Array:
    outlets, known = standing.layers["outlets"], standing.facts["outlets_known"].to_numpy(float)[:, None]
    lately = rolling(outlets, 3) / 3
    rate = np.divide(lately, known, out=np.full(lately.shape, np.nan), where=known > 0)
    return np.where(np.isfinite(outlets), np.clip(rate, 0, 1) * 100, np.nan)


def _years(standing: Standing, industry: Industry) -> Array:
    age = np.arange(len(standing.months))[::-1] / YEAR
    years = standing.facts["years"].to_numpy(float)[:, None] - age
    return np.asarray(np.clip(years / max(2 * industry.tiers.years, 0.5), 0, 1) * 100)


def _collections(books: Books, standing: Standing) -> tuple[Array, Array]:
    """Late days and overdue share as they were known at each month's end, [d, t]; NaN without invoices."""
    empty = np.full((len(standing.dealer_ids), len(standing.months)), np.nan)
    if books.seen("invoices", standing.moment).empty:
        return empty, empty.copy()
    late, overdue = empty.copy(), empty.copy()
    ends = [*standing.months[1:], standing.moment]
    for j, end in enumerate(ends):
        when = min(end, standing.moment)
        told = punctuality(books.seen("invoices", when), books.seen("payments", when), when)
        rows = told.reindex(standing.dealer_ids).fillna(0.0)
        late[:, j], overdue[:, j] = rows["late_days"], rows["overdue_rate"]
    return late, overdue


def _mean(layers: list[Array]) -> Array:
    stacked: Any = np.stack(layers)
    count = np.isfinite(stacked).sum(axis=0)
    return np.where(count > 0, np.nansum(stacked, axis=0) / np.maximum(count, 1), np.nan)
