"""Exposure: amounts of several currencies in one, so that they may be added.

In:   amounts [n], their currencies and the moments at which they were booked, table fx_rates.
Out:  amounts [n] in one currency, each at the last rate that was known at its moment; the rate of
      the pair turned round is used where the pair itself is not on record.

Errors: MissingRate, with the pair. Limits: no cross rates through a third currency.

>>> from features.tables import coerce
>>> rates = coerce("fx_rates", pd.DataFrame({"base_currency": ["USD"], "quote_currency": ["CNY"],
...     "rate_date": ["2024-01-02"], "rate": [7.1], "known_at": ["2024-01-03"]}))
>>> days = pd.Series(pd.to_datetime(["2024-01-04", "2024-01-01"]))
>>> converted(np.array([10.0, 5.0]), ["USD", "CNY"], days, rates, currency="CNY").tolist()
[71.0, 5.0]
>>> converted(np.array([10.0, 5.0]), ["CNY", "USD"], days, rates, currency="CNY")
Traceback (most recent call last):
    ...
features.exposure.MissingRate: fx_rates: no rate USD/CNY known on 2024-01-01 or before; ...
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError

Array = NDArray[np.float64]


class MissingRate(ChannelError):
    """An amount cannot be converted."""

    def __init__(self, base: str, quote: str, day: pd.Timestamp) -> None:
        self.pair = f"{base}/{quote}"
        super().__init__(
            f"fx_rates: no rate {self.pair} known on {day.date()} or before; "
            "currencies are never added. Load the rate, or ask for one currency."
        )


def converted(
    amounts: Array, currencies: Sequence[str], days: "pd.Series[Any]", rates: pd.DataFrame, *, currency: str
) -> Array:
    """Amounts in one currency, each at the last rate of its day or before; MissingRate names the pair."""
    out = np.array(amounts, dtype=float)
    given = np.asarray(currencies, dtype=object)
    for base in sorted({str(c) for c in given if c != currency}):
        rows = np.flatnonzero(given == base)
        out[rows] *= _rates(base, currency, days.iloc[rows], rates)
    return out


def _rates(base: str, quote: str, days: "pd.Series[Any]", rates: pd.DataFrame) -> Array:
    direct = rates[(rates["base_currency"] == base) & (rates["quote_currency"] == quote)]
    inverse = rates[(rates["base_currency"] == quote) & (rates["quote_currency"] == base)]
    found = pd.concat([direct[["known_at", "rate"]], inverse[["known_at"]].assign(rate=1 / inverse["rate"])])
    found = found.sort_values("known_at", kind="stable")
    place = np.searchsorted(found["known_at"].to_numpy(), days.to_numpy(), "right") - 1
    if (place < 0).any():
        raise MissingRate(base, quote, days.iloc[int(np.argmax(place < 0))])
    return found["rate"].to_numpy(float)[place]
