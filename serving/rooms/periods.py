"""Periods as callers write them: "2017-09" for a month, "2017-09-11" for the week of that Monday.

A month may also be written by its first day. Anything else is refused rather than moved,
because a date in mid-period is as likely a mistake as a habit.

>>> from features.frequency import MONTHLY, WEEKLY
>>> starts(["2017-09", "2017-10-01", "2017-10-15"], MONTHLY).isna().tolist()
[False, False, True]
>>> written(pd.to_datetime(["2017-09-01"]), MONTHLY), written(pd.to_datetime(["2017-09-11"]), WEEKLY)
(['2017-09'], ['2017-09-11'])
"""

from collections.abc import Sequence
from typing import Annotated

import pandas as pd
from pydantic import Field

from features.frequency import Frequency

_EXPECTED = {
    "M": 'a month, written "2017-09" (or by its first day, "2017-09-01")',
    "W": 'a week, written by its Monday, "2017-09-11"',
}
Period = Annotated[
    str,
    Field(
        pattern=r"^(19|20|21)\d{2}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?$",
        description='A month as "2017-09", or a week by its Monday as "2017-09-11".',
        examples=["2017-09"],
    ),
]


def starts(periods: Sequence[str], freq: Frequency) -> "pd.Series[pd.Timestamp]":
    """The first day of each period; NaT where the text does not name a period of this rhythm."""
    texts = pd.Series(list(periods), dtype="str")
    days = pd.to_datetime(texts.where(texts.str.len() > 7, texts + "-01"), format="%Y-%m-%d", errors="coerce")
    named = (texts.str.len() > 7) if freq.letter == "W" else days.notna()
    return days.where(named & (days == freq.floor(days))).dt.as_unit("us")


def written(days: pd.DatetimeIndex, freq: Frequency) -> list[str]:
    """The periods that start on these days, as a caller reads them."""
    return [str(text) for text in days.strftime("%Y-%m" if freq.letter == "M" else "%Y-%m-%d")]


def expected(freq: Frequency) -> str:
    """What a period should look like, in words."""
    return _EXPECTED[freq.letter]
