"""Days: what follows where a file's rows are single days or documents, not whole periods.

A period that the file begins or ends in the middle of is left out: half a month is no month. It is taken as
cut off when its outermost day is much further from its edge than that of any other period.

A file that has rows only where something sold tells prices and promotions only there: who knew them ahead
would know what sells. They are not taken as known ahead.

Limits: with fewer than three periods, or sales on few days, nothing is taken as cut off.

>>> from features.frequency import MONTHLY
>>> days = pd.Series(pd.date_range("2024-01-01", "2024-05-14").to_numpy())
>>> cut_off(days, MONTHLY)
[Timestamp('2024-05-01 00:00:00')]
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.frequency import Frequency

_LEAST_PERIODS = 3
_COMPLETE = 0.7  # of the days between a series' first and last
_FURTHER = 2.0  # times as far from the edge as any other period's outermost day


def cut_off(days: "pd.Series[pd.Timestamp]", rhythm: Frequency) -> list[pd.Timestamp]:
    """The starts of the first and last period, as far as they are cut off."""
    told = days.dropna()
    starts = rhythm.floor(told)
    if starts.nunique() < _LEAST_PERIODS:
        return []
    return list(_cut(told, starts, rhythm))


def sold_only(
    series: NDArray[np.intp], days: "pd.Series[pd.Timestamp]", quantity: "pd.Series[float]"
) -> bool:
    """Whether rows lie only where something sold: no zero, and few of the file's days in each series.

    >>> days = pd.Series(pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]))
    >>> sold_only(np.zeros(4, dtype=int), days, pd.Series([5.0] * 4))
    False
    >>> rare = pd.concat([days, days[[0, 3]], days[[0, 3]]])
    >>> sold_only(np.array([0, 0, 0, 0, 1, 1, 2, 2]), rare, pd.Series([5.0] * 8))
    True
    """
    if (quantity == 0).any():
        return False
    step = pd.Series(days.rank(method="dense").to_numpy())
    spans = step.groupby(series).agg(["min", "max", "nunique"])
    return bool(spans["nunique"].sum() < _COMPLETE * (spans["max"] - spans["min"] + 1).sum())


def _cut(
    days: "pd.Series[pd.Timestamp]", starts: "pd.Series[pd.Timestamp]", rhythm: Frequency
) -> Iterator[pd.Timestamp]:
    outer = days.groupby(starts.to_numpy()).agg(["min", "max"])
    ends = pd.DatetimeIndex([rhythm.shift(start, 1) for start in outer.index])
    before = (outer["min"] - outer.index).dt.days  # from the period's first day
    after = (ends - outer["max"]).dt.days - 1  # to its last
    if before.iloc[0] > _FURTHER * (before.iloc[1:].max() + 1):
        yield outer.index[0]
    if after.iloc[-1] > _FURTHER * (after.iloc[:-1].max() + 1):
        yield outer.index[-1]
