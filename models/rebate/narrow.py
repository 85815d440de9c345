"""Narrow: the prices of spending between which the answer lies, and the few dealers still open there.

A dealer who takes the same option at a low and at a high price takes it at every price between. So each
halving of an interval leaves half of the dealers open, and all halvings together cost little more than two
looks at everybody.

A knob is one price to be found: that of a budget (all regions together) or of a cap (one region).

>>> gain, cost = np.array([[0.0] * 4, [4.0, 3.0, 2.0, 1.0]]), np.array([[0.0] * 4, [1.0] * 4])
>>> knobs = Knobs(of=np.zeros(1, np.intp), cap=np.array([2.0]), floor=np.zeros(1))
>>> low, high = narrow(gain, cost, np.zeros(4, np.intp), knobs, few=0)
>>> bool(low[0] <= 2.0 <= high[0])
True
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.rebate.choice import Choices, cheapest, choose
from models.rebate.options import Array, Codes
from models.rebate.running import sums

Real = NDArray[np.float64]
Range = tuple[Real, Real]
FEW = 2_000  # dealers still open that are cheap to sort
_HALVINGS = 60
_RISES = 40
_DROPS = 8
_SAMPLE = 20_000  # dealers who say where to look
_DOUBT = 3.0  # of what they say, over the root of their number


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """Prices to be found, the limits that ask for them, and what regions pay at least."""

    of: Codes  # [r] knob of each region
    cap: Real  # [q] of each knob
    floor: Real = field(repr=False)  # [r]


def narrow(
    gain: Array, cost: Array, region: Codes, knobs: Knobs, *, few: int = FEW, near: Range | None = None
) -> Range:
    """Low and high prices of each knob: at the high one its limit is kept, at the low one it is not.

    Both are zero where the limit is kept by whatever dealers like best. It looks between `near` first; with
    many dealers a sample of them says where that is.
    """
    n = gain.shape[1]
    if near is not None or n <= 2 * _SAMPLE:
        return _Search(gain, cost, region, knobs).run(few, *(near or ()))
    some = slice(None, None, n // _SAMPLE)
    share = len(region[some]) / n
    part = Knobs(of=knobs.of, cap=knobs.cap * share, floor=knobs.floor)
    low, high = narrow(gain[:, some], cost[:, some], region[some], part, few=1)
    seen = np.bincount(knobs.of[region[some]], minlength=len(knobs.cap))
    doubt = np.minimum(_DOUBT / np.sqrt(np.maximum(seen, 1)), 0.9)
    return _Search(gain, cost, region, knobs).run(few, low * (1 - doubt), high * (1 + doubt))


class _Search:
    def __init__(self, gain: Array, cost: Array, region: Codes, knobs: Knobs) -> None:
        self.gain, self.cost, self.region, self.knobs = gain, cost, region, knobs
        self.fixed = np.zeros(len(knobs.of))  # spent by dealers who are settled
        self.low, self.high = np.zeros(len(knobs.cap)), np.zeros(len(knobs.cap))

    def run(self, few: int, low: Real | None = None, high: Real | None = None) -> Range:
        self.low = self.low if low is None else low.copy()
        self.high = self.low.copy() if high is None else np.maximum(high, self.low)
        at_low = self._lower()
        at_high = self._raise()
        self._settle(at_low, at_high)
        for _ in range(_HALVINGS):
            if len(self.region) <= few or not (self.high > self.low).any():
                break
            self._halve()
        return self.low, self.high

    def _lower(self) -> Choices:
        """A low price for each knob at which its limit is not kept, or zero; what is taken there."""
        for tried in range(_DROPS):
            at, spent = self._at(self.low)
            kept = ~self._over(spent) & (self.low > 0)
            if not kept.any():
                break
            self.high[kept] = np.minimum(self.high[kept], self.low[kept])
            self.low[kept] *= 0.5 if tried < _DROPS - 2 else 0.0
        free = (self.low == 0) & ~self._over(spent)
        self.high[free] = 0.0
        return at

    def _raise(self) -> Choices:
        """A high price for each knob at which its limit is kept; what is taken there."""
        start = 0.0
        for _ in range(_RISES):
            at, spent = self._at(self.high)
            over = self._over(spent)
            if not over.any():
                return at
            start = start or self._scale()
            self.low[over] = np.maximum(self.low[over], self.high[over])
            self.high[over] = np.maximum(self.high[over] * 4, start)
        return cheapest(self.gain, self.cost)[0]

    def _halve(self) -> None:
        middle = (self.low + self.high) / 2
        at, spent = self._at(middle)
        over = self._over(spent) & (self.high > self.low)
        self.low, self.high = np.where(over, middle, self.low), np.where(over, self.high, middle)
        up = over[self.knobs.of][self.region]
        self._settle(np.where(up, at, self.at_low), np.where(up, self.at_high, at))

    def _scale(self) -> float:
        """About what a unit of cost gains when everybody takes the best."""
        best, spent = choose(self.gain, [self.cost], [np.zeros(self.gain.shape[1])])
        base, least = cheapest(self.gain, self.cost)
        rows = np.arange(len(best))
        more = float((self.gain[best, rows] - self.gain[base, rows]).sum(dtype=np.float64))
        return max(more, 1e-200) / max(float((spent - least).sum(dtype=np.float64)), 1e-200)

    def _at(self, price: Real) -> tuple[Choices, Array]:
        paid = np.maximum(price[self.knobs.of], self.knobs.floor)
        return choose(self.gain, [self.cost], [paid[self.region]])

    def _over(self, spent: Array) -> NDArray[np.bool_]:
        by_region = self.fixed + sums(spent, self.region, len(self.knobs.of))
        total = sums(by_region, self.knobs.of, len(self.knobs.cap))
        return np.asarray(total > self.knobs.cap)

    def _settle(self, at_low: Choices, at_high: Choices) -> None:
        """Keep those who choose differently at the two ends."""
        rows = np.flatnonzero(at_low == at_high)
        self.fixed += sums(self.cost[at_high[rows], rows], self.region[rows], len(self.fixed))
        rest = np.flatnonzero(at_low != at_high)
        self.gain, self.cost = self.gain.take(rest, axis=1), self.cost.take(rest, axis=1)
        self.region, self.at_low, self.at_high = self.region[rest], at_low[rest], at_high[rest]
