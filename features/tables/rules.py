"""Rules that need more than one row or table: duplicates, strangers, absurd quantities.

Each takes a frame of a canonical table and returns one flag a row, True where it is broken.

Source: the ratio of `absurd` is deliberately wide: a planner's typing slip is a factor of
        ten to a thousand and is left to a person; a factor of ten thousand is a unit error.

>>> frame = pd.DataFrame({"dealer_id": "D1", "sku_id": "S1", "qty": [90.0, 100.0, 110.0, 5e8]})
>>> absurd(frame, "qty").tolist()
[False, False, False, True]
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Flags = NDArray[np.bool_]

LARGE_UNITS = 1e6  # below this no quantity is judged against its series
ABSURD_RATIO = 10_000  # times the median of the series' own quantities above zero


def duplicated(frame: pd.DataFrame, key: tuple[str, ...]) -> Flags:
    """Rows that share their whole key with another row: nobody can say which one is right."""
    names = [name for name in key if name in frame.columns]
    return np.asarray(frame.duplicated(names, keep=False) & frame[names].notna().all(axis=1), dtype=bool)


def strangers(values: "pd.Series[str]", known: Collection[str]) -> Flags:
    """Values that the referenced table does not have; a blank one, where it is allowed, means all."""
    return np.asarray(values.notna() & (values != "") & ~values.isin(list(known)), dtype=bool)


def absurd(frame: pd.DataFrame, column: str) -> Flags:
    """Quantities ten thousand times the median of their own series."""
    flags = np.zeros(len(frame), dtype=bool)
    values = frame[column]
    large = (values > LARGE_UNITS) & np.isfinite(values)
    if not large.any() or not {"dealer_id", "sku_id"} <= set(frame.columns):
        return flags
    suspects = frame.loc[large, ["dealer_id", "sku_id"]].drop_duplicates()
    own = frame.loc[values > 0, ["dealer_id", "sku_id", column]].merge(suspects, on=["dealer_id", "sku_id"])
    medians = own.groupby(["dealer_id", "sku_id"])[column].median().rename("median")
    usual = frame[["dealer_id", "sku_id"]].join(medians, on=["dealer_id", "sku_id"])["median"]
    return np.asarray(large & (values > ABSURD_RATIO * usual), dtype=bool)
