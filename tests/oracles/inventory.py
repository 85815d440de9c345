"""Slow second answers of the inventory room."""

from itertools import product

import numpy as np
from scipy.optimize import linprog


def best_allocation(draws, held, supply, pack, floors):
    """The most expected units sold over every allocation in whole packs."""
    packs = int(supply // pack)
    best = -np.inf
    for given in product(range(packs + 1), repeat=len(held)):
        units = np.array(given) * pack
        if units.sum() <= supply and (units >= floors).all():
            best = max(best, float(np.minimum(draws, (held + units)[:, None]).mean(axis=1).sum()))
    return best


def best_moves(surplus, worth, freight, saved):
    """The most that moving single packs can gain: a transport problem of the packs, by linear programming.

    surplus [g] packs each giver may give, worth: list of each taker's gains of its packs in order,
    saved: list of each giver's savings of its packs in order, freight a pack.
    """
    gives = [(i, k) for i, many in enumerate(surplus) for k in range(many)]
    takes = [(j, k) for j, gains in enumerate(worth) for k in range(len(gains))]
    cost = [-(worth[j][k] + saved[i][m] - freight) for i, m in gives for j, k in takes]
    rows = []
    for a in range(len(gives)):
        rows.append([1.0 if x // len(takes) == a else 0.0 for x in range(len(cost))])
    for b in range(len(takes)):
        rows.append([1.0 if x % len(takes) == b else 0.0 for x in range(len(cost))])
    done = linprog(cost, A_ub=rows, b_ub=np.ones(len(rows)), bounds=(0, 1))
    return -float(done.fun)
