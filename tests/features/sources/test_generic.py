"""What the generic profile promises of any plain table."""

import pandas as pd
import pytest

HEADER = "unique_id,ds,y"


@pytest.mark.parametrize(
    ("header", "row", "series"),
    [
        ("unique_id,ds,y", "N1/A,2017-01-01,5", ("N1", "A")),
        ("unique_id,ds,y", "N1-A,2017-01-01,5", ("all", "N1-A")),
        ("unique_id,ds,y", "a/b/c,2017-01-01,5", ("all", "a/b/c")),
        ("Agency,SKU,Date,Volume", "N1,A,2017-01-01,5", ("N1", "A")),
        ("customer_id,Product ID,month,Qty", "N1,A,2017-01,5", ("N1", "A")),
        ("part_id,month,demand", "A,2017-01,5", ("all", "A")),
        ("store,week,sales", "N1,2017-01-02,5", ("N1", "all")),
        ("经销商编码,物料编码,日期,数量", "N1,A,2017年1月1日,5", ("N1", "A")),
    ],
)
def test_columns_are_found_by_their_usual_names(read_csv, header, row, series):
    sell_in = read_csv(header, row).accepted()["sell_in"]
    assert tuple(sell_in.loc[0, ["dealer_id", "sku_id"]]) == series
    assert sell_in.loc[0, "qty_sell_in"] == 5


@pytest.mark.parametrize(
    ("dates", "starts"),
    [
        (["2017-01-01", "2017-03-01"], ["2017-01-01", "2017-03-01"]),
        (["2017-01-31", "2017-02-28"], ["2017-01-01", "2017-02-01"]),
        (["2017-01-06", "2017-01-13"], ["2017-01-02", "2017-01-09"]),
    ],
)
def test_the_frequency_follows_from_the_dates(read_csv, dates, starts):
    sell_in = read_csv(HEADER, *(f"A,{day},5" for day in dates)).accepted()["sell_in"]
    assert sell_in["period_start"].dt.strftime("%Y-%m-%d").tolist() == starts
    assert (sell_in["document_id"] == "").all()


def test_day_by_day_rows_become_documents_of_their_month(read_csv):
    sell_in = read_csv(HEADER, "A,2017-01-02,5", "A,2017-01-03,6", "A,2017-01-05,7").accepted()["sell_in"]
    assert sell_in["document_id"].tolist() == ["2017-01-02", "2017-01-03", "2017-01-05"]
    assert set(sell_in["period_start"]) == {pd.Timestamp("2017-01-01")}


def test_plans_are_known_ahead_and_signals_afterwards(read_csv):
    tables = read_csv(HEADER + ",price,Promo Depth,plan_x,weather", "A,2017-01-01,5,2.5,0.1,1,20").accepted()
    assert tables["prices"].loc[0, "net_price"] == 2.5
    assert tables["promotions"]["kind"].tolist() == ["promo_depth", "plan_x"]
    assert tables["signals"].loc[0, ["kind", "value"]].tolist() == ["weather", 20.0]
    assert tables["promotions"]["known_at"].max() < pd.Timestamp("2017-01-01")
    assert tables["signals"]["known_at"].min() == pd.Timestamp("2017-02-01")


def test_attributes_reach_the_registers_and_other_text_is_noted(read_csv):
    intake = read_csv("store,item,month,units,category,region,remark", "N1,A,2017-01,5,beer,east,hello")
    tables = intake.accepted()
    assert tables["products"].loc[0, "category"] == "beer"
    assert tables["dealers"].loc[0, "territory_id"] == "east"
    assert intake.notes == ['column "remark" is text without a place in the tables: left out']


def test_a_register_keeps_a_row_only_where_something_changed(read_csv):
    rows = [f"N1,A,2017-0{month},5,{tier}" for month, tier in enumerate("ABB", start=1)]
    dealers = read_csv("store,item,month,units,tier", *rows).accepted()["dealers"]
    assert dealers["tier"].tolist() == ["A", "B"]
    assert dealers["known_at"].dt.month.tolist() == [1, 2]


def test_future_rows_with_plans_and_no_quantity_are_plans(read_csv):
    tables = read_csv(HEADER + ",price", "A,2017-01-01,5,2", "A,2017-02-01,,3", "A,2021-03-01,,4").accepted()
    assert (len(tables["sell_in"]), tables["prices"]["net_price"].tolist()) == (1, [2.0, 3.0, 4.0])
