"""What the ERP profiles promise: documents, units and currencies, in Chinese."""

import pandas as pd
import pytest

HEADER = "经销商编码,物料编码,单据编号,行号,单据日期,数量,单位,含税单价,金额,币别"
GOOD = (
    "D001,007,XS1,1,2017-01-05,2,箱,120,240,人民币",
    "D001,007,XS2,1,2017/1/20,6,件,8,48,人民币",
    'D001,007,XS3,1,2017年3月2日,"1,000",件,10,"10,000.00",人民币',
)


def erp(read_csv, *lines, **options):
    return read_csv(HEADER, *lines, profile="erp_zh", **options)


@pytest.mark.parametrize("encoding", ["gbk", "utf-8-sig"])
def test_a_chinese_export_reads_in_sales_units(read_csv, encoding):
    sell_in = erp(read_csv, *GOOD, encoding=encoding).accepted()["sell_in"]
    documents = sell_in[sell_in["document_id"] != ""]
    assert documents["qty_sell_in"].tolist() == [24.0, 6.0, 1000.0]
    assert documents["document_id"].tolist() == ["XS1-1", "XS2-1", "XS3-1"]
    assert documents["event_at"].dt.strftime("%m-%d").tolist() == ["01-05", "01-20", "03-02"]
    assert set(documents["currency"]) == {"CNY"}


def test_a_month_without_a_document_is_zero(read_csv):
    sell_in = erp(read_csv, *GOOD).accepted()["sell_in"]
    monthly = sell_in.groupby("period_start")["qty_sell_in"].sum()
    assert monthly.tolist() == [30.0, 0.0, 1000.0]


def test_the_documents_of_a_month_share_a_price_per_sales_unit(read_csv):
    prices = erp(read_csv, *GOOD).accepted()["prices"]
    assert prices["net_price"].tolist() == [pytest.approx((24 * 10 + 6 * 8) / 30), 10.0]
    assert prices["known_at"].tolist() == [pd.Timestamp("2017-02-01"), pd.Timestamp("2017-04-01")]


def test_mixed_units_and_currencies_are_faults_that_name_what_is_declared(read_csv):
    intake = erp(
        read_csv,
        *GOOD,
        "D001,007,XS4,1,2017-03-05,2,吨,1,2,人民币",
        "D001,007,XS5,1,2017-03-05,2,件,1,2,欧元",
    )
    assert [(fault.rule, fault.first) for fault in intake.faults] == [
        ("mixed currencies", ("D001/007 (row 6)",)),
        ("mixed units", ("D001/007 (row 5)",)),
    ]
    assert "one of 件, 瓶, 个, 箱; declare any other" in intake.faults[1].expected


def test_good_documents_load_beside_bad_ones(read_csv):
    intake = erp(read_csv, *GOOD, "D001,007,XS4,1,2017-03-05,-2,件,1,2,人民币")
    assert len(intake.quarantine) == 1
    assert intake.accepted()["sell_in"]["qty_sell_in"].sum() == 1030


def test_optional_columns_may_be_absent(read_csv):
    intake = read_csv(
        "经销商编码,物料编码,单据编号,单据日期,数量,单位", "D1,S1,X1,2017-01-05,2,箱", profile="erp_zh"
    )
    tables = intake.accepted()
    assert tables["sell_in"].loc[0, ["document_id", "qty_sell_in"]].tolist() == ["X1", 24.0]
    assert "prices" not in tables


def test_a_real_gbk_workbook_row_in_excel_reads_the_same(read_csv, tmp_path):
    from features.sources import load_profile, read

    frame = pd.DataFrame(
        [line.replace('"1,000"', "1000").replace('"10,000.00"', "10000").split(",") for line in GOOD]
    )
    frame.columns = HEADER.split(",")
    frame.to_excel(tmp_path / "销售.xlsx", index=False)
    ours = read(load_profile("erp_zh"), [tmp_path / "销售.xlsx"]).accepted()["sell_in"]
    pd.testing.assert_frame_equal(ours, erp(read_csv, *GOOD, encoding="gbk").accepted()["sell_in"])


def test_sap_billing_items_keep_their_zeros_and_document_numbers(read_csv):
    header = "KUNAG,MATNR,VBELN,POSNR,FKDAT,FKIMG,VRKME,NETWR,WAERK"
    intake = read_csv(header, "0000012345,000000000000004711,90001,10,20170105,2,CS,99.5,EUR", profile="sap")
    row = intake.accepted()["sell_in"].loc[0]
    assert row[["dealer_id", "sku_id", "document_id"]].tolist() == [
        "0000012345",
        "000000000000004711",
        "90001-10",
    ]
    assert row[["qty_sell_in", "amount", "currency"]].tolist() == [24.0, 99.5, "EUR"]
