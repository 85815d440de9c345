"""Rows: what was known of every dealer at past cutoffs, and what then happened.

In:   Books, a moment, and how many months lie between cutoffs.
Out:  one row a dealer and cutoff: dealer_id, cutoff, territory_id, tier, kind, y, and the columns of
      `features.condition`. Outcomes are read from sales that were known at the moment; y is NaN where
      the six months are not over.

The event, "decline": over the `AHEAD` months after the cutoff the dealer bought for at most
`KEPT_RATE` of its reference, or bought nothing at all in the last `STOP_MONTHS` of them. The
reference is the same months a year ago, else the last six (`features.condition.reference`).

kind  usual    six months of history or more, bought within the last six
      young    less history; the reference are its few months, scaled up
      dormant  nothing bought for six months; its event is "buys nothing in the six months ahead"
      never    no purchase on record; no event

>>> import numpy as np
>>> after = np.array([[1.0, 1, 1, 1, 1, 1], [9.0, 9, 9, 0, 0, 0], [1.0, 0, 0, 0, 0, 1]])
>>> declined(after, np.array([6.0, 6.0, 6.0])).tolist()
[0.0, 1.0, 1.0]
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.condition import COLUMNS, HALF, condition, history_months, recency_months, reference
from features.standing import Books, NoSales, Standing

Array = NDArray[np.float64]

AHEAD = HALF
KEPT_RATE = 0.7
STOP_MONTHS = 3
LEAST_MONTHS = 6  # of history, before a dealer is judged by its own
KINDS = ("usual", "young", "dormant", "never")
ABOUT = ["dealer_id", "cutoff", "territory_id", "tier", "kind", "y"]


def declined(after: Array, before: Array) -> Array:
    """1 where the event happened, [d]; NaN where sales [d, 6] or the reference [d] are not known."""
    fell = after.sum(axis=1) <= KEPT_RATE * before
    stopped = after[:, -STOP_MONTHS:].sum(axis=1) <= 0
    known = np.isfinite(after).all(axis=1) & (before > 0)
    return np.where(known, (fell | stopped).astype(float), np.nan)


def kinds(standing: Standing) -> NDArray[Any]:
    """Which kind each dealer is, [d]."""
    age, recency = history_months(standing), recency_months(standing)
    tests = [age == 0, recency >= LEAST_MONTHS, age < LEAST_MONTHS]
    return np.select(tests, ["never", "dormant", "young"], default="usual")


def past_rows(books: Books, moment: pd.Timestamp, *, every_months: int = 1) -> pd.DataFrame:
    """All cutoffs up to the moment, the latest first to be placed; rows by cutoff and dealer."""
    full = books.at(moment)
    parts = []
    for t in range(len(full.months), LEAST_MONTHS, -every_months):
        try:
            standing = books.at(_opened(full, t, moment))
        except NoSales:  # all of it became known later
            continue
        parts.append(_rows_at(standing, full))
    rows = pd.concat(parts[::-1], ignore_index=True)
    return rows.drop_duplicates(["cutoff", "dealer_id"], ignore_index=True)


def _opened(full: Standing, t: int, moment: pd.Timestamp) -> pd.Timestamp:
    """The moment at which t months were over; the latest is the moment itself."""
    return moment if t == len(full.months) else full.months[t]


def _rows_at(standing: Standing, full: Standing) -> pd.DataFrame:
    kind = kinds(standing)
    after = _after(standing, full)
    y = np.where(kind == "dormant", _stays_away(after), declined(after, reference(standing.layers["sales"])))
    about = {
        "dealer_id": standing.dealer_ids,
        "cutoff": standing.months[-1],
        "territory_id": standing.dealers["territory_id"].to_numpy(),
        "tier": standing.dealers["tier"].to_numpy(),
        "kind": kind,
        "y": np.where(kind == "never", np.nan, y),
    }
    return pd.concat([pd.DataFrame(about), condition(standing)[list(COLUMNS)].reset_index(drop=True)], axis=1)


def _after(standing: Standing, full: Standing) -> Array:
    """Sales in the six months after a standing, [d, 6]; NaN where they are not on record."""
    rows = full.dealer_ids.get_indexer(standing.dealer_ids)
    t = int(full.months.searchsorted(standing.months[-1])) + 1
    after = np.full((len(rows), AHEAD), np.nan)
    found = np.nan_to_num(full.layers["sales"][:, t : t + AHEAD])[rows]
    after[:, : found.shape[1]] = found
    return after


def _stays_away(after: Array) -> Array:
    known = np.isfinite(after).all(axis=1)
    return np.where(known, (after.sum(axis=1) <= 0).astype(float), np.nan)
