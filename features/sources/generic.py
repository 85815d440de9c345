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

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from features.frequency import frequency
from features.sources.cells import flags, numbers, texts
from features.sources.channel import Part
from features.sources.dates import moments
from features.sources.days import sold_only
from features.sources.dialect import day_form, decimal_and_thousands, told
from features.sources.files import Sheet
from features.sources.guess import is_number
from features.sources.layout import by_period, by_product, with_month
from features.sources.meanings import IDS, meanings, plain, says_plan
from features.sources.orders import as_orders, own_attributes
from features.sources.profile import Mapped, Profile
from features.sources.rhythm import rhythm_of, series_of
from features.tables import SCHEMAS

ALL = "all"  # the dealer, or the product, of a file that has only the other
_SPLIT = {"dealer_id": "dealer of unique_id", "sku_id": "product of unique_id"}
_BLANK = ("na", "n/a", "nan", "null", "none", "-")
_PRICES = ("net_price", "list_price")
_FIXED = ("unique_id", *IDS, "date", "quantity")


def resolve(profile: Profile, sheet: Sheet) -> tuple[Part, list[str]]:
    """The profile that this file needs, the sheet with its ids, and what was left out."""
    sheet, periods = by_period(profile, sheet)
    sheet, products = by_product(profile, sheet)
    meant = meanings(profile, sheet)
    found = meant.found
    keys, constants, sheet = _ids(found, sheet)
    found, sheet, joined = with_month(found, sheet)
    date = found.get("date", "date")
    profile, spoken = _spoken(profile, sheet, {c for columns in keys.values() for c in columns}, date)
    tables = _tables(found)
    sheet = _read_alike(sheet, {*found.values(), date})
    used = {*found.values(), *_SPLIT.values(), *joined, date}
    plans, signals, left = _rest(profile, sheet, used)
    letter, grain = rhythm_of(profile, sheet, keys, date)
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
    notes = [*periods, *products, *meant.notes, *alone, *spoken, *whole, *left] if meant.named else []
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
        if not is_number(sheet.rows[column], profile.csv):
            notes.append(_left_out(column))
        elif _counts_rows(sheet.rows[column]):
            notes.append(f'column "{column}" counts the rows: left out')
        else:
            (plans if says_plan(column) else signals)[plain(column)] = column
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
    return f"{said}; a plan has to be a number, or yes and no" if says_plan(column) else said


def _counts_rows(column: "pd.Series[str]") -> bool:
    """Whether it is 1, 2, 3 and so on."""
    values = numbers(column)[0].to_numpy()
    return len(values) > 1 and bool((np.diff(values) == 1).all())


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
    return late if sold_only(series_of(sheet, keys), days, quantity) else {}
