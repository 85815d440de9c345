"""What is wrong with a load: the faults of its tables, told in the words of its files.

In:   sheets with the profile that reads each, the ids that are known, and today.
Out:  canonical tables, and faults whose `where` holds labels of the raw rows; their first
      offenders are named by key and by row of the file.

A fault of one raw row that shows in several tables is told once. A cell that could not be
read is not told again as empty.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from features.errors import hint
from features.sources.cells import texts
from features.sources.channel import Part
from features.sources.draft import draft
from features.sources.reading import Labels, Reading
from features.sources.timing import planned
from features.tables import Fault, Known, check, coerce, table
from features.tables.checks import N_FIRST, NO_ROWS, offenders

Tables = dict[str, pd.DataFrame]
_IDS = {"dealers": "dealer_id", "products": "sku_id"}
_FIRST_DAY = pd.Timestamp("1950-01-01")  # in a file without a profile of its own; earlier is a slip
_N_ALIASES = 8
_SOURCE = {"known_at": "period_start"}  # both come from the row's date


def missing(parts: list[Part]) -> list[Fault]:
    """The columns that a profile needs and a file lacks, each with the nearest name."""
    return [
        Fault(file, "missing column", column, _wanted(column, use, profile.aliases, header), NO_ROWS)
        for profile, sheet in parts
        for file, header in sheet.headers.items()
        for column, use in profile.columns.items()
        if column not in header and column not in profile.optional
    ]


def empty(parts: list[Part]) -> list[Fault]:
    """One fault when no sheet has a row."""
    if any(len(sheet.rows) for _, sheet in parts):
        return []
    files = ", ".join(file for _, sheet in parts for file in sheet.headers)
    return [Fault(files, "no rows", "", "a header and at least one row", NO_ROWS)]


def judge(parts: list[Part], known: Known, as_of: pd.Timestamp) -> tuple[Tables, list[Fault]]:
    """The canonical tables of these sheets and everything that is wrong with them."""
    readings = [Reading(profile, sheet) for profile, sheet in parts]
    drafts = [draft(reading) for reading in readings]
    names = dict.fromkeys(name for one in drafts for name in one)
    frames = {name: pd.concat([one[name] for one in drafts if name in one]) for name in names}
    typed = {name: coerce(name, frame) for name, frame in frames.items()}
    cells = [_read(reading, fault) for reading in readings for fault in reading.faults]
    rows = [fault for name in names for fault in _table_faults(name, typed, readings, known, as_of)]
    origin = pd.concat([sheet.origin for _, sheet in parts])
    several = sum(len(sheet.headers) for _, sheet in parts) > 1
    told = [_with_rows(fault, origin, several=several) for fault in _once([*cells, *rows])]
    return {name: frame.reset_index(drop=True) for name, frame in typed.items()}, told


def labels(faults: list[Fault]) -> Labels:
    """The raw rows that any fault names."""
    return np.unique(np.concatenate([NO_ROWS, *(fault.where for fault in faults)]))


def quarantined(parts: list[Part], faults: list[Fault]) -> pd.DataFrame:
    """The bad rows as they were, with file, row and the reasons."""
    reasons: dict[int, list[str]] = {}
    for fault in faults:
        for label in fault.where:
            reasons.setdefault(int(label), []).append(f"{fault.column}: {fault.rule}")
    why = pd.Series(
        {label: "; ".join(all_of) for label, all_of in reasons.items()}, dtype="str", name="reason"
    )
    frames = []
    for _, sheet in parts:
        bad = sheet.rows.index.intersection(why.index)
        frames.append(pd.concat([sheet.origin.loc[bad], why.loc[bad], sheet.rows.loc[bad]], axis=1))
    return pd.concat(frames).reset_index(drop=True)


def _wanted(column: str, use: str, aliases: Mapping[str, tuple[str, ...]], header: frozenset[str]) -> str:
    others = aliases.get({"qty_sell_in": "quantity", "dates": "date"}.get(use.split(".")[-1], use), ())
    more = ", ..." if len(others) > _N_ALIASES else ""
    also = f" (or {', '.join(others[:_N_ALIASES])}{more})" if others else ""
    near = hint(column, header)
    say = " Say which it is: --column MEANING=COLUMN." if aliases and not near else ""
    return f'a column "{column}"{also} for {use} among the {len(header)} of the file.{near}{say}'


def _table_faults(
    name: str, typed: Tables, readings: list[Reading], known: Known, as_of: pd.Timestamp
) -> Iterator[Fault]:
    frame = typed[name]
    for fault in [*check(name, frame, known=_ids(typed, known)), *_untimely(name, frame, readings, as_of)]:
        told = np.zeros(fault.rows, dtype=bool)
        if fault.rule in {"empty", "blank"}:
            unread = [reading.unread.get((name, fault.column), NO_ROWS) for reading in readings]
            told = np.isin(frame.index[fault.where], np.concatenate(unread))
        where = fault.where[~told]
        if len(where) or not fault.rows:
            first = offenders(table(name), frame, where)
            yield replace(fault, where=frame.index[where].to_numpy(dtype=np.int64), first=first)


def _ids(typed: Tables, known: Known) -> dict[str, set[str]]:
    """The ids that the load and the lake have, of the registers that either has."""
    ids = {name: set(typed[name][column]) for name, column in _IDS.items() if name in typed}
    return {name: ids.get(name, set()) | set(known.get(name, ())) for name in {*ids, *known}}


def _untimely(
    name: str, frame: pd.DataFrame, readings: list[Reading], as_of: pd.Timestamp
) -> Iterator[Fault]:
    if any(planned(reading.profile, name) for reading in readings):
        return
    where = np.flatnonzero(frame["event_at"] > as_of)
    if len(where):
        yield Fault(name, "in the future", "event_at", f"nothing observed after {as_of:%Y-%m-%d}", where)
    where = np.flatnonzero(frame["event_at"] < _FIRST_DAY)
    if len(where) and any(reading.profile.aliases for reading in readings):
        yield Fault(name, "too long ago", "event_at", f"nothing observed before {_FIRST_DAY:%Y-%m-%d}", where)


def _read(reading: Reading, fault: Fault) -> Fault:
    """The fault with the ids of its first rows."""
    rows = reading.rows.loc[fault.where[:N_FIRST]]
    columns = [column for name in ("dealer_id", "sku_id") for column in reading.profile.keys.get(name, ())]
    ids = [texts(rows[column]) for column in columns]
    first = tuple("/".join(parts) for parts in zip(*ids, strict=True)) if ids else ("",) * len(rows)
    return replace(fault, first=first)


def _with_rows(fault: Fault, origin: pd.DataFrame, *, several: bool) -> Fault:
    """The fault with the row of the file after each of its first offenders."""
    places = origin.loc[fault.where[: len(fault.first)]]
    rows = [f"({p.file} row {p.row})" if several else f"(row {p.row})" for p in places.itertuples()]
    first = tuple(f"{key} {row}".strip() for key, row in zip(fault.first, rows, strict=True))
    return replace(fault, where=np.unique(fault.where), first=first)


def _once(faults: list[Fault]) -> Iterator[Fault]:
    """Each fault once, though its raw rows show in several tables."""
    seen = set()
    for fault in faults:
        column = "" if fault.rule == "duplicate key" else _SOURCE.get(fault.column, fault.column)
        mark = (fault.rule, column, np.unique(fault.where).tobytes())
        if mark not in seen or not fault.rows:
            seen.add(mark)
            yield fault
