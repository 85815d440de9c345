"""Plans by trying every one of them: the slow answer to the optimiser."""

from itertools import product

import numpy as np


def best_plan(gain, costs, limits):
    """The gain of the best plan within the limits; None when no plan keeps them."""
    best = None
    for plan in product(range(len(gain[0])), repeat=len(gain)):
        if _kept(plan, costs, limits):
            total = sum(gain[i][j] for i, j in enumerate(plan))
            best = total if best is None else max(best, total)
    return best


def _kept(plan, costs, limits):
    for cost, budget in zip(costs, limits.budgets, strict=True):
        if sum(cost[i][j] for i, j in enumerate(plan)) > budget:
            return False
    for names, bounds, sign in (
        (limits.regions, limits.region_caps, 1),
        (limits.groups, limits.least_group_worth, -1),
    ):
        for name, bound in bounds.items():
            used = np.sum([costs[0][i][j] for i, j in enumerate(plan) if names[i] == name])
            if sign * used > sign * bound:
                return False
    return True
