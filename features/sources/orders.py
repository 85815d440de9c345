"""Orders: a plain file whose rows are single days or documents, not whole periods.

* a first or last period that the file cuts off is left out (`features.sources.days`)
* a period without a row is no sale; rows of one key are added up; a few returns (negative units) are left
  out, since demand is what was asked for
* an attribute that many a dealer or product has twice on one day is none of theirs: it is left out

Each is told. What the profile states itself (`gaps`, `duplicates`) stands.

Limits: more than a tenth of returns, or of broken attributes in a few dealers, stay faults.

>>> from features.frequency import MONTHLY
>>> from features.sources.files import sheet
>>> from features.sources.profile import parse
>>> rows = pd.DataFrame({"day": ["2024-01-02", "2024-01-02"], "qty": ["5", "7"]})
>>> profile = parse("mine", {"known_from": "2024-01-01"})
>>> profile, _, notes = as_orders(profile, sheet("a.csv", rows), MONTHLY, date="day", quantity="qty")
>>> profile.gaps, profile.duplicates, notes
('zero', 'sum', ['rows are single days or documents: a month without one counts as no sale'])
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from features.frequency import Frequency
from features.sources.cells import Flags, numbers, texts
from features.sources.dates import moments
from features.sources.days import cut_off
from features.sources.files import Sheet
from features.sources.profile import Mapped, Profile

_FEW = 0.1
_REGISTERS = {"dealers": "dealer_id", "products": "sku_id"}


def as_orders(
    profile: Profile, sheet: Sheet, rhythm: Frequency, *, date: str, quantity: str | None
) -> tuple[Profile, Sheet, list[str]]:
    """The profile and the sheet with what follows for such rows, and what is to be told."""
    days = moments(sheet.rows[date], profile.dates)[0].dt.normalize()
    cut = cut_off(days, rhythm)
    notes = [f"the {rhythm.noun} of {start:%Y-%m-%d} is cut off by the file: left out" for start in cut]
    lost = (days.notna() & rhythm.floor(days).isin(cut)).to_numpy()
    returned = (
        _returned(profile, sheet, quantity)
        if quantity and quantity in sheet.rows
        else np.zeros(len(days), dtype=bool)
    )
    if returned.any():
        notes.append(f"{returned.sum():,} rows of returns (negative units) are left out")
    stated = profile.model_fields_set
    update = {name: value for name, value in (("gaps", "zero"), ("duplicates", "sum")) if name not in stated}
    if "gaps" in update:
        notes.append(f"rows are single days or documents: a {rhythm.noun} without one counts as no sale")
    gone = sheet.rows.index[lost | returned].to_numpy(dtype=np.int64)
    return profile.model_copy(update=update), sheet.without(gone), notes


def own_attributes(
    tables: Mapping[str, Mapped], keys: Mapped, sheet: Sheet, date: str
) -> tuple[dict[str, Mapped], list[str]]:
    """The tables without attributes that many a dealer or product has twice on one day."""
    alien = dict(_alien(tables, keys, sheet.rows, date))
    kept = {
        table: {name: c for name, c in mapped.items() if table not in _REGISTERS or name not in alien}
        for table, mapped in tables.items()
    }
    notes = [
        f'column "{column}" changes from row to row of one {who}: left out' for column, who in alien.values()
    ]
    return {table: mapped for table, mapped in kept.items() if mapped}, notes


def _alien(
    tables: Mapping[str, Mapped], keys: Mapped, rows: pd.DataFrame, date: str
) -> Iterator[tuple[str, tuple[str, str]]]:
    for table, key in _REGISTERS.items():
        for name, (column, *_) in tables.get(table, {}).items():
            if key not in keys or column in keys[key]:
                continue
            told = pd.DataFrame(
                {"id": texts(rows[keys[key][0]]), "day": texts(rows[date]), "is": texts(rows[column])}
            )
            twice = told.groupby(["id", "day"])["is"].nunique().gt(1).groupby("id").any()
            if len(twice) and twice.mean() > _FEW:
                yield name, (column, table.removesuffix("s"))


def _returned(profile: Profile, sheet: Sheet, quantity: str) -> Flags:
    """Rows of negative units, when they are few."""
    units, _ = numbers(sheet.rows[quantity], decimal=profile.csv.decimal, thousands=profile.csv.thousands)
    negative = (units < 0).to_numpy()
    return negative if negative.mean() <= _FEW else np.zeros(len(units), dtype=bool)
