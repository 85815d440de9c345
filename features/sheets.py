"""Sheets: canonical tables made ready to be seen at many moments.

In:   a table with `known_at` and its business key; then moment after moment.
Out:  the positions of the rows known at a moment, the latest of each key: the same rows that
      `features.known.known` keeps, without sorting the table again at each moment.

>>> rows = pd.DataFrame({"dealer_id": ["D1", "D1", "D2"], "tier": ["B", "A", "C"],
...                      "known_at": pd.to_datetime(["2024-01-01", "2024-06-01", "2024-02-01"])})
>>> sheet = Sheet.of("dealers", rows)
>>> [sheet.at(pd.Timestamp(day))["tier"].tolist() for day in ("2024-03-01", "2024-07-01")]
[['B', 'C'], ['A', 'C']]
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.tables import SCHEMAS

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Sheet:
    """One table; where keys repeat, rows lie by key and then by the moment they were known."""

    frame: pd.DataFrame
    known_at: NDArray[np.datetime64]  # [n]
    key: Ints | None  # [n] code of the business key; None when no key repeats

    @classmethod
    def of(cls, name: str, frame: pd.DataFrame) -> Self:
        """A canonical table, whole."""
        key, _ = codes(frame, SCHEMAS[name].key)
        known_at = frame["known_at"].to_numpy("datetime64[ns]")
        if (np.diff(np.sort(key, kind="stable")) > 0).all():
            return cls(frame, known_at, None)
        order = np.lexsort((known_at, key))
        return cls(frame.iloc[order], known_at[order], key[order])

    def at(self, moment: pd.Timestamp) -> pd.DataFrame:
        """The rows that were known then."""
        return self.frame.iloc[self.rows(moment)]

    def rows(self, moment: pd.Timestamp) -> NDArray[np.intp]:
        """Their positions in `frame`."""
        seen = np.flatnonzero(self.known_at <= np.datetime64(naive(moment)))
        if self.key is None or not len(seen):
            return seen
        key = self.key[seen]
        latest: NDArray[np.intp] = seen[np.append(key[1:] != key[:-1], True)]
        return latest


def codes(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Ints, list[Any]]:
    """One number for each distinct combination of columns, [n], and what the first column's codes mean."""
    total, first = np.zeros(len(frame), dtype=np.int64), list[Any]()
    for position, name in enumerate(names):
        code, values = pd.factorize(frame[name], sort=position == 0)
        if position == 0:
            first = list(values)
        total = total * (len(values) + 1) + (code + 1)
        if total.size and total.max() > 2**31:  # the product of all sizes may not fit into 64 bits
            total = np.unique(total, return_inverse=True)[1].astype(np.int64)
    return total, first


def naive(moment: pd.Timestamp) -> pd.Timestamp:
    """The moment as naive UTC."""
    return moment.tz_convert(UTC).tz_localize(None) if moment.tz else moment
