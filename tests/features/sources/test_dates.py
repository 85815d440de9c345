"""What the reader of dates promises."""

import datetime

import pandas as pd
import pytest

from features.sources import load_profile
from features.sources.dates import moments
from features.sources.profile import Dates

GENERIC = load_profile("generic").dates


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2017-03-05", "2017-03-05"),
        ("2017/3/5", "2017-03-05"),
        ("20170305", "2017-03-05"),
        ("2017-03", "2017-03-01"),
        ("201703", "2017-03-01"),
        ("2017年3月5日", "2017-03-05"),
        ("2017-W10", "2017-03-06"),
        (20170305, "2017-03-05"),
        (datetime.date(2017, 3, 5), "2017-03-05"),
        (datetime.datetime(2017, 3, 5, 12), "2017-03-05 12:00"),
    ],
)
def test_every_usual_way_to_write_a_date_is_read(cell, day):
    values, bad = moments(pd.Series([cell], dtype=object), GENERIC)
    assert (values[0], bad[0]) == (pd.Timestamp(day), False)


@pytest.mark.parametrize(
    "cell", ["2017-02-30", "2017-13-01", "20170230", "0000-00-00", "soon", "2017", "1e9"]
)
def test_a_day_that_does_not_exist_is_unreadable(cell):
    values, bad = moments(pd.Series([cell]), GENERIC)
    assert (values.isna()[0], bad[0]) == (True, True)


def test_three_formats_in_one_column_are_read_row_by_row():
    column = pd.Series(["2017-01-31", None, "28.02.2017", "", "2017年3月", "2017-01-31"])
    values, bad = moments(column, GENERIC)
    assert values.dt.strftime("%m-%d").fillna("").tolist() == ["01-31", "", "02-28", "", "03-01", "01-31"]
    assert not bad.any()


def test_the_first_format_that_fits_wins():
    rule = Dates(column="d", formats=("%d/%m/%Y", "%m/%d/%Y"))
    assert moments(pd.Series(["05/03/2017"]), rule)[0][0] == pd.Timestamp("2017-03-05")


def test_moments_with_a_zone_become_utc():
    column = pd.Series(pd.to_datetime(["2017-03-05 01:00"])).dt.tz_localize("Asia/Shanghai")
    assert moments(column, GENERIC)[0][0] == pd.Timestamp("2017-03-04 17:00")


def test_weeks_are_counted_from_their_origin_and_must_be_whole():
    rule = Dates(column="w", weeks_from=datetime.date(1989, 9, 14))
    values, bad = moments(pd.Series(["2", "2.5", "x", ""]), rule)
    assert values[0] == pd.Timestamp("1989-09-21")
    assert bad.tolist() == [False, True, True, False]
