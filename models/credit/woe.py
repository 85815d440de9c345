"""WoE: a column cut into a few bins, each with its weight of evidence for the bad event.

In:   values [n] (numbers with NaN, or level codes as strings), y [n] 0/1.
Out:  weight of evidence [n] = log-odds of the bad event in the bin less those of the whole; above 0
      is worse. A missing value has a bin of its own; one that was never missing in training weighs 0.

Numbers are cut at quantiles first and then merged by pooling neighbours: the order of the bad rates
is held to a shape (rising, falling, or one turn) and the shape with the best penalised likelihood
is kept; `direction` +1 or -1 forces it. Bins that the data can hardly tell apart are merged (half of
log n of likelihood must be gained by each cut, as in BIC). Words are merged by their bad rates.

Source: Siddiqi (2006), Credit risk scorecards; Ayer et al. (1955) for pooling adjacent violators.
Limits: pooling and greedy merging, not the exact optimum of a mixed integer programme.
Errors: models.errors.NotFitted.

>>> x = np.r_[np.arange(400.0), np.full(40, np.nan)]
>>> y = np.r_[(np.arange(400) % 10 == 0) | (np.arange(400) > 350), np.ones(40)].astype(float)
>>> woe = Woe().fit(x, y)
>>> woe.transform(np.array([10.0, 390.0, np.nan])).round(1).tolist()
[-1.2, 5.1, 5.0]
>>> bool((np.diff(woe.transform(np.arange(400.0))) >= 0).all())
True
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import xlogy

from models.errors import NotFitted

Array = NDArray[np.float64]
Ints = NDArray[np.intp]
Merge = Callable[[Array, Array, list[int]], list[int]]
_FINE = 50  # quantiles to start from
_LEAST_TURN = 6  # quantiles
_PRIOR = 1.0  # rows of the portfolio added to each bin


@dataclass(frozen=True)
class Bin:
    """One bin: its rows, its bad ones, its weight."""

    label: str
    n: int
    bad: int
    woe: float


@dataclass(kw_only=True)
class Woe:
    """Weight of evidence of one column."""

    direction: int = 0  # +1: more is worse, -1: more is better, 0: what the data say
    most: int = 8
    least_share: float = 0.01
    edges_: Array | None = field(default=None, init=False)  # inner cuts of numbers; above the cut: next bin
    levels_: dict[str, int] = field(default_factory=dict, init=False)  # word to bin
    bins_: list[Bin] = field(default_factory=list, init=False)  # the last one: missing
    worded_: bool = field(default=False, init=False)

    def fit(self, values: NDArray[Any], y: Array) -> Self:
        """Cut, merge and weigh."""
        y = np.asarray(y, float)
        self.worded_ = values.dtype.kind not in "fiub"
        self.edges_, self.levels_ = np.empty(0), {}
        missing = _missing(values)
        if self.worded_:
            self._cut_words(values[~missing], y[~missing])
        else:
            self.edges_ = self._cut_numbers(values[~missing].astype(float), y[~missing])
        self.bins_ = self._weighed(values, y)
        return self

    def transform(self, values: NDArray[Any]) -> Array:
        """Weights, [n]."""
        weights = np.array([b.woe for b in self.bins_])
        return np.asarray(weights[self.place(values)])

    def place(self, values: NDArray[Any]) -> Ints:
        """Which bin each value falls into; the last one holds what is missing or never seen."""
        if self.edges_ is None:
            raise NotFitted(self)
        last = len(self.bins_) - 1 if self.bins_ else self._count()
        if self.worded_:
            words = pd.Series(values, dtype=object).map(_word)
            return np.asarray(words.map(self.levels_).fillna(last), dtype=np.intp)
        numbers = values.astype(float)
        place = np.searchsorted(self.edges_, numbers, "left")
        place[np.isnan(numbers)] = last
        return np.asarray(place, dtype=np.intp)

    @property
    def information_(self) -> float:
        """Information value of the column: sum over bins of (share of bad - share of good) x woe."""
        n, bad = (np.array([getattr(b, name) for b in self.bins_], float) for name in ("n", "bad"))
        good = n - bad
        shares = bad / max(bad.sum(), 1) - good / max(good.sum(), 1)
        return float((shares * np.array([b.woe for b in self.bins_])).sum())

    def _count(self) -> int:
        return max(self.levels_.values(), default=-1) + 1 if self.worded_ else len(self.edges_) + 1  # type: ignore[arg-type]

    def _cut_numbers(self, x: Array, y: Array) -> Array:
        if not len(x):
            return np.empty(0)
        cuts = np.unique(np.quantile(x, np.linspace(0, 1, _FINE + 1)[1:-1], method="lower"))
        cuts = cuts[cuts < x.max()]
        place = np.searchsorted(cuts, x, "left")
        n = np.asarray(np.bincount(place, minlength=len(cuts) + 1), float)
        bad = np.asarray(np.bincount(place, y, minlength=len(cuts) + 1), float)
        starts = _best_shape(
            n, bad, self.direction, partial(_merged, most=self.most, least=self.least_share * n.sum())
        )
        return np.asarray(cuts[np.array(starts[1:], int) - 1])

    def _cut_words(self, values: NDArray[Any], y: Array) -> None:
        table = pd.DataFrame({"word": pd.Series(values, dtype=object).map(_word), "y": y})
        seen = table.groupby("word")["y"].agg(["size", "sum"])
        rate = float(y.mean()) if len(y) else 0.0
        seen["rate"] = (seen["sum"] + 5 * rate) / (seen["size"] + 5)
        seen = seen.sort_values(["rate", "size"], kind="stable")
        n, bad = seen["size"].to_numpy(float), seen["sum"].to_numpy(float)
        starts = _merged(n, bad, list(range(len(n))), self.most, self.least_share * max(n.sum(), 1))
        place = np.searchsorted(starts, np.arange(len(n)), "right") - 1
        self.levels_ = dict(zip(seen.index.astype(str), place.tolist(), strict=True))

    def _weighed(self, values: NDArray[Any], y: Array) -> list[Bin]:
        self.bins_ = []
        k = self._count() + 1
        place = self.place(values)
        n, bad = np.bincount(place, minlength=k), np.bincount(place, y, minlength=k)
        rate = np.clip(y.mean() if len(y) else 0.5, 1e-6, 1 - 1e-6)
        odds = (bad + _PRIOR * rate) / (n - bad + _PRIOR * (1 - rate))
        woe = np.where(n > 0, np.log(odds) - np.log(rate / (1 - rate)), 0.0)
        return [
            Bin(*row) for row in zip(self._labels(k), n.tolist(), bad.astype(int).tolist(), woe, strict=True)
        ]

    def _labels(self, k: int) -> list[str]:
        if self.worded_:
            words: list[list[str]] = [[] for _ in range(k - 1)]
            for word, place in self.levels_.items():
                words[place].append(word)
            return [_listed(group) for group in words] + ["missing or new"]
        ends = [f"{edge:.4g}" for edge in self.edges_] if self.edges_ is not None else []
        if not ends:
            return ["any", "missing"]
        middle = [f"{a} to {b}" for a, b in pairwise(ends)]
        return [f"up to {ends[0]}", *middle, f"above {ends[-1]}", "missing"]


def _listed(words: list[str]) -> str:
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "")


def _word(value: Any) -> str:
    return str(value)


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(pd.isna(values))


def _fit(n: Array, bad: Array, starts: list[int]) -> float:
    """Log likelihood of a partition given by the first fine bin of each bin."""
    ns, bads = np.add.reduceat(n, starts), np.add.reduceat(bad, starts)
    return float(_each(ns, bads).sum())


def _each(n: Array, bad: Array) -> Array:
    """Log likelihood of each bin at its own rate."""
    return np.asarray(xlogy(bad, bad / n) + xlogy(n - bad, 1 - bad / n))


def _gain(n: Array, bad: Array, starts: list[int]) -> float:
    """Log likelihood less half of log n a bin."""
    return _fit(n, bad, starts) - float(0.5 * np.log(max(n.sum(), 2)) * len(starts))


def pooled(n: Array, bad: Array, sign: int) -> list[int]:
    """Pool adjacent violators: starts of the blocks whose rates rise (sign 1) or fall (-1).

    >>> pooled(np.full(4, 10.0), np.array([1.0, 3.0, 2.0, 6.0]), 1)
    [0, 1, 3]
    """
    blocks: list[tuple[int, float, float]] = []
    for start, (count, hits) in enumerate(zip(n, bad, strict=True)):
        block = (start, float(count), float(hits))
        while blocks and sign * (blocks[-1][2] * block[1] - block[2] * blocks[-1][1]) >= 0:
            before = blocks.pop()
            block = (before[0], before[1] + block[1], before[2] + block[2])
        blocks.append(block)
    return [block[0] for block in blocks]


def _best_shape(n: Array, bad: Array, direction: int, merge: Merge) -> list[int]:
    """Starts of the bins under the best shape, merged; a turn must pay for itself."""
    signs = [direction] if direction else [1, -1]
    shapes = [merge(n, bad, pooled(n, bad, sign)) for sign in signs]
    best = max(shapes, key=lambda starts: _gain(n, bad, starts))
    if direction or len(n) < _LEAST_TURN:
        return best
    turned = [_turned(n, bad, turn, sign) for turn in range(2, len(n) - 1) for sign in signs]
    likeliest = merge(n, bad, max(turned, key=lambda starts: _fit(n, bad, starts)))
    return likeliest if _gain(n, bad, likeliest) > _gain(n, bad, best) + np.log(n.sum()) else best


def _turned(n: Array, bad: Array, turn: int, sign: int) -> list[int]:
    """Rates that rise up to a turn and fall from it, or the other way round."""
    right = pooled(n[turn:], bad[turn:], -sign)
    return pooled(n[:turn], bad[:turn], sign) + [turn + start for start in right]


def _merged(n: Array, bad: Array, starts: list[int], most: int, least: float) -> list[int]:
    """Merge the neighbours that lose least until every bin is wide enough and earns its cut.

    Merging neighbours of a monotone sequence leaves it monotone.
    """
    starts, price = list(starts), 0.5 * np.log(max(n.sum(), 2))
    while len(starts) > 1:
        ns, bads = np.add.reduceat(n, starts), np.add.reduceat(bad, starts)
        own = _each(ns, bads)
        both = _each(ns[1:] + ns[:-1], bads[1:] + bads[:-1])
        loss = own[1:] + own[:-1] - both
        small = (ns[1:] < least) | (ns[:-1] < least)
        cheap = loss < price
        if small.any():
            pick = int(np.argmin(np.where(small, loss, np.inf)))
        elif cheap.any() or len(starts) > most:
            pick = int(np.argmin(loss))
        else:
            break
        del starts[pick + 1]
    return starts
