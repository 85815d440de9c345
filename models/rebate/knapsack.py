"""Knapsack: one option for each dealer under one budget and caps of regions on the same spending.

All upgrades of all dealers, in falling order of what they gain for their cost, make one path; a region
leaves it at the first upgrade above its cap, and the path ends at the first one above the budget. What is
left goes to the best change of one dealer or two (fill). The path does not depend on the budget, only its
end does, and what fill can add is less than the upgrade that did not fit: so more budget never gains less.

Only dealers who are open between two near prices (narrow) are put in order; all others are settled by the
price.

In:   Problem with one cost.
Out:  Found: the option of each dealer, the price of the budget, the bound of the dual.

Source: Sinha & Zoltners (1979), The multiple-choice knapsack problem; Everett (1963), generalised
        multipliers.
Limits: the bound is the dual's: with few dealers it may be above what any plan reaches.
Errors: options.Infeasible (the cheapest options alone are above a limit).

>>> from models.rebate.options import Limits, Options
>>> options = Options(gain=[[0, 3, 4], [0, 2, 5]], costs=[[[0, 1, 3], [0, 1, 3]]])
>>> found = knapsack(Problem.of(options, Limits(budgets=[4])))
>>> found.at.tolist(), round(found.bound, 3)
([1, 2], 8.0)
"""

from dataclasses import dataclass, field

import numpy as np

from models.rebate.choice import Choices, bound, cheapest, choose
from models.rebate.fill import Held, fill
from models.rebate.narrow import Knobs, narrow
from models.rebate.options import FLOOR, Infeasible, Problem
from models.rebate.running import running, sums
from models.rebate.steps import Real, Steps, steps


@dataclass(frozen=True, kw_only=True)
class Found:
    """A plan and how good it can be."""

    at: Choices = field(repr=False)  # [n]
    prices: list[Real]  # of each use, by its codes: what one more of it gains
    bound: float  # no plan gains more


def knapsack(problem: Problem) -> Found:
    """The best plan that the path and its fill reach."""
    refuse_impossible(problem)
    return _Path(problem).walk()


def refuse_impossible(problem: Problem) -> None:
    """An error when even the cheapest options are above a budget or a cap."""
    for use in [one for one in problem.uses() if one.name != FLOOR]:
        least = use.spent(cheapest(problem.gain, use.amount)[0])
        over = np.flatnonzero(least > use.cap)
        if len(over):
            raise Infeasible(
                f"{use.name}: the cheapest options together cost {least[over[0]]:g}, above the limit of "
                f"{use.cap[over[0]]:g}. Raise it, lower the floors, or add options that cost less."
            )


class _Path:
    """The path near its end: prices between which it lies, and the steps there."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.gain, self.cost = problem, problem.gain, problem.costs[0]
        self.region, self.cap = problem.region, problem.region_cap
        self.budget = float(problem.budgets[0])
        self.bundles: dict[int, Steps] = {}  # changes of several dealers at once, by name
        self.low, self.high = self._prices()
        self.at, spent = choose(self.gain, [self.cost], [self.high[self.region]])
        self._cheapest_where_over(spent)

    def walk(self) -> Found:
        kept, closing = self._within_caps(self._open_steps())
        for r in np.flatnonzero(closing > 0):
            kept = kept.joined(self._bundle(int(r), kept, float(closing[r])))
        total = self._spent().sum() + np.cumsum(kept.cost)
        end = int(np.searchsorted(total > self.budget, True)) if len(kept) else 0
        price = float(kept.rate[end]) if end < len(kept) else 0.0
        self._take(kept.pick(slice(end)))
        if end < len(kept):
            self._fill(price, closing, kept.pick(slice(end, None)))
        return self._found(price, closing)

    def _prices(self) -> tuple[Real, Real]:
        """Low and high price in each region: the budget's, or the cap's where that is dearer."""
        r = len(self.cap)
        tables = self.gain, self.cost, self.region
        low = high = np.zeros(r)
        if np.isfinite(self.cap).any():
            low, high = narrow(*tables, Knobs(of=np.arange(r), cap=self.cap, floor=low))
        budget, one = np.array([self.budget]), np.zeros(r, np.intp)
        least, most = narrow(*tables, Knobs(of=one, cap=budget, floor=high))
        if (high > low).any():  # capped regions may spend up to what they do at their low prices
            upper = Knobs(of=one, cap=budget, floor=low)
            most = narrow(*tables, upper, near=(least, np.maximum(most, least * 1.001)))[1]
        return np.maximum(low, least), np.maximum(high, most)

    def _cheapest_where_over(self, spent: Real) -> None:
        """Where no price was high enough, the path begins at the cheapest options."""
        by_region = sums(spent, self.region, len(self.cap))
        over = by_region > self.cap
        if by_region.sum() > self.budget:
            over[:] = True
        if over.any():
            self.at = np.where(over[self.region], cheapest(self.gain, self.cost)[0], self.at)

    def _open_steps(self) -> Steps:
        """Steps between the prices, of all dealers who choose differently there."""
        other, _ = choose(self.gain, [self.cost], [self.low[self.region]])
        rows = np.flatnonzero(other != self.at)
        found = steps(self.gain[:, rows], self.cost[:, rows], self.at[rows], self.low[self.region[rows]])
        return Steps(rows[found.of], found.to, found.gain, found.cost, found.rate)

    def _spent(self) -> Real:
        """By region, in float64."""
        chosen = self.cost[self.at, np.arange(self.problem.n)]
        return sums(chosen, self.region, len(self.cap))

    def _within_caps(self, found: Steps) -> tuple[Steps, Real]:
        """Steps before their region's cap, and the rate of the first one above it [r] (0: none)."""
        closing = np.zeros(len(self.cap))
        if not len(found) or not np.isfinite(self.cap).any():
            return found, closing
        of, room = self.region[found.of], self.cap - self._spent()
        over = running(found.cost, of) > room[of]
        np.maximum.at(closing, of[over], found.rate[over])
        return found.pick(~over), closing

    def _bundle(self, r: int, kept: Steps, price: float) -> Steps:
        """The last change of a region that has come to its cap: the best use of what is left of it."""
        mine = kept.pick((kept.of >= 0) & (self.region[kept.of] == r))
        rows, at = np.flatnonzero(self.region == r), self.at.copy()
        at[mine.of] = mine.to  # in order: the last step of a dealer stands
        left = self.cap[r] - self.cost[at[rows], rows].astype(np.float64).sum()
        last = fill(Held.of(self.gain, self.cost, at, rows), left, price=price)
        cost = float(last.cost.sum())
        if not len(last) or cost <= 0:
            return last.pick(slice(0))
        self.bundles[-1 - r] = last
        rate = min(float(last.gain.sum()) / cost, price)
        name = np.array([-1 - r])
        return Steps(name, name, np.array([last.gain.sum()]), np.array([cost]), np.array([rate]))

    def _take(self, taken: Steps) -> None:
        single = taken.pick(taken.of >= 0)
        self.at[single.of] = single.to
        for name in taken.of[taken.of < 0]:
            last = self.bundles[int(name)]
            self.at[last.of] = last.to

    def _fill(self, price: float, closing: Real, rest: Steps) -> None:
        """What is left of the budget, among dealers of regions that have not come to their cap."""
        spent = self._spent()
        waiting = np.bincount(self.region[rest.of[rest.of >= 0]], minlength=len(self.cap)) > 0
        open_ = waiting | (closing == 0)
        rows = np.flatnonzero(open_[self.region])
        room = self.cap - spent
        held = Held.of(self.gain, self.cost, self.at, rows, self.region, room)
        last = fill(held, self.budget - float(spent.sum()), price=price)
        self.at[last.of] = last.to

    def _found(self, price: float, closing: Real) -> Found:
        uses = self.problem.uses()
        prices = [np.array([price])]
        if len(uses) > 1:
            prices.append(np.where(np.isfinite(self.cap), np.maximum(closing - price, 0.0), 0.0))
        return Found(at=self.at, prices=prices, bound=bound(self.gain, uses, prices))
