"""Every fault of a frame at once: structure, columns, rows, and references.

In:   a frame meant to be one canonical table, and the ids that other tables know.
Out:  a list of `Fault`, empty when the frame keeps its schema.

Structure (a missing, unknown or wrongly typed column) is told first, with a hint; the
values of the columns that are there are judged all the same. No message carries a value:
offenders are named by business key.
"""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa

from features.errors import hint
from features.tables.fault import Fault, Positions
from features.tables.rules import ABSURD_RATIO, absurd, duplicated, strangers
from features.tables.table import Table

N_FIRST = 3
NO_ROWS: Positions = np.empty(0, dtype=np.int64)
_TYPES = {"str": "text", "float64": "numbers", "int64": "whole numbers", "boolean": "yes or no"}

Known = Mapping[str, Collection[str]]


def faults(table: Table, frame: pd.DataFrame, known: Known | None = None) -> list[Fault]:
    """All faults of `frame` as `table`; `known` maps a referenced table to its ids."""
    rows = frame.reset_index(drop=True)
    found = [*_structure(table, rows), *_columns(table, rows)]
    return [*found, *_keys(table, rows), *_quantities(table, rows), *_references(table, rows, known or {})]


def offenders(table: Table, frame: pd.DataFrame, where: Positions) -> tuple[str, ...]:
    """The first rows at these positions, by business key."""
    names = [name for name in table.key if name in frame.columns]
    first = frame[names].iloc[where[:N_FIRST]]
    return tuple("/".join(_shown(value) for value in row) for row in first.itertuples(index=False))


def _shown(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return "?" if pd.isna(value) else str(value)  # type: ignore[call-overload]


def _structure(table: Table, frame: pd.DataFrame) -> Iterator[Fault]:
    found = [str(column) for column in frame.columns]
    for name in table.required:
        if name not in found:
            yield Fault(table.name, "missing column", name, f"a column {name}.{hint(name, found)}", NO_ROWS)
    for name in found:
        if name not in table.columns:
            near = hint(name, table.columns)
            yield Fault(
                table.name, "unknown column", name, f"only {', '.join(table.columns)}.{near}", NO_ROWS
            )
    for name in _wrongly_typed(table, frame):
        dtype = table.dtype(name)
        yield Fault(table.name, "wrong type", name, f"a column of {_TYPES.get(dtype, 'moments')}", NO_ROWS)


def _wrongly_typed(table: Table, frame: pd.DataFrame) -> list[str]:
    present = [name for name in table.columns if name in frame.columns]
    return [name for name in present if str(frame[name].dtype) != table.dtype(name)]


def _columns(table: Table, frame: pd.DataFrame) -> Iterator[Fault]:
    """The schema's own rules, judged on the columns that have their type."""
    sound = set(frame.columns) & set(table.columns) - set(_wrongly_typed(table, frame))
    columns = {name: column for name, column in table.schema.columns.items() if name in sound}
    rules = table.schema.checks if set(table.required) <= sound else []
    try:
        pa.DataFrameSchema(columns, checks=rules).validate(frame[list(columns)], lazy=True)
    except pandera.errors.SchemaErrors as errors:
        yield from _told(table, frame, errors.failure_cases)


def _told(table: Table, frame: pd.DataFrame, cases: pd.DataFrame) -> Iterator[Fault]:
    cases = cases.assign(column=cases["column"].where(cases["schema_context"] == "Column", ""))
    for (column, expected), group in cases.groupby(["column", "check"], sort=False):
        where = np.unique(group["index"].to_numpy(dtype=np.int64))
        first = offenders(table, frame, where)
        yield Fault(table.name, *_rule(table, str(column), str(expected)), where, first)


def _rule(table: Table, column: str, expected: str) -> tuple[str, str, str]:
    """Rule, column and expectation of a pandera failure case."""
    if expected == "not_nullable":
        return "empty", column, "a value in every row"
    checks = table.schema.columns[column].checks if column else table.schema.checks
    name = next((str(check.name) for check in checks if check.error == expected), "broken rule")
    if column:
        return name, column, expected
    column, rule = name.split(": ")
    return rule, column, expected


def _keys(table: Table, frame: pd.DataFrame) -> Iterator[Fault]:
    where = np.flatnonzero(duplicated(frame, table.stored_key))
    if not len(where):
        return
    key = " + ".join(table.key)
    if apart := _apart(table, frame, where):
        expected = f"one {apart} for each {key} at one time"
        yield Fault(table.name, "two at one time", apart, expected, where, offenders(table, frame, where))
        return
    expected = f"one row for each {key} known at one moment"
    yield Fault(table.name, "duplicate key", key, expected, where, offenders(table, frame, where))


def _apart(table: Table, frame: pd.DataFrame, where: Positions) -> str:
    """The first attribute in which rows of one key differ, of a table with one row an id."""
    if len(table.key) > 1:
        return ""
    some = frame.iloc[where]
    rest = [name for name in frame.columns if name not in {*table.stored_key}]
    values = some.groupby(list(table.stored_key))[rest].nunique(dropna=False).max()
    return next((str(name) for name in rest if values[name] > 1), "")


def _quantities(table: Table, frame: pd.DataFrame) -> Iterator[Fault]:
    sound = set(frame.columns) - set(_wrongly_typed(table, frame))
    for column in table.quantities:
        where = np.flatnonzero(absurd(frame, column)) if column in sound else NO_ROWS
        if len(where):
            expected = f"at most {ABSURD_RATIO:,} times the median of its series; are the units right?"
            yield Fault(table.name, "absurd", column, expected, where, offenders(table, frame, where))


def _references(table: Table, frame: pd.DataFrame, known: Known) -> Iterator[Fault]:
    for column, other in table.references.items():
        if other not in known or column not in frame.columns:
            continue
        where = np.flatnonzero(strangers(frame[column], known[other]))
        if len(where):
            expected = f"an id that the table {other} has; load {other} first"
            yield Fault(
                table.name, f"unknown {column}", column, expected, where, offenders(table, frame, where)
            )
