"""Dialect: how a plain file writes its numbers and days, read off its own cells.

Numbers: 1,234.5 or 1.234,5 or 1 234,5, one way for the whole file. Days with slashes: day or month first,
from a part above 12, or from the part that never changes (the first of each month). A year and the number of
a month in two columns become one. What was found is told as a note; what stays open (1,234 and no cell that
settles it) is left as it is, and then told as a fault.

>>> price, units = pd.Series(["12,50", "9,90"]), pd.Series(["1.234", "88"])
>>> decimal_and_thousands([price, units])
(',', '.')
>>> day_form(pd.Series(["03/01/2021", "31/01/2021"]))
'%d/%m/%Y'
"""

import re
from collections.abc import Iterable

import pandas as pd

from features.sources.cells import numbers, texts

Marks = tuple[str, str]  # decimal, thousands
_NUMBER = re.compile(r"[-+]?\d[\d.,'\s]*")
_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")  # 1,234.5
_COMMA = re.compile(r"[-+]?(\d{1,3}([.\s]\d{3})+|\d+),\d+")  # 1.234,5
_POINTS = re.compile(r"[-+]?\d{1,3}(\.\d{3})+")  # 1.234, where a comma is before decimals
_DOTS = re.compile(r"[-+]?\d{1,3}(\.\d{3}){2,}")  # 1.234.567
_SPACES = re.compile(r"[-+]?\d{1,3}(\s\d{3})+([.,]\d+)?")  # 1 234,5
_DAY = re.compile(r"(\d{1,2})([/-])(\d{1,2})[/-](\d{4})( \d{1,2}:\d{2}(:\d{2})?)?")
_PLAIN: Marks = (".", "")


def decimal_and_thousands(columns: "Iterable[pd.Series[str]]") -> Marks:
    """The marks before decimals and between thousands; plain ones where the cells do not settle it."""
    cells = [cell for column in columns for cell in _number_cells(column)]
    commas = [cell for cell in cells if "," in cell]
    spaced = any(_SPACES.fullmatch(cell) for cell in cells)
    if not commas:
        return (",", ".") if any(map(_DOTS.fullmatch, cells)) else (".", " " if spaced else "")
    groups, decimals = all(map(_GROUPS.fullmatch, commas)), all(map(_COMMA.fullmatch, commas))
    if groups and decimals:
        whole = len(commas) < len(cells) and all(
            len(cell.lstrip("+-")) <= 3 for cell in cells if cell.isdigit()
        )
        dotted = any(re.fullmatch(r"[-+]?\d+\.\d{1,2}", cell) for cell in cells)
        return (".", ",") if dotted or whole else _PLAIN
    if groups:
        return ".", ","
    pointed = all(_POINTS.fullmatch(cell) for cell in cells if "." in cell and "," not in cell)
    return (",", " " if spaced else ".") if decimals and pointed else _PLAIN


def day_form(column: "pd.Series[str]") -> str:
    """The format of days like 03/01/2021, or "" when there are none or either part may be the day."""
    found = [match.groups() for cell in texts(column).unique() if (match := _DAY.fullmatch(cell))]
    if not found:
        return ""
    mark, clock = found[0][1], " %H:%M" * bool(found[0][4]) + ":%S" * bool(found[0][5])
    first, second = ({int(parts[i]) for parts in found} for i in (0, 2))
    day, month = f"%d{mark}%m{mark}%Y{clock}", f"%m{mark}%d{mark}%Y{clock}"
    if (max(first) > 12) != (max(second) > 12):
        return day if max(first) > 12 else month
    if max(first) <= 12 and (len(first) == 1) != (len(second) == 1):
        return day if len(first) == 1 else month
    return ""


def year_and_month(year: "pd.Series[str]", month: "pd.Series[str]") -> "pd.Series[str] | None":
    """2021 and 3 as 2021-03; nothing when the cells are not years and months by number."""
    (years, _), (months, _) = numbers(year), numbers(month)
    if not (years.between(1950, 2100).all() and months.between(1, 12).all() and len(years)):
        return None
    return years.astype(int).astype(str) + "-" + months.astype(int).astype(str).str.zfill(2)


def told(marks: Marks, day: str) -> list[str]:
    """What was found, in words; nothing where the file is written plainly."""
    decimal, thousands = marks
    shown = f"1{thousands}234{decimal}5"
    said = [f"numbers are read as {shown} is written"] if marks != _PLAIN else []
    return [*said, f"days are read as {'day' if day.startswith('%d') else 'month'} first"] if day else said


def _number_cells(column: "pd.Series[str]") -> list[str]:
    """The distinct cells of a column that holds numbers, however written."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return []
    cells = [cell for cell in texts(column).unique() if cell]
    bare = [cell.strip("$€£¥￥ ") for cell in cells]
    found = [re.sub(r"\s", " ", cell) for cell in bare if _NUMBER.fullmatch(cell)]
    return found if 2 * len(found) > len(cells) else []
