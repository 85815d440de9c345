"""Shapley values as they are defined: every order in turn, one family after the other."""

from itertools import permutations

import numpy as np


def shapley_values(base, effects, link):
    """One row: what each family adds, averaged over all orders, [f]."""
    orders = list(permutations(range(len(effects))))
    out = np.zeros(len(effects))
    for order in orders:
        told = base
        for family in order:
            out[family] += link(told + effects[family]) - link(told)
            told += effects[family]
    return out / len(orders)
