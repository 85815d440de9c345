"""Pairs: who lost in one territory what another dealer sold too much of.

In:   residuals of one volume [n, t] and which product and territory each series is.
Out:  for each series and month the territory, and in it the dealer, whose sales of the same product fell
      when those of the series rose; and how well the two mirror each other.

In each territory x product x month only the series that fell the most (over the months around) can be the
receiver; a series is compared with it over `_SPAN` months before and after. So the work grows with series x
territories, not with pairs of series, and only for series that have risen at all.

Limits: where a receiver's loss is small against its noise, a chance mirror wins; alone this is weak evidence.

>>> z = np.zeros((3, 12)); z[0, 4:8] = 4; z[2, 4:8] = -4
>>> mirrors = Mirrors.of(z, z * 10, np.zeros(3, dtype=np.int64), np.array([0, 1, 2]))
>>> mirrors.to[0, 5], mirrors.receiver[0, 5], mirrors.to[1, 5]
(np.int64(2), np.int64(2), np.int64(-1))
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.anomaly.spans import around, root_mean

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_SPAN = 3
_NEAR = 1  # months before and after in which a rise or a fall is looked for
_LEAST_RISE = 0.8  # z of the months around


@dataclass(frozen=True)
class Falls:
    """The series that fell the most in each market (territory x product), [k * s, t]."""

    series: Ints  # -1: nobody deals there
    z: Array

    @classmethod
    def of(cls, z: Array, market: Ints, markets: int) -> Self:
        """Strongest falls over the months around."""
        fell = np.nan_to_num(root_mean(z, _NEAR, _NEAR), nan=np.inf)
        series = np.full((markets, z.shape[1]), -1, dtype=np.int64)
        depth = np.full((markets, z.shape[1]), np.nan)
        order = np.argsort(market, kind="stable")
        order = order[market[order] >= 0]
        cuts = np.flatnonzero(np.diff(market[order])) + 1
        for rows in np.split(order, cuts) if len(order) else []:
            lowest = fell[rows].argmin(axis=0)
            series[market[rows[0]]] = rows[lowest]
            depth[market[rows[0]]] = fell[rows].min(axis=0)
        return cls(np.where(np.isinf(depth), -1, series), np.where(np.isinf(depth), np.nan, depth))


@dataclass(frozen=True)
class Mirrors:
    """The best mirror of each series and month, [n, t]; -1 and NaN: none."""

    to: Ints  # territory
    receiver: Ints  # series
    match: Array  # sum of products of rises and falls, over its root count
    match_second: Array  # of the second best territory
    falls: Falls
    z: Array
    units: Array

    @classmethod
    def of(cls, z: Array, units: Array, sku: Ints, place: Ints) -> Self:
        """Mirrors of residuals."""
        k, s = int(place.max(initial=-1)) + 1, int(sku.max(initial=-1)) + 1
        falls = Falls.of(z, np.where(place >= 0, place * s + sku, -1), k * s)
        shape = z.shape
        best = [np.full(shape, np.nan), np.full(shape, np.nan)]
        to, receiver = np.full(shape, -1, dtype=np.int64), np.full(shape, -1, dtype=np.int64)
        rose = np.nan_to_num(root_mean(z, _NEAR, _NEAR)) > _LEAST_RISE
        rows, steps = np.nonzero(rose & (place >= 0)[:, None])
        for there in range(k):
            away = place[rows] != there
            i, t = rows[away], steps[away]
            other = falls.series[there * s + sku[i], t]
            found = mirrored(z, i, t, other)
            better = found > np.nan_to_num(best[0][i, t], nan=0.0)
            second = np.where(better, best[0][i, t], np.fmax(best[1][i, t], found))
            best[1][i, t] = second
            best[0][i[better], t[better]] = found[better]
            to[i[better], t[better]], receiver[i[better], t[better]] = there, other[better]
        return cls(to, receiver, best[0], best[1], falls, z, units)

    def towards(self, to: Ints, sku: Ints) -> dict[str, Array]:
        """How well each series and month is mirrored in a given territory, [n, t]; `to` -1: NaN."""
        s = int(sku.max(initial=-1)) + 1
        rows, steps = np.nonzero(to >= 0)
        market = to[rows, steps] * s + sku[rows]
        inside = market < len(self.falls.series)
        rows, steps, market = rows[inside], steps[inside], market[inside]
        other = self.falls.series[market, steps]
        made = {"fall": self.falls.z[market, steps], "match": mirrored(self.z, rows, steps, other)}
        made["balance"] = self._balance(rows, steps, other)
        filled = {name: np.full(to.shape, np.nan) for name in made}
        for name, values in made.items():
            filled[name][rows, steps] = values
        return filled

    def best_balance(self) -> Array:
        """How equal the units risen and fallen are for the best mirrors, [n, t]."""
        rows, steps = np.nonzero(self.receiver >= 0)
        filled = np.full(self.to.shape, np.nan)
        filled[rows, steps] = self._balance(rows, steps, self.receiver[rows, steps])
        return filled

    def _balance(self, rows: Ints, steps: Ints, other: Ints) -> Array:
        near = around(np.nan_to_num(self.units), _NEAR)
        rise, fall = near[rows, steps], -near[other, steps]
        least, most = np.minimum(rise, fall), np.maximum(np.maximum(rise, fall), 1e-6)
        return np.where(other >= 0, np.clip(least / most, -1, 1), np.nan)


def mirrored(z: Array, rows: Ints, steps: Ints, other: Ints) -> Array:
    """Sum over the months around of min(rise, fall), less what goes the wrong way; NaN without other."""
    t = z.shape[1]
    safe = np.clip(np.nan_to_num(z), -6, 6)
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for lag in range(-_SPAN, _SPAN + 1):
        step = steps + lag
        inside = (step >= 0) & (step < t)
        at = np.clip(step, 0, t - 1)
        product = -safe[rows, at] * safe[other, at]
        total += np.where(inside, np.sign(product) * np.sqrt(np.abs(product)), 0)
        count += inside
    return np.asarray(np.where(other >= 0, total / np.sqrt(np.maximum(count, 1)), np.nan))
