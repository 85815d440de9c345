"""Which licences a dealer needs and how they stand."""

import pandas as pd
import pytest

from features.industries import industry, parse
from features.licences import lapsed, licence_status
from features.tables import coerce

NOW = pd.Timestamp("2024-06-30")
PHARMA = industry("pharma")


def licences(*rows):
    columns = ["dealer_id", "kind", "scope", "valid_from", "expires_at", "known_at"]
    return coerce("licences", pd.DataFrame(rows, columns=columns))


def one(kind="gsp", scope="", begins="2020-01-01", ends="2030-01-01", known="2020-01-01"):
    return ("D1", kind, scope, begins, ends, known)


def channel(*held, category="vaccine"):
    sold = {"dealer_id": ["D1"], "sku_id": ["S1"], "period_start": ["2024-05-01"], "qty_sell_in": [5]}
    product = {"sku_id": ["S1"], "category": [category], "known_at": ["2020-01-01"]}
    return {
        "licences": licences(*held),
        "sell_in": coerce("sell_in", pd.DataFrame(sold | {"known_at": ["2024-06-01"]})),
        "products": coerce("products", pd.DataFrame(product)),
    }


def status(tables, kind="gsp", moment=NOW, pack=PHARMA):
    rows = licence_status(tables, moment, pack).set_index("kind")
    return rows.loc[kind, "status"] if kind in rows.index else None


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("2024-06-29", "expired"),
        ("2024-06-30", "expiring"),  # it holds through its last day
        ("2024-09-27", "expiring"),  # 89 days, warned 90 days before
        ("2024-09-28", "valid"),
        (None, "valid"),
    ],
)
def test_a_licence_expires_after_its_last_day_and_warns_before(ends, said):
    assert status(channel(one(ends=ends))) == said


def test_what_is_not_on_record_or_not_in_force_is_missing():
    assert status(channel(one(kind="business"))) == "missing"
    assert status(channel(one(begins="2024-07-01"))) == "missing"


def test_a_scope_has_to_name_what_the_dealer_buys():
    assert status(channel(one(scope="biologic | Vaccine"))) == "valid"
    assert status(channel(one(scope="biologic"))) == "out_of_scope"
    assert status(channel(one(scope="biologic", ends="2024-01-01"))) == "expired"


def test_a_kind_for_some_categories_is_asked_of_those_who_buy_them():
    assert status(channel(one()), "cold_chain") == "missing"
    assert status(channel(one(), category="tablet"), "cold_chain") is None


def test_a_kind_for_some_dealer_types_is_asked_of_them_and_of_the_unknown():
    pack = parse("toy", {"licences": [{"kind": "gsp", "name_zh": "x", "dealer_types": ["wholesale"]}]})
    tables = channel(one())
    for kind, said in (("wholesale", "valid"), ("retail", None), (None, "valid")):
        rows = pd.DataFrame({"dealer_id": ["D1"], "dealer_type": [kind], "known_at": ["2020-01-01"]})
        assert status(tables | {"dealers": coerce("dealers", rows)}, pack=pack) == said


def test_a_renewal_counts_from_the_day_it_is_known():
    held = [one(ends="2024-03-31"), one(ends="2029-03-31", known="2024-05-01")]
    assert status(channel(*held), moment=pd.Timestamp("2024-04-15")) == "expired"
    assert status(channel(*held)) == "valid"


def test_without_any_licence_on_record_nothing_is_said():
    tables = channel(one())
    assert licence_status(tables | {"licences": tables["licences"].iloc[:0]}, NOW, PHARMA).empty
    assert licence_status({}, NOW, PHARMA).empty
    assert licence_status(tables, NOW, industry("fmcg")).empty


def test_the_gravest_status_speaks_for_the_dealer():
    rows = licence_status(channel(one(ends="2024-07-15")), NOW, PHARMA)
    assert lapsed(rows).to_dict() == {"D1": "missing"}  # three others are not on record
