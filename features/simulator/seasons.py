"""Seasons: when buyers of a category buy, by the Gregorian and by the lunar calendar.

A daily profile is made and then averaged over the days of each period, so a festival that
falls on the 1st of February fills January, and months and weeks agree with each other.
Before Spring Festival and Mid-Autumn come three weeks of gifts and stocking up; after
Spring Festival two quiet weeks.

Source: festival dates from the `holidays` package (China, public holidays).
Limits: the lift is the same in all territories.

>>> spring, autumn = festivals(np.datetime64("2024-01-01"), np.datetime64("2024-12-31"))
>>> spring.astype(str).tolist(), autumn.astype(str).tolist()
(['2024-02-10', '2025-01-29'], ['2024-09-17', '2025-10-06'])
"""

import holidays
import numpy as np
from numpy.typing import NDArray

from features.simulator.catalogue import CATEGORIES, Category
from features.simulator.periods import Array, Days, Periods

_BEFORE_DAYS, _AFTER_DAYS = 21, 14
_QUIET_RATE = 0.35  # less demand after Spring Festival, for a lift of 1


def seasons(periods: Periods) -> Array:
    """Log of the seasonal factor of each category in each period, [c, t]; about 0 on average."""
    first, after = periods.starts[0], periods.ends[-1]
    days = np.arange(first, after)
    spring, autumn = festivals(first, after)
    offsets = (periods.starts - first).astype(int)
    lengths = (periods.ends - periods.starts).astype(int)
    daily = np.stack([_daily(c, days, spring, autumn) for c in CATEGORIES])  # [c, days]
    mean = np.add.reduceat(daily, offsets, axis=1) / lengths
    log_factor = np.log(mean)
    return np.asarray(log_factor - log_factor.mean(axis=1, keepdims=True), dtype=np.float32)


def festivals(first: np.datetime64, after: np.datetime64) -> tuple[Days, Days]:
    """Days of Spring Festival and of Mid-Autumn in these years and the next."""
    years = range(int(str(first)[:4]), int(str(after)[:4]) + 2)
    return _first_days("Spring Festival", years), _first_days("Mid-Autumn", years)


def _first_days(name: str, years: range) -> Days:
    known = holidays.country_holidays("CN", years=years)
    named = sorted(day for day, names in known.items() if name in names and "observed" not in names)
    by_year = {day.year: day for day in reversed(named)}  # the first of several days wins
    return np.array([by_year[year] for year in years if year in by_year], dtype="M8[D]")


def _daily(category: Category, days: Days, spring: Days, autumn: Days) -> NDArray[np.float64]:
    day_of_year = (days - days.astype("M8[Y]")).astype(int)
    angle = 2 * np.pi * (day_of_year / 365.25 - (category.peak_month - 1) / 12)
    quiet = _QUIET_RATE * min(1.0, category.spring_rate)
    lift = category.spring_rate * _within(days, spring - _BEFORE_DAYS, _BEFORE_DAYS)
    lift -= quiet * _within(days, spring, _AFTER_DAYS)
    lift += category.autumn_rate * _within(days, autumn - _BEFORE_DAYS, _BEFORE_DAYS)
    return np.asarray(np.exp(category.swing * np.cos(angle)) * (1 + lift))


def _within(days: Days, begins: Days, length_days: int) -> NDArray[np.float64]:
    """1 on the days that lie in one of the windows, else 0."""
    since = (days[:, None] - begins).astype(int)
    return np.asarray(((since >= 0) & (since < length_days)).any(axis=1), dtype=np.float64)
