"""Running: dated numbers of dealers that are added up to any moment.

In:   events (dealer code, when, v numbers); queries (dealer code, second).
Out:  sums [q, v] of all events up to a query, of its last days, or of its last k events.

An event counts from its own second on and never before: a query is a search in sorted times, so
later events cannot move it. Dealers are coded 0 to d - 1; the last code may have no events.

>>> when = pd.Series(pd.to_datetime(["2024-01-05", "2024-01-01", "2024-01-09"]))
>>> events = Events.of(np.array([0, 0, 1]), when, [[2.0, 1.0, 7.0]], 2)
>>> asked = seconds_of(pd.Series(pd.to_datetime(["2024-01-04", "2024-01-05"])), up=False)
>>> events.upto(np.array([0, 0]), asked).ravel().tolist()
[1.0, 3.0]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_STRIDE = 1 << 34  # seconds; more than any moment since 1970
_DAY = 86_400


@dataclass(frozen=True)
class Events:
    """Dated numbers of dealers, ready to be added up to any moment: e events, v numbers each."""

    key: NDArray[np.int64]  # [e] dealer and second, ascending
    sums: Array  # [e + 1, v] running within each dealer; row 0 is zero
    starts: NDArray[np.int64]  # [dealers + 1] first event of each dealer

    @classmethod
    def of(cls, dealer: NDArray[np.int64], at: "pd.Series[Any]", values: Sequence[Any], dealers: int) -> Self:
        """Events sorted by dealer and time; an event without a time never happens."""
        seconds = seconds_of(at, up=True)
        keep = seconds >= 0
        dealer, seconds = dealer[keep], seconds[keep]
        numbers = np.column_stack([np.broadcast_to(np.asarray(v, float), keep.shape)[keep] for v in values])
        order = np.lexsort((seconds, dealer))
        dealer, key = dealer[order], (dealer * _STRIDE + seconds)[order]
        running = pd.DataFrame(numbers[order]).groupby(dealer).cumsum().to_numpy()
        starts = np.searchsorted(dealer, np.arange(dealers + 1))
        return cls(key, np.vstack([np.zeros((1, numbers.shape[1])), running]), starts)

    def upto(self, dealer: NDArray[np.int64], seconds: NDArray[np.int64]) -> Array:
        """Sums of what had happened, [q, v]."""
        return self._at(dealer, self._position(dealer, seconds))

    def within(self, dealer: NDArray[np.int64], seconds: NDArray[np.int64], days: float) -> Array:
        """Sums of the last days, [q, v]."""
        before = self._position(dealer, seconds - int(days * _DAY))
        return self._at(dealer, self._position(dealer, seconds)) - self._at(dealer, before)

    def latest(self, dealer: NDArray[np.int64], seconds: NDArray[np.int64], k: int) -> Array:
        """Sums of the last k events, [q, v]."""
        end = self._position(dealer, seconds)
        return self._at(dealer, end) - self._at(dealer, np.maximum(end - k, self.starts[dealer]))

    def _position(self, dealer: NDArray[np.int64], seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many events lie before, those of earlier dealers too; unknown dealers have none."""
        return np.searchsorted(self.key, dealer * _STRIDE + np.maximum(seconds, -1), "right")

    def _at(self, dealer: NDArray[np.int64], position: NDArray[np.int64]) -> Array:
        return np.where((position > self.starts[dealer])[:, None], self.sums[position], 0.0)

    def second(self, event: int) -> int:
        """When one event happened."""
        return int(self.key[event] % _STRIDE)

    def ends_of_seconds(self, begins: int, ends: int) -> NDArray[np.bool_]:
        """Whether an event is the last one of its second: only then are the sums complete."""
        part = self.key[begins:ends]
        return np.append(part[1:] != part[:-1], True)[: len(part)]

    def first(self, dealer: NDArray[np.int64]) -> NDArray[np.int64]:
        """Second of the first event; of no meaning for a dealer without one."""
        place = np.minimum(self.starts[dealer], max(len(self.key) - 1, 0))
        return self.key[place] - dealer * _STRIDE if len(self.key) else np.zeros_like(dealer)

    def last(self, dealer: NDArray[np.int64], seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Second of the last event up to a query; of no meaning where there is none."""
        place = np.maximum(self._position(dealer, seconds) - 1, 0)
        return self.key[place] - dealer * _STRIDE if len(self.key) else np.zeros_like(dealer)


def seconds_of(moments: "pd.Series[Any]", *, up: bool) -> NDArray[np.int64]:
    """Whole seconds since 1970, rounded up or down; -1 for no moment.

    >>> seconds_of(pd.Series(pd.to_datetime(["1970-01-01 00:00:01.5", None])), up=True).tolist()
    [2, -1]
    """
    micros = pd.to_datetime(moments).astype("datetime64[us]")
    whole = micros.astype("int64").to_numpy()
    seconds = -(-whole // 1_000_000) if up else whole // 1_000_000
    return np.where(micros.isna().to_numpy(), -1, seconds)
