"""Rhythm: whether a plain file's rows are months, weeks, or single days.

One date a month for all: months. Dates of each series whole weeks apart: weeks. Else single days or
documents, by month unless the profile says weeks.

>>> from features.sources.files import sheet
>>> from features.sources.profile import parse
>>> days = ["2024-01-05", "2024-01-12", "2024-01-07", "2024-01-14"]
>>> rows = pd.DataFrame({"sku": ["A", "A", "B", "B"], "day": days})
>>> rhythm_of(parse("mine", {}), sheet("a.csv", rows), {"sku_id": ("sku",)}, "day")
('W', 'period')
"""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.sources.dates import moments
from features.sources.files import Sheet
from features.sources.profile import Mapped, Profile

_WEEKLY = 0.9  # of the steps from date to date are whole weeks


def rhythm_of(
    profile: Profile, sheet: Sheet, keys: Mapped, date: str
) -> tuple[Literal["M", "W"], Literal["period", "day"]]:
    """One date a month: M. Dates of a series whole weeks apart: W. Else documents, by month."""
    if date not in sheet.rows:
        return profile.frequency or "M", "period"
    days = moments(sheet.rows[date], profile.dates)[0].dt.normalize()
    dated = pd.DataFrame({"series": series_of(sheet, keys), "day": days}).dropna().drop_duplicates()
    apart = dated.sort_values(["series", "day"]).groupby("series")["day"].diff().dt.days.dropna()
    weeks = bool((apart % 7 == 0).mean() >= _WEEKLY) and not _twice(dated, "W")
    fits = {"M": not _twice(dated[["day"]], "M"), "W": weeks or not _twice(dated[["day"]], "W")}
    letter: Literal["M", "W"] = profile.frequency or ("W" if weeks and not fits["M"] else "M")
    return letter, "period" if fits[letter] else "day"


def series_of(sheet: Sheet, keys: Mapped) -> NDArray[np.intp]:
    """The number of each row's series."""
    columns = [column for named in keys.values() for column in named if column in sheet.rows]
    groups = sheet.rows.groupby(columns, dropna=False).ngroup() if columns else 0
    return np.broadcast_to(np.asarray(groups, dtype=np.intp), len(sheet.rows))


def _twice(dated: pd.DataFrame, letter: str) -> bool:
    """Whether two dates, of a series where it is told, lie in one period."""
    days = dated.drop_duplicates()
    return bool(days.assign(day=days["day"].dt.to_period(letter)).duplicated().any())
