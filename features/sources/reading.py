"""A sheet's cells read by a profile: each raw column once, its unreadable cells told once.

In:   a sheet of raw rows and a profile.
Out:  typed columns that keep the sheet's index; `faults`, whose `where` holds labels of the
      sheet; and `unread`, the labels of the cells that a canonical column could not take, so
      that they are not told again as empty.

>>> from features.sources.files import sheet
>>> from features.tables import SCHEMAS
>>> from features.sources.profile import parse
>>> profile = parse("mine", {"known_from": "2017-01-01"})
>>> reading = Reading(profile, sheet("a.csv", pd.DataFrame({"qty": ["5", "many"]})))
>>> reading.column(SCHEMAS["sell_in"], "qty_sell_in", ("qty",)).tolist()
[5.0, nan]
>>> [str(fault) for fault in reading.faults]
['mine.qty: not a number in 1 row; expected a number']
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.sources.cells import Flags, flags, numbers, texts
from features.sources.dates import moments
from features.sources.files import Sheet
from features.sources.profile import Profile
from features.tables import Fault, Table

Labels = NDArray[np.int64]
Values = tuple["pd.Series[Any]", Flags]
_KINDS = {"float64": "a number", "int64": "a number", "boolean": "yes or no", "datetime64[us]": "a date"}


class Reading:
    """The columns of one sheet, as a profile reads them."""

    def __init__(self, profile: Profile, sheet: Sheet) -> None:
        self.profile = profile
        self.rows = sheet.rows.copy(deep=False)
        self.faults: list[Fault] = []
        self.unread: dict[tuple[str, str], Labels] = {}
        self._read: dict[tuple[str, str], Values] = {}
        self._mask()

    def column(self, table: Table, name: str, columns: tuple[str, ...]) -> "pd.Series[Any]":
        """One canonical column; several raw columns of text are joined with "-"."""
        dtype = table.dtype(name)
        if dtype == "str":
            return self._text(columns, nullable=table.schema.columns[name].nullable)
        return self._typed(columns[0], _KINDS[dtype], (table.name, name))

    def date(self, place: tuple[str, str]) -> "pd.Series[pd.Timestamp]":
        """The date of each row, for this table and column."""
        return self._typed(self.profile.dates.column, "a date", place)

    def factor(self, place: tuple[str, str]) -> "pd.Series[float] | float":
        """Sales units for each unit of the row; null where the profile does not know the unit."""
        units = self.profile.units
        return self._looked_up(units.column, units.factors, "mixed units", place) if units else 1.0

    def currency(self, place: tuple[str, str]) -> "pd.Series[str] | None":
        """The ISO code of each row; null where the profile does not know the currency."""
        money = self.profile.currencies
        return self._looked_up(money.column, money.codes, "mixed currencies", place) if money else None

    def blank(self, table: Table, frame: pd.DataFrame) -> "pd.Series[bool]":
        """The rows without any quantity, whose cells were blank rather than unreadable."""
        names = [name for name in table.quantities if name in frame]
        blank = frame[names].isna().all(axis=1) & bool(names)
        for name in names:
            blank &= ~frame.index.isin(self.unread.get((table.name, name), []))
        return blank

    def _mask(self) -> None:
        for mask in self.profile.masks:
            marked = self._numbers(self.rows[mask.where])[0] <= mask.at_most
            for column in mask.blank:
                self.rows[column] = self.rows[column].mask(marked)

    def _text(self, columns: tuple[str, ...], *, nullable: bool) -> "pd.Series[str]":
        parts = [texts(self.rows[column]) for column in columns]
        text = parts[0].str.cat(pd.concat(parts[1:], axis=1), sep="-") if len(parts) > 1 else parts[0]
        return text.where(text != "") if nullable else text

    def _typed(self, column: str, kind: str, place: tuple[str, str]) -> "pd.Series[Any]":
        readers: dict[str, Callable[[pd.Series[Any]], Values]] = {
            "a number": self._numbers,
            "a date": lambda raw: moments(raw, self.profile.dates),
            "yes or no": flags,
        }
        if (column, kind) not in self._read:
            self._keep(
                column, kind, readers[kind](self.rows[column]), rule=f"not {kind}", expected=self._form(kind)
            )
        return self._taken(column, kind, place)

    def _looked_up(
        self, column: str, known: Mapping[str, Any], rule: str, place: tuple[str, str]
    ) -> "pd.Series[Any]":
        if (column, rule) not in self._read:
            found = texts(self.rows[column]).map(dict(known))
            expected = f"one of {', '.join(known)}; declare any other in the profile"
            self._keep(column, rule, (found, found.isna().to_numpy(dtype=bool)), rule=rule, expected=expected)
        return self._taken(column, rule, place)

    def _keep(self, column: str, kind: str, values: Values, *, rule: str, expected: str) -> None:
        self._read[column, kind] = values
        where = self.rows.index[values[1]].to_numpy(dtype=np.int64)
        if len(where):
            self.faults.append(Fault(self.profile.name, rule, column, expected, where))

    def _taken(self, column: str, kind: str, place: tuple[str, str]) -> "pd.Series[Any]":
        values, bad = self._read[column, kind]
        where = self.rows.index[bad].to_numpy(dtype=np.int64)
        self.unread[place] = np.union1d(self.unread.get(place, where), where)
        return values

    def _numbers(self, raw: "pd.Series[Any]") -> Values:
        return numbers(raw, decimal=self.profile.csv.decimal, thousands=self.profile.csv.thousands)

    def _form(self, kind: str) -> str:
        dates = self.profile.dates
        if kind == "a date":
            weeks = f"the number of a week, week 1 starting {dates.weeks_from}"
            return (
                weeks if dates.weeks_from else f"a day that exists, written as {' or '.join(dates.formats)}"
            )
        return "yes or no, 1 or 0, true or false" if kind == "yes or no" else kind
