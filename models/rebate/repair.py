"""Repair: a plan that keeps every limit, from one that the prices chose.

First what is above a limit is taken back, where that loses least at the prices; then what is left is given
to upgrades that fit everywhere, the best gain for their price first. A round changes many dealers, each
once, and only as far as the sums of all changes fit.

In:   Problem, prices and choices of the dual, the dealers to begin with.
Out:  options [n]; None when limits are still not kept.

>>> from models.rebate.options import Limits, Options
>>> options = Options(gain=[[0, 3], [0, 2], [0, 1]], costs=[[[0, 1]] * 3, [[0, 1]] * 3])
>>> problem = Problem.of(options, Limits(budgets=[1.5, 3]))
>>> repair(problem, [np.ones(1), np.zeros(1)], np.ones(3, np.int16), np.arange(3)).tolist()
[1, 0, 0]
"""

from collections.abc import Sequence

import numpy as np

from models.rebate.choice import Choices
from models.rebate.options import Problem
from models.rebate.running import running
from models.rebate.steps import Real, Rows

_ROUNDS = 60
_TINY = 1e-12


def repair(problem: Problem, prices: Sequence[Real], at: Choices, open_: Rows) -> Choices | None:
    """Within all limits, beginning with the dealers who are undecided; then anybody."""
    plan = _Plan(problem, prices, at.copy(), open_)
    plan.take_back()
    if not plan.kept():
        plan = _Plan(problem, prices, plan.at, np.arange(problem.n))
        plan.take_back()
    if not plan.kept():
        return None
    plan.give()
    return plan.at


class _Plan:
    def __init__(self, problem: Problem, prices: Sequence[Real], at: Choices, rows: Rows) -> None:
        self.uses, self.prices, self.at, self.rows = problem.uses(), prices, at, rows
        self.all_gain = problem.gain
        self.gain = problem.gain.take(rows, axis=1).astype(np.float64)
        self.amount = [use.amount.take(rows, axis=1).astype(np.float64) for use in self.uses]
        self.code = [use.code[rows] for use in self.uses]

    def room(self) -> list[Real]:
        """What is left of each limit; below zero it is broken."""
        return [use.cap - use.spent(self.at) for use in self.uses]

    def kept(self) -> bool:
        """Every limit."""
        return all((left >= 0).all() for left in self.room())

    def take_back(self) -> None:
        """Changes that bring broken limits back."""
        for _ in range(_ROUNDS):
            changed = False
            for u in range(len(self.uses)):
                if (self.room()[u] < 0).any():
                    changed |= self._relieve(u)
            if not changed:
                return

    def give(self) -> None:
        """Upgrades that fit, as long as there are any."""
        for _ in range(_ROUNDS):
            gain, used, room = *self._changes(), self.room()
            fits = gain > 0
            for more, code, left in zip(used, self.code, room, strict=True):
                fits &= more <= np.maximum(left, 0)[code]
            price = self._priced(used)
            rate = np.where(fits, gain / np.maximum(price, _TINY * np.abs(gain) + 1e-300), -np.inf)
            to = rate.argmax(axis=0)
            if not self._apply(to, -rate.max(axis=0), used, room):
                return

    def _relieve(self, u: int) -> bool:
        gain, used, room = *self._changes(), self.room()
        over = np.maximum(-room[u], 0.0)[self.code[u]]
        saved = np.minimum(-used[u], over)
        loss = np.maximum(self._priced(used) - gain, 0.0) + _TINY * np.abs(np.where(saved > 0, gain, 0))
        score = np.where((saved > 0) & np.isfinite(gain), loss / np.where(saved > 0, saved, 1.0), np.inf)
        for other, (more, code, left) in enumerate(zip(used, self.code, room, strict=True)):
            if other != u:
                score = np.where((more > 0) & (more > np.maximum(left, 0)[code]), np.inf, score)
        return self._apply(score.argmin(axis=0), score.min(axis=0), used, room, relieved=u)

    def _changes(self) -> tuple[Real, list[Real]]:
        """What every option would bring and use more than the one held, [k, m]."""
        held = self.at[self.rows].astype(np.intp), np.arange(len(self.rows))
        return self.gain - self.gain[held], [amount - amount[held] for amount in self.amount]

    def _priced(self, used: Sequence[Real]) -> Real:
        total = np.zeros_like(self.gain)
        for more, price, code in zip(used, self.prices, self.code, strict=True):
            total += more * price[code]
        return total

    def _apply(
        self, to: Rows, score: Real, used: Sequence[Real], room: Sequence[Real], relieved: int | None = None
    ) -> bool:
        """Take changes in order of score, lowest first, as far as their sums fit."""
        order = np.argsort(score, kind="stable")
        order = order[np.isfinite(score[order])]
        fits = np.ones(len(order), np.bool_)
        for u, (more, code, left) in enumerate(zip(used, self.code, room, strict=True)):
            own, mine = more[to[order], order], code[order]
            if u == relieved:
                fits &= running(-own, mine) + own < -left[mine]  # until enough is taken back
            else:
                up = np.where(own > 0, own, 0.0)
                fits &= (up == 0) | (running(up, mine) <= np.maximum(left, 0)[mine])
        taken = order[fits]
        self.at[self.rows[taken]] = to[taken].astype(self.at.dtype)
        return bool(len(taken))
