"""Classes: the probability of default in 12 months as a class from 1 (safest) to 5.

The class is where the probability falls between the stated cuts; a fact that stands may hold it up:
a dealer in default is in class 5, one with a confirmed critical alert in class 4 or 5, one with high
contract risk not in class 1.

In:   probability, facts. Out: class and the codes of the rules that were used. Decisions are plain functions.

>>> credit_class(0.004), credit_class(0.05), credit_class(0.6)
((1, ()), (3, ()), (5, ()))
>>> credit_class(0.004, confirmed_critical=True)
(4, ('CLASS_ALERT',))
"""

import bisect
from collections.abc import Sequence

CUTS = (0.01, 0.03, 0.08, 0.20)  # of the probability of default in 12 months
WORST = len(CUTS) + 1


def credit_class(
    pd_12m: float,
    *,
    cuts: Sequence[float] = CUTS,
    in_default: bool = False,
    confirmed_critical: bool = False,
    high_clause_risk: bool = False,
) -> tuple[int, tuple[str, ...]]:
    """The class, and the rules that moved it."""
    found = bisect.bisect_right(list(cuts), pd_12m) + 1
    rules: list[str] = []
    floors = (
        ("CLASS_CLAUSES", high_clause_risk, 2),
        ("CLASS_ALERT", confirmed_critical, WORST - 1),
        ("CLASS_DEFAULT", in_default, WORST),
    )
    for code, holds, least in floors:
        if holds and found < least:
            found, rules = least, [*rules, code]
    return found, tuple(rules)
