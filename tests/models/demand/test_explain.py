from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.panel import MissingPlans
from models.demand.explain import FAMILIES, explain, family
from models.demand.shapley import shapley
from models.demand.withheld import without_plans
from tests.oracles.shapley import shapley_values
from tests.oracles.tree_shap import tree_shap
from tests.panels import changed_after


def _sum(told):
    return np.sum(list(told.drivers.values()), axis=0)


@pytest.mark.parametrize("row", range(18))
def test_drivers_add_up_to_the_forecast_that_is_given(model, panel, row):
    told, given = explain(model, panel, row), model.predict(panel)
    np.testing.assert_allclose(told.mean, given.mean[row], rtol=1e-9)
    np.testing.assert_allclose(_sum(told), told.mean, atol=1e-6)


def test_the_trees_families_and_their_level_are_the_trees_forecast(model, panel):
    told = explain(model, panel, 17)
    bare = model.ready(panel, 3)
    trees = model.members_["boosted"].predict(replace(bare, plans=without_plans(bare).plans))[17]
    parts = [told.drivers[name] for name in ("level", *FAMILIES) if name in told.drivers]
    np.testing.assert_allclose(np.sum(parts, axis=0), trees, rtol=1e-6)


def test_without_the_promotion_is_what_the_model_says_when_asked_without(model, panel):
    deal = panel.plans["deal"].copy()
    deal[:, panel.t :] = 1.0
    promoted = replace(panel, plans=panel.plans | {"deal": deal})
    none = replace(panel, plans=panel.plans | {"deal": np.where(np.arange(39) < 36, deal, 0.0)})
    told = explain(model, promoted, 16)
    np.testing.assert_allclose(told.without["promotion"], model.predict(none).mean[16], rtol=1e-9)
    np.testing.assert_allclose(told.mean - told.drivers["promotion"], told.without["promotion"], rtol=1e-9)
    assert (told.drivers["promotion"] > 0).any()


def test_the_correction_and_the_pulls_are_those_of_the_stack(model, panel):
    told = explain(model, panel, 17)
    bare = model.ready(panel, 3)
    given = model.predict(replace(bare, plans=without_plans(bare).plans))
    blend = sum(told.weights[name] * values[17] for name, values in given.members.items())
    np.testing.assert_allclose(told.drivers["calibration"], (told.factor - 1) * blend, atol=1e-9)
    pull = told.weights["theta"] * (given.members["theta"][17] - given.members["boosted"][17])
    np.testing.assert_allclose(told.drivers["member.theta"], pull, rtol=1e-9)


def test_tree_contributions_are_those_of_their_definition(model, panel):
    trees, ready = model.members_["boosted"], model.ready(panel, 3)
    added, _, in_logs = trees.contributions(ready)
    x, _ = trees.rows(ready)
    assert in_logs
    for row in range(0, len(x), 7):
        effects, expected = tree_shap(trees.booster_, x[row].astype(float))
        np.testing.assert_allclose(added[row], [*effects, expected], atol=1e-9)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # matplotlib's, of shap's colours
def test_tree_contributions_are_those_of_shaps_own_code(model, panel):
    from shap import TreeExplainer

    trees, ready = model.members_["boosted"], model.ready(panel, 3)
    added, _, _ = trees.contributions(ready)
    x, _ = trees.rows(ready)
    explainer = TreeExplainer(trees.booster_)
    explainer.model.model_type = "internal"  # or it would ask LightGBM
    full = np.isfinite(x).all(axis=1)  # its own trees take a missing value another way
    assert full.any()
    np.testing.assert_allclose(added[full][:, :-1], explainer.shap_values(x[full]), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(effects=st.lists(st.floats(-2, 2), min_size=1, max_size=5), base=st.floats(-2, 2))
def test_worth_in_units_is_the_average_over_every_order(effects, base):
    told = shapley(np.array([base]), np.array([effects]), np.exp)[0]
    np.testing.assert_allclose(told, shapley_values(base, np.array(effects), np.exp), atol=1e-9)
    assert told.sum() == pytest.approx(np.exp(base + sum(effects)) - np.exp(base), abs=1e-9)


def test_elasticity_terms_multiply_to_the_uplift(model, panel):
    told = explain(model, panel, 15)
    trees, ready = model.members_["boosted"], model.ready(panel, 3)
    uplift = trees.response_.uplift(ready, 3)[15, panel.t :]
    np.testing.assert_allclose(np.prod([t.factor for t in told.terms], axis=0), np.exp(uplift), rtol=1e-9)
    assert {t.plan for t in told.terms} == {"net_price", "deal"}


def test_a_series_without_history_is_explained_by_its_analogues(model, panel):
    y = panel.y.copy()
    y[4], y[5, :-2] = np.nan, np.nan
    young = replace(panel, y=y)
    for row, note in ((4, "no_history"), (5, "short_history")):
        told = explain(model, young, row)
        assert told.note == note
        np.testing.assert_allclose(_sum(told), told.mean, atol=1e-9)
        assert (told.drivers["dealer_product"] > 0).all()
        assert told.drivers["recent_sales"].any() == (note == "short_history")


def test_alike_months_are_of_the_past_and_the_same_season_comes_first(model, panel):
    told = explain(model, replace(panel, plans={k: v * 0 + 9 for k, v in panel.plans.items()}), 17)
    for ahead, found in zip(told.periods, told.alike, strict=True):
        assert found[0].period.month == ahead.month
        assert all(one.period <= told.cutoff for one in found)


def test_what_came_later_moves_no_explanation(model, panel):
    one, two = (explain(model, p.at(30).carry_plans(3), 12) for p in (panel, changed_after(panel, 30, 3)))
    assert one.frame().equals(two.frame())
    assert one.alike == two.alike


def test_an_explanation_wants_the_plans_that_a_forecast_wants(model, panel):
    with pytest.raises(MissingPlans):
        explain(model, panel.at(36, ahead=1), 3)


def test_every_column_of_the_trees_has_a_family(model):
    assert {family(name) for name in model.members_["boosted"].names_} == set(FAMILIES)
