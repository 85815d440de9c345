"""Rarely sold products: how often, how much, and the product of the two.

In:   y [n, t], units; NaN before a series began and in gaps.   Out: [n, horizon], units, >= 0; flat.

- `croston_sba` smooths the sizes of sales and the periods between them; their ratio, less a bias.
- `tsb` smooths the sizes and the probability of a sale, which also falls while nothing is sold.
- `imapa` smooths sums over 1, 2, ... periods up to the usual wait between sales, and averages.

Smoothing constants are picked for each series from a small grid by the squared one-step error inside
the history. Gaps are skipped, never counted as zero sales. `season` changes nothing here.

Source: Syntetos and Boylan (2005), The accuracy of intermittent demand estimates, IJF 21; Teunter,
        Syntetos and Babai (2011), Intermittent demand: linking forecasting to inventory obsolescence,
        EJOR 214; Petropoulos and Kourentzes (2015), Forecast combinations for intermittent demand,
        JORS 66 (IMAPA).
Limits: no season, no trend; `tsb` holds 16 numbers in memory for every value. Croston's forecast stays
        high when a product dies: prefer the other two.

>>> y = np.array([[0.0, 0.0, 6.0, 0.0, 0.0, 6.0, 0.0, 0.0, 6.0]])
>>> imapa(y, season=12, horizon=1).round()
array([[2.]])
"""

import numpy as np
from numpy.typing import NDArray

from models.demand.baselines import window_mean
from models.demand.smoothing import Smoother

Array = NDArray[np.float64]

_SIZE_ALPHAS = (0.1, 0.2, 0.3, 0.5)
_CHANCE_ALPHAS = (0.05, 0.1, 0.2, 0.3)
_CROSTON_ALPHAS = (0.05, 0.1, 0.2, 0.3)
_IMAPA_ALPHAS = (0.1, 0.15, 0.2, 0.25, 0.3)
_SIMPLE = Smoother(trend=False, season="none", periods=1)


def croston_sba(y: Array, *, season: int, horizon: int) -> Array:
    """Mean size over mean wait, times 1 - alpha / 2."""
    past = y.T
    alphas = np.array(_CROSTON_ALPHAS)[:, None]
    size = _smoothed(np.where(past > 0, past, np.nan), _CROSTON_ALPHAS)  # [t + 1, c, n]
    wait = _smoothed(_waits(past), _CROSTON_ALPHAS)
    rate = (1 - alphas / 2) * size / np.where(wait > 0, wait, 1.0)
    return _flat(_best(past, rate), y, horizon)


def tsb(y: Array, *, season: int, horizon: int) -> Array:
    """Mean size times the probability of a sale."""
    past = y.T
    chance = _smoothed(np.where(np.isnan(past), np.nan, past > 0), _CHANCE_ALPHAS)  # [t + 1, b, n]
    size = _smoothed(np.where(past > 0, past, np.nan), _SIZE_ALPHAS)  # [t + 1, a, n]
    pairs = size[:, :, None] * chance[:, None]  # [t + 1, a, b, n]
    rate = pairs.reshape(len(pairs), pairs.shape[1] * pairs.shape[2], len(y))
    return _flat(_best(past, rate), y, horizon)


def imapa(y: Array, *, season: int, horizon: int) -> Array:
    """The mean over aggregation levels, each smoothed on its own."""
    levels = _levels(y)
    total = np.zeros(len(y))
    for level in range(1, levels.max(initial=0) + 1):
        rows = levels >= level
        blocks = _block_means(y[rows], level).T  # [blocks, r]
        total[rows] += _best(blocks, _smoothed(blocks, _IMAPA_ALPHAS))
    return _flat(total / np.maximum(levels, 1), y, horizon)


def _smoothed(past: Array, alphas: tuple[float, ...]) -> Array:
    """Simple smoothing from the first value on, [t, n] to [t + 1, c, n]: before each period, then after.
    Nothing is expected of the first value itself."""
    past = np.vstack([np.full((1, past.shape[1]), np.nan), past])  # there is always a period to look at
    first = past[(~np.isnan(past)).argmax(axis=0), np.arange(past.shape[1])]
    theta = np.empty((2, len(alphas), past.shape[1]))
    theta[0] = np.log(np.array(alphas) / (1 - np.array(alphas)))[:, None]
    theta[1] = np.nan_to_num(first)
    begun = np.maximum.accumulate(~np.isnan(past), axis=0)  # before the period that follows
    return np.where(begun[:, None], _SIMPLE.expected(past, theta, horizon=1)[1:], 0.0)


def _best(past: Array, rate: Array) -> Array:
    """The last rate of the candidate [t + 1, c, n] with the least squared error, [n]."""
    error = np.nan_to_num(past[:, None] - rate[:-1])
    best = (error**2).sum(axis=0).argmin(axis=0)
    return np.asarray(rate[-1, best, np.arange(past.shape[1])])


def _waits(past: Array) -> Array:
    """At each sale, the periods seen since the last one (or since the beginning); else NaN. [t, n]"""
    age = np.cumsum(~np.isnan(past), axis=0)
    sale = past > 0
    before = np.vstack(
        [np.zeros((1, past.shape[1])), np.maximum.accumulate(np.where(sale, age, 0), axis=0)[:-1]]
    )
    return np.where(sale, age - before, np.nan)


def _levels(y: Array) -> NDArray[np.intp]:
    """How many sums to try: the usual wait between sales, at most a third of the history. [n]"""
    age, sale = np.cumsum(~np.isnan(y), axis=1), y > 0
    last_sale = np.where(sale, age, 0).max(axis=1, initial=0)
    wait = np.round(last_sale / np.maximum(sale.sum(axis=1), 1))
    return np.asarray(np.clip(wait, 1, max(y.shape[1] // 3, 1)), dtype=np.intp)


def _block_means(y: Array, level: int) -> Array:
    """Means of `level` periods, counted from the end; NaN where none was seen."""
    blocks = y[:, y.shape[1] % level :].reshape(len(y), -1, level)
    seen = (~np.isnan(blocks)).sum(axis=2)
    total = np.where(np.isnan(blocks), 0.0, blocks).sum(axis=2)
    return np.where(seen > 0, total / np.maximum(seen, 1), np.nan)


def _flat(rate: Array, y: Array, horizon: int) -> Array:
    """The rate repeated; the mean of a series of one value; NaN where nothing was seen."""
    few = (~np.isnan(y)).sum(axis=1) < 2
    rate = np.where(few, window_mean(y, periods=max(y.shape[1], 1), horizon=1)[:, 0], rate)
    return np.repeat(np.maximum(rate, 0.0)[:, None], horizon, axis=1)
