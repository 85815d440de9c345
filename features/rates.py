"""Rates: what a unit of each currency was worth at home, as it was known at a moment.

In:   table fx_rates with its history (`quote_currency` units for one `base_currency`), the home currency
      and a moment.
Out:  `worth` [t, k]: home units for one unit of each of k currencies, by rate date; daily log returns, and
      how many business days old the last rate of each is.

A currency's worth comes from the pair itself (or the pair turned round), or through one currency that both
are quoted in on a day (a European list quotes all for one EUR): from the one source that is the most recent,
so that no return is a step between two sources. A rate between two foreign currencies goes through home.

An amount is converted at the last rate of its day or before; one that is more
than `most_days` business days older is refused.

Errors: StaleRate, features.exposure.MissingRate (no rate at all), features.money.NotMoney.
Limits: weekends are Saturday and Sunday, and public holidays count as business days, so `most_days` has to
span the longest holiday; a return over a gap of more than `GAP_DAYS` days is not a daily one and is left out.

>>> from features.tables import coerce
>>> table = coerce("fx_rates", pd.DataFrame({"base_currency": ["EUR", "EUR", "EUR"],
...     "quote_currency": ["USD", "CNY", "CNY"], "rate_date": ["2024-01-02", "2024-01-02", "2024-01-03"],
...     "rate": [1.1, 7.7, 7.81], "known_at": ["2024-01-03", "2024-01-03", "2024-01-04"]}))
>>> rates = Rates.of(table, "CNY", pd.Timestamp("2024-01-08"))
>>> rates.worth.round(3).to_dict("list")
{'EUR': [7.7, 7.81], 'USD': [7.0, nan]}
>>> rates.stale_days("USD"), rates.stale_days("EUR")
(4, 3)
>>> rates.convert(Money.of(100, "USD", pd.Timestamp("2024-01-02")), "CNY").amount
Decimal('700.00')
>>> rates.require("USD", most_days=3)
Traceback (most recent call last):
    ...
features.rates.StaleRate: fx_rates: the last rate USD/CNY is of 2024-01-02, 4 business days before ...
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.exposure import MissingRate
from features.known import known
from features.money import Money, cents
from features.sheets import naive

Array = NDArray[np.float64]
Pairs = dict[tuple[str, str], "pd.Series[float]"]
MOST_DAYS = 5
GAP_DAYS = 12  # the longest Chinese holiday with its weekends is 9 days


class StaleRate(ChannelError):
    """A rate is too old to be used."""

    def __init__(self, pair: str, found: pd.Timestamp, asked: pd.Timestamp, days: tuple[int, int]) -> None:
        self.pair = pair
        super().__init__(
            f"fx_rates: the last rate {pair} is of {found.date()}, {days[0]} business days before "
            f"{asked.date()}; at most {days[1]} are allowed. Load newer rates with `qudao ingest`."
        )


@dataclass(frozen=True)
class Rates:
    """Home units for one of each currency, as known at one moment."""

    home: str
    moment: pd.Timestamp
    worth: pd.DataFrame  # [t, k] by rate_date; NaN where a currency has no rate of the day

    @classmethod
    def of(cls, table: pd.DataFrame, home: str, moment: pd.Timestamp) -> Self:
        """From fx_rates with its whole history; rates of days after the moment are not used."""
        moment = naive(moment)
        seen = known({"fx_rates": table}, moment)["fx_rates"]
        seen = seen[seen["rate_date"] <= moment]
        return cls(home, moment, _worth(seen, home))

    @property
    def currencies(self) -> list[str]:
        """The foreign currencies with a rate, sorted."""
        return list(self.worth.columns)

    def last(self, currency: str) -> tuple[pd.Timestamp, float]:
        """Day and worth of the last rate."""
        return self._at(currency, self.moment)

    def stale_days(self, currency: str) -> int:
        """Business days from the last rate's day to the moment; 0 for home."""
        if currency == self.home:
            return 0
        return _business_days(self.last(currency)[0], self.moment)

    def require(self, currency: str, *, most_days: int = MOST_DAYS) -> float:
        """The last worth, when it is young enough."""
        return self.at(currency, self.moment, most_days=most_days)

    def at(self, currency: str, day: pd.Timestamp, *, most_days: int = MOST_DAYS) -> float:
        """Worth at the last rate of a day or before; StaleRate when that is too long before."""
        if currency == self.home:
            return 1.0
        found, worth = self._at(currency, day)
        age = _business_days(found, day)
        if age > most_days:
            raise StaleRate(f"{currency}/{self.home}", found, day, (age, most_days))
        return worth

    def cross(self, base: str, quote: str, day: pd.Timestamp, *, most_days: int = MOST_DAYS) -> float:
        """Units of `quote` for one `base`, through home."""
        return self.at(base, day, most_days=most_days) / self.at(quote, day, most_days=most_days)

    def convert(self, money: Money, currency: str, *, most_days: int = MOST_DAYS) -> Money:
        """The same value in another currency, at the rate of the money's own day, to the smallest coin."""
        if money.currency == currency:
            return money
        rate = self.cross(money.currency, currency, money.as_of, most_days=most_days)
        return Money.of(cents(money.amount * Decimal(repr(rate)), currency), currency, money.as_of)

    def valued(self, currencies: Sequence[str], days: "pd.Series[Any]") -> Array:
        """Home units for one of each row's currency at its day's last rate, [n]; NaN where there is none."""
        given = np.asarray(currencies, dtype=object)
        out = np.where(given == self.home, 1.0, np.nan)
        for name in [c for c in self.currencies if (given == c).any()]:
            rows, own = np.flatnonzero(given == name), self.worth[name].dropna()
            place = own.index.searchsorted(pd.DatetimeIndex(days.iloc[rows]), "right") - 1
            out[rows] = np.where(place >= 0, own.to_numpy()[np.maximum(place, 0)], np.nan)
        return out

    def returns(self) -> pd.DataFrame:
        """Log return of each rate over the one before it, [t, k]; NaN where there is none."""
        found = {c: _returns(self.worth[c]) for c in self.currencies}
        return pd.DataFrame(found, index=self.worth.index).dropna(how="all")

    def _at(self, currency: str, day: pd.Timestamp) -> tuple[pd.Timestamp, float]:
        own = self.worth[currency].dropna() if currency in self.worth else pd.Series(dtype=float)
        place = int(own.index.searchsorted(day, "right")) - 1 if len(own) else -1
        if place < 0:
            raise MissingRate(currency, self.home, day)
        return own.index[place], float(own.iloc[place])


def _worth(seen: pd.DataFrame, home: str) -> pd.DataFrame:
    """Home units for one of each currency, each from its most recent source."""
    pairs = _pairs(seen)
    names = sorted({base for base, _ in pairs} - {home})
    found = {name: _source(name, home, pairs) for name in names}
    kept = {name: worth for name, worth in found.items() if len(worth)}
    frame = pd.DataFrame(kept, index=None if kept else pd.DatetimeIndex([]), dtype=float)
    return frame.sort_index().rename_axis(index="rate_date", columns="currency")


def _pairs(seen: pd.DataFrame) -> Pairs:
    """Rates by pair and day, both ways round; where both ways are quoted, the quoted one."""
    quoted: Pairs = {
        (str(base), str(quote)): part.set_index("rate_date")["rate"].sort_index()
        for (base, quote), part in seen.groupby(["base_currency", "quote_currency"], sort=True)
        if base != quote
    }
    turned = {(quote, base): 1 / rate for (base, quote), rate in quoted.items()}
    return turned | {pair: rate.combine_first(turned.get(pair, rate)) for pair, rate in quoted.items()}


def _source(name: str, home: str, pairs: Pairs) -> "pd.Series[float]":
    """Home units for one: the pair itself or through a third, whichever is the most recent."""
    thirds = sorted(quote for base, quote in pairs if base == name and (quote, home) in pairs)
    through = [(pairs[name, third] * pairs[third, home]).dropna() for third in thirds]
    sources = [one for one in [pairs.get((name, home)), *through] if one is not None and len(one)]
    # max takes the first of equals, and the pair itself stands first
    return max(sources, key=lambda one: one.index[-1], default=pd.Series(dtype=float))


def _returns(worth: "pd.Series[float]") -> "pd.Series[float]":
    own = worth.dropna()
    gap = own.index.to_series().diff().dt.days.to_numpy(float)
    found = pd.Series(np.log(own.to_numpy()), own.index).diff()
    return found.where(gap <= GAP_DAYS)


def _business_days(found: pd.Timestamp, day: pd.Timestamp) -> int:
    ends = [np.datetime64(one, "D") for one in (found, day)]
    return max(int(np.busday_count(ends[0], ends[1])), 0)
