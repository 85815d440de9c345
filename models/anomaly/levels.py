"""Levels: how loud an alert is, by what it may cost and how sure we are.

In: expected loss (probability x amount) and probability, the policy's levels. Out: a word an alert.

>>> levels(np.array([50_000.0, 50_000.0, 10.0]), np.array([0.9, 0.3, 0.9]), Rules())
['critical', 'watch', 'info']
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.anomaly.rules import LEVELS, Rules

Array = NDArray[np.float64]


def levels(loss_amount: Array, probability: Array, rules: Rules) -> list[str]:
    """The highest level whose two bars are both reached; else info."""
    out = np.full(len(loss_amount), LEVELS[0], dtype=object)
    for one in reversed(rules.levels):
        out[(loss_amount >= one.loss_amount) & (probability >= one.probability)] = one.name
    return [str(name) for name in out]


def at_least(level: str, asked: str) -> bool:
    """Whether a level is the asked one or louder.

    >>> at_least("critical", "watch"), at_least("info", "watch")
    (True, False)
    """
    order: Sequence[str] = LEVELS
    return order.index(level) >= order.index(asked)
