"""Any plain table of sales: the columns are found by name, the frequency by the dates.

The names that are looked for are the `aliases` of the profile (configs/sources/generic.yaml),
compared without case, spaces or dashes; the first alias that the file has wins. What is left:

* a number whose name says plan (plan_*, price, discount, promo*, feature, deal, event*,
  holiday) is a plan; any other number is a signal, known only after its period;
* text that has no alias is left out, with a note.

A single id is the product, sold by the dealer "all", unless it reads "dealer/product". A dealer or product
without an id is called by its name. How the file writes numbers and days is read off its cells
(`features.sources.dialect`).

Limits: day-by-day rows are taken as documents of their month; give `frequency: W` for weeks.

>>> from features.sources.files import sheet
>>> from features.sources.profile import load_profile
>>> rows = pd.DataFrame({"unique_id": ["N1/A"], "ds": ["2017-01"], "y": ["5"], "Deal": ["1"], "temp": ["20"]})
>>> part, notes = resolve(load_profile("generic"), sheet("a.csv", rows))
>>> part[0].plans, part[0].signals, part[0].frequency
({'deal': 'Deal'}, {'temp': 'temp'}, 'M')
"""

import re
from dataclasses import replace
from typing import Literal

import pandas as pd

from features.sources.cells import numbers, texts
from features.sources.channel import Part
from features.sources.dates import moments
from features.sources.dialect import day_form, decimal_and_thousands, told, year_and_month
from features.sources.files import Sheet
from features.sources.profile import Dates, Mapped, Profile, Wide
from features.sources.wide import melted
from features.tables import SCHEMAS

PLAN = re.compile(
    r"plan_.*|.*price.*|.*discount.*|.*promo.*|feature.*|deal.*|event.*|.*holiday.*|.*(促销|折扣|活动|价).*"
)
ALL = "all"  # the dealer, or the product, of a file that has only the other
_IDS = ("dealer_id", "sku_id")
_SPLIT = {"dealer_id": "dealer of unique_id", "sku_id": "product of unique_id"}
_NAMES = {"dealer_id": "dealer_name", "sku_id": "product_name"}
_LEAST_WIDE = 4  # columns named after periods
_MONTH = "year and month"
_YEARS, _MONTHS = ("year", "jahr", "年", "年份"), ("month", "monat", "month_no", "月", "月份")
_FIXED = ("unique_id", *_IDS, "date", "quantity")


def resolve(profile: Profile, sheet: Sheet) -> tuple[Part, list[str]]:
    """The profile that this file needs, the sheet with its ids, and what was left out."""
    sheet, melted_ = _long(profile, sheet)
    found = _found(profile, list(sheet.rows.columns))
    keys, constants, sheet = _ids(found, sheet)
    found, sheet, joined = _dated(found, sheet)
    date = found.get("date", "date")
    profile, spoken = _spoken(profile, sheet, {c for columns in keys.values() for c in columns}, date)
    tables = _tables(found)
    used = {*found.values(), *_SPLIT.values(), *joined, date}
    plans, signals, notes = _rest(profile, sheet, used)
    alone = [] if keys else ["no column names a dealer or a product: all rows are one series"]
    notes = [*melted_, *alone, *spoken, *notes]
    if not {"date", "quantity"} <= set(found):
        notes = []  # perhaps the file has no header, and its first row is nobody's business
    letter, grain = _rhythm(profile, sheet, date)
    update = {"keys": keys, "constants": profile.constants | constants, "tables": tables, "plans": plans}
    update |= {"signals": signals, "frequency": letter, "grain": grain}
    update |= {"dates": profile.dates.model_copy(update={"column": date})}
    return (profile.model_copy(update=update), sheet), notes


def _found(profile: Profile, columns: list[str]) -> dict[str, str]:
    """Meaning to the column of the file that has it."""
    by_name = {_plain(column): column for column in reversed(columns)}
    firsts = {
        meaning: next((by_name[_plain(alias)] for alias in aliases if _plain(alias) in by_name), None)
        for meaning, aliases in profile.aliases.items()
    }
    found = {meaning: column for meaning, column in firsts.items() if column is not None}
    named = {name: found[other] for name, other in _NAMES.items() if other in found and name not in found}
    return found | (named if "unique_id" not in found else {})


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())


def _ids(found: dict[str, str], sheet: Sheet) -> tuple[Mapped, dict[str, str], Sheet]:
    """Which columns name the dealer and the product, or the constant where there is none."""
    named: Mapped = {name: (found[name],) for name in _IDS if name in found}
    if named:
        return named, {name: ALL for name in _IDS if name not in named}, sheet
    if "unique_id" not in found and not _has_text(found, sheet):
        return {}, {name: ALL for name in _IDS}, sheet
    if "unique_id" not in found:
        return {"sku_id": ("unique_id",)}, {"dealer_id": ALL}, sheet
    whole = texts(sheet.rows[found["unique_id"]])
    parts = whole.str.split("/", expand=True, n=2)
    pair = (whole.str.count("/") == 1).to_numpy()
    dealer = parts[0].where(pair, ALL)
    sku = parts[1].where(pair, whole) if 1 in parts else whole
    rows = sheet.rows.assign(**{_SPLIT["dealer_id"]: dealer, _SPLIT["sku_id"]: sku})
    headers = {file: header | set(_SPLIT.values()) for file, header in sheet.headers.items()}
    return (
        {name: (column,) for name, column in _SPLIT.items()},
        {},
        replace(sheet, rows=rows, headers=headers),
    )


def _dated(found: dict[str, str], sheet: Sheet) -> tuple[dict[str, str], Sheet, tuple[str, ...]]:
    """A year and a month in two columns as one, and which columns those were."""
    by_name = {_plain(column): column for column in sheet.rows.columns}
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


def _spoken(profile: Profile, sheet: Sheet, keys: set[str], date: str) -> tuple[Profile, list[str]]:
    """The profile with the file's own way of writing numbers and days, and what it is."""
    stated = {"decimal", "thousands"} & profile.csv.model_fields_set
    rest = [sheet.rows[column] for column in sheet.rows.columns if column not in {*keys, date} and not stated]
    marks = decimal_and_thousands(rest)
    form = day_form(sheet.rows[date]) if date in sheet.rows else ""
    csv = {} if stated else {"decimal": marks[0], "thousands": marks[1]}
    dates = {"formats": (*profile.dates.formats, *([form] if form else []))}
    update = {"csv": profile.csv.model_copy(update=csv), "dates": profile.dates.model_copy(update=dates)}
    return profile.model_copy(update=update), told(marks, form)


def _has_text(found: dict[str, str], sheet: Sheet) -> bool:
    """Whether a column that has no meaning holds text, which may be a name that was not recognised."""
    rest = [column for column in sheet.rows.columns if column not in found.values()]
    return any(numbers(sheet.rows[column])[1].any() for column in rest)


def _long(profile: Profile, sheet: Sheet) -> tuple[Sheet, list[str]]:
    """A sheet with a column a month or week made rows; any other as it is."""
    names = pd.Series(list(sheet.rows.columns), dtype="str")
    dated = names[moments(names, profile.dates)[0].notna().to_numpy()].tolist()
    if len(dated) < _LEAST_WIDE or "date" in _found(profile, names.tolist()):
        return sheet, []
    wide = Wide(name="period_start", value="quantity", columns=tuple(dated))
    rows, origin = melted(sheet.rows, wide, kept=())
    headers = {file: header | {wide.name, wide.value} for file, header in sheet.headers.items()}
    long = Sheet(rows, sheet.origin.iloc[origin].reset_index(drop=True), headers)
    return long, [f"{len(dated)} columns named after periods were made rows"]


def _tables(found: dict[str, str]) -> dict[str, Mapped]:
    """Sell-in, prices, and the registers for which the file has attributes."""
    tables: dict[str, Mapped] = {"sell_in": {"qty_sell_in": (found.get("quantity", "quantity"),)}}
    for name in ("sell_in", "prices", "dealers", "products"):
        columns = [column for column in SCHEMAS[name].columns if column in found and column not in _FIXED]
        if set(columns) - {"currency"} or name == "sell_in":
            tables.setdefault(name, {}).update({column: (found[column],) for column in columns})
    return tables


def _rest(profile: Profile, sheet: Sheet, used: set[str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Plans, signals and notes from the columns that have no alias."""
    plans: dict[str, str] = {}
    signals: dict[str, str] = {}
    notes: list[str] = []
    for column in sheet.rows.columns:
        if column in used:
            continue
        if not _is_number(profile, sheet.rows[column]):
            notes.append(_left_out(column))
        else:
            (plans if PLAN.fullmatch(_plain(column)) else signals)[_plain(column)] = column
    return plans, signals, notes


def _left_out(column: str) -> str:
    said = f'column "{column}" is text without a place in the tables: left out'
    return f"{said}; a plan has to be a number (1 and 0)" if PLAN.fullmatch(_plain(column)) else said


def _is_number(profile: Profile, column: "pd.Series[str]") -> bool:
    """Most of its cells are numbers: one bad cell is a fault, not a reason to leave a column out."""
    values, bad = numbers(column, decimal=profile.csv.decimal, thousands=profile.csv.thousands)
    return bool(values.notna().sum() > bad.sum())


def _rhythm(profile: Profile, sheet: Sheet, date: str) -> tuple[Literal["M", "W"], Literal["period", "day"]]:
    """One date a month: M. One weekday, more than one date a month: W. Else documents, by month."""
    if date not in sheet.rows:
        return profile.frequency or "M", "period"
    days = _days(sheet.rows[date], profile.dates)
    monthly = not days.dt.to_period("M").duplicated().any()
    weekly = days.dt.day_of_week.nunique() == 1
    letter: Literal["M", "W"] = profile.frequency or ("W" if weekly and not monthly else "M")
    fits = monthly if letter == "M" else not days.dt.to_period("W").duplicated().any()
    return letter, "period" if fits else "day"


def _days(column: "pd.Series[str]", rule: Dates) -> "pd.Series[pd.Timestamp]":
    return moments(column, rule)[0].dropna().dt.normalize().drop_duplicates()
