"""The kinds of column that the canonical tables are made of.

Each returns a pandera column with the rules of its kind. `known_if_any` columns are
optional: the frame may lack them, and their values may be null.

Units: quantities in sales units, amounts in the row's currency, rates as fractions,
moments as naive UTC.
Limits: `CAP_UNITS` is the largest quantity that anyone may mean; what is absurd for one
series though below the cap is judged by `features.tables.absurd`.

>>> units().checks[0].error
'zero or more'
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.engines.pandas_engine import DateTime

CAP_UNITS = 1e9  # no dealer buys a thousand million of one product in one period
MOMENT = "datetime64[us]"
_TIME = DateTime(unit="us")  # type: ignore[call-arg]  # a dataclass that mypy cannot see


def text(*, optional: bool = False, blank: bool = False) -> pa.Column:
    """A string; `blank` allows the empty one, which means "none"."""
    rules = [] if blank else [pa.Check(_has_text, name="blank", error="a text that is not empty")]
    return pa.Column(str, rules, nullable=optional, required=not (optional or blank))


def one_of(choices: Sequence[str]) -> pa.Column:
    """One of a few stated words."""
    allowed = list(choices)
    return pa.Column(str, pa.Check.isin(allowed, name="not a choice", error=f"one of {', '.join(allowed)}"))


def currency(*, optional: bool = False) -> pa.Column:
    """An ISO 4217 code."""
    rule = pa.Check(_is_code, name="not a currency", error="three capital letters, such as CNY")
    return pa.Column(str, rule, nullable=optional, required=not optional)


def number(*, optional: bool = False) -> pa.Column:
    """Any finite number."""
    return _float([], optional=optional)


def units(*, optional: bool = False) -> pa.Column:
    """A quantity: zero or more, finite, under the cap."""
    not_negative = pa.Check(lambda q: q >= 0, name="negative", error="zero or more")
    sane = pa.Check(
        lambda q: (q < CAP_UNITS) | np.isinf(q), name="absurd", error=f"fewer than {CAP_UNITS:,.0f} units"
    )
    return _float([not_negative, sane], optional=optional)


def above_zero(*, optional: bool = False) -> pa.Column:
    """A price or an exchange rate."""
    rule = pa.Check(lambda x: x > 0, name="not above zero", error="above zero; blank when not known")
    return _float([rule], optional=optional)


def fraction() -> pa.Column:
    """A share between 0 and 1, never percent."""
    rule = pa.Check(lambda x: (x >= 0) & (x <= 1), name="not a fraction", error="a fraction from 0 to 1")
    return _float([rule], optional=False)


def whole() -> pa.Column:
    """A counting number."""
    return pa.Column("int64", pa.Check(lambda n: n >= 0, name="negative", error="zero or more"))


def flag(*, optional: bool = False) -> pa.Column:
    """Yes, no, or (when optional) not known."""
    return pa.Column("boolean", nullable=optional, required=not optional)


def moment(*, optional: bool = False) -> pa.Column:
    """When something happened, naive UTC."""
    return pa.Column(_TIME, nullable=optional, required=not optional)


def period() -> pa.Column:
    """The first day of a month or week."""
    rule = pa.Check(lambda d: d == d.dt.normalize(), name="not a day", error="a date without a time")
    return pa.Column(_TIME, rule)


def _float(rules: list[pa.Check], *, optional: bool) -> pa.Column:
    finite = pa.Check(lambda x: ~np.isinf(x), name="not finite", error="a finite number")
    return pa.Column("float64", [*rules, finite], nullable=optional, required=not optional)


def _has_text(values: "pd.Series[str]") -> "pd.Series[bool]":
    return values.str.strip() != ""


def _is_code(values: "pd.Series[str]") -> "pd.Series[bool]":
    return values.str.fullmatch("[A-Z]{3}")
