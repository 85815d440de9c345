"""The two rhythms a channel is planned in: months and weeks.

A period is named by its first day: the first of the month ("M") or the Monday ("W").
`season` is the number of periods in a year.

Errors: ChannelError (another letter).

>>> MONTHLY.range(pd.Timestamp("2017-11-01"), 3).strftime("%Y-%m").tolist()
['2017-11', '2017-12', '2018-01']
>>> WEEKLY.floor(pd.Series(pd.to_datetime(["2024-02-14"])))[0]
Timestamp('2024-02-12 00:00:00')
"""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from features.errors import ChannelError

Letter = Literal["M", "W"]


@dataclass(frozen=True)
class Frequency:
    """One rhythm: its letter, periods a year, and the pandas offset of its first days."""

    letter: Letter
    season: int
    offset: str
    noun: str

    def range(self, first: pd.Timestamp, periods: int) -> pd.DatetimeIndex:
        """`periods` period starts, from `first` on."""
        return pd.date_range(first, periods=periods, freq=self.offset, unit="us")

    def floor(self, dates: "pd.Series[pd.Timestamp]") -> "pd.Series[pd.Timestamp]":
        """The start of the period that each date falls in."""
        day = dates.dt.normalize()
        back = day.dt.day - 1 if self.letter == "M" else day.dt.day_of_week
        floored: pd.Series[pd.Timestamp] = (day - pd.to_timedelta(back, unit="D")).dt.as_unit("us")
        return floored

    def shift(self, start: pd.Timestamp, periods: int) -> pd.Timestamp:
        """The period start `periods` later (earlier when negative).

        >>> MONTHLY.shift(pd.Timestamp("2017-12-01"), 1)
        Timestamp('2018-01-01 00:00:00')
        """
        step = pd.DateOffset(months=periods) if self.letter == "M" else pd.DateOffset(weeks=periods)
        return start + step

    def position(self, starts: "pd.Series[pd.Timestamp]", first: pd.Timestamp) -> "pd.Series[int]":
        """How many periods after `first` each period start lies."""
        if self.letter == "M":
            return (starts.dt.year - first.year) * 12 + starts.dt.month - first.month
        return (starts - first).dt.days // 7

    def apart(self, start: pd.Timestamp, first: pd.Timestamp) -> int:
        """How many periods after `first` one period start lies.

        >>> MONTHLY.apart(pd.Timestamp("2018-02-01"), pd.Timestamp("2017-12-01"))
        2
        """
        if self.letter == "M":
            return (start.year - first.year) * 12 + start.month - first.month
        return int((start - first).days // 7)


MONTHLY = Frequency("M", 12, "MS", "month")
WEEKLY = Frequency("W", 52, "W-MON", "week")
_BY_LETTER = {"M": MONTHLY, "W": WEEKLY}


def frequency(letter: str) -> Frequency:
    """The rhythm called "M" or "W"."""
    if letter not in _BY_LETTER:
        raise ChannelError(f"A frequency is one of {sorted(_BY_LETTER)}; got {letter!r}.")
    return _BY_LETTER[letter]


def infer(dates: "pd.Series[pd.Timestamp]") -> Frequency:
    """Monthly when every date is the first of a month or one weekday does not hold them all.

    >>> infer(pd.Series(pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"]))).noun
    'month'
    >>> infer(pd.Series(pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-22"]))).noun
    'week'
    """
    days = dates.drop_duplicates().sort_values()
    if len(days) < 2:
        return MONTHLY
    gap_days = days.diff().dt.days.dropna().median()
    return WEEKLY if gap_days < 25 and days.dt.day_of_week.nunique() == 1 else MONTHLY
