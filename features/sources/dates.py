"""Dates as files write them: several formats in one column, or numbered weeks.

Formats are tried in the profile's order and the first that fits a cell wins, so put the
day-first form before the month-first one if yours are day-first. Formats are those of
`strptime`; one without separators needs all its digits, and "%G-W%V" is an ISO week.

Out: moments (naive UTC), null where blank or unreadable, and the flags of the unreadable.
Limits: two-digit years are read only if the profile says %y.

>>> column = pd.Series(["2017-01-31", "31.01.2017", "201701", "2017-02-30"])
>>> moments(column, Dates(column="d", formats=("%Y-%m-%d", "%d.%m.%Y", "%Y%m")))[0].dt.date.tolist()
[datetime.date(2017, 1, 31), datetime.date(2017, 1, 31), datetime.date(2017, 1, 1), NaT]
>>> import datetime
>>> weeks = Dates(column="w", weeks_from=datetime.date(1989, 9, 14))
>>> moments(pd.Series([1, 40]), weeks)[0].dt.strftime("%a %Y-%m-%d").tolist()
['Thu 1989-09-14', 'Thu 1990-06-14']
"""

import re
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.sources.cells import Flags, numbers, texts
from features.sources.profile import Dates

_DIGITS = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2, "%y": 2}


def moments(column: "pd.Series[Any]", rule: Dates) -> "tuple[pd.Series[pd.Timestamp], Flags]":
    """The moments of a column, and which cells were unreadable."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return _naive(column), np.zeros(len(column), dtype=bool)
    if rule.weeks_from is not None:
        return _weeks(column, rule.weeks_from)
    codes, found = column.factorize()
    distinct = pd.Series(found)
    cleaned, parsed = texts(distinct), _native(distinct)
    for form in rule.formats:
        todo = cleaned[parsed.isna() & (cleaned != "")]
        parsed = parsed.fillna(_parsed(todo, form))
    unreadable = np.append(parsed.isna() & (cleaned != ""), False)  # code -1, a null, takes the last
    values = pd.Series(parsed.array.take(codes, allow_fill=True), index=column.index)
    return values, unreadable[codes]


def _native(column: "pd.Series[Any]") -> "pd.Series[pd.Timestamp]":
    """Cells that are dates already, as spreadsheets and databases give them."""
    dates = column[column.map(lambda cell: isinstance(cell, date))] if column.dtype == object else column[:0]
    typed = pd.Series([pd.Timestamp(cell) for cell in dates], index=dates.index, dtype="datetime64[us]")
    return typed.reindex(column.index)


def _parsed(cells: "pd.Series[str]", form: str) -> "pd.Series[pd.Timestamp]":
    if form == "%G-W%V":
        cells, form = cells + "-1", "%G-W%V-%u"
    directives = re.findall("%.", form)
    if "".join(directives) == form and set(directives) <= set(_DIGITS):
        cells = cells[cells.str.fullmatch(rf"\d{{{sum(_DIGITS[one] for one in directives)}}}")]
    return pd.to_datetime(cells, format=form, errors="coerce").astype("datetime64[us]")


def _weeks(column: "pd.Series[Any]", first: date) -> "tuple[pd.Series[pd.Timestamp], Flags]":
    weeks, unreadable = numbers(column)
    whole = weeks.where((weeks % 1 == 0) & (weeks.abs() < 1e5))
    starts = pd.Timestamp(first) + pd.to_timedelta((whole - 1) * 7, unit="D")
    return starts.astype("datetime64[us]"), unreadable | np.asarray(weeks.notna() & whole.isna(), dtype=bool)


def _naive(column: "pd.Series[Any]") -> "pd.Series[pd.Timestamp]":
    utc = column.dt.tz_convert("UTC").dt.tz_localize(None) if column.dt.tz is not None else column
    return utc.astype("datetime64[us]")
