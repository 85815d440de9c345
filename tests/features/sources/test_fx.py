"""Rates that a central bank publishes: wide or long, for one unit or for a hundred, UTF-8 or GBK."""

import pandas as pd
import pytest

from features.errors import ProfileError
from features.rates import Rates
from features.sources import load_profile, read
from features.sources.profile import Wide, parse

ECB = ("Date,USD,JPY,CYP,CNY,", "2019-11-28,1.1005,120.5,N/A,7.74,", "2019-11-27,1.1009,120.3,N/A,7.75,")
SAFE = ("日期,币种,中间价", "2019-11-28,美元,702.71", "2019/11/28,日元,6.4211", "2019年11月28日,欧元,773.05")
NOW = pd.Timestamp("2019-11-29")


def worth(intake, home="CNY"):
    return Rates.of(intake.accepted()["fx_rates"], home, NOW)


def test_a_list_with_a_column_a_currency_becomes_a_row_a_day_and_currency(read_csv):
    intake = read_csv(*ECB, profile="fx_ecb")
    assert intake.faults == []
    table = intake.accepted()["fx_rates"]
    assert len(table) == 6  # N/A is no rate
    assert set(table["base_currency"]) == {"EUR"}
    one = table.set_index(["quote_currency", "rate_date"]).loc[("JPY", pd.Timestamp("2019-11-27"))]
    assert one["rate"] == 120.3
    assert one["known_at"] == pd.Timestamp("2019-11-28")


def test_its_rates_are_worth_at_home_what_they_are_through_the_euro(read_csv):
    found = worth(read_csv(*ECB, profile="fx_ecb"))
    assert found.require("USD") == pytest.approx(7.74 / 1.1005)
    assert found.currencies == ["EUR", "JPY", "USD"]


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "utf-8-sig", "gb18030"])
def test_a_chinese_list_for_a_hundred_units_is_read_for_one(read_csv, encoding):
    found = worth(read_csv(*SAFE, profile="fx_safe", encoding=encoding))
    assert found.require("USD") == pytest.approx(7.0271)
    assert found.require("JPY") == pytest.approx(0.064211)
    assert found.last("EUR")[0] == pd.Timestamp("2019-11-28")


def test_a_chinese_list_with_a_column_a_currency_is_read_alike(read_csv):
    lines = ("日期,美元,欧元,日元", "2019-11-28,702.71,773.05,6.4211", "2019-11-27,702.12,,6.4300")
    wide = read_csv(*lines, profile="fx_safe", encoding="gbk", wide=Wide(name="币种", value="中间价"))
    long = read_csv(*SAFE, profile="fx_safe")
    last = wide.accepted()["fx_rates"]
    last = last[last["rate_date"] == pd.Timestamp("2019-11-28")]
    both = [t.set_index("base_currency")["rate"].sort_index() for t in (last, long.accepted()["fx_rates"])]
    pd.testing.assert_series_equal(*both)
    assert len(wide.accepted()["fx_rates"]) == 5


def test_faults_are_named_by_the_row_of_the_file(read_csv):
    lines = (*ECB, "2019-11-31,1.1,120,N/A,7.7,", "2019-11-26,-1.1,many,N/A,7.7,")
    intake = read_csv(*lines, profile="fx_ecb")
    said = str(intake)
    assert "fx_ecb.Date: not a date" in said
    assert "fx_ecb.for_one_euro: not a number in 1 row; expected a number; first: (row 5)" in said
    assert "fx_rates.rate: not above zero in 1 row" in said
    assert set(intake.accepted()["fx_rates"]["rate_date"].dt.day) == {
        26,
        27,
        28,
    }  # 7.7 yuan of the 26th is good


def test_a_currency_that_the_profile_does_not_know_is_a_fault_with_what_it_knows(read_csv):
    intake = read_csv(*SAFE, "2019-11-28,金币,1", profile="fx_safe")
    assert [(fault.rule, fault.column) for fault in intake.faults] == [("mixed currencies", "币种")]
    assert "declare any other in the profile" in intake.faults[0].expected
    assert len(intake.accepted()["fx_rates"]) == 3


def test_a_column_that_says_for_how_many_units_divides_the_rate(read_csv):
    from features.sources.profile import Units

    lines = ("日期,币种,中间价,单位", "2019-11-28,美元,7.0271,1", "2019-11-28,日元,6.4211,100")
    units = Units(column="单位", factors={"1": 1, "100": 100})
    found = worth(read_csv(*lines, profile="fx_safe", units=units, scales={}))
    assert (found.require("USD"), found.require("JPY")) == pytest.approx((7.0271, 0.064211))


def test_a_scale_of_a_column_that_no_table_maps_is_an_error_with_a_hint():
    content = {
        "known_from": "2019-01-01",
        "tables": {"fx_rates": {"rate": "中间价"}},
        "scales": {"rat": 0.01},
    }
    with pytest.raises(ProfileError, match=r'scales.rat: no table maps this column. Did you mean "rate"'):
        parse("mine", content)


def test_the_same_list_from_excel_reads_the_same(read_csv, tmp_path):
    frame = pd.DataFrame([line.split(",") for line in SAFE[1:]], columns=SAFE[0].split(","))
    frame.to_excel(tmp_path / "汇率.xlsx", index=False)
    ours = read(load_profile("fx_safe"), [tmp_path / "汇率.xlsx"], as_of=NOW).accepted()["fx_rates"]
    pd.testing.assert_frame_equal(ours, read_csv(*SAFE, profile="fx_safe").accepted()["fx_rates"])
