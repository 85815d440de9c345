"""Guess: what a stranger's column is for, by the words of its name and by what its cells hold.

Only for a meaning that neither the caller nor an alias has named: when, who, what and how much. One column
has to fit better than any other; else it stays open, and then is told as missing. Every guess is told.

* a date: named after one, and nearly all cells are days; else the only column of days
* a quantity: a number named after one (Weekly_Sales), not after money; else the only number left
* a dealer, a product: named after one (bikeshop_name, model), not after a trait of it (store_type), and the
  same in many rows; where nothing else names a series, the only text that comes again, or `id`

>>> from features.sources.files import sheet
>>> from features.sources.profile import Dates
>>> rows = pd.DataFrame({"order_date": ["2017-01-02", "2017-01-09"], "bikeshop_name": ["Ithaca"] * 2,
...                      "model": ["F-Si"] * 2, "Weekly_Sales": ["5", "7"]})
>>> guessed(sheet("a.csv", rows), {}, Dates())
{'date': 'order_date', 'quantity': 'Weekly_Sales', 'dealer_id': 'bikeshop_name', 'sku_id': 'model'}
"""

import re
from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from features.sources.cells import numbers, texts
from features.sources.dates import moments
from features.sources.dialect import day_form
from features.sources.files import Sheet
from features.sources.profile import Csv, Dates

_WORDS = {
    "date": ("date", "day", "week", "month", "period", "time", "日期", "时间"),
    "quantity": ("qty", "quantity", "units", "volume", "demand", "sold", "sales", "orders", "shipments",
                 "shipped", "consumption", "usage", "pieces", "销量", "数量"),
    "dealer_id": ("dealer", "distributor", "customer", "client", "retailer", "reseller", "store", "shop",
                  "outlet", "agency", "branch", "account", "merchant", "warehouse", "经销商", "客户", "门店"),
    "sku_id": ("sku", "product", "item", "article", "art", "material", "part", "model", "goods",
               "variety", "drug", "dept", "department", "产品", "商品", "物料"),
}  # fmt: skip
_MONEY = {"price", "cost", "amount", "revenue", "value", "discount", "margin", "profit", "rebate", "rate"}
_TRAITS = _MONEY | {
    "type", "class", "category", "group", "segment", "size", "tier", "level", "city", "state", "region",
    "country", "address", "phone", "qty", "quantity", "units", "count", "age", "weight", "color", "status",
    "since", "sales", "open",
}  # fmt: skip
_NAMED_BY = {"id", "code", "no", "key", "number", "name"}
_DAYS = 0.9  # of the cells, of a column of days
_KIND = 3  # rows for each word, at least, in a column of kinds
_PLAINLY = Csv()
_AGAIN = 2  # rows for each name, at least


def guessed(
    sheet: Sheet, found: Mapping[str, str], rule: Dates, *, taken: Collection[str] = ()
) -> dict[str, str]:
    """Meaning to column, for what is still open among date, quantity, dealer and product."""
    out: dict[str, str] = {}

    def free() -> list[str]:
        used = {*found.values(), *out.values(), *taken}
        return [column for column in sheet.rows.columns if column not in used]

    for meaning, guess in (("date", _date), ("quantity", _quantity), ("dealer_id", _name), ("sku_id", _name)):
        if meaning in found or (guess is _name and "unique_id" in found):
            continue
        column = guess(sheet, free(), meaning, rule)
        out |= {} if column is None else {meaning: column}
    return out


def series(sheet: Sheet, taken: Collection[str]) -> dict[str, str]:
    """The column that may name a series, as the product, where none says what it names."""
    again = [c for c in sheet.rows.columns if c not in taken and _comes_again(sheet.rows[c])]
    named = [column for column in again if words(column) == ["id"]]
    column = _only(named) or _only([column for column in again if not is_number(sheet.rows[column])])
    return {} if column is None else {"sku_id": column}


def words(name: str) -> list[str]:
    """The words of a column's name, in small letters.

    >>> words("Weekly_Sales"), words("InvoiceDate"), words("SKU code")
    (['weekly', 'sales'], ['invoice', 'date'], ['sku', 'code'])
    """
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[一-鿿]+", str(name))]


def says(column: str, *meanings: str) -> bool:
    """Whether a word of the name is, or ends in, one for a meaning.

    >>> says("bikeshop_name", "dealer_id"), says("Weekly_Sales", "date", "sku_id")
    (True, False)
    """
    said = words(column)
    endings = [word for meaning in meanings for word in _WORDS.get(meaning, ())]
    return any(w == end or (len(end) > 3 and w.endswith(end)) for w in said for end in endings)


def is_number(column: "pd.Series[str]", csv: Csv = _PLAINLY) -> bool:
    """Most of its cells are numbers: one bad cell is a fault, not a reason to leave a column out.

    Words that come again and again (a kind of holiday) make it text.
    """
    values, bad = numbers(column, decimal=csv.decimal, thousands=csv.thousands)
    kinds = texts(column)[bad].value_counts()
    return bool(values.notna().sum() > bad.sum()) and not (len(kinds) and kinds.min() >= _KIND)


def _date(sheet: Sheet, free: Sequence[str], meaning: str, rule: Dates) -> str | None:
    dated = [column for column in free if _is_day(sheet.rows[column], rule)]
    named = [column for column in dated if says(column, meaning)]
    texts_ = [column for column in dated if not is_number(sheet.rows[column])]  # 2017 is more often a number
    return _only(named) or _only(texts_)


def _quantity(sheet: Sheet, free: Sequence[str], meaning: str, rule: Dates) -> str | None:
    counted = [column for column in free if is_number(sheet.rows[column]) and not _MONEY & set(words(column))]
    counted = [column for column in counted if not _is_day(sheet.rows[column], rule)]
    for word in _WORDS[meaning]:
        if column := _only([column for column in counted if word in words(column)]):
            return column
    return _only([column for column in counted if not says(column, "dealer_id", "sku_id", "date")])


def _name(sheet: Sheet, free: Sequence[str], meaning: str, _rule: Dates) -> str | None:
    fit = [column for column in free if says(column, meaning) and not _TRAITS & set(words(column))]
    fit = [column for column in fit if _comes_again(sheet.rows[column])]
    bare = [column for column in fit if words(column)[0] in _WORDS[meaning]]
    return _only([column for column in fit if _NAMED_BY & set(words(column))]) or _only(bare) or _only(fit)


def _is_day(column: "pd.Series[str]", rule: Dates) -> bool:
    form = day_form(column)
    days, _ = moments(column, rule.model_copy(update={"formats": (*rule.formats, *([form] if form else []))}))
    told = texts(column) != ""
    return bool(told.any() and days[told].notna().mean() >= _DAYS)


def _comes_again(column: "pd.Series[str]") -> bool:
    cells = texts(column)
    told = cells[cells != ""]
    return 0 < told.nunique() * _AGAIN <= len(told)


def _only(columns: Sequence[str]) -> str | None:
    return columns[0] if len(columns) == 1 else None
