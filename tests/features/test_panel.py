from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.panel import MissingPlans, Panel, carry_forward
from tests.panels import panel_of


def test_a_cut_keeps_what_was_known_then(panel):
    then = panel.at(20, ahead=2)
    assert (then.t, then.cutoff) == (20, pd.Timestamp("2020-08-01"))
    assert {v.shape[1] for v in then.plans.values()} == {22}
    assert {v.shape[1] for v in then.signals.values()} == {20}
    assert panel.position(then.cutoff) == 20
    assert then.ahead(2).tolist() == [pd.Timestamp("2020-09-01"), pd.Timestamp("2020-10-01")]


@pytest.mark.parametrize("t", [0, -3, 41])
def test_a_cut_outside_the_panel_is_refused(panel, t):
    with pytest.raises(ValueError, match=f"keeps 1 to 40 periods; got {t}"):
        panel.at(t)


def test_taking_series_takes_all_that_belongs_to_them(panel):
    rows = np.array([7, 2])
    taken = panel.take(rows)
    assert taken.ids.tolist() == panel.ids[rows].tolist()
    np.testing.assert_array_equal(taken.plans["deal"], panel.plans["deal"][rows])
    mask = np.arange(panel.n) == 5
    assert panel.take(mask).static["sku_id"].tolist() == [panel.static["sku_id"][5]]


def test_missing_plans_are_named_by_series_and_month(panel):
    price = panel.plans["net_price"].copy()
    price[4, 41] = np.nan
    gappy = replace(panel, plans={"net_price": price})
    gappy.require_plans(1)
    with pytest.raises(MissingPlans, match=r"1 plan values .* D01/S1 net_price 2022-06-01"):
        gappy.require_plans(3)


def test_a_plan_that_a_series_never_had_is_not_missed():
    price = np.array([[1.0, 2.0, np.nan], [np.nan, np.nan, np.nan]])
    panel = panel_of(np.ones((2, 2)), plans={"net_price": price})
    with pytest.raises(MissingPlans, match=r"^1 plan values"):
        panel.require_plans(1)


def test_a_price_is_carried_and_a_promotion_ends():
    plans = {"net_price": np.array([[9.0, np.nan, 8.0]]), "deal": np.array([[np.nan, 1.0, np.nan]])}
    carried = panel_of(np.ones((1, 3)), plans=plans).carry_plans(2).plans
    assert carried["net_price"].tolist() == [[9.0, 9.0, 8.0, 8.0, 8.0]]
    assert carried["deal"].tolist() == [[0.0, 1.0, 0.0, 0.0, 0.0]]


def test_plans_beyond_the_horizon_do_not_change_what_is_carried():
    near = panel_of(np.ones((1, 2)), plans={"deal": np.array([[np.nan, np.nan, np.nan]])})
    far = panel_of(np.ones((1, 2)), plans={"deal": np.array([[np.nan, np.nan, np.nan, 1.0]])})
    np.testing.assert_array_equal(near.carry_plans(1).plans["deal"], far.carry_plans(1).plans["deal"])


def test_leading_gaps_are_not_carried_back():
    values = np.array([[np.nan, 3.0, np.nan, 5.0], [np.nan] * 4])
    np.testing.assert_array_equal(carry_forward(values), [[np.nan, 3, 3, 5], [np.nan] * 4])


@pytest.mark.parametrize("part", ["y", "plans", "signals", "static", "first"])
def test_the_fingerprint_sees_a_change_of_any_part(panel, part):
    changed = {
        "y": panel.y + 1,
        "plans": panel.plans | {"deal": panel.plans["deal"] + 1},
        "signals": {"weather": panel.signals["weather"] + 1},
        "static": panel.static.assign(category="z"),
        "first": pd.Timestamp("2018-01-01"),
    }
    assert replace(panel).fingerprint() == panel.fingerprint()
    assert replace(panel, **{part: changed[part]}).fingerprint() != panel.fingerprint()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"plans": {"deal": np.ones((2, 3))}}, "plan 'deal' is"),
        ({"signals": {"rain": np.ones((1, 5))}}, "signal 'rain' is"),
        ({"static": pd.DataFrame({"dealer_id": [], "sku_id": []})}, "static has 0 rows"),
    ],
)
def test_shapes_that_disagree_are_refused(part, message):
    static = pd.DataFrame({"dealer_id": ["A"], "sku_id": ["x"]})
    good = {"static": static, "first": pd.Timestamp("2024-01-01"), "freq": panel_of([[1.0]]).freq}
    with pytest.raises(ValueError, match=message):
        Panel(**(good | {"y": np.ones((1, 4))} | part))
