"""Dual: prices of several budgets, caps and floors at once.

At given prices each dealer takes its best option by itself; the prices to be found make the bound on every
plan least. Each look at the dealers gives a plan for each block of them; a small linear programme over all
plans seen so far (HiGHS) names the next prices, inside a box around the best ones so far.

With many dealers a sample of them gives prices first. Then only those dealers are looked at whose choice can
change near these prices: for all others the choice, and so their part of the bound, is known.

In:   Problem.
Out:  Dual: prices of each use by its codes, the dealers whose choice hangs on them, the plan at these prices.

Source: Kelley (1960), cutting planes; Dantzig & Wolfe (1960), decomposition; Marsten et al. (1975), boxstep.
Limits: prices of limits that cannot be kept grow without end; the search stops after `_LOOKS` looks.

>>> from models.rebate.options import Limits, Options
>>> options = Options(gain=[[0, 3], [0, 2], [0, 1]], costs=[[[0, 1]] * 3, [[0, 1]] * 3])
>>> found = dual(Problem.of(options, Limits(budgets=[1.5, 3])))
>>> float(found.prices[0][0]), float(found.prices[1][0])
(2.0, 0.0)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from models.rebate.choice import Choices, choose
from models.rebate.options import Array, Problem, Use
from models.rebate.running import sums
from models.rebate.steps import Real, Rows

_solve: Any = linprog  # its types know no sparse tables
_SAMPLE = 20_000
_BLOCKS = 24
_LOOKS = 80
_CLOSE = 1e-10  # of the bound
_ROUGH = 1e-6  # where only the neighbourhood is asked
_DOUBT = 5.0
_MOVES = 6
_NEAR = 0.01  # of a price: how far dealers may change their minds when all were looked at


@dataclass(frozen=True, kw_only=True)
class Dual:
    """Prices, and who is undecided about them."""

    prices: list[Real]
    at: Choices = field(repr=False)  # [n] taken at these prices
    open: Rows = field(repr=False)  # dealers who would change their choice near them


def dual(problem: Problem) -> Dual:
    """Prices of all uses."""
    uses = problem.uses()
    size = _sizes(problem.gain, uses)
    if problem.n <= 2 * _SAMPLE:
        price, doubt = _Search(problem.gain, uses).run(np.zeros(len(size)), size), np.full(len(size), _NEAR)
    else:
        some = slice(None, None, problem.n // _SAMPLE)
        part = [_thinned(use, some) for use in uses]
        price = _Search(np.ascontiguousarray(problem.gain[:, some]), part).run(
            np.zeros(len(size)), size, close=_ROUGH
        )
        seen = np.concatenate([np.bincount(use.code, minlength=len(use.cap)) for use in part])
        doubt = np.clip(_DOUBT / np.sqrt(np.maximum(seen, 1)), _NEAR, 0.5)
    width = doubt * np.maximum(price, 0.1 * size)
    for _ in range(_MOVES):
        found, at_edge = _near(problem, price, width)
        if not at_edge.any():
            break
        price, width = np.concatenate(found.prices), np.where(at_edge, 2 * width, width / 4)
    return found


def _near(problem: Problem, price: Real, width: Real) -> tuple[Dual, NDArray[np.bool_]]:
    """The prices of all dealers within a width of these, and which of them would go further."""
    uses = problem.uses()
    at, open_ = _undecided(problem.gain, uses, price, width)
    rows, settled = np.flatnonzero(open_), np.flatnonzero(~open_)
    fixed = [_spent(use, settled, at) for use in uses]
    rest = [
        replace(use, amount=use.amount.take(rows, axis=1), code=use.code[rows], cap=use.cap - used)
        for use, used in zip(uses, fixed, strict=True)
    ]
    low, high = np.maximum(price - width, 0), price + width
    gain = problem.gain.take(rows, axis=1)
    if len(rows):
        search = _Search(gain, rest, within=(low, high))
        price = search.run(price, width, close=_ROUGH)
        if not _at_edge(price, low, high).any():
            price = search.run(price, width / 16)
        paid = [own[use.code] for own, use in zip(_split(price, uses), rest, strict=True)]
        at[rows] = choose(gain, [use.amount for use in rest], paid)[0]
    return Dual(prices=_split(price, uses), at=at, open=rows), _at_edge(price, low, high)


def _at_edge(price: Real, low: Real, high: Real) -> NDArray[np.bool_]:
    return (price >= high) | ((price <= low) & (low > 0))


def _undecided(gain: Array, uses: Sequence[Use], price: Real, width: Real) -> tuple[Choices, np.ndarray]:
    """Choices at the prices, and whether another option can be better within the width of them."""
    paid = [own[use.code] for own, use in zip(_split(price, uses), uses, strict=True)]
    wide = [own[use.code] for own, use in zip(_split(width, uses), uses, strict=True)]
    at, _ = choose(gain, [use.amount for use in uses], paid)
    across, open_ = np.arange(len(at)), np.zeros(len(at), np.bool_)
    own_gain = gain[at, across]
    own = [use.amount[at, across] for use in uses]
    for j in range(len(gain)):
        lead = own_gain - gain[j]
        for use, mine, paying, width_ in zip(uses, own, paid, wide, strict=True):
            more = use.amount[j] - mine
            lead = lead + paying * more - width_ * np.abs(more)
        open_ |= (lead < 0) & (at != j)
    return at, open_


class _Search:
    """Boxes around the best prices so far, each searched by a linear programme."""

    def __init__(self, gain: Array, uses: Sequence[Use], within: tuple[Real, Real] | None = None) -> None:
        self.gain, self.uses = gain, uses
        self.cap = np.concatenate([use.cap for use in uses])
        self.limited = np.isfinite(self.cap)
        low, high = within or (np.zeros(len(self.cap)), np.full(len(self.cap), np.inf))
        self.low, self.high = low, np.where(self.limited, high, 0.0)
        most = max(uses, key=lambda use: len(use.cap))
        several = len(most.cap) > 1
        self.block = most.code % _BLOCKS if several else np.arange(gain.shape[1]) % _BLOCKS
        self.scale = 1.0
        self.plans_gain: list[Real] = []  # [t][q]
        self.plans_used: list[Real] = []  # [t][q, m]

    def run(self, price: Real, width: Real, *, close: float = _CLOSE) -> Real:
        price = np.clip(price, self.low, self.high)
        best = self._look(price)
        self.scale = max(abs(best), 1e-200)
        for _ in range(_LOOKS):
            low, high = np.maximum(price - width, self.low), np.minimum(price + width, self.high)
            tried, least = self._programme(low, high)
            promised = best - least
            self.scale = max(min(self.scale, promised), 1e-9 * abs(best), 1e-200)
            at_edge = bool(
                (((tried >= high) & (high < self.high)) | ((tried <= low) & (low > self.low))).any()
            )
            if promised <= close * abs(best):
                if not at_edge:
                    break
                width = width * 4
            value = self._look(tried)
            if best - value > 0.1 * promised:
                price, best = tried, value
                width = width * 2 if at_edge else width
            elif not at_edge or value > best:
                width = width / 2
        return price

    def _look(self, price: Real) -> float:
        """The bound at these prices; the plans taken there are kept."""
        own = [mine[use.code] for mine, use in zip(_split(price, self.uses), self.uses, strict=True)]
        at, _ = choose(self.gain, [use.amount for use in self.uses], own)
        across = np.arange(len(at))
        gain = sums(self.gain[at, across], self.block, _BLOCKS)
        used = np.hstack([self._used(use, use.amount[at, across]) for use in self.uses])
        self.plans_gain.append(gain)
        self.plans_used.append(used)
        limits = float((price * np.where(self.limited, self.cap, 0.0)).sum())
        return float(gain.sum() - (used @ price).sum()) + limits

    def _used(self, use: Use, amount: Array) -> Real:
        codes = len(use.cap)
        flat = sums(amount, self.block * codes + use.code, _BLOCKS * codes)
        return flat.reshape(_BLOCKS, codes)

    def _programme(self, low: Real, high: Real) -> tuple[Real, float]:
        """Prices at which the worst plan seen of each block gains least, and the bound they promise.

        In units of the box and of what was promised last, counted from the best bound: the solver's tolerance
        shrinks with what is still to be found.
        """
        used, gain = np.vstack(self.plans_used), np.concatenate(self.plans_gain)
        m, unit = used.shape[1], np.where(high > low, high - low, 1.0)
        here = gain - used @ low
        worst = here.reshape(-1, _BLOCKS).max(axis=0)
        names = np.tile(np.eye(_BLOCKS), (len(self.plans_gain), 1))
        cap = np.where(self.limited, self.cap, 0.0)
        told = _solve(
            np.r_[cap * unit / self.scale, np.ones(_BLOCKS)],
            A_ub=-csr_array(np.hstack([used * unit / self.scale, names])),
            b_ub=(np.tile(worst, len(self.plans_gain)) - here) / self.scale,
            bounds=[*zip(np.zeros(m), (high - low) / unit, strict=True), *[(None, None)] * _BLOCKS],
            method="highs",
        )
        if told.x is None:
            return low, -np.inf
        price = np.clip(low + told.x[:m] * unit, low, high)
        return price, float(told.fun) * self.scale + float((low * cap).sum() + worst.sum())


def _split(price: Real, uses: Sequence[Use]) -> list[Real]:
    ends = np.cumsum([len(use.cap) for use in uses])
    return np.split(price, ends[:-1])


def _spent(use: Use, rows: Rows, at: Choices) -> Real:
    return sums(use.amount[at[rows], rows], use.code[rows], len(use.cap))


def _thinned(use: Use, some: slice) -> Use:
    share = len(use.code[some]) / len(use.code)
    amount = np.ascontiguousarray(use.amount[:, some])
    return replace(use, amount=amount, code=use.code[some], cap=use.cap * share)


def _sizes(gain: Array, uses: Sequence[Use]) -> Real:
    """What a price may be like: all that can be gained over all that can be used, of each use."""
    least = np.where(np.isfinite(gain), gain, np.inf).min(axis=0)
    more = float((gain.max(axis=0) - least).sum(dtype=np.float64))
    told = []
    for use in uses:
        span = float((use.amount.max(axis=0) - use.amount.min(axis=0)).sum(dtype=np.float64))
        told.append(np.full(len(use.cap), max(more, 1e-200) / max(span, 1e-200)))
    return np.concatenate(told)
