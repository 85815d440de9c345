"""A canonical table: its name, its business key, its schema.

What is stored is keyed by the business key and `known_at`: a later correction is a new
row, so that every past state can be seen again. `event_at` says when a row happened,
`known_at` when we could know it.

>>> from features.tables.columns import text
>>> toy = Table("toy", ("toy_id",), schema({"toy_id": text(), "colour": text(optional=True)}))
>>> toy.stored_key
('toy_id', 'known_at')
>>> toy.required
('toy_id', 'known_at')
>>> toy.coerce(pd.DataFrame({"toy_id": [7], "known_at": ["2017-01-01"]})).to_dict("records")[0]["toy_id"]
'7'
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pandera.pandas as pa

from features.tables.columns import MOMENT, moment

REFERENCES = {"dealer_id": "dealers", "sku_id": "products", "shipped_dealer_id": "dealers"}


def schema(columns: Mapping[str, pa.Column], *rules: pa.Check) -> pa.DataFrameSchema:
    """A strict schema of these columns and the two times that every table has."""
    times = {"event_at": moment(optional=True), "known_at": moment()}
    return pa.DataFrameSchema({**columns, **times}, checks=list(rules), strict=True)


@dataclass(frozen=True)
class Table:
    """One canonical table."""

    name: str
    key: tuple[str, ...]
    schema: pa.DataFrameSchema

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, in the order in which it is stored."""
        return tuple(self.schema.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a frame cannot lack."""
        return tuple(name for name, column in self.schema.columns.items() if column.required)

    @property
    def stored_key(self) -> tuple[str, ...]:
        """The business key and the moment of knowing."""
        return (*self.key, "known_at")

    @property
    def references(self) -> dict[str, str]:
        """Column to the table that must know its value."""
        own = {column: table for column, table in REFERENCES.items() if table != self.name}
        return {column: table for column, table in own.items() if column in self.schema.columns}

    @property
    def quantities(self) -> tuple[str, ...]:
        """The columns in units."""
        return tuple(name for name in self.columns if name.startswith("qty"))

    def dtype(self, column: str) -> str:
        """The pandas type in which a column is stored."""
        dtype = str(self.schema.columns[column].dtype.type)
        return MOMENT if dtype.startswith("datetime64") else dtype

    def coerce(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with every column, in order and typed; what cannot be typed stays for `check`."""
        unknown = [column for column in frame.columns if column not in self.columns]
        absent = set(self.columns) - set(self.required)
        names = [column for column in self.columns if column in frame.columns or column in absent]
        typed = {name: self._column(frame, name) for name in names}
        return pd.DataFrame(typed | {name: frame[name] for name in unknown}, index=frame.index)

    def _column(self, frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
        dtype = self.dtype(name)
        if name in frame.columns:
            return _typed(frame[name], dtype)
        if name == "event_at" and "period_start" in frame.columns:
            return _typed(frame["period_start"], dtype)
        empty = None if self.schema.columns[name].nullable else ""
        return pd.Series(empty, index=frame.index, dtype=dtype)


def _typed(values: "pd.Series[Any]", dtype: str) -> "pd.Series[Any]":
    if str(values.dtype) == dtype:
        return values
    try:
        typed: pd.Series[Any] = values.astype(dtype)  # type: ignore[call-overload]
    except (ValueError, TypeError):
        return values
    return typed
