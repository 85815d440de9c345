"""Exchange: changes of one dealer or two at once that fit into what is left of every limit and gain more.

What single upgrades cannot use, because another limit is full, a pair can: one dealer steps down there,
another steps up elsewhere. All pairs of the `_CORE` changes that lose least at the prices are tried, the
best is made, until none gains anything.

In:   Problem, prices, a plan [n] that keeps all limits, the dealers to look at.
Out:  a plan [n] that keeps all limits and gains at least as much.

>>> from models.rebate.options import Limits, Options
>>> options = Options(gain=[[0, 3], [0, 4]], costs=[[[0, 2], [0, 2]]])
>>> problem = Problem.of(options, Limits(budgets=[2]))
>>> exchange(problem, [np.full(1, 1.75)], np.array([1, 0], np.int16), np.arange(2)).tolist()
[0, 1]
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.rebate.options import Problem
from models.rebate.steps import Real, Rows

_CORE = 360
_ROUNDS = 80
_LEAST = 1e-12  # of the gain


def exchange(
    problem: Problem, prices: Sequence[Real], at: NDArray[np.int16], rows: Rows
) -> NDArray[np.int16]:
    """The plan after all exchanges that pay."""
    trade = _Trade(problem, prices, at.copy(), rows)
    least = _LEAST * abs(problem.gained(at))
    for _ in range(_ROUNDS):
        if not trade.once(least):
            break
    return trade.at


class _Trade:
    def __init__(self, problem: Problem, prices: Sequence[Real], at: NDArray[np.int16], rows: Rows) -> None:
        self.uses, self.prices, self.at, self.rows = problem.uses(), prices, at, rows
        self.gain = problem.gain[:, rows].astype(np.float64)
        self.amount = [use.amount[:, rows].astype(np.float64) for use in self.uses]
        self.code = [use.code[rows] for use in self.uses]
        self.finest = max(self.code, key=lambda code: int(code.max(initial=0)))

    def once(self, least: float) -> bool:
        """Make the best exchange; whether there was one."""
        to, who, gain, more = self._changes()
        room = [use.cap - use.spent(self.at) for use in self.uses]
        alone, both = np.isfinite(gain), who[:, None] != who[None, :]
        for amount, code, left in zip(more, self.code, room, strict=True):
            own, mine = left[code[who]], code[who]
            single = amount <= own
            alone &= single
            pair = amount[:, None] + amount[None, :] <= own[:, None]
            both &= np.where(mine[:, None] == mine[None, :], pair, single[:, None] & single[None, :])
        one = np.where(alone, gain, -np.inf)
        two = np.where(both, gain[:, None] + gain[None, :], -np.inf)
        best = max(one.max(initial=-np.inf), two.max(initial=-np.inf))
        if not best > least:
            return False
        at_one = one.max() >= best
        made = [int(one.argmax())] if at_one else list(np.unravel_index(int(two.argmax()), two.shape))
        self.at[self.rows[who[made]]] = to[made].astype(self.at.dtype)
        return True

    def _changes(self) -> tuple[Rows, Rows, Real, list[Real]]:
        """The changes that lose least, half of them for their size: option, dealer, gain, uses [c] each."""
        held = self.at[self.rows].astype(np.intp), np.arange(len(self.rows))
        gain = self.gain - self.gain[held]
        more = [amount - amount[held] for amount in self.amount]
        loss, size = -gain, np.zeros_like(gain)
        for amount, price, code in zip(more, self.prices, self.code, strict=True):
            loss, size = loss + amount * price[code], size + np.abs(amount) * price[code]
        loss[held] = np.inf
        to, who = np.unravel_index(_least(loss, size, self.finest), loss.shape)
        return to, who, gain[to, who], [amount[to, who] for amount in more]


def _least(loss: Real, size: Real, code: Rows) -> Rows:
    """Cells of least loss and of least loss for their size, the same number of each code."""
    rate = loss / np.where(size > 0, size, 1e-300)
    each = max(_CORE // (2 * (int(code.max(initial=0)) + 1)), 2)
    found = []
    for value in (loss, rate):
        to = np.argmin(value, axis=0)  # the best change of each dealer
        best = value[to, np.arange(len(code))]
        order = np.lexsort((best, code))
        place = np.arange(len(order)) - np.searchsorted(code[order], code[order])
        who = order[(place < each) & np.isfinite(best[order])]
        found.append(to[who] * len(code) + who)
    return np.unique(np.concatenate(found))
