"""Exact: the best plan by mixed-integer programming (HiGHS), for few dealers and any limits.

Every option of every dealer is a 0-1 variable; one a dealer; each limit is a row.

Source: Huangfu & Hall (2018), HiGHS, by scipy.optimize.milp.
Limits: time grows fast: 1,000 dealers x 10 options are some seconds. Within `seconds` the best found so far
        is returned with its own bound. HiGHS keeps limits up to its tolerance (1e-7 of a row's largest
        number): who asks checks the plan.
Errors: options.Infeasible (proved).

>>> from models.rebate.options import Limits, Options, Problem
>>> options = Options(gain=[[0, 3, 4], [0, 2, 5]], costs=[[[0, 1, 3], [0, 1, 3]]])
>>> at, most = exact(Problem.of(options, Limits(budgets=[4])))
>>> at.tolist(), most
([1, 2], 8.0)
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array, vstack

from models.rebate.choice import Choices
from models.rebate.options import Infeasible, Problem, Use

_INFEASIBLE = 2


def exact(problem: Problem, *, seconds: float = 10.0) -> tuple[Choices | None, float]:
    """The best plan [n] and the least bound; None when none was found in time."""
    gain = problem.gain.astype(np.float64)
    allowed = np.isfinite(gain)
    uses = problem.uses()
    scale = max(float(np.abs(gain[allowed]).max()), 1e-300)
    caps = np.concatenate([use.cap / _size(use) for use in uses])
    rows = vstack([_one_each(problem), *(_rows(use) for use in uses)])
    low = np.r_[np.ones(problem.n), np.full(len(caps), -np.inf)]
    told = milp(
        -np.where(allowed, gain, 0.0).ravel() / scale,
        integrality=np.ones(gain.size, np.int64),
        bounds=Bounds(0, allowed.ravel().astype(float)),
        constraints=LinearConstraint(rows, low, np.r_[np.ones(problem.n), caps]),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    if told.status == _INFEASIBLE:
        raise Infeasible(
            "No plan keeps all budgets, caps and floors together. Raise a budget or a cap, or lower a floor."
        )
    most = np.inf if told.mip_dual_bound is None else -float(told.mip_dual_bound) * scale
    if told.x is None:
        return None, most
    return told.x.reshape(gain.shape).argmax(axis=0).astype(np.int16), most


def _one_each(problem: Problem) -> csr_array:
    k, n = problem.gain.shape
    return csr_array(coo_array((np.ones(k * n), (np.tile(np.arange(n), k), np.arange(k * n)))))


def _rows(use: Use) -> csr_array:
    """One row a code, each divided by its own size so that the solver's tolerance means the same in all."""
    k, n = use.amount.shape
    code, values = np.tile(use.code, k), use.amount.astype(np.float64).ravel()
    values = values / _size(use)[code]
    return csr_array(coo_array((values, (code, np.arange(k * n))), shape=(len(use.cap), k * n)))


def _size(use: Use) -> np.ndarray:
    most = np.zeros(len(use.cap))
    np.maximum.at(most, use.code, np.abs(use.amount).max(axis=0).astype(np.float64))
    return np.where(most > 0, most, 1.0)
