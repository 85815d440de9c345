"""Layout: a plain file's sheet as rows of one series and period, whatever its columns stand for.

* columns named after periods, or after products beside a date, are made rows
* a year and a month in two columns become one

What was done is told; any other sheet stays as it is.
"""

from dataclasses import replace

import pandas as pd

from features.sources.dates import moments
from features.sources.dialect import year_and_month
from features.sources.files import Sheet
from features.sources.guess import is_number
from features.sources.meanings import aliased, meanings, plain, says_plan
from features.sources.profile import Profile, Wide
from features.sources.wide import melted

_LEAST_PRODUCTS = 2
_LEAST_PERIODS = 4  # columns named after them
_MONTH = "year and month"
_YEARS, _MONTHS = ("year", "jahr", "年", "年份"), ("month", "monat", "month_no", "月", "月份")


def by_period(profile: Profile, sheet: Sheet) -> tuple[Sheet, list[str]]:
    """A sheet with a column a month or week made rows; any other as it is."""
    names = pd.Series(list(sheet.rows.columns), dtype="str")
    dated = names[moments(names, profile.dates)[0].notna().to_numpy()].tolist()
    if len(dated) < _LEAST_PERIODS or "date" in aliased(profile, names.tolist()) | profile.stated:
        return sheet, []
    wide = Wide(name="period_start", value="quantity", columns=tuple(dated))
    return _long(sheet, wide, ()), [f"{len(dated)} columns named after periods were made rows"]


def by_product(profile: Profile, sheet: Sheet) -> tuple[Sheet, list[str]]:
    """A sheet with nothing but a date and a column a product made rows; any other as it is."""
    if (aliased(profile, list(sheet.rows.columns)) | profile.stated).keys() - {"date"}:
        return sheet, []  # names say more: nothing to guess
    found = meanings(profile, sheet).found
    free = [c for c in sheet.rows.columns if c not in found.values() and not says_plan(c)]
    if {*found} != {"date"} or len(free) < _LEAST_PRODUCTS or sheet.rows[found["date"]].duplicated().any():
        return sheet, []
    if not all(is_number(sheet.rows[column]) for column in free):
        return sheet, []
    wide = Wide(name="product", value="quantity", columns=tuple(free))
    return _long(sheet, wide, (found["date"],)), [
        f"{len(free)} columns of numbers were taken as products, a column each"
    ]


def with_month(found: dict[str, str], sheet: Sheet) -> tuple[dict[str, str], Sheet, tuple[str, ...]]:
    """A year and a month in two columns as one, and which columns those were."""
    by_name = {plain(column): column for column in sheet.rows.columns}
    year = next((by_name[name] for name in _YEARS if name in by_name), None)
    month = next((by_name[name] for name in _MONTHS if name in by_name), None)
    if year is None or month is None or found.get("date", month) != month:
        return found, sheet, ()
    joined = year_and_month(sheet.rows[year], sheet.rows[month])
    if joined is None:
        return found, sheet, ()
    headers = {file: header | {_MONTH} for file, header in sheet.headers.items()}
    sheet = replace(sheet, rows=sheet.rows.assign(**{_MONTH: joined}), headers=headers)
    return found | {"date": _MONTH}, sheet, (year, month)


def _long(sheet: Sheet, wide: Wide, kept: tuple[str, ...]) -> Sheet:
    """The sheet with the columns of `wide` as rows, each with its place in the file."""
    rows, origin = melted(sheet.rows, wide, kept=kept)
    headers = {file: header | {wide.name, wide.value} for file, header in sheet.headers.items()}
    return Sheet(rows, sheet.origin.iloc[origin].reset_index(drop=True), headers)
