import numpy as np
import pandas as pd
import pytest

from features.errors import BrokenHierarchy
from features.totals import Totals


def _static(**columns):
    return pd.DataFrame({"dealer_id": ["A", "B", "C"], "sku_id": ["x", "x", "y"]} | columns)


def _dealers(**parents):
    return pd.DataFrame({"dealer_id": list(parents), "parent_dealer_id": list(parents.values())})


def _units(totals, units):
    found = totals.sums(np.asarray(units, dtype=float))
    return dict(zip(totals.nodes["level"] + " " + totals.nodes["id"], found.tolist(), strict=True))


def test_a_series_counts_in_every_total_above_it():
    static = _static(category=["c", "c", "d"], territory_id=["T", "T", "U"], brand_id="b")
    found = _units(Totals.of(static, _dealers(A="", B="A", C="B")), [1, 10, 100])
    assert found["total all"] == found["brand_id b"] == found["dealer_tier_1 A"] == 111
    assert (found["category c"], found["territory_id U"], found["sku_id x"]) == (11, 100, 11)
    assert (found["dealer_tier_2 B"], found["dealer_tier_3 C"], found["dealer_id B"]) == (110, 100, 10)


def test_a_series_without_a_value_counts_in_no_node_of_the_level():
    totals = Totals.of(_static(category=["c", "c", None]))
    assert _units(totals, [1, 10, 100])["category c"] == 11
    assert (totals.nodes["level"] == "category").sum() == 1


def test_outlets_are_a_level_where_there_are_outlets():
    assert _units(Totals.of(_static(outlet_id=["o1", "o2", "o3"])), [1, 10, 100])["outlet_id o2"] == 10


def test_a_parent_who_sells_nothing_itself_has_a_total():
    assert (
        _units(Totals.of(_static(), _dealers(A="P", B="P", C="", P="")), [1, 10, 100])["dealer_tier_1 P"]
        == 11
    )


def test_parts_of_the_series_add_up_to_the_whole():
    totals = Totals.of(_static())
    units = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    parts = [np.array([2, 0]), np.array([1])]
    np.testing.assert_array_equal(
        sum(totals.within(rows).sums(units[rows]) for rows in parts), totals.sums(units)
    )


@pytest.mark.parametrize(
    ("parents", "said"),
    [
        ({"A": "B", "B": "C", "C": "A"}, r"1 loops of dealers; first: A > B > C > A; expected parents that"),
        ({"A": "A", "B": "", "C": ""}, r"first: A > A"),
        ({"A": "Z", "B": "", "C": "Y"}, r"2 dealers under a parent who is not on record; first: A, C"),
    ],
)
def test_a_loop_or_an_unknown_parent_is_named(parents, said):
    with pytest.raises(BrokenHierarchy, match=said):
        Totals.of(_static(), _dealers(**parents))


def test_a_dealer_with_two_parents_is_named_and_a_row_twice_is_not():
    dealers = _dealers(A="", B="A", C="A")
    assert Totals.of(_static(), pd.concat([dealers, dealers])).count
    with pytest.raises(BrokenHierarchy, match="1 dealers with two parents; first: C"):
        Totals.of(_static(), pd.concat([dealers, _dealers(C="B")]))


@pytest.mark.parametrize(
    ("column", "said"),
    [("category", "1 sku_id with two category; first: x"), ("brand_id", "1 sku_id with two brand_id")],
)
def test_a_product_with_two_parents_at_one_level_is_named(column, said):
    with pytest.raises(BrokenHierarchy, match=said):
        Totals.of(_static(**{column: ["c", "d", "d"]}))


def test_all_faults_are_told_at_once():
    with pytest.raises(BrokenHierarchy) as told:
        Totals.of(_static(category=["c", "d", "d"]), _dealers(A="B", B="A", C="Z"))
    assert len(told.value.faults) == 3


def test_ten_thousand_dealers_in_one_long_chain_end():
    ids = [f"D{i}" for i in range(10_000)]
    dealers = pd.DataFrame({"dealer_id": ids, "parent_dealer_id": [*ids[1:], ids[0]]})
    with pytest.raises(BrokenHierarchy, match=r"1 loops of dealers; first: D0 > D1 > .* > D0"):
        Totals.of(_static(), dealers)
