"""Scans: which flows of codes away from home are more than travel explains.

In:   shipments (features/shipments.py): scans seen [n, t], at home [n, t], flows [m, t] to other territories.
Out:  for each flow [m, t]: counts, what travel explains, and a signed root of the likelihood ratio.

What travel explains of a flow from dealer d at home in h to place k in month t is

    scans of the series x rate(d, k; other months) x surge(h, k, t; other dealers)

with the dealer's rate drawn to that of h -> k with half a scan's weight (a gamma prior of shape 1/2),
and the pair's rate to the channel's. Months within `_GUARD_MONTHS` of t are left out, so an episode
does not explain itself; commuters, who always travel, do. A surge (a festival, tourists) is what the
other dealers of h see.

Source: Poisson deviance residual, sign(c - m) sqrt(2 (c log(c / m) - c + m)).

>>> round(float(deviance(np.array([4.0]), np.array([1.0]))[0]), 2)
2.26
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.shipments import Shipments
from models.anomaly.spans import around, trailing

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_GUARD_MONTHS = 4
_PRIOR_SHAPE = 0.5
_PAIR_SCANS = 200.0  # of a pair of territories that count as much as the channel's rate
_SURGE_SCANS = 2.0  # expected ones that count as much as no surge
_LEAST = 1e-4


@dataclass(frozen=True)
class Flows:
    """Flows of scans away from home, [m, t]."""

    row: Ints  # [m], series
    to: Ints  # [m], territory
    count: Array
    expected: Array
    siblings: Array  # the dealer's scans of other products in the same place
    siblings_expected: Array
    surge: Array

    @classmethod
    def of(cls, goods: Shipments) -> Self:
        """Flows of a channel, and what travel explains of them."""
        row, to, count = goods.flow_row, goods.flow_to, goods.flow.astype(float)
        dealer, k = goods.dealer[row], max(1, len(goods.territory_ids))
        d = len(goods.dealer_ids)
        pair = dealer * k + to  # dealer and place
        lane = goods.home[dealer] * k + to  # territory and place
        pair_seen, pair_code = np.unique(pair, return_inverse=True)
        by_pair = _summed(count, pair_code, len(pair_seen))
        seen = _summed(goods.seen.astype(float), goods.dealer, d)  # [d, t]
        pair_dealer, pair_to = np.divmod(pair_seen, k)
        rate = _rates(
            by_pair,
            seen[pair_dealer],
            _lane_rates(goods, lane, count, seen, k)[_lane(goods, pair_dealer, pair_to, k)],
        )
        expected_pair = rate * seen[pair_dealer]
        surge = _surges(by_pair, expected_pair, _lane(goods, pair_dealer, pair_to, k))
        explained = rate * surge
        of_series = explained[pair_code] * goods.seen[row]
        of_dealer = (explained * seen[pair_dealer])[pair_code]
        return cls(
            row, to, count, of_series,
            by_pair[pair_code] - count, np.maximum(of_dealer - of_series, 0), surge[pair_code],
        )  # fmt: skip


def deviance(count: Array, expected: Array) -> Array:
    """Signed root of the Poisson deviance: near a z-score, honest for small counts."""
    m = np.maximum(expected, _LEAST)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(count > 0, count * np.log(count / m), 0.0) - (count - m)
    return np.asarray(np.sign(count - m) * np.sqrt(2 * np.maximum(gain, 0)))


def _lane(goods: Shipments, dealer: Ints, to: Ints, k: int) -> Ints:
    return np.asarray(np.maximum(goods.home[dealer], 0) * k + to)


def _lane_rates(goods: Shipments, lane: Ints, count: Array, seen: Array, k: int) -> Array:
    """Share of the scans of each home that travel to each place, [k * k]."""
    total = np.bincount(np.maximum(lane, 0), weights=count.sum(axis=1), minlength=k * k)
    home_seen = np.bincount(np.maximum(goods.home, 0), weights=seen.sum(axis=1), minlength=k)
    overall = count.sum() / max(seen.sum(), 1.0) / max(k - 1, 1)
    rates = (total + _PAIR_SCANS * overall) / (np.repeat(home_seen, k) + _PAIR_SCANS)
    return np.asarray(np.maximum(rates, _LEAST))


def _rates(count: Array, seen: Array, prior: Array) -> Array:
    """A dealer's usual rate to a place, from the other months, [p, t]."""
    others = [x.sum(axis=1, keepdims=True) - around(x, _GUARD_MONTHS) for x in (count, seen)]
    return np.asarray((others[0] + _PRIOR_SHAPE) / (others[1] + _PRIOR_SHAPE / prior[:, None]))


def _surges(count: Array, expected: Array, lane: Ints) -> Array:
    """By how much the other dealers of the same home exceed their rates to the same place, [p, t]."""
    code = np.unique(lane, return_inverse=True)[1] if len(lane) else lane
    size = int(code.max(initial=-1)) + 1
    others = [_summed(x, code, size)[code] - x for x in (count, expected)]
    return np.asarray((others[0] + _SURGE_SCANS) / (others[1] + _SURGE_SCANS))


def _summed(values: Array, code: Ints, size: int) -> Array:
    total = np.zeros((size, values.shape[1]))
    np.add.at(total, code, values)
    return total


@dataclass(frozen=True)
class Coverage:
    """Scans at home against what the units sold let expect, [n, t]."""

    count: Array
    expected: Array

    @classmethod
    def of(cls, goods: Shipments, units: Array) -> Self:
        """Expected home scans: units x the dealer's usual coverage x the territory's month."""
        d, k = len(goods.dealer_ids), max(1, len(goods.territory_ids))
        known = np.nan_to_num(units)
        home = goods.at_home.astype(float)
        of_dealer = [_summed(x, goods.dealer, d) for x in (home, known)]
        others = [x.sum(axis=1, keepdims=True) - around(x, _GUARD_MONTHS) for x in of_dealer]
        overall = home.sum() / max(known.sum(), 1.0)
        rate = (others[0] + 1.0) / np.maximum(others[1] + 1.0 / max(overall, 1e-9), 1e-9)
        place = np.maximum(goods.place, 0)
        expected = rate[goods.dealer] * known
        month = [_summed(x, place, k) for x in (home, expected)]
        factor = (month[0] + 5.0) / (month[1] + 5.0)
        return cls(home, expected * factor[place])


def windows(count: Array, expected: Array) -> dict[str, Array]:
    """Deviances of sums over this month, the last two and three, six, and the months around, [m, t]."""
    spans = {"1": (count, expected)}
    spans |= {f"last{w}": (trailing(count, w), trailing(expected, w)) for w in (2, 3, 6)}
    spans |= {f"mid{2 * w + 1}": (around(count, w), around(expected, w)) for w in (1, 2, 3)}
    return {name: deviance(*pair) for name, pair in spans.items()}
