"""Assured: a plan whose spending keeps within its budget with a given probability, not only as expected.

    spend of draw s = sum over dealers of cost of the option x ratio [dealer, s]

In:   options with one cost, the expected one; limits with one budget; `Chance`: by how much each dealer's
      spend differs from the expected one in each of s equally likely worlds, and the confidence asked.
Out:  Assured: the plan, its expected spend and the spend that is not passed with that confidence (a draw,
      not between two), the expected spend that the plan was bounded by, the price of the budget.

The plan is the best one of an expected spend (models.rebate.optimise, with its proven gap) that is as large
as the confidence allows. It is looked for by halving on a grid that does not depend on the budget: whatever
is accepted under a budget is accepted under a larger one, so more budget never gains less (exactly with one
cost, within the gap with floors of groups).

The draws only judge whole plans; no dealer is chosen because its own draws happen to look cheap, so that what
held in these draws holds in others.

Source: Charnes & Cooper (1959), chance-constrained programming, by sample averages (Luedtke & Ahmed 2008).
Limits: a dealer of surer spend is not preferred to one of the same gain and cost: a plan that is may gain
        more, at most `most_gain`, which is the bound for the budget as an expectation. Caps of regions and
        floors count expected spend. A deeper ladder is as sure, in proportion, as the one of now.
Errors: BadOptions (a confidence or ratios that cannot be meant), Infeasible.

>>> ratio = np.array([[0.5, 0.8, 1.2, 1.5], [0.5, 0.8, 1.2, 1.5]])
>>> options = Options(gain=[[0, 3, 4], [0, 2, 5]], costs=[[[0, 1, 3], [0, 1, 3]]])
>>> made = assured(options, Limits(budgets=[4]), Chance(ratio=ratio, confidence=0.75))
>>> made.plan.at.tolist(), made.plan.spent.tolist(), made.spent_high
([1, 1], [2.0], 2.4)
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.rebate.optimise import Plan, optimise
from models.rebate.options import BadOptions, Infeasible, Limits, Options

Array = NDArray[np.float64]
LEAST, MOST = 0.5, 0.99
_HALVINGS = 20
_MORE = 1 + 1e-12  # sums in another order may differ


@dataclass(frozen=True, kw_only=True)
class Chance:
    """n dealers, s equally likely worlds."""

    ratio: ArrayLike = field(repr=False)  # [n, s] spend over what is expected; each row's mean is 1
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Assured:
    """Who gets what, and how sure the budget is."""

    plan: Plan
    spent_high: float  # not passed with the confidence
    limit: float  # of expected spend: `plan.bound` and `plan.gap` are those of this limit
    budget_price: float  # what one more unit of the budget gains
    most_gain: float  # no plan gains more whose expected spend keeps within the budget

    @property
    def spent(self) -> float:
        """Expected."""
        return float(self.plan.spent[0])


def assured(options: Options, limits: Limits, chance: Chance) -> Assured:
    """The plan."""
    ratio, cost = _checked(options, limits, chance)
    budget = float(limits.budgets[0])
    spends = _Spends(cost, ratio, chance.confidence)

    def tried(limit: float) -> Plan | None:
        try:
            return optimise(options, replace(limits, budgets=[limit]))
        except Infeasible:
            return None

    def fits(plan: Plan) -> bool:
        return bool(plan.spent[0] <= budget and spends.high(plan.at) <= budget)

    unbound = optimise(options, limits)  # tells what else cannot be kept
    limit, plan = _largest(tried, fits, _ends(cost))
    if plan is None:
        raise Infeasible(
            f"budgets[0]: not even the cheapest options keep within {budget:g} with a probability of "
            f"{chance.confidence:g}. Raise it, ask for less confidence, or add options that cost less."
        )
    return Assured(
        plan=plan,
        spent_high=spends.high(plan.at),
        limit=limit,
        budget_price=spends.price(plan),
        most_gain=max(unbound.bound, plan.gain),
    )


def _ends(cost: Array) -> tuple[float, float]:
    """The least and the most that all together can be expected to spend, a little more than either."""
    return float(cost.min(axis=1).sum()) * _MORE, float(cost.max(axis=1).sum()) * _MORE


def _largest(
    tried: Callable[[float], Plan | None], fits: Callable[[Plan], bool], ends: tuple[float, float]
) -> tuple[float, Plan | None]:
    """The largest limit of the grid whose plan fits, and the plan; None where none does.

    The grid halves what lies between the ends, whatever the budget is. A limit that no plan keeps is too low.
    """
    low, high = ends
    best, top = tried(low), tried(high)
    if top is not None and fits(top):
        return high, top
    if best is not None and not fits(best):
        return low, None
    for _ in range(_HALVINGS):
        if best is not None and top is not None and top.gain <= best.gain:
            break
        middle = (low + high) / 2
        found = tried(middle)
        if found is None or fits(found):
            low, best = middle, found
        else:
            high, top = middle, found
    return low, best


class _Spends:
    """What plans spend in each world."""

    def __init__(self, cost: Array, ratio: Array, confidence: float) -> None:
        self.cost, self.ratio, self.confidence = cost, ratio, confidence

    def high(self, at: NDArray[np.int64]) -> float:
        """Spend that is not passed in a share `confidence` of the worlds."""
        drawn = self.cost[np.arange(len(at)), at] @ self.ratio
        return float(np.quantile(drawn, self.confidence, method="inverted_cdf"))

    def price(self, plan: Plan) -> float:
        """By that of expected spend, which is a part of the budget where the confidence binds."""
        expected = float(plan.spent[0])
        return float(plan.budget_prices[0]) * min(expected / max(self.high(plan.at), 1e-300), 1.0)


def _checked(options: Options, limits: Limits, chance: Chance) -> tuple[Array, Array]:
    """Ratios [n, s] and costs [n, k]."""
    if not LEAST <= chance.confidence <= MOST:
        raise BadOptions(f"confidence is from {LEAST:g} to {MOST:g}; got {chance.confidence:g}.")
    if len(options.costs) != 1 or len(limits.budgets) != 1:
        raise BadOptions("A confidence goes with one budget and its cost. Leave it out, or give one.")
    cost, ratio = np.asarray(options.costs[0], np.float64), np.asarray(chance.ratio, np.float64)
    if ratio.ndim != 2 or len(ratio) != len(cost) or not ratio.size:
        raise BadOptions(f"ratio is a table of dealers x worlds, {len(cost)} rows; got {ratio.shape}.")
    if not np.isfinite(ratio).all() or ratio.min() < 0:
        raise BadOptions("ratio holds finite numbers of 0 or more; found one that is not.")
    return ratio, cost
