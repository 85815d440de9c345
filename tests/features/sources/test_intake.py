"""What the intake promises of bad files: every fault, once, and nothing bad in the tables."""

import pandas as pd
import pytest

from features.errors import BadRows
from features.sources import load_profile, read

HEADER = "store,item,month,units,price"


def told(intake):
    return [(fault.column, fault.rule, fault.first) for fault in intake.faults]


def test_all_faults_come_at_once_and_only_good_rows_are_in_the_tables(read_csv):
    intake = read_csv(
        HEADER,
        "N1,A,2017-01,5,2",
        "N1,A,2017-02,-5,2",
        "N1,A,2017-03,many,2",
        "N1,A,2017-02-30,5,2",
        "N1,A,2017-05,nan,0",
        "N1,A,2017-06,1000000000,2",
        ",A,2017-07,5,2",
        "N1,A,2021-07,5,2",
    )
    assert told(intake) == [
        ("units", "not a number", ("N1/A (row 4)", "N1/A (row 6)")),
        ("month", "not a date", ("N1/A (row 5)",)),
        ("dealer_id", "blank", ("/A/2017-07-01/ (row 8)",)),
        ("qty_sell_in", "negative", ("N1/A/2017-02-01/ (row 3)",)),
        ("qty_sell_in", "absurd", ("N1/A/2017-06-01/ (row 7)",)),
        ("event_at", "in the future", ("N1/A/2021-07-01/ (row 9)",)),
        ("net_price", "not above zero", ("N1/A/2017-05-01 (row 6)",)),
    ]
    assert [len(frame) for frame in intake.tables.values()] == [1, 1]


def test_bad_rows_are_kept_as_they_were_with_their_reasons(read_csv):
    bad = read_csv(HEADER, "N1,A,2017-01,5,2", "N1,A,soon,-5,2").quarantine
    assert bad.to_dict("records") == [
        {"file": "sales.csv", "row": 3, "reason": "month: not a date; qty_sell_in: negative"}
        | {"store": "N1", "item": "A", "month": "soon", "units": "-5", "price": "2"}
    ]


def test_a_refusing_profile_gives_no_tables_and_an_accepting_one_the_good_rows(read_csv):
    lines = (HEADER, "N1,A,2017-01,5,2", "N1,A,2017-02,-5,2")
    with pytest.raises(BadRows, match="Nothing was loaded: 1 fault; 1 of 2 rows is bad"):
        read_csv(*lines).accepted()
    assert len(read_csv(*lines, partial="accept").accepted()["sell_in"]) == 1


def test_a_header_without_rows_is_told(read_csv):
    with pytest.raises(BadRows, match=r"sales\.csv: no rows; expected a header and at least one row"):
        read_csv(HEADER).accepted()


def test_missing_columns_are_told_together_with_hints(read_csv):
    intake = read_csv("agency,skuu,date,volum", "a,b,2017-01-01,5", profile="stallion", format="csv")
    hints = [fault.expected for fault in intake.faults if "Did you mean" in fault.expected]
    assert 'Did you mean "volum"?' in hints[0] + hints[1]
    assert 'Did you mean "skuu"?' in hints[0] + hints[1]
    with pytest.raises(BadRows, match="missing column"):
        intake.accepted()


def test_a_generic_file_without_a_quantity_names_the_aliases(read_csv):
    (fault,) = read_csv("store,item,month", "N1,A,2017-01").faults
    assert (fault.column, fault.rule) == ("quantity", "missing column")
    assert "or y, qty" in fault.expected


def test_duplicate_keys_are_told_once_though_three_tables_have_them(read_csv):
    intake = read_csv(HEADER + ",deal", *["N1,A,2017-01,5,2,1"] * 2, "N1,A,2017-02,5,2,1")
    assert [(fault.rule, fault.rows) for fault in intake.faults] == [("duplicate key", 2)]


def test_rows_of_several_files_are_told_apart(write):
    files = [write(f"store,item,month,units\nN1,A,2017-0{i},{q}\n", f"{i}.csv") for i, q in ((1, 5), (2, -5))]
    (fault,) = read(load_profile("generic"), files).faults
    assert fault.first == ("N1/A/2017-02-01/ (2.csv row 2)",)


def test_an_unknown_dealer_is_a_fault_when_the_dealers_are_known(write):
    file = write("store,item,month,units\nN1,A,2017-01,5\nN2,A,2017-01,5\n")
    intake = read(load_profile("generic"), [file], known={"dealers": {"N1"}})
    assert [(fault.rule, fault.first) for fault in intake.faults] == [
        ("unknown dealer_id", ("N2/A/2017-01-01/ (row 3)",))
    ]


def test_gaps_stay_gaps_unless_the_profile_says_zero(read_csv):
    lines = ("unique_id,ds,y", "A,2017-01-01,5", "A,2017-03-01,6", "B,2017-02-01,7")
    assert len(read_csv(*lines).accepted()["sell_in"]) == 3
    filled = read_csv(*lines, gaps="zero").accepted()["sell_in"]
    table = filled.pivot(index="sku_id", columns="period_start", values="qty_sell_in")
    assert table.fillna(-1).to_numpy().tolist() == [[5, 0, 6], [-1, 7, 0]]


def test_a_series_of_one_point_and_one_of_zeros_are_sound(read_csv):
    lines = ("unique_id,ds,y", "A,2017-01-01,5", "B,2017-01-01,0", "B,2017-02-01,0")
    assert read_csv(*lines).accepted()["sell_in"]["qty_sell_in"].tolist() == [5, 0, 0]


def test_what_is_observed_is_known_after_the_period_and_its_delay(read_csv):
    lines = ("unique_id,ds,y,price", "A,2017-01-01,5,2")
    tables = read_csv(*lines, publication_delay_days=10, plan_lead_days=31).accepted()
    assert tables["sell_in"].loc[0, "known_at"] == pd.Timestamp("2017-02-11")
    assert tables["prices"].loc[0, "known_at"] == pd.Timestamp("2016-12-01")


def test_reading_twice_gives_the_same_tables(read_csv):
    lines = (HEADER, "N1,A,2017-01,5,2", "N2,A,2017-02,5,2")
    once, again = read_csv(*lines).tables, read_csv(*lines).tables
    for name, frame in once.items():
        pd.testing.assert_frame_equal(frame, again[name])


def test_a_folder_of_canonical_tables_reads_as_it_was_written(tmp_path, read_csv):
    tables = read_csv(HEADER + ",region", "N1,A,2017-01,5,2,east", "N1,A,2017-02,6,2,east").accepted()
    for name, frame in tables.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    again = read(load_profile("channel"), [tmp_path]).accepted()
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, again[name])


def test_a_canonical_csv_is_typed_and_told_by_table(tmp_path, write):
    write("dealer_id,known_at\nD1,2017-01-01\n", "dealers.csv")
    stock = "dealer_id,sku_id,period_start,qty_on_hand,is_stockout,known_at\n"
    write(stock + "D1,S1,2017-01-01,5,是,2017-02-01\nD2,S1,2017-01-01,-1,maybe,2017-02-01\n", "stock.csv")
    intake = read(load_profile("channel"), [tmp_path])
    assert [fault.rule for fault in intake.faults] == ["not yes or no", "negative", "unknown dealer_id"]
    assert intake.tables["stock"].loc[0, ["qty_on_hand", "is_stockout"]].tolist() == [5.0, True]
