from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from features.calendar import festival_days, spring_festival_share, weekend_days
from features.errors import ChannelError
from features.frequency import MONTHLY, WEEKLY

# Published dates of Chinese New Year, among them those on a Sunday, which Hong Kong moves.
NEW_YEARS = ["2006-01-29", "2007-02-18", "2010-02-14", "2013-02-10", "2017-01-28", "2020-01-25"]
NEW_YEARS += ["2023-01-22", "2024-02-10", "2026-02-17", "2030-02-03", "2034-02-19"]


def days_between(edges):
    for start, end in zip(edges[:-1].date, edges[1:].date, strict=True):
        yield [start + timedelta(days=k) for k in range((end - start).days)]


@pytest.mark.parametrize("new_year", NEW_YEARS)
def test_spring_festival_is_three_weeks_before_new_year_and_nine_days_of_rest(new_year):
    first_day = date.fromisoformat(new_year)
    edges = MONTHLY.range(pd.Timestamp(first_day.year - 1, 11, 1), 7)
    season = {first_day + timedelta(days=k) for k in range(-21, 9)}
    by_hand = [len(season.intersection(days)) / 30 for days in days_between(edges)]
    np.testing.assert_allclose(spring_festival_share(edges), by_hand)


@pytest.mark.parametrize(("freq", "first"), [(MONTHLY, "2023-11-01"), (WEEKLY, "2023-12-25")])
def test_weekend_days_are_counted_one_by_one(freq, first):
    edges = freq.range(pd.Timestamp(first), 9)
    by_hand = [sum(day.weekday() >= 5 for day in days) for days in days_between(edges)]
    np.testing.assert_array_equal(weekend_days(edges), by_hand)


def test_a_week_that_begins_with_the_month_is_still_a_week():
    edges = WEEKLY.range(pd.Timestamp("2024-01-01"), 2)  # a Monday
    assert weekend_days(edges).tolist() == [2.0]
    assert festival_days(edges, "CN").tolist() == [1.0]


def test_festivals_move_with_their_country():
    easter = MONTHLY.range(pd.Timestamp("2024-03-01"), 3)  # 31 March 2024
    assert festival_days(easter, "PL").tolist() == [1.0, 1.0]  # Sunday in March, Monday in April
    assert festival_days(MONTHLY.range(pd.Timestamp("2025-03-01"), 3), "PL").tolist() == [0.0, 2.0]


def test_an_unknown_country_says_how_to_name_one():
    edges = MONTHLY.range(pd.Timestamp("2024-01-01"), 2)
    with pytest.raises(ChannelError, match="'XX'; use an ISO code such as CN"):
        festival_days(edges, "XX")
