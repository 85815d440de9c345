"""Any plain table of sales: the columns are found by name, the frequency by the dates.

What a column is for: `features.sources.meanings`. What is left:

* a number, or yes and no, whose name says plan (plan_*, price, discount, promo*, feature, deal, event*,
  holiday, display, markdown ...) is a plan; any other number is a signal, known only after its period;
* other text is left out, with a note.

A single id is the product, sold by the dealer "all", unless it reads "dealer/product". How the file writes
numbers and days is read off its cells (`features.sources.dialect`).

Day-by-day rows are documents of their month (`frequency: W`: week), see `features.sources.orders`. A file of
a date and two columns of numbers or more, no name among them, has a column a product.

>>> from features.sources.files import sheet
>>> from features.sources.profile import load_profile
>>> rows = pd.DataFrame({"unique_id": ["N1/A"], "ds": ["2017-01"], "y": ["5"], "Deal": ["1"], "temp": ["20"]})
>>> part, notes = resolve(load_profile("generic"), sheet("a.csv", rows))
>>> part[0].plans, part[0].signals, part[0].frequency
({'deal': 'Deal'}, {'temp': 'temp'}, 'M')
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.frequency import frequency
from features.sources.cells import flags, numbers, texts
from features.sources.channel import Part
from features.sources.dates import moments
from features.sources.days import sold_only
from features.sources.dialect import day_form, decimal_and_thousands, told, year_and_month
from features.sources.files import Sheet
from features.sources.meanings import IDS, aliased, meanings, plain
from features.sources.orders import as_orders, own_attributes
from features.sources.profile import Mapped, Profile, Wide
from features.sources.wide import melted
from features.tables import SCHEMAS

PLAN = re.compile(
    r"(?!.*(total|fuel|oil|market|competit|rival|index|竞|油价))(plan_.*|.*price.*|.*discount.*|.*promo.*|feature.*|deal.*|event.*|.*holiday.*|.*display.*|disp|"
    r".*markdown.*|.*campaign.*|.*coupon.*|.*flyer.*|.*(促销|折扣|活动|价).*)"
)
ALL = "all"  # the dealer, or the product, of a file that has only the other
_SPLIT = {"dealer_id": "dealer of unique_id", "sku_id": "product of unique_id"}
_BLANK = ("na", "n/a", "nan", "null", "none", "-")
_WEEKLY = 0.9  # of the steps from date to date are whole weeks
_KIND = 3  # rows for each word, at least, in a column of kinds
_LEAST_PRODUCTS = 2
_LEAST_WIDE = 4  # columns named after periods
_MONTH = "year and month"
_YEARS, _MONTHS = ("year", "jahr", "年", "年份"), ("month", "monat", "month_no", "月", "月份")
_PRICES = ("net_price", "list_price")
_FIXED = ("unique_id", *IDS, "date", "quantity")


def resolve(profile: Profile, sheet: Sheet) -> tuple[Part, list[str]]:
    """The profile that this file needs, the sheet with its ids, and what was left out."""
    sheet, melted_ = _long(profile, sheet)
    sheet, by_product = _by_product(profile, sheet)
    meant = meanings(profile, sheet)
    found = meant.found
    keys, constants, sheet = _ids(found, sheet)
    found, sheet, joined = _dated(found, sheet)
    date = found.get("date", "date")
    profile, spoken = _spoken(profile, sheet, {c for columns in keys.values() for c in columns}, date)
    tables = _tables(found)
    sheet = _read_alike(sheet, {*found.values(), date})
    used = {*found.values(), *_SPLIT.values(), *joined, date}
    plans, signals, left = _rest(profile, sheet, used)
    letter, grain = _rhythm(profile, sheet, keys, date)
    whole: list[str] = []
    if grain == "day" and date in sheet.rows:
        rhythm, quantity = frequency(letter), found.get("quantity")
        profile, sheet, whole = as_orders(profile, sheet, rhythm, date=date, quantity=quantity)
        tables, alien = own_attributes(tables, keys, sheet, date)
        whole += alien
    if late := _only_where_sold(profile, sheet, keys, found, plans):
        tables, plans, signals = tables | {"prices": {}}, dict(profile.plans), signals | late
        left += [f"rows lie only where something sold: {', '.join(late.values())} not taken as known ahead"]
    alone = [] if keys else ["no column names a dealer or a product: all rows are one series"]
    notes = [*melted_, *by_product, *meant.notes, *alone, *spoken, *whole, *left] if meant.named else []
    tables = {name: columns for name, columns in tables.items() if columns}
    update = {"keys": keys, "constants": profile.constants | constants, "tables": tables, "plans": plans}
    update |= {"signals": signals, "frequency": letter, "grain": grain}
    update |= {"dates": profile.dates.model_copy(update={"column": date})}
    return (profile.model_copy(update=update), sheet), notes


def _ids(found: dict[str, str], sheet: Sheet) -> tuple[Mapped, dict[str, str], Sheet]:
    """Which columns name the dealer and the product, or the constant where there is none."""
    named: Mapped = {name: (found[name],) for name in IDS if name in found}
    if named:
        return named, {name: ALL for name in IDS if name not in named}, sheet
    if "unique_id" not in found and not _has_text(found, sheet):
        return {}, {name: ALL for name in IDS}, sheet
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
    if len(dated) < _LEAST_WIDE or "date" in aliased(profile, names.tolist()) | profile.stated:
        return sheet, []
    wide = Wide(name="period_start", value="quantity", columns=tuple(dated))
    rows, origin = melted(sheet.rows, wide, kept=())
    headers = {file: header | {wide.name, wide.value} for file, header in sheet.headers.items()}
    long = Sheet(rows, sheet.origin.iloc[origin].reset_index(drop=True), headers)
    return long, [f"{len(dated)} columns named after periods were made rows"]


def _by_product(profile: Profile, sheet: Sheet) -> tuple[Sheet, list[str]]:
    """A sheet with nothing but a date and a column a product made rows; any other as it is."""
    found = meanings(profile, sheet).found
    free = [c for c in sheet.rows.columns if c not in found.values() and not PLAN.fullmatch(plain(c))]
    if {*found} != {"date"} or len(free) < _LEAST_PRODUCTS or sheet.rows[found["date"]].duplicated().any():
        return sheet, []
    if not all(_is_number(profile, sheet.rows[column]) for column in free):
        return sheet, []
    wide = Wide(name="product", value="quantity", columns=tuple(free))
    rows, origin = melted(sheet.rows, wide, kept=(found["date"],))
    headers = {file: header | {wide.name, wide.value} for file, header in sheet.headers.items()}
    long = Sheet(rows, sheet.origin.iloc[origin].reset_index(drop=True), headers)
    return long, [f"{len(free)} columns of numbers were taken as products, a column each"]


def _tables(found: dict[str, str]) -> dict[str, Mapped]:
    """Sell-in, prices, and the registers for which the file has attributes."""
    tables: dict[str, Mapped] = {"sell_in": {"qty_sell_in": (found.get("quantity", "quantity"),)}}
    for name in ("sell_in", "prices", "dealers", "products"):
        columns = [column for column in SCHEMAS[name].columns if column in found and column not in _FIXED]
        if set(columns) - {"currency"} or name == "sell_in":
            tables.setdefault(name, {}).update({column: (found[column],) for column in columns})
    if "document_id" in found and "line" in found:
        tables["sell_in"]["document_id"] = (found["document_id"], found["line"])
    return tables


def _rest(profile: Profile, sheet: Sheet, used: set[str]) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Plans, signals and notes from the columns that have no alias."""
    plans, signals, notes = dict(profile.plans), dict(profile.signals), list[str]()
    for column in sheet.rows.columns:
        if column in used or column in {*profile.plans.values(), *profile.signals.values()}:
            continue
        if not _is_number(profile, sheet.rows[column]):
            notes.append(_left_out(column))
        elif _counts_rows(sheet.rows[column]):
            notes.append(f'column "{column}" counts the rows: left out')
        else:
            (plans if PLAN.fullmatch(plain(column)) else signals)[plain(column)] = column
    return plans, signals, notes


def _read_alike(sheet: Sheet, used: set[str]) -> Sheet:
    """The sheet with yes and no as 1 and 0, and NA as blank, in the columns that may be plans or signals."""
    rows = sheet.rows
    free = [c for c in rows.columns if c not in used and not pd.api.types.is_numeric_dtype(rows[c])]
    for column in free:
        told = texts(rows[column])
        cells = told.where(~told.str.lower().isin(_BLANK), "")
        values, bad = flags(cells)
        if values.notna().any() and not bad.any():
            cells = values.map({True: "1", False: "0"}).astype("str").where(values.notna(), "")
        if not numbers(cells)[1].all() and (cells != told).any():
            rows = rows.assign(**{column: cells})
    return replace(sheet, rows=rows)


def _left_out(column: str) -> str:
    said = f'column "{column}" is text without a place in the tables: left out'
    return f"{said}; a plan has to be a number, or yes and no" if PLAN.fullmatch(plain(column)) else said


def _is_number(profile: Profile, column: "pd.Series[str]") -> bool:
    """Most of its cells are numbers: one bad cell is a fault, not a reason to leave a column out.

    Words that come again and again (a kind of holiday) make it text.
    """
    values, bad = numbers(column, decimal=profile.csv.decimal, thousands=profile.csv.thousands)
    kinds = texts(column)[bad].value_counts()
    return bool(values.notna().sum() > bad.sum()) and not (len(kinds) and kinds.min() >= _KIND)


def _counts_rows(column: "pd.Series[str]") -> bool:
    """Whether it is 1, 2, 3 and so on."""
    values = numbers(column)[0].to_numpy()
    return len(values) > 1 and bool((np.diff(values) == 1).all())


def _rhythm(
    profile: Profile, sheet: Sheet, keys: Mapped, date: str
) -> tuple[Literal["M", "W"], Literal["period", "day"]]:
    """One date a month: M. Dates of a series whole weeks apart: W. Else documents, by month."""
    if date not in sheet.rows:
        return profile.frequency or "M", "period"
    days = moments(sheet.rows[date], profile.dates)[0].dt.normalize()
    dated = pd.DataFrame({"series": _series(sheet, keys), "day": days}).dropna().drop_duplicates()
    apart = dated.sort_values(["series", "day"]).groupby("series")["day"].diff().dt.days.dropna()
    weeks = bool((apart % 7 == 0).mean() >= _WEEKLY) and not _twice(dated, "W")
    fits = {"M": not _twice(dated[["day"]], "M"), "W": weeks or not _twice(dated[["day"]], "W")}
    letter: Literal["M", "W"] = profile.frequency or ("W" if weeks and not fits["M"] else "M")
    return letter, "period" if fits[letter] else "day"


def _twice(dated: pd.DataFrame, letter: str) -> bool:
    """Whether two dates, of a series where it is told, lie in one period."""
    days = dated.drop_duplicates()
    return bool(days.assign(day=days["day"].dt.to_period(letter)).duplicated().any())


def _series(sheet: Sheet, keys: Mapped) -> NDArray[np.intp]:
    """The number of each row's series."""
    columns = [column for named in keys.values() for column in named if column in sheet.rows]
    groups = sheet.rows.groupby(columns, dropna=False).ngroup() if columns else 0
    return np.broadcast_to(np.asarray(groups, dtype=np.intp), len(sheet.rows))


def _only_where_sold(
    profile: Profile, sheet: Sheet, keys: Mapped, found: Mapping[str, str], plans: Mapping[str, str]
) -> dict[str, str]:
    """What a file of sales alone calls a price or a promotion, and nobody has said to be planned."""
    ahead = {name: found[name] for name in _PRICES if name in found} | dict(plans)
    late = {name: column for name, column in ahead.items() if name not in profile.plans}
    if not late or not {"date", "quantity"} <= found.keys() or found["date"] not in sheet.rows:
        return {}
    rows = sheet.rows
    quantity, _ = numbers(
        rows[found["quantity"]], decimal=profile.csv.decimal, thousands=profile.csv.thousands
    )
    days = moments(rows[found["date"]], profile.dates)[0].dt.normalize()
    return late if sold_only(_series(sheet, keys), days, quantity) else {}
