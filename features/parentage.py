"""Parentage: dealers under dealers, and how far each of them is from the brand.

In:   the table `dealers` with `parent_dealer_id`, one row a dealer. Out: dealer_id -> level: 1 buys from the
brand, 2 from a dealer of level 1, and so on.

A parent who is not on record counts as level 1. Whoever stands in a ring, or under one, has no level (0).

>>> rows = {"dealer_id": ["A", "B", "C", "X", "Y"], "parent_dealer_id": [None, "A", "B", "Y", "X"]}
>>> levels(pd.DataFrame(rows)).to_dict()
{'A': 1, 'B': 2, 'C': 3, 'X': 0, 'Y': 0}
"""

import pandas as pd


def levels(dealers: pd.DataFrame) -> "pd.Series[int]":
    """The level of each dealer."""
    if dealers.empty or "parent_dealer_id" not in dealers:
        return pd.Series(dtype=int)
    pairs = zip(
        dealers["dealer_id"].astype(str), dealers["parent_dealer_id"].fillna("").astype(str), strict=True
    )
    above = dict(pairs)
    return pd.Series([_level(dealer, above) for dealer in above], index=list(above), dtype=int)


def _level(dealer: str, above: dict[str, str]) -> int:
    seen, one = {dealer}, dealer
    while parent := above.get(one, ""):
        if parent in seen:
            return 0
        seen.add(parent)
        one = parent
    return len(seen)
