"""Pace: what an account would buy if it went on as it has, and the signs that it may not.

In:   monthly purchases [n, t], the calendar month (1 to 12) of the first column.
Out:  `expected` [n, k]: the coming k months, a level times a season.
      level   mean of purchases without season, a month's weight halved every `HALF_LIFE_MONTHS` back
      season  a factor for each calendar month, of whole years: the account's own, drawn to that of all
              accounts as if `SEASON_YEARS` more years of it had been seen; flat under a year of history
      `signs` [n, SIGNS]: what tells how far from its pace an account may go (NaN where unknown).

Limits: moving festivals are not told apart from their calendar month.
Errors: none.

>>> year = np.array([[10.0, 20.0] * 6])
>>> expected(np.tile(year, 2), first_month=1, ahead=3).round(1)
array([[10., 20., 10.]])
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HALF_LIFE_MONTHS = 6.0
SEASON_YEARS = 8.0
YEAR = 12
SIGNS = (
    "recent",  # log of the last three months over the level
    "last",  # last month over its pace
    "before",  # the month before
    "year_change",  # log of the last twelve months over the twelve before
    "silent",  # months since the last purchase, 12 at most
    "unsteady",  # spread of the last twelve months around their pace, relative
    "history",  # months since the first purchase, 36 at most
    "cover",  # months of stock
    "month",  # calendar month that comes first
)
_TINY = 1e-9
_MOST_CHANGE = 2.0


def begun(amounts: Array) -> NDArray[np.bool_]:
    """Months since the first purchase, [n, t]."""
    return np.asarray(np.cumsum(amounts > 0, axis=1) > 0)


def season(amounts: Array, *, first_month: int) -> Array:
    """Factors of the calendar months January to December, mean 1, [n, 12]."""
    years = amounts.shape[1] // YEAR
    flat = np.ones((len(amounts), YEAR))
    if not years:
        return flat
    whole = np.maximum(amounts[:, -years * YEAR :], 0.0).reshape(len(amounts), years, YEAR)
    sums, level = whole.sum(axis=1), whole.mean(axis=(1, 2))[:, None]  # [n, 12], [n, 1] a month
    of_all = sums.sum(axis=0) / max(float(level.sum()) * years, _TINY)
    drawn = (sums + SEASON_YEARS * level * of_all) / np.maximum(level * (years + SEASON_YEARS), _TINY)
    factors = np.where(level > 0, np.maximum(drawn, 0.05), flat)
    start = (first_month - 1 + amounts.shape[1] - years * YEAR) % YEAR
    turned = np.empty_like(factors)
    turned[:, (start + np.arange(YEAR)) % YEAR] = factors
    return np.asarray(turned / turned.mean(axis=1, keepdims=True))


def expected(amounts: Array, *, first_month: int, ahead: int) -> Array:
    """Purchases of the coming months at the pace so far, [n, ahead]."""
    level, factors = _level(amounts, first_month)
    coming = (first_month - 1 + amounts.shape[1] + np.arange(ahead)) % YEAR
    return np.asarray(level[:, None] * factors[:, coming])


def signs(amounts: Array, cover: Array, *, first_month: int) -> Array:
    """One column a sign, [n, SIGNS]."""
    level, factors = _level(amounts, first_month)
    t, known = amounts.shape[1], begun(amounts)
    month = (first_month - 1 + np.arange(t)) % YEAR
    with np.errstate(divide="ignore", invalid="ignore"):
        pace = np.where(known & (level > 0)[:, None], amounts / (level[:, None] * factors[:, month]), np.nan)
        recent = np.log(np.maximum(_mean(pace[:, -3:]), 0.05))
        years = _mean(amounts[:, -YEAR:]) / _mean(np.where(known, amounts, np.nan)[:, -2 * YEAR : -YEAR])
        change = np.clip(np.log(np.maximum(years, 0.05)), -_MOST_CHANGE, _MOST_CHANGE)
    columns: dict[str, Any] = {
        "recent": recent,
        "last": np.minimum(pace[:, -1], 5.0),
        "before": np.minimum(pace[:, -2], 5.0) if t > 1 else np.full(len(amounts), np.nan),
        "year_change": change if t > YEAR else np.full(len(amounts), np.nan),
        "silent": np.minimum((amounts > 0)[:, ::-1].argmax(axis=1) + YEAR * ~known[:, -1], YEAR),
        "unsteady": np.minimum(_spread(pace[:, -YEAR:]), 5.0),
        "history": np.minimum(known.sum(axis=1), 3 * YEAR),
        "cover": np.minimum(cover[:, -1], 12.0),
        "month": np.full(len(amounts), (first_month - 1 + t) % YEAR + 1),
    }
    return np.column_stack([np.asarray(columns[name], dtype=float) for name in SIGNS])


def _level(amounts: Array, first_month: int) -> tuple[Array, Array]:
    factors = season(amounts, first_month=first_month)
    t = amounts.shape[1]
    month = (first_month - 1 + np.arange(t)) % YEAR
    weight = 0.5 ** ((t - 1 - np.arange(t)) / HALF_LIFE_MONTHS) * begun(amounts)
    level = (weight * amounts).sum(axis=1) / np.maximum((weight * factors[:, month]).sum(axis=1), _TINY)
    return np.maximum(level, 0.0), factors


def _mean(values: Array) -> Array:
    count = np.isfinite(values).sum(axis=1)
    return np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan)


def _spread(values: Array) -> Array:
    centre = _mean(values)[:, None]
    return np.sqrt(_mean((values - centre) ** 2))
