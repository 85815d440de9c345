"""Choice: the option each dealer takes when spending has a price, over all dealers at once.

    choose   the best of gain - price x cost, the cheaper one where two are alike      [n], [n]
    bound    what no plan within the limits can gain: the Lagrangian dual at these prices

Both walk over options and, in slices of dealers that fit the processor's cache, over [k, n] tables. Choices
are made in the tables' own precision; the bound is in float64, so that it holds.

>>> gain, cost = np.array([[0.0, 0.0], [3.0, 1.0]]), np.array([[0.0, 0.0], [2.0, 2.0]])
>>> choose(gain, [cost], [np.array([1.0, 1.0])])[0].tolist()
[1, 0]
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.rebate.options import Array, Use

Choices = NDArray[np.int16]
Prices = Sequence[NDArray[np.float64]]  # of each use, by its codes
_SLICE = 32_768


def slices(n: int) -> Iterator[slice]:
    """Parts of n dealers, each small enough for the cache."""
    return (slice(start, min(start + _SLICE, n)) for start in range(0, n, _SLICE))


def choose(gain: Array, amounts: Sequence[Array], prices: Sequence[Array]) -> tuple[Choices, Array]:
    """Best options [n] and their first amounts [n]; prices are one [n] for each table of amounts."""
    n = gain.shape[1]
    at, spent = np.zeros(n, np.int16), np.empty(n, amounts[0].dtype)
    for part in slices(n):
        own = [price[part].astype(gain.dtype) for price in prices]
        best = _value(gain[0, part], [a[0, part] for a in amounts], own)
        spent[part] = amounts[0][0, part]
        for j in range(1, len(gain)):
            value, costs = _value(gain[j, part], [a[j, part] for a in amounts], own), amounts[0][j, part]
            better = (value > best) | ((value == best) & (costs < spent[part]))
            np.copyto(best, value, where=better)
            np.copyto(spent[part], costs, where=better)
            np.copyto(at[part], np.int16(j), where=better)
    return at, spent


def cheapest(gain: Array, cost: Array) -> tuple[Choices, Array]:
    """The allowed option of the least cost, the one that gains most where two are alike."""
    n = gain.shape[1]
    at, spent, best = np.zeros(n, np.int16), np.full(n, np.inf, cost.dtype), np.full(n, -np.inf, gain.dtype)
    for part in slices(n):
        for j in range(len(gain)):
            value, costs = gain[j, part], cost[j, part]
            better = np.isfinite(value) & (
                (costs < spent[part]) | ((costs == spent[part]) & (value > best[part]))
            )
            np.copyto(best[part], value, where=better)
            np.copyto(spent[part], costs, where=better)
            np.copyto(at[part], np.int16(j), where=better)
    return at, spent


def bound(gain: Array, uses: Sequence[Use], prices: Prices) -> float:
    """The dual: all that dealers would take at these prices, and the limits at their prices."""
    total = 0.0
    for part in slices(gain.shape[1]):
        own = [price[use.code[part]] for use, price in zip(uses, prices, strict=True)]
        best: Any = -np.inf
        for j in range(len(gain)):
            costs = [use.amount[j, part].astype(np.float64) for use in uses]
            best = np.maximum(best, _value(gain[j, part].astype(np.float64), costs, own))
        total += float(best.sum())
    return total + sum(
        float((price[price > 0] * use.cap[price > 0]).sum()) for use, price in zip(uses, prices, strict=True)
    )


def _value(gain: Array, costs: Sequence[Array], prices: Sequence[Array]) -> Array:
    value = gain - prices[0] * costs[0]
    for price, cost in zip(prices[1:], costs[1:], strict=True):
        value -= price * cost
    return np.asarray(value)
