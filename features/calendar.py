"""Calendar: what the coming periods are, wherever the dealer is.

Festivals move: Spring Festival falls in January or February, Easter in March or April,
so a month number cannot carry them. `festival_days` counts the public holidays of a
country in each period, through the `holidays` package (its tables reach 2100 for China).

Errors: ValueError (a country the `holidays` package does not know).

>>> months = pd.to_datetime(["2024-01-01", "2024-02-01"])  # consecutive period starts
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

Array = NDArray[np.float64]
_RUN_UP_DAYS = 21  # channels load up before Spring Festival, then rest
_REST_DAYS = 9


def festival_days(periods: pd.DatetimeIndex, country: str) -> Array:
    """Public holidays in each period, [h]."""
    days = np.array(sorted(_public_holidays(country, periods[0].year, _end(periods).year)), "datetime64[D]")
    return _count(days, periods)


def weekend_days(periods: pd.DatetimeIndex) -> Array:
    """Saturdays and Sundays in each period, [h]."""
    every = pd.date_range(periods[0], _end(periods) - pd.Timedelta(days=1), freq="D")
    return _count(every[every.day_of_week >= 5].to_numpy("datetime64[D]"), periods)


def spring_festival_share(periods: pd.DatetimeIndex) -> Array:
    """Share of the Spring Festival season (three weeks before, nine days of rest) in each period, [h]."""
    years = range(periods[0].year, _end(periods).year + 2)
    days = [_new_year(y) + pd.Timedelta(days=d) for y in years for d in range(-_RUN_UP_DAYS, _REST_DAYS)]
    return _count(np.array(days, "datetime64[D]"), periods) / (_RUN_UP_DAYS + _REST_DAYS)


@cache
def _public_holidays(country: str, first: int, last: int) -> tuple[date, ...]:
    try:
        return tuple(holidays.country_holidays(country, years=range(first, last + 1)))
    except NotImplementedError:
        raise ValueError(
            f"No holiday calendar for country {country!r}; use an ISO code such as CN."
        ) from None


@cache
def _new_year(year: int) -> pd.Timestamp:
    """The first day of the Chinese lunar year, from Hong Kong's calendar."""
    names = holidays.country_holidays("HK", years=year, language="en_US")
    return pd.Timestamp(
        min(d for d, name in names.items() if "Chinese New Year" in name or "Lunar New Year" in name)
    )


def _end(periods: pd.DatetimeIndex) -> pd.Timestamp:
    monthly = bool((periods.day == 1).all())
    return periods[-1] + (pd.DateOffset(months=1) if monthly else pd.DateOffset(weeks=1))


def _count(days: NDArray[np.datetime64], periods: pd.DatetimeIndex) -> Array:
    edges = np.append(periods.to_numpy("datetime64[D]"), np.datetime64(_end(periods), "D"))
    return np.diff(np.searchsorted(np.sort(days), edges)).astype(float)
