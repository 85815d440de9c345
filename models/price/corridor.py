"""Corridor: best prices of one product over territories that may not lie too far apart.

In:   for each of n lines a grid of prices [n, k], rising, and what each is worth [n, k]; its territory's
      code [n]; width [m, m]: by how much a price in the row's territory may exceed one in the column's.
      NaN: goods do not travel between the two.
Out:  prices [n] inside their grids with the highest total worth, such that no two territories differ by
      more than the corridor; where no such prices exist, the total excess over it is least, first of all.

Solved exactly as a linear programme over the least concave curve of each worth: a line's price is a mean
of its grid's points. (A margin under constant elasticity is concave up to well above its maximum.)
Source: Dantzig (1960) on separable programming; HiGHS by scipy.optimize.linprog.
Limits: a worth that is not concave is priced by its hull.

>>> grid = np.array([[9.0, 10.0, 11.0], [9.0, 10.0, 11.0]])
>>> worth = np.array([[3.0, 2.0, 0.0], [0.0, 2.0, 3.5]])     # one wants 9, the other 11
>>> within(grid, worth, np.array([0, 1]), np.array([[np.nan, 1.0], [1.0, np.nan]])).round(6).tolist()
[10.0, 11.0]
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from features.errors import ChannelError
from models.response import concave

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_EXCESS_COST = 1e3  # of one money of excess, in the highest worth of one money of price


class Unsolved(ChannelError):
    def __init__(self, message: str) -> None:
        super().__init__(f"The corridor of a product could not be solved: {message}")


def within(grid: Array, worth: Array, territory: Ints, width: Array) -> Array:
    """Prices of all lines, jointly."""
    free = grid[np.arange(len(grid)), worth.argmax(axis=1)]
    if excess(free, territory, width).max(initial=0.0) <= 0.0:
        return np.asarray(free)
    return _solved(grid, worth, territory, width)


def excess(price: Array, territory: Ints, width: Array) -> Array:
    """By how much each pair of territories breaks its corridor, 0 where it does not, [m, m]."""
    low, high = ends(price, territory, len(width))
    gap = high[:, None] - low[None, :] - width
    return np.asarray(np.where(np.isfinite(gap), np.maximum(gap, 0.0), 0.0))


def ends(price: Array, territory: Ints, count: int) -> tuple[Array, Array]:
    """Lowest and highest price in each territory, NaN where there is none, [m]."""
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, territory, price)
    np.maximum.at(high, territory, price)
    empty = ~np.isfinite(low)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def _solved(grid: Array, worth: Array, territory: Ints, width: Array) -> Array:
    """Variables: weights of grid points [n k], lowest, highest of each territory [m], excess [pairs]."""
    n, k = grid.shape
    m = len(width)
    curve = np.vstack([concave(x, y[None]) for x, y in zip(grid, worth, strict=True)])
    curve = curve / max(float(np.abs(curve).max()), 1e-12)
    here = np.isin(np.arange(m), territory)
    a, b = np.nonzero(np.isfinite(width) & here[:, None] & here[None, :] & ~np.eye(m, dtype=bool))
    cost = np.concatenate([-curve.ravel(), np.zeros(2 * m), np.full(len(a), _penalty(grid, curve))])
    low, high, over = n * k + np.arange(m), n * k + m + np.arange(m), n * k + 2 * m + np.arange(len(a))
    line, column, row = np.repeat(np.arange(n), k), np.arange(n * k), np.arange(n)
    pair = 2 * n + np.arange(len(a))
    # low of the territory <= price, price <= high of the territory, high - low - excess <= width
    entries = [
        (line, column, -grid.ravel()), (row, low[territory], np.ones(n)),
        (n + line, column, grid.ravel()), (n + row, high[territory], -np.ones(n)),
        (pair, high[a], np.ones(len(a))), (pair, low[b], -np.ones(len(a))), (pair, over, -np.ones(len(a))),
    ]  # fmt: skip
    shape = (2 * n + len(a), len(cost))
    limits = np.concatenate([np.zeros(2 * n), width[a, b]])
    whole = _sparse([(line, column, np.ones(n * k))], (n, len(cost)))
    bounds: list[tuple[float | None, None]] = [(0, None)] * (n * k)
    bounds += [(None, None)] * (2 * m) + [(0, None)] * len(a)
    asked = cost, _sparse(entries, shape), limits, whole, np.ones(n), bounds
    found = linprog(*asked, method="highs")  # type: ignore[call-overload]  # sparse matrices are taken
    if found.x is None:
        raise Unsolved(str(found.message))
    return np.asarray((found.x[: n * k].reshape(n, k) * grid).sum(axis=1))


def _penalty(grid: Array, curve: Array) -> float:
    step = np.maximum(np.diff(grid, axis=1), 1e-12)
    steepest = float(np.abs(np.diff(curve, axis=1) / step)[np.diff(grid, axis=1) > 1e-9].max(initial=0.0))
    return _EXCESS_COST * max(steepest, 1e-6) * len(grid)


def _sparse(
    entries: list[tuple[NDArray[np.intp], NDArray[np.intp], Array]], shape: tuple[int, int]
) -> coo_array:
    row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    return coo_array((value, (row, column)), shape=shape)
