"""Residuals: how far a series is from what its own past and its market explain.

In:   units x [n, t] (NaN: nothing on record), and which product, place and dealer each series is.
Out:  `z` [n, t] robust standardised log residuals, `units` [n, t] the excess in units.

    log((x + c) / m) = level + product x month + place x month + place x product x month
                       + plans + the dealer's habit at quarter ends + residual

Each effect is a median over its members, drawn to 0 by n / (n + 5), so that a diverting dealer does not
explain itself away in a market of some size. The level of a series is its median; `local_z` is against the
months around instead (a year), which forgives a lasting shift. Scale: MAD of the series, drawn to that of
series of its size.

Limits: needs some months to know a level; with fewer than 5 series in a market the market explains little.

>>> rng = np.random.default_rng(0)
>>> x = rng.poisson(100, (30, 24)).astype(float); x[4, 10:14] += 60
>>> zero = np.zeros(30, dtype=np.int64)
>>> z = Residuals.of(x, zero, zero, np.arange(30), np.arange(24) % 12 + 1).z
>>> bool(z[4, 10:14].min() > 3.4 > np.abs(z[:4]).max())
True
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_SHRINK = 5.0  # members of a market that count as much as no effect
_FLOOR_RATE = 0.1  # of a series' mean, added before the logarithm
_MOST_Z = 10.0
_LOCAL_MONTHS = 6  # before and after
_SIZE_CLASSES = 8
_LEAST_SPREAD = 0.08


@dataclass(frozen=True)
class Residuals:
    """What is not explained, [n, t]; NaN where nothing is on record."""

    z: Array
    local_z: Array
    units: Array  # above (below) the expectation
    expected: Array  # units
    spread: Array  # [n], of the log residual

    @classmethod
    def of(
        cls, x: Array, sku: Ints, place: Ints, dealer: Ints, month: Ints, plans: Array | None = None
    ) -> Self:
        """Residuals of units [n, t]; `month` [t] is the calendar month; `plans` [q, n, t]."""
        seen = np.isfinite(x)
        mean = _mean(x, seen)[:, None]
        y = np.log((np.where(seen, x, np.nan) + _FLOOR_RATE * mean) / mean)
        level = _median(y, axis=1)[:, None]
        left = y - level
        left -= market(left, sku)
        if plans is not None and len(plans):
            left -= _planned(left, plans)
        left -= market(left, place) + market(left, place * (sku.max(initial=0) + 1) + sku)
        left -= _habit(left, dealer, month)
        shift = _median(left, axis=1)[:, None]
        left -= shift
        spread = _spread(left, mean[:, 0])
        explained = y - left
        expected = np.maximum(mean * (np.exp(explained) - _FLOOR_RATE), 0)
        z = np.clip(left / spread[:, None], -_MOST_Z, _MOST_Z)
        local = np.clip((left - _around(left)) / spread[:, None], -_MOST_Z, _MOST_Z)
        return cls(z, local, np.where(seen, x - expected, np.nan), expected, spread)


def market(y: Array, group: Ints) -> Array:
    """The movement that a group's members share, [n, t]: medians by month, drawn to 0 where few."""
    if not len(y):
        return np.zeros_like(y)
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    shared = np.zeros_like(y)
    for rows in np.split(order, cuts):
        members = y[rows]
        count = np.isfinite(members).sum(axis=0)
        middle = np.nan_to_num(_median(members, axis=0))
        shared[rows] = middle * (np.maximum(count - 1, 0) / (count - 1 + _SHRINK).clip(1))
    return shared


def _planned(left: Array, plans: Array) -> Array:
    """What promotions moved: one pooled coefficient for each kind, against the product's other dealers."""
    seen = np.isfinite(left)
    x = np.stack([np.nan_to_num(plan)[seen] for plan in plans], axis=1)
    x = x - x.mean(axis=0)
    y = np.clip(left[seen], -2, 2)
    gram = x.T @ x + 1e-3 * len(y) * np.diag(x.var(axis=0) + 1e-9)
    slope = np.linalg.lstsq(gram, x.T @ (y - y.mean()), rcond=None)[0] if len(y) else np.zeros(len(plans))
    moved = np.tensordot(slope, np.nan_to_num(plans), axes=1)
    return np.asarray(moved - _median(np.where(seen, moved, np.nan), axis=1)[:, None])


def _habit(left: Array, dealer: Ints, month: Ints) -> Array:
    """What a dealer does in each month of a quarter, over all its series, [n, t]."""
    habit = np.zeros_like(left)
    d = int(dealer.max(initial=-1)) + 1
    for phase in range(3):
        columns = (month - 1) % 3 == phase
        part = np.clip(left[:, columns], -1.5, 1.5)
        seen = np.isfinite(part)
        total = np.bincount(dealer, weights=np.nan_to_num(part).sum(axis=1), minlength=d)
        count = np.bincount(dealer, weights=seen.sum(axis=1), minlength=d)
        habit[:, columns] = (total / (count + 2 * _SHRINK))[dealer][:, None]
    return habit


def _spread(left: Array, mean: Array) -> Array:
    """MAD of each series, drawn to the median of series of its size, [n]."""
    own = 1.4826 * _median(np.abs(left), axis=1)
    count = np.isfinite(left).sum(axis=1)
    if not len(own):
        return own
    rank = np.argsort(np.argsort(mean)) * _SIZE_CLASSES // max(1, len(mean))
    typical = np.array(
        [np.nan_to_num(_median(own[rank == r], axis=0), nan=0.3) for r in range(_SIZE_CLASSES)]
    )
    pooled = np.maximum(typical[rank], _LEAST_SPREAD)
    weight = count / (count + 2 * _SHRINK)
    return np.asarray(
        np.sqrt(weight * np.nan_to_num(own) ** 2 + (1 - weight) * pooled**2).clip(_LEAST_SPREAD)
    )


def _around(left: Array) -> Array:
    """Median of half a year before and after each month, the month and its neighbours left out, [n, t]."""
    t = left.shape[1]
    around = np.zeros_like(left)
    for step in range(t):
        near = np.arange(max(0, step - _LOCAL_MONTHS - 1), min(t, step + _LOCAL_MONTHS + 2))
        chosen = near[np.abs(near - step) > 1]
        around[:, step] = np.nan_to_num(_median(left[:, chosen], axis=1))
    return around


def _mean(x: Array, seen: NDArray[np.bool_]) -> Array:
    """Mean over the months on record, at least one unit, [n]."""
    total = np.where(seen, x, 0).sum(axis=1)
    return np.asarray(np.maximum(total / np.maximum(seen.sum(axis=1), 1), 1e-3))


def _median(values: Array, axis: int) -> Array:
    """Median of what is finite; NaN where nothing is. Sorts, since NaN sorts last."""
    ordered = np.sort(values, axis=axis)
    count = np.isfinite(values).sum(axis=axis)
    low, high = np.maximum((count - 1) // 2, 0), count // 2
    if values.shape[axis] == 0:
        return np.full(count.shape, np.nan)
    high = np.minimum(high, values.shape[axis] - 1)
    picked = [np.take_along_axis(ordered, np.expand_dims(i, axis), axis) for i in (low, high)]
    return np.asarray(np.where(count > 0, np.squeeze((picked[0] + picked[1]) / 2, axis), np.nan))
