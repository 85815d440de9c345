"""Core: the dealers who are nearly undecided at the prices, settled together by a linear programme.

Prices alone leave parts of several limits unused: dealers who are almost indifferent all go one way. Among
the few thousand of them who lose least by another option, a linear programme (HiGHS) uses the limits up; it
splits at most one dealer for each limit, and these take their option that uses least.

In:   Problem, prices and choices of the dual, the dealers to choose the core from.
Out:  options [n]; limits are kept but for those of dealers outside the core (repair comes after).

Source: Pisinger (1995), A minimal algorithm for the multiple-choice knapsack problem (its core).

>>> from models.rebate.options import Limits, Options
>>> options = Options(gain=[[0, 3], [0, 2], [0, 2]], costs=[[[0, 1]] * 3])
>>> problem = Problem.of(options, Limits(budgets=[2]))
>>> settle(problem, [np.full(1, 2.0)], np.array([1, 0, 0]), np.arange(3))[0].sum()
np.int64(2)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array, csr_array, eye_array, hstack, vstack

from models.rebate.options import Array, Problem
from models.rebate.running import sums
from models.rebate.steps import Real, Rows

_solve: Any = linprog  # its types know no sparse tables
_CORE = 6_000
_WORSE = 3.0  # an option may lose so many times what the last dealer of the core would
_WHOLE = 1e-7
_OVER = 1e3  # price of a unit above a limit


def settle(
    problem: Problem, prices: Sequence[Real], at: NDArray[np.int16], open_: Rows
) -> tuple[NDArray[np.int16], Rows]:
    """The plan with its core settled (as it was when the programme found none), and the core's dealers."""
    at = at.copy()
    if not len(open_):
        return at, open_
    rate = _losses(problem, prices, at, open_)
    margin = np.where(rate > 0, rate, np.inf).min(axis=0)
    core = np.argsort(margin, kind="stable")[:_CORE]
    most = _WORSE * float(margin[core][np.isfinite(margin[core])].max(initial=0.0))
    choice, dealer = np.nonzero(rate[:, core] <= most)
    share = _programme(problem, at, open_[core], (choice, dealer))
    if share is not None:
        at[open_[core]] = _whole(problem, prices, open_[core], (choice, dealer, share))
    return at, open_[core]


def _losses(problem: Problem, prices: Sequence[Real], at: NDArray[np.int16], rows: Rows) -> Real:
    """What each option is worse than the held one, by the price of what it uses more or less, [k, m]."""
    held = at[rows].astype(np.intp), np.arange(len(rows))
    gain = problem.gain[:, rows].astype(np.float64)
    loss, moved = gain[held] - gain, np.zeros_like(gain)
    for use, price in zip(problem.uses(), prices, strict=True):
        amount = use.amount[:, rows].astype(np.float64)
        priced = (amount - amount[held]) * price[use.code[rows]]
        loss, moved = loss + priced, moved + np.abs(priced)
    return np.where(
        moved > 0, np.maximum(loss, 0.0) / np.where(moved > 0, moved, 1.0), np.where(loss > 0, np.inf, 0.0)
    )


def _programme(problem: Problem, at: Array, core: Rows, cells: tuple[Rows, Rows]) -> Real | None:
    """Shares of the cells (option, dealer) that gain most within what others leave."""
    (choice, dealer), count = cells, np.arange(len(cells[0]))
    rows, caps = [], []
    inside = np.zeros(problem.n, np.bool_)
    inside[core] = True
    for use in problem.uses():
        held = np.where(inside, 0.0, use.amount[at, np.arange(problem.n)].astype(np.float64))
        left = use.cap - sums(held, use.code, len(use.cap))
        amount = use.amount[choice, core[dealer]].astype(np.float64)
        size = max(float(np.abs(amount).max()), 1e-300)
        table = csr_array(
            coo_array((amount / size, (use.code[core[dealer]], count)), (len(left), len(count)))
        )
        limited = np.isfinite(left)
        rows.append(table[limited])
        caps.append(left[limited] / size)
    gain = problem.gain[choice, core[dealer]].astype(np.float64)
    scale = max(float(np.abs(gain).max()), 1e-300)
    limits = vstack(rows)
    over = eye_array(limits.shape[0])
    one = csr_array(coo_array((np.ones(len(count)), (dealer, count)), (len(core), len(count))))
    told = _solve(
        np.r_[-gain / scale, np.full(limits.shape[0], _OVER)],
        A_ub=hstack([limits, -over]),
        b_ub=np.concatenate(caps),
        A_eq=hstack([one, csr_array((len(core), limits.shape[0]))]),
        b_eq=np.ones(len(core)),
        bounds=(0, None),
        method="highs-ds",
    )
    return None if told.x is None else np.asarray(told.x[: len(count)])


def _whole(
    problem: Problem, prices: Sequence[Real], core: Rows, cells: tuple[Rows, Rows, Real]
) -> NDArray[np.intp]:
    """An option for each dealer of the core: of those it has a share of, the one that uses least."""
    choice, dealer, share = cells
    priced = np.zeros(len(choice))
    for use, price in zip(problem.uses(), prices, strict=True):
        priced += use.amount[choice, core[dealer]] * price[use.code[core[dealer]]]
    held = share > _WHOLE
    order = np.lexsort((priced[held], dealer[held]))
    _, first = np.unique(dealer[held][order], return_index=True)
    return choice[held][order][first]
