"""History: futures drawn from a series' own past, where no demand model answers, and beside one.

A future is a stretch of the past, whole, so that periods keep hanging together: the sales of h periods
in a row over the level that stood before them, taken up again at today's level and season. A series with
few stretches borrows those of all others.

    units[h] = level now x (stretch of an origin)[h] x season[h]

The season is one index a product and calendar month, pooled over dealers and drawn towards 1.

Shapes: sold [n, t] units without gaps after a start (NaN before), months [t] 0 to 11; draws [n, h, s].
Source: moving-block bootstrap (Kuensch 1989); with zeros kept it is Willemain et al. (2004), IJF 20,
        for parts that sell now and then.
Limits: knows no price and no promotion ahead; nothing outside what was seen, but scaled.

>>> sold = np.tile([8.0, 12.0], (1, 12))
>>> rng = np.random.default_rng(0)
>>> units = stretches(sold, np.arange(24) % 12, np.zeros(1), horizon=2, count=50, rng=rng)
>>> units.shape, bool(abs(units.mean() - 10) < 1)
((1, 2, 50), True)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.inventory.censored import levels

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_ORIGIN_MONTHS = 36  # looked back on
_BORROWED = 6.0  # a series with so many stretches borrows half of them, with twice as many a fifth
_PRIOR_MONTHS = 6.0  # of an ordinary season, a product and calendar month
_LEAST_LEVEL = 1e-6
_MOST_RATIO = 8.0  # of a period that sells, to its level: from near nothing one learns nothing


def stretches(
    sold: Array, months: Ints, product: NDArray[Any], *, horizon: int, count: int, rng: np.random.Generator
) -> Array:
    """Draws [n, h, s] of the periods after the last; `product` [n] codes whose season is shared."""
    n = len(sold)
    index = season(sold, months, product)  # [n, 12]
    plain = sold / index[:, months]
    per_month = _per_year(months) / 12
    level = levels(plain, np.isfinite(plain), per_month)  # [n, t + 1]
    pool, own, first = _ratios(plain, level, horizon, origins=int(_ORIGIN_MONTHS * per_month))
    if not len(pool):
        return np.repeat(np.nan_to_num(level[:, -1:])[:, :, None], horizon, axis=1) * np.ones(count)
    from_own = rng.random((n, count)) < (own**2 / (own**2 + _BORROWED**2))[:, None]
    mine = first[:, None] + (rng.random((n, count)) * np.maximum(own, 1)[:, None]).astype(np.int64)
    other = rng.integers(0, len(pool), (n, count))
    picked = pool[np.where(from_own, np.minimum(mine, len(pool) - 1), other)]  # [n, s, h]
    ahead = index[:, _months_after(months, horizon)]  # [n, h]
    now = np.nan_to_num(level[:, -1])
    return np.asarray(picked.transpose(0, 2, 1) * (now[:, None] * ahead)[:, :, None])


def season(sold: Array, months: Ints, product: NDArray[Any]) -> Array:
    """Index of each calendar month, mean 1 over the year, [n, 12]; 1 with under two years of history."""
    n, t = sold.shape
    per_year = _per_year(months)
    if t < 2 * per_year:
        return np.ones((n, 12))
    code = np.unique(product, return_inverse=True)[1]
    usual = _yearly(sold, per_year)
    seen = np.isfinite(sold) & (usual > _LEAST_LEVEL)
    ratio = np.where(seen, np.minimum(sold / np.where(seen, usual, 1.0), _MOST_RATIO), 0.0)
    total, weight = np.zeros((code.max() + 1, 12)), np.zeros((code.max() + 1, 12))
    at = (code[:, None], np.broadcast_to(months, sold.shape))
    np.add.at(total, at, ratio)
    np.add.at(weight, at, seen.astype(float))
    prior = _PRIOR_MONTHS * per_year / 12
    index = (total + prior) / (weight + prior)
    return np.asarray((index / index.mean(axis=1, keepdims=True))[code])


def _yearly(sold: Array, per_year: int) -> Array:
    """Mean of the year around each period, as much of it as is known, [n, t]."""
    known = np.isfinite(sold)
    total = np.cumsum(np.pad(np.where(known, sold, 0.0), ((0, 0), (1, 0))), axis=1)
    count = np.cumsum(np.pad(known.astype(float), ((0, 0), (1, 0))), axis=1)
    t = sold.shape[1]
    low = np.clip(np.arange(t) - per_year // 2, 0, max(t - per_year, 0))
    high = np.minimum(low + per_year, t)
    return np.asarray((total[:, high] - total[:, low]) / np.maximum(count[:, high] - count[:, low], 1.0))


def _ratios(plain: Array, level: Array, horizon: int, *, origins: int) -> tuple[Array, Array, Ints]:
    """All stretches over their levels [r, h]; how many are each series' own [n], and its first one [n]."""
    n, t = plain.shape
    start = np.arange(max(1, t - horizon + 1 - origins), t - horizon + 1)
    if not len(start):
        return np.empty((0, horizon)), np.zeros(n), np.zeros(n, dtype=np.int64)
    window = plain[:, start[:, None] + np.arange(horizon)]  # [n, o, h]
    base = level[:, start]
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(window).all(axis=2) & (base > _LEAST_LEVEL)
    own = usable.sum(axis=1)
    rare = np.maximum((plain > 0).sum(axis=1) / np.maximum(np.isfinite(plain).sum(axis=1), 1), 0.02)
    most = np.broadcast_to((_MOST_RATIO / rare)[:, None], usable.shape)[usable]
    ratio = np.minimum(window[usable] / base[usable][:, None], most[:, None])
    ratio *= _unbiased(ratio, np.nonzero(usable)[0], window[usable], base[usable])[:, None]
    return ratio, own.astype(float), np.asarray(np.cumsum(own) - own, dtype=np.int64)


def _unbiased(ratio: Array, row: NDArray[np.intp], window: Array, base: Array) -> Array:
    """Factor of each stretch so that a series' mean ratio is its sum of units over its sum of levels.

    A mean of ratios is too large: where the level is low by chance, the ratio is high by chance.
    """
    n = int(row.max()) + 1
    units, usual = np.bincount(row, window.sum(axis=1), n), np.bincount(row, base * window.shape[1], n)
    mean = np.bincount(row, ratio.mean(axis=1), n) / np.maximum(np.bincount(row, minlength=n), 1)
    wanted = units / np.maximum(usual, _LEAST_LEVEL)
    return np.asarray((wanted / np.where(mean > 0, mean, 1.0))[row])


def _per_year(months: Ints) -> int:
    """12 for months, 52 for weeks: two weeks begin in one month."""
    return 52 if (np.diff(months) == 0).any() else 12


def _months_after(months: Ints, horizon: int) -> Ints:
    """Calendar months of the coming periods: weeks take those of a year ago."""
    t = len(months)
    if t >= 52 and _per_year(months) == 52:
        return np.asarray(months[t - 52 : t - 52 + horizon], dtype=np.int64)
    return np.asarray((months[-1] + 1 + np.arange(horizon)) % 12, dtype=np.int64)
