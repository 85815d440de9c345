"""What `features.tables.check` promises."""

import numpy as np
import pandas as pd
import pytest

from features.errors import UnknownTable
from features.tables import SCHEMAS, check, coerce


def sell_in(**columns):
    base = {
        "dealer_id": "D1",
        "sku_id": "S1",
        "period_start": pd.date_range("2017-01-01", periods=4, freq="MS"),
    }
    base |= {"qty_sell_in": [1.0, 0.0, 2.0, 3.0], "known_at": pd.Timestamp("2018-01-01")}
    return coerce("sell_in", pd.DataFrame(base | columns))


def rules(faults):
    return [(fault.rule, fault.where.tolist()) for fault in faults]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_table_has_its_key_and_both_times(name):
    table = SCHEMAS[name]
    assert {*table.key, "event_at", "known_at"} <= set(table.columns)
    assert not table.schema.columns["known_at"].nullable


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_frame_is_sound_once_coerced(name):
    empty = pd.DataFrame({column: [] for column in SCHEMAS[name].required})
    assert check(name, coerce(name, empty)) == []


def test_a_sound_frame_has_no_faults():
    assert check("sell_in", sell_in()) == []


def test_a_series_of_one_point_and_of_zeros_is_sound():
    assert check("sell_in", sell_in(qty_sell_in=0.0)) == []
    assert check("sell_in", sell_in().head(1)) == []


@pytest.mark.parametrize(
    ("value", "rule"),
    [(-1.0, "negative"), (np.nan, "empty"), (np.inf, "not finite"), (1e9, "absurd"), (-np.inf, "negative")],
)
def test_a_bad_quantity_is_a_fault_that_names_its_row(value, rule):
    faults = check("sell_in", sell_in(qty_sell_in=[1.0, value, 2.0, 3.0]))
    assert (rule, [1]) in rules(faults)
    assert faults[0].first == ("D1/S1/2017-02-01/",)


def test_a_unit_error_is_judged_by_the_median_of_its_own_series():
    big, small = sell_in(qty_sell_in=5e7), sell_in(sku_id="S2", qty_sell_in=[90.0, 5e7, 110.0, 100.0])
    faults = check("sell_in", pd.concat([big, small]))
    assert rules(faults) == [("absurd", [5])]


def test_all_faults_come_at_once():
    frame = sell_in(qty_sell_in=[-1.0, np.nan, 2.0, 2.0], dealer_id=["D1", "D1", "", "D9"])
    found = rules(check("sell_in", frame, known={"dealers": {"D1", ""}}))
    assert found == [("blank", [2]), ("empty", [1]), ("negative", [0]), ("unknown dealer_id", [3])]


def test_every_row_of_a_duplicate_key_is_named():
    frame = pd.concat([sell_in(), sell_in().head(1)])
    assert rules(check("sell_in", frame)) == [("duplicate key", [0, 4])]


def test_a_later_correction_is_no_duplicate():
    later = sell_in(known_at=pd.Timestamp("2018-03-01"))
    assert check("sell_in", pd.concat([sell_in(), later])) == []


def test_an_unknown_product_is_a_fault_only_when_products_are_known():
    assert check("sell_in", sell_in(), known={"dealers": ["D1"]}) == []
    assert rules(check("sell_in", sell_in(), known={"products": ["S2"]})) == [
        ("unknown sku_id", [0, 1, 2, 3])
    ]


def test_a_missing_column_is_told_with_a_hint():
    frame = sell_in().rename(columns={"qty_sell_in": "qty_sellin"})
    told = "\n".join(map(str, check("sell_in", frame)))
    assert 'a column qty_sell_in. Did you mean "qty_sellin"?' in told


def test_a_column_of_the_wrong_type_does_not_hide_the_other_faults():
    frame = sell_in(qty_sell_in="many", dealer_id=["D1", None, "D1", "D1"])
    assert rules(check("sell_in", frame)) == [("wrong type", []), ("empty", [1])]


def test_a_rule_over_two_columns_names_the_rows():
    invoice = {"dealer_id": "D1", "amount": 5.0, "currency": "CNY", "known_at": "2018-01-01"}
    frame = pd.DataFrame([invoice] * 2).assign(invoice_id=["I1", "I2"], issued_at="2018-01-01")
    faults = check("invoices", coerce("invoices", frame.assign(due_at=["2018-02-01", "2017-12-31"])))
    assert rules(faults) == [("due before it was issued", [1])]
    assert faults[0].first == ("I2",)


def test_coerce_types_every_column_and_leaves_the_frame_alone():
    raw = pd.DataFrame(
        {"sku_id": [7], "dealer_id": ["D"], "period_start": ["2017-01-01"], "qty_sell_in": [1]}
    )
    before = raw.copy()
    frame = coerce("sell_in", raw.assign(known_at="2017-02-01"))
    assert frame.loc[0, ["sku_id", "document_id"]].tolist() == ["7", ""]
    assert frame.dtypes["event_at"] == frame.dtypes["known_at"] == "datetime64[us]"
    pd.testing.assert_frame_equal(raw, before)


def test_an_unknown_table_is_refused_with_a_hint():
    with pytest.raises(UnknownTable, match='Did you mean "sell_in"'):
        check("sel_in", sell_in())


def test_an_invoice_below_zero_is_told_with_what_to_do():
    frame = pd.DataFrame({"invoice_id": ["I1", "I2"], "dealer_id": "D1", "amount": [10.0, -5.0]})
    frame = frame.assign(currency="CNY", issued_at="2024-01-01", due_at="2024-02-01", known_at="2024-01-01")
    faults = check("invoices", coerce("invoices", frame))
    assert [(fault.rule, fault.first) for fault in faults] == [("negative", ("I2",))]
    assert "credit note as a payment" in str(faults[0])
