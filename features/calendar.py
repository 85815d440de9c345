"""Calendar: what the coming periods are, wherever the dealer is.

Festivals move: Spring Festival falls in January or February, Easter in March or April,
so a month number cannot carry them. `festival_days` counts the public holidays of a
country in each period, through the `holidays` package (its tables reach 2100 for China).

In: `edges`, the starts of h periods and of the one after them, [h + 1]. Out: [h].

Errors: ChannelError (a country the `holidays` package does not know).

>>> months = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
>>> festival_days(months, "CN").tolist()
[1.0, 7.0]
>>> spring_festival_share(months).round(2).tolist()
[0.4, 0.6]
"""

from datetime import date
from functools import cache

import holidays
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError

Array = NDArray[np.float64]
_RUN_UP_DAYS = 21  # channels load up before Spring Festival, then rest
_REST_DAYS = 9


def festival_days(edges: pd.DatetimeIndex, country: str) -> Array:
    """Public holidays in each period, [h]."""
    days = np.array(_public_holidays(country, edges[0].year, edges[-1].year), "datetime64[D]")
    return _count(days, edges)


def weekend_days(edges: pd.DatetimeIndex) -> Array:
    """Saturdays and Sundays in each period, [h]."""
    every = pd.date_range(edges[0], edges[-1], freq="D", inclusive="left")
    return _count(every[every.day_of_week >= 5].to_numpy("datetime64[D]"), edges)


def spring_festival_share(edges: pd.DatetimeIndex) -> Array:
    """Share of the Spring Festival season (three weeks before, nine days of rest) in each period, [h]."""
    years = range(edges[0].year, edges[-1].year + 2)
    days = [_new_year(y) + pd.Timedelta(days=d) for y in years for d in range(-_RUN_UP_DAYS, _REST_DAYS)]
    return _count(np.array(days, "datetime64[D]"), edges) / (_RUN_UP_DAYS + _REST_DAYS)


@cache
def _public_holidays(country: str, first: int, last: int) -> tuple[date, ...]:
    try:
        return tuple(holidays.country_holidays(country, years=range(first, last + 1)))
    except NotImplementedError:
        raise ChannelError(
            f"No holiday calendar for country {country!r}; use an ISO code such as CN."
        ) from None


@cache
def _new_year(year: int) -> pd.Timestamp:
    """The first day of the Chinese lunar year, from China's calendar."""
    names = holidays.country_holidays("CN", years=year, language="en_US")
    return pd.Timestamp(min(d for d, name in names.items() if name.startswith("Chinese New Year (")))


def _count(days: NDArray[np.datetime64], edges: pd.DatetimeIndex) -> Array:
    return np.diff(np.searchsorted(np.sort(days), edges.to_numpy("datetime64[D]"))).astype(float)
