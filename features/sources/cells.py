"""What a cell means: text, a number, or yes and no.

Each reader takes one raw column and returns its values and the flags of the cells that
could not be read. Blank cells are null and readable. Numbers with an exact type pass
untouched; text keeps leading zeros; a whole number that a spreadsheet stored as 7.0 is "7".

>>> numbers(pd.Series(["1.234,5", " ", "ten"]), decimal=",", thousands=".")[0].tolist()
[1234.5, nan, nan]
>>> numbers(pd.Series(["1.234,5", " ", "ten"]), decimal=",", thousands=".")[1].tolist()
[False, False, True]
>>> texts(pd.Series([7.0, "007", None], dtype=object)).tolist()
['7', '007', '']
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Raw = pd.Series  # one column of a file, of whatever type its reader gave it
Flags = NDArray[np.bool_]
_MONEY = "[$€£¥￥]"
_FLAGS = {"1": True, "true": True, "yes": True, "y": True, "是": True} | {
    "0": False, "false": False, "no": False, "n": False, "否": False
}  # fmt: skip


def texts(column: "Raw[Any]") -> "pd.Series[str]":
    """Trimmed text; "" where blank."""
    if pd.api.types.is_float_dtype(column):
        column = column.astype(object)
    if column.dtype == object:
        column = column.map(lambda v: int(v) if isinstance(v, float) and v.is_integer() else v)
    return column.astype("str").str.strip().fillna("")


def numbers(
    column: "Raw[Any]", *, decimal: str = ".", thousands: str = ""
) -> "tuple[pd.Series[float], Flags]":
    """Numbers; null where blank or unreadable, and which were unreadable."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype("float64"), np.zeros(len(column), dtype=bool)
    cleaned = _without_sign(texts(column))
    if thousands == " ":
        cleaned = cleaned.str.replace(r"\s", "", regex=True)  # narrow and unbreakable ones too
    elif thousands:
        cleaned = cleaned.str.replace(thousands, "", regex=False)
    if decimal != ".":
        cleaned = cleaned.str.replace(decimal, ".", regex=False)
    values = pd.to_numeric(cleaned.where(cleaned != ""), errors="coerce").astype("float64")
    return values, np.asarray((cleaned != "") & values.isna(), dtype=bool)


def _without_sign(cells: "pd.Series[str]") -> "pd.Series[str]":
    """Cells without the sign of money, when there is one kind in the column; two kinds stay, as faults."""
    signed = cells[cells.str.contains(_MONEY, regex=True)]
    if signed.empty or signed.str.findall(_MONEY).str[0].nunique() > 1:
        return cells
    return cells.str.replace(_MONEY, "", regex=True).str.strip()


def flags(column: "Raw[Any]") -> "tuple[pd.Series[bool], Flags]":
    """Yes or no; null where blank or unreadable, and which were unreadable."""
    if pd.api.types.is_bool_dtype(column):
        return column.astype("boolean"), np.zeros(len(column), dtype=bool)
    cleaned = texts(column).str.lower()
    values = cleaned.map(_FLAGS).astype("boolean")
    return values, np.asarray((cleaned != "") & values.isna(), dtype=bool)
