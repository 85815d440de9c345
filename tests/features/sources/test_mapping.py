"""What a profile's mapping promises: masks, registers, invoices, blanks, sheets."""

import pandas as pd
import pytest

from features.sources import read
from features.sources.profile import parse


def mapped(write, text, **content):
    return read(parse("mine", content), [write(text)], as_of=pd.Timestamp("2020-01-01"))


SALES = {"frequency": "M", "dates": {"column": "month", "formats": ["%Y-%m"]}, "keys": {"sku_id": "sku"}}
SALES |= {"constants": {"dealer_id": "all"}, "tables": {"sell_in": {"qty_sell_in": "units"}}}


def test_a_mask_blanks_the_cells_that_would_tell_the_answer(write):
    tables = SALES["tables"] | {"prices": {"net_price": "price"}}
    masks = [{"where": "price", "at_most": 0, "blank": ["price", "deal"]}]
    text = "sku,month,units,price,deal\nA,2017-01,0,0,1\nA,2017-02,5,2,1\n"
    intake = mapped(write, text, **(SALES | {"tables": tables}), masks=masks, plans={"deal": "deal"})
    assert intake.accepted()["prices"]["net_price"].isna().tolist() == [True, False]
    assert intake.tables["promotions"]["value"].isna().tolist() == [True, False]
    assert intake.tables["sell_in"]["qty_sell_in"].tolist() == [0, 5]


def test_a_list_of_dealers_is_known_from_the_day_that_the_profile_says(write):
    tables = {"dealers": {"dealer_id": "id", "joined_at": "joined"}}
    dates = {"formats": ["%d.%m.%Y"]}
    text = "id,joined\nD1,01.02.2012\nD2,\n"
    dealers = mapped(write, text, tables=tables, known_from="2013-01-01", dates=dates).accepted()["dealers"]
    assert set(dealers["known_at"]) == {pd.Timestamp("2013-01-01")}
    assert dealers["joined_at"].tolist() == [pd.Timestamp("2012-02-01"), pd.NaT]


def test_an_invoice_is_known_from_its_day_and_the_delay(write):
    columns = {"invoice_id": "no", "dealer_id": "d", "issued_at": "day", "due_at": "due", "amount": "sum"}
    dates = {"column": "day", "formats": ["%Y-%m-%d"]}
    content = {"tables": {"invoices": columns}, "dates": dates, "constants": {"currency": "CNY"}}
    text = (
        "no,d,day,due,sum\n1,D1,2017-01-05,2017-02-05,9\n2,D1,2017-01-05,2017-01-01,9\n3,D1,,2017-02-05,9\n"
    )
    intake = mapped(write, text, **content, publication_delay_days=2)
    assert intake.tables["invoices"]["known_at"].tolist() == [pd.Timestamp("2017-01-07")]
    told = {(fault.column, fault.rule) for fault in intake.faults}
    assert told == {("issued_at", "empty"), ("known_at", "empty"), ("due_at", "due before it was issued")}


@pytest.mark.parametrize(("policy", "rules", "rows"), [("fault", ["empty"], 1), ("missing", [], 1)])
def test_a_blank_quantity_is_a_fault_or_a_gap(write, policy, rules, rows):
    intake = mapped(write, "sku,month,units\nA,2017-01,\nA,2017-02,5\n", **SALES, blank_quantity=policy)
    assert [fault.rule for fault in intake.faults] == rules
    assert len(intake.tables["sell_in"]) == rows


def test_a_workbook_may_start_further_down_and_on_another_sheet(tmp_path):
    frame = pd.DataFrame([["月报", None, None], ["sku", "month", "units"], ["A", "2017-01", -5]])
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"a": [1]}).to_excel(book, sheet_name="封面")
        frame.to_excel(book, sheet_name="销售", index=False, header=False)
    profile = parse("mine", SALES | {"excel": {"sheet": "销售", "header_row": 2}})
    assert read(profile, [tmp_path / "a.xlsx"]).faults[0].first == ("all/A/2017-01-01/ (row 3)",)


def test_the_profile_that_was_used_says_what_generic_found(read_csv):
    found = read_csv("store,week,units,deal", "N1,2017-01-02,5,1", "N1,2017-01-09,5,1").profile
    assert (found.frequency, found.plans, found.keys) == ("W", {"deal": "deal"}, {"dealer_id": ("store",)})
