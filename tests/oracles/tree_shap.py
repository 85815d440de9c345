"""Path-dependent SHAP values of a LightGBM model by their definition: every subset of a tree's own columns.

What a tree says when only some columns are known: follow the branch where its column is known, else both
branches by their training rows (Lundberg et al. 2020, Nature Machine Intelligence 2, algorithm 1).
"""

from itertools import combinations
from math import factorial

import numpy as np


def tree_shap(booster, x):
    """Effects of one row [c], and the expectation."""
    effects, expected = np.zeros(len(x)), 0.0
    for tree in booster.dump_model()["tree_info"]:
        root = tree["tree_structure"]
        own = sorted(_columns(root))
        expected += _told(root, x, set())
        for j in own:
            others = [k for k in own if k != j]
            for size in range(len(own)):
                chance = factorial(size) * factorial(len(own) - size - 1) / factorial(len(own))
                for known in combinations(others, size):
                    effects[j] += chance * (_told(root, x, {*known, j}) - _told(root, x, set(known)))
    return effects, expected


def _columns(node):
    if "leaf_value" in node:
        return set()
    return {node["split_feature"]} | _columns(node["left_child"]) | _columns(node["right_child"])


def _told(node, x, known):
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    value = x[node["split_feature"]]
    if node["split_feature"] not in known:
        share = _rows(left) / (_rows(left) + _rows(right))
        return share * _told(left, x, known) + (1 - share) * _told(right, x, known)
    missing = np.isnan(value) and node["missing_type"] == "NaN"
    goes_left = node["default_left"] if missing else np.nan_to_num(value) <= node["threshold"]
    return _told(left if goes_left else right, x, known)


def _rows(node):
    return node.get("leaf_count", node.get("internal_count"))
