"""How a stranger's file writes numbers, days and columns, and that it is read as meant or refused."""

import pandas as pd
import pytest

from features.sources.cells import numbers
from features.sources.dialect import day_form, decimal_and_thousands
from features.sources.profile import Csv


@pytest.mark.parametrize(
    ("cells", "marks"),
    [
        (["1.234,50", "12,5", "88"], (",", ".")),
        (["1,234.50", "88.25"], (".", ",")),
        (["1,234", "888"], (".", ",")),
        (["1 234,5", "88"], (",", " ")),
        (["1\u202f234", "88"], (".", " ")),
        (["1.234.567", "88"], (",", ".")),
        (["$1,234.00", "$5.00"], (".", ",")),
        (["12,5", "12.50"], (".", "")),  # two ways at once: told as faults
        (["1,234", "5,678"], (".", "")),  # nothing settles it
        (["12.5", "88"], (".", "")),
    ],
)
def test_marks_are_taken_from_cells_that_settle_them(cells, marks):
    assert decimal_and_thousands([pd.Series(cells)]) == marks


@pytest.mark.parametrize(
    ("days", "form"),
    [
        (["31/01/2021", "28/02/2021"], "%d/%m/%Y"),
        (["01/31/2021", "02/28/2021"], "%m/%d/%Y"),
        (["01/02/2021", "01/03/2021"], "%d/%m/%Y"),
        (["02-01-2021", "03-01-2021"], "%m-%d-%Y"),
        (["01/02/2021", "03/04/2021"], ""),
        (["31/01/2021", "01/31/2021"], ""),
        (["2021-01-31"], ""),
    ],
)
def test_the_day_is_found_or_left_open(days, form):
    assert day_form(pd.Series(days)) == form


@pytest.mark.parametrize(
    ("header", "row", "encoding"),
    [
        ("Kunde;Artikel;Monat;Menge;Preis", "N1;A;01.02.2017;1.234,50;9,90", "utf-8"),
        ("门店,商品,年月,销售数量,促销", "N1,A,201702,1234.5,0", "gbk"),
        ("Branch,SKU code,Year,Month,Units sold", "N1,A,2017,2,1234.5", "utf-8"),
        ("customer name,item name,month,sales qty", "N1,A,Feb 2017,1234.5", "utf-8"),
        ("outlet,article,month,qty_sold,Unit Price", "N1,A,02/2017,1234.5,$9.90", "utf-8"),
    ],
)
def test_a_strangers_file_is_read_without_a_profile(read_csv, header, row, encoding):
    sold = read_csv(header, row, encoding=encoding).accepted()["sell_in"]
    assert sold.loc[0, ["dealer_id", "sku_id", "qty_sell_in"]].tolist() == ["N1", "A", 1234.5]
    assert sold.loc[0, "period_start"] == pd.Timestamp("2017-02-01")


def test_columns_named_after_months_become_rows_and_say_so(read_csv):
    intake = read_csv("dealer,product,2017-01,2017-02,2017-03,2017-04", "N1,A,5,6,,8")
    assert intake.accepted()["sell_in"]["qty_sell_in"].tolist() == [5.0, 6.0, 8.0]
    assert intake.notes == ["4 columns named after periods were made rows"]


def test_a_file_without_names_is_one_series_unless_a_column_may_be_one(read_csv):
    assert read_csv("month,sales", "2017-01,5").accepted()["sell_in"].loc[0, "sku_id"] == "all"
    assert read_csv("month,sales,gizmo", "2017-01,5,A").faults[0].rule == "missing column"


def test_how_a_file_was_read_is_told(read_csv):
    notes = read_csv("sku,date,qty", 'A,31/01/2017,"1,234"', "A,28/02/2017,88").notes
    assert notes == ["numbers are read as 1,234.5 is written", "days are read as day first"]


def test_marks_that_a_profile_states_are_not_guessed(read_csv):
    read = read_csv("sku;month;qty", "A;2017-01;1,234", "B;2017-01;88", csv=Csv(decimal=","))
    assert read.accepted()["sell_in"]["qty_sell_in"].tolist() == [1.234, 88.0]


def test_two_signs_of_money_in_one_column_stay_faults():
    assert numbers(pd.Series(["$5", "€4"]))[1].all()
    assert numbers(pd.Series(["$5", "4"]))[0].tolist() == [5.0, 4.0]


@pytest.mark.parametrize(
    ("header", "rows", "rule"),
    [
        ("store,item,month,units,category", ["N1,A,2017-01,5,x", "N2,A,2017-01,5,y"], "two at one time"),
        ("store,item,month,units,region", ["N1,A,2017-01,5,x", "N1,B,2017-01,5,y"], "two at one time"),
        ("store,item,month,units", ["N1,A,1900-01,5"], "too long ago"),
    ],
)
def test_two_parents_at_once_and_placeholders_of_dates_are_refused(read_csv, header, rows, rule):
    assert [fault.rule for fault in read_csv(header, *rows).faults] == [rule]
