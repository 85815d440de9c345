"""What a file that nobody has seen needs from its reader: columns, days, and what is known ahead."""

import pandas as pd
import pytest

from features.errors import ChannelError
from features.sources import load_profile, read
from features.sources.meanings import stated

WEEKS = ["2018-01-05", "2018-01-12", "2018-01-19", "2018-01-26", "2018-02-02"]
DAYS = [f"{day:%Y-%m-%d}" for day in pd.date_range("2018-01-01", "2018-05-14")]


@pytest.mark.parametrize(
    ("header", "row", "series"),
    [
        ("id,Store,Dept,Date,Weekly_Sales,Temperature", "{i},1,7,{day},5,20", ("1", "7")),
        ("bikeshop_name,model,frame_material,order_date,quantity", "N1,A,Carbon,{day},5", ("N1", "A")),
        ("Title,Week,Employed", "A,{day},5", ("all", "A")),
        ("id,date,value", "W10,{day},5", ("all", "W10")),
        ("week,brand,units", "{day},A,5", ("all", "A")),
        ("InvoiceNo,StockCode,Qty,InvoiceDate,UnitPrice,CustomerID", "{i},A,5,{day},2.5,N1", ("N1", "A")),
        ("Distributor Name,Product Description,Period,Net Units Shipped", "N1,A,{day},5", ("N1", "A")),
        ("ShopCode;ArtNo;WeekEnding;UnitsSold", "N1;A;{day};5", ("N1", "A")),
    ],
)
def test_columns_are_found_by_words_and_cells(read_csv, header, row, series):
    intake = read_csv(header, *(row.format(day=day, i=i) for i, day in enumerate(WEEKS)))
    sell_in = intake.accepted()["sell_in"]
    assert tuple(sell_in.loc[0, ["dealer_id", "sku_id"]]) == series
    assert sell_in["qty_sell_in"].eq(5).all()
    assert "period_start" not in intake.notes


def test_a_guess_is_told_and_two_that_fit_are_none(read_csv):
    rows = [f"N1,A,{day},5" for day in WEEKS]
    assert 'column "kiosk_shop" is taken as the dealer' in read_csv("kiosk_shop,sku,date,qty", *rows).notes
    two = read_csv("shop_a,shop_b,date,qty", *rows)
    assert not any("taken as the dealer" in note for note in two.notes)


def test_what_is_stated_counts_before_names_and_is_checked(write):
    file = write("sku,model,day,qty,hot\n" + "".join(f"1,A,{day},5,1\n" for day in WEEKS))
    profile = stated(load_profile("generic"), ["product=model", "plan=hot"])
    tables = read(profile, [file], as_of=pd.Timestamp("2020-01-01")).accepted()
    assert tables["sell_in"].loc[0, "sku_id"] == "A"
    assert tables["promotions"]["kind"].unique().tolist() == ["hot"]
    with pytest.raises(ChannelError, match=r"'modell' was stated.*Did you mean \"model\""):
        read(stated(profile, ["product=modell"]), [file])
    with pytest.raises(ChannelError, match="expected MEANING=COLUMN"):
        stated(profile, ["colour=model"])
    with pytest.raises(ChannelError, match="names its columns itself"):
        stated(load_profile("stallion"), ["product=model"])


def test_series_on_other_weekdays_are_weeks_all_the_same(read_csv):
    later = [f"B,{pd.Timestamp(day) + pd.Timedelta(days=2):%Y-%m-%d},5" for day in WEEKS]
    sell_in = read_csv("sku,date,qty", *(f"A,{day},5" for day in WEEKS), *later).accepted()["sell_in"]
    assert (sell_in["period_start"].dt.day_of_week == 0).all()
    assert (sell_in.groupby("sku_id").size() == len(WEEKS)).all()


def test_half_a_month_is_left_out_and_a_month_without_a_document_is_no_sale(read_csv):
    rows = [f"A,{day},5" for day in DAYS] + ["B,2018-01-03,1", "B,2018-03-03,1"]
    intake = read_csv("sku,date,qty", *rows)
    b = intake.accepted()["sell_in"].query("sku_id == 'B'").groupby("period_start")["qty_sell_in"].sum()
    assert b.tolist() == [1.0, 0.0, 1.0, 0.0]
    assert "the month of 2018-05-01 is cut off by the file: left out" in intake.notes


def test_gaps_that_are_stated_stand(read_csv):
    rows = [f"A,{day},5" for day in DAYS[:120]] + ["B,2018-01-03,1", "B,2018-03-03,1"]
    sell_in = read_csv("sku,date,qty", *rows, gaps="missing").accepted()["sell_in"]
    assert (sell_in["sku_id"] == "B").sum() == 2


def test_prices_told_only_where_something_sold_are_not_known_ahead(read_csv):
    sparse = [f"A,{day},5,2.5,{promo}" for day, promo in zip(DAYS[::9], [0, 1] * 8, strict=False)]
    tables = read_csv(
        "sku,date,qty,price,promo", *sparse, "B,2018-01-01,5,2,0", "B,2018-04-30,5,2,0"
    ).accepted()
    assert {"prices", "promotions"}.isdisjoint(tables)
    assert set(tables["signals"]["kind"]) == {"net_price", "promo"}
    with_zeros = read_csv("sku,date,qty,price,promo", *sparse, "B,2018-01-01,0,2,0").accepted()
    assert {"prices", "promotions"} <= with_zeros.keys()


def test_yes_and_no_are_a_plan_and_na_is_blank(read_csv):
    rows = [
        f"A,{day},5,{said},{cut}"
        for day, said, cut in zip(WEEKS, ["TRUE", "FALSE"] * 3, ["NA", "2"] * 3, strict=False)
    ]
    told = read_csv("sku,week,qty,IsHoliday,MarkDown", *rows).accepted()["promotions"]
    assert told.query("kind == 'isholiday'")["value"].tolist() == [1, 0, 1, 0, 1]
    assert told.query("kind == 'markdown'")["value"].dropna().eq(2).all()


def test_a_column_a_product_becomes_rows_and_says_so(read_csv):
    intake = read_csv("datum,M01AB,N02BA", *(f"{day},5,7" for day in WEEKS))
    units = intake.accepted()["sell_in"].groupby("sku_id")["qty_sell_in"].first()
    assert units.to_dict() == {"M01AB": 5.0, "N02BA": 7.0}
    assert "2 columns of numbers were taken as products, a column each" in intake.notes


def test_rows_of_one_day_and_region_are_several_products(read_csv):
    rows = [f"{day},1.5,5,{kind},Albany" for day in WEEKS for kind in ("organic", "usual")]
    sell_in = read_csv("Date,AveragePrice,Total Volume,type,region", *rows).accepted()["sell_in"]
    assert set(sell_in["dealer_id"]) == {"Albany"}
    assert set(sell_in["sku_id"]) == {"organic", "usual"}


def test_a_clock_beside_the_day_is_read(read_csv):
    rows = [f"A,{day.month}/{day.day}/2018 8:26,5" for day in pd.to_datetime([*WEEKS, "2018-01-30"])]
    assert read_csv("sku,InvoiceDate,qty", *rows).accepted()["sell_in"]["period_start"].nunique() == 2


def test_orders_leave_out_returns_and_add_up_what_one_day_brings(read_csv):
    rows = [f"A,{day},5" for day in DAYS[:40] + DAYS[:1]] + [f"A,{DAYS[3]},-5"]
    intake = read_csv("sku,date,qty", *rows)
    assert intake.accepted()["sell_in"].groupby("document_id")["qty_sell_in"].sum()[DAYS[0]] == 10
    assert "1 rows of returns (negative units) are left out" in intake.notes
    assert read_csv("sku,date,qty", *rows[:40], *[f"A,{DAYS[3]},-5"] * 9).faults


def test_what_changes_within_a_customer_is_no_attribute_of_it(read_csv):
    rows = [f"N1,A,{day},5,{region}" for day in DAYS[:40] for region in ("east", "west")]
    intake = read_csv("customer,sku,date,qty,region", *rows)
    assert 'column "region" changes from row to row of one dealer: left out' in intake.notes
    assert "dealers" not in intake.accepted()


def test_kinds_and_counters_are_no_figures(read_csv):
    rows = [
        f"{i},A,{day},5,{kind}" for i, (day, kind) in enumerate(zip(DAYS, "00a0000b000" * 13, strict=False))
    ]
    tables = read_csv("id,sku,date,qty,StateHoliday", *rows).accepted()
    assert {"signals", "promotions"}.isdisjoint(tables)


def test_lines_of_one_order_are_added_up(read_csv):
    sell_in = read_csv(
        "order_id,order_line,sku,date,qty", *(f"7,{i},A,2018-01-{i + 1:02},5" for i in range(3))
    )
    assert sell_in.accepted()["sell_in"]["qty_sell_in"].sum() == 15
