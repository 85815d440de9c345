"""Meanings: which column of a plain file is the date, the dealer, the product, the quantity ...

What the caller has stated counts first, then the aliases of the profile, compared without case, spaces and
signs; the first alias that the file has wins. A dealer or product without an id is called by its name.
What is still open is guessed (`features.sources.guess`); a dealer that is open then is called by its
region, a product by its brand or category.

Errors: ChannelError (a stated column that the file lacks, a meaning that nobody knows).

>>> import pandas as pd
>>> from features.sources.files import sheet
>>> from features.sources.profile import load_profile
>>> said = stated(load_profile("generic"), ["product=model", "plan=DISP"])
>>> rows = pd.DataFrame({"model": ["A"], "DISP": ["1"], "Week": ["2017-01"]})
>>> meanings(said, sheet("a.csv", rows)).found, said.plans
({'date': 'Week', 'sku_id': 'model'}, {'disp': 'DISP'})
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from features.errors import ChannelError, hint
from features.sources.files import Sheet
from features.sources.guess import guessed, says, series
from features.sources.profile import Profile

_PLAN = re.compile(
    r"(?!.*(total|fuel|oil|market|competit|rival|index|竞|油价))"
    r"(plan_.*|.*price.*|.*discount.*|.*promo.*|feature.*|deal.*|event.*|.*holiday.*|.*display.*|disp|"
    r".*markdown.*|.*campaign.*|.*coupon.*|.*flyer.*|.*(促销|折扣|活动|价).*)"
)
IDS = ("dealer_id", "sku_id")
SAID = {"dealer_id": "dealer", "sku_id": "product"}  # how a person says it
_NAMES = {"dealer_id": ("dealer_name",), "sku_id": ("product_name",)}
_GROUPS = {"dealer_id": ("territory_id",), "sku_id": ("brand_id", "category")}
_MANY = {"plan": "plans", "signal": "signals"}  # of which a file may have several
_LEAST_NAMED = 2


def plain(name: str) -> str:
    """A column's name as names are compared.

    >>> plain(" Weekly-Sales ")
    'weekly_sales'
    """
    return re.sub(r"[\s\-]+", "_", name.strip().casefold())


def says_plan(column: str) -> bool:
    """Whether a column's name says that its figures are planned.

    >>> says_plan("Promo Depth"), says_plan("Fuel_Price")
    (True, False)
    """
    return _PLAN.fullmatch(plain(column)) is not None


def _letters(name: str) -> str:
    """CustomerID as customer_id."""
    return plain(name).replace("_", "")


def stated(profile: Profile, columns: Sequence[str]) -> Profile:
    """The profile with what a caller says of columns: "product=model", "plan=DISP", as often as needed."""
    if columns and not profile.aliases:
        raise ChannelError(f"Profile {profile.name} names its columns itself: say it there, not beside it.")
    known = {name: name for name in profile.aliases} | {said: name for name, said in SAID.items()}
    update: dict[str, dict[str, str]] = {"stated": {}, "plans": {}, "signals": {}}
    for text in columns:
        meaning, _, column = (part.strip() for part in text.partition("="))
        if not column or meaning not in {*known, *_MANY}:
            usual = ", ".join([*SAID.values(), "date", "quantity", "net_price", *_MANY])
            expected = f"expected MEANING=COLUMN with one of {usual} ..., as in product=model"
            raise ChannelError(f"{text!r}: {expected}.{hint(meaning, {*known, *_MANY})}")
        part, name = (_MANY[meaning], plain(column)) if meaning in _MANY else ("stated", known[meaning])
        update[part][name] = column
    return profile.model_copy(update={part: getattr(profile, part) | new for part, new in update.items()})


@dataclass(frozen=True, kw_only=True)
class Meanings:
    """Meaning to the column of a sheet that has it, and which of them were guessed."""

    found: dict[str, str]
    guesses: dict[str, str]

    @property
    def notes(self) -> list[str]:
        """The guesses in words."""
        return [f'column "{column}" is taken as the {SAID.get(m, m)}' for m, column in self.guesses.items()]

    @property
    def named(self) -> bool:
        """Whether names say two meanings or more: else the first row may be no header, and is not shown."""
        by_name = [m for m, c in self.found.items() if m not in self.guesses or says(c, m)]
        return len(by_name) >= _LEAST_NAMED


def meanings(profile: Profile, sheet: Sheet) -> Meanings:
    """What the columns of a sheet are."""
    columns = [str(column) for column in sheet.rows.columns]
    said = {**profile.stated, **profile.plans, **profile.signals}
    for column in said.values():
        if column not in columns:
            absent = f"The column {column!r} was stated, and is not among the {len(columns)} of the file"
            raise ChannelError(f"{absent}; capital letters count.{hint(column, columns)}")
    free = {name: column for name, column in aliased(profile, columns).items() if column not in said.values()}
    found = _called(free | profile.stated, _NAMES)
    guesses = guessed(sheet, found, profile.dates, taken=set(said.values()))
    found = _called(found | guesses, _GROUPS)
    if not _tells_series(found, sheet):
        guesses |= series(sheet, {*said.values(), *found.values()})
    return Meanings(found=found | guesses, guesses=guesses)


def _tells_series(found: Mapping[str, str], sheet: Sheet) -> bool:
    """Whether a series is named; one dealer's rows of one day are several products, where none is named."""
    if "unique_id" in found or "sku_id" in found:
        return True
    named = [found[name] for name in ("dealer_id", "date") if name in found]
    return "dealer_id" in found and not sheet.rows.duplicated(named).any()


def aliased(profile: Profile, columns: Sequence[str]) -> dict[str, str]:
    """Meaning to the first column that goes by one of its names."""
    by_name = {_letters(column): column for column in reversed(columns)}
    firsts = {
        meaning: next((by_name[_letters(alias)] for alias in aliases if _letters(alias) in by_name), None)
        for meaning, aliases in profile.aliases.items()
    }
    return {meaning: column for meaning, column in firsts.items() if column is not None}


def _called(found: dict[str, str], instead: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """With what a dealer or product is called by, where it has no id."""
    if "unique_id" in found:
        return found
    named = {name: [found[other] for other in others if other in found] for name, others in instead.items()}
    return {name: columns[0] for name, columns in named.items() if columns} | found
