"""Optimise: one ladder or rate for each dealer, within budgets, regional caps and floors.

    one cost, caps of regions    the path of upgrades (knapsack): exact prices, more budget never gains less
    several costs, group floors  prices by cutting planes (dual), a core by linear programme, repair, exchange
    few dealers (`SMALL` cells)  also HiGHS, whose plan is optimal

Out:  Plan: the option of each dealer, what it gains and spends, a bound that no plan exceeds, the gap between
      them, the price of each budget (what one more unit of it would gain).

A plan never spends more than a budget or a cap, summed in float64. When giving everybody the same option
gains as much, the plan is that, and `targeting` is False: there is nothing to target by.

Source: Kellerer, Pferschy & Pisinger (2004), Knapsack Problems, chapter 11 (multiple choice).
Limits: gains are taken as given, with their errors: choosing the best of uncertain numbers overstates them
        (targeting says whether it pays). With several costs, gains are monotone in a budget within the gap.
Errors: options.BadOptions, options.Infeasible.

>>> plan = optimise(Options(gain=[[0, 3, 4], [0, 2, 5]], costs=[[[0, 1, 3], [0, 1, 3]]]), Limits(budgets=[4]))
>>> plan.at.tolist(), plan.gain, plan.spent.tolist(), plan.targeting
([1, 2], 8.0, [4.0], True)
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.rebate.choice import Choices, bound
from models.rebate.core import settle
from models.rebate.dual import dual
from models.rebate.exact import exact
from models.rebate.exchange import exchange
from models.rebate.knapsack import Found, knapsack, refuse_impossible
from models.rebate.options import Infeasible, Limits, Options, Problem, Use
from models.rebate.repair import repair

SMALL = 600  # dealers x options that are also solved exactly
HELD_SMALL = 20_000  # ... when nothing else keeps the limits
_SAME = 1e-12


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who gets what."""

    at: NDArray[np.int64] = field(repr=False)  # [n] position of the option
    gain: float
    spent: NDArray[np.float64]  # of each budget
    bound: float  # no plan gains more
    gap: float  # of the bound, between it and the gain: a rate
    budget_prices: NDArray[np.float64]  # what one more unit of each budget gains
    best_constant: int | None  # the option that is best for all alike; None: none fits
    constant_gain: float
    targeting: bool  # False: everybody gets the best constant option
    exact: bool  # proved optimal by HiGHS or by the bound


def optimise(options: Options, limits: Limits) -> Plan:
    """The plan."""
    problem = Problem.of(options, limits)
    refuse_impossible(problem)
    found = _found(problem)
    constant, gained = best_constant(problem)
    same = constant is not None and gained >= problem.gained(found.at) * (1 - _SAME)
    at = np.full(problem.n, constant) if same else found.at.astype(np.int64)
    gain = problem.gained(at)
    gap = max(found.bound - gain, 0.0) / max(abs(found.bound), 1e-300)
    return Plan(
        at=at,
        gain=gain,
        spent=np.array([use.spent(at)[0] for use in problem.uses()[: len(problem.costs)]]),
        bound=max(found.bound, gain),
        gap=gap,
        budget_prices=np.array([float(found.prices[b][0]) for b in range(len(problem.costs))]),
        best_constant=constant,
        constant_gain=gained,
        targeting=not same,
        exact=gap <= 1e-9,
    )


def best_constant(problem: Problem) -> tuple[int | None, float]:
    """The option that gains most when all have it, within the limits, and what it gains."""
    best, gained = None, -np.inf
    for j in range(problem.k):
        gain = float(problem.gain[j].sum(dtype=np.float64))
        if gain > gained and _keeps(problem.uses(), np.full(problem.n, j)):
            best, gained = j, gain
    return best, gained


def _found(problem: Problem) -> Found:
    one = len(problem.costs) == 1 and not problem.floors
    found = knapsack(problem) if one else _by_prices(problem)
    if found is not None and problem.gain.size > SMALL:
        return found
    return _by_program(problem, found)


def _by_prices(problem: Problem) -> Found | None:
    """Several limits: None when no plan within them was found."""
    uses, prices = problem.uses(), dual(problem)
    at, core = settle(problem, prices.prices, prices.at, prices.open)
    held = repair(problem, prices.prices, at, core)
    if held is None:
        return None
    best = exchange(problem, prices.prices, held, core) if len(core) else held
    return Found(at=best, prices=prices.prices, bound=bound(problem.gain, uses, prices.prices))


def _by_program(problem: Problem, found: Found | None) -> Found:
    """By HiGHS; the better of both plans, the lower of both bounds."""
    if found is None and problem.gain.size > HELD_SMALL:
        raise Infeasible(
            "No plan was found that keeps all budgets, caps and floors together. Raise a budget or a cap, or "
            "lower a floor."
        )
    at, most = exact(problem)
    kept = at is not None and _keeps(problem.uses(), at)
    if found is None:
        if at is None or not kept:
            raise Infeasible("No plan was found within the limits in time. Raise a budget, or lower a floor.")
        return Found(at=at, prices=dual(problem).prices, bound=most)
    better = at is not None and kept and problem.gained(at) > problem.gained(found.at)
    return replace(found, at=at if at is not None and better else found.at, bound=min(found.bound, most))


def _keeps(uses: list[Use], at: Choices | NDArray[np.int64]) -> bool:
    return all((use.spent(at) <= use.cap).all() for use in uses)
