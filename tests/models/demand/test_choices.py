import numpy as np
import pytest

from features.frequency import WEEKLY
from features.hierarchy import Groups
from models.demand.candidates import candidates
from models.demand.choices import MISSES, NAMES, choices
from models.demand.elasticity import Elasticity
from tests.panels import changed_after, panel_of, small_channel

H = 3


def of(panel, horizon=H):
    return choices(panel, horizon, groups=Groups.of(panel), response=Elasticity().fit(panel))[0]


def misses(panel):
    return choices(panel, H, groups=Groups.of(panel), response=Elasticity().fit(panel))[1]


def test_names_stand_in_one_order_for_every_panel(panel):
    names, layers = candidates(
        panel, H, groups=Groups.of(panel), response=(response := Elasticity().fit(panel))
    )
    found, _ = choices(panel, H, groups=Groups.of(panel), response=response)
    for j, name in enumerate(names):
        np.testing.assert_array_equal(found[:, :, NAMES.index(name)], layers[:, :, j])
    assert len(set(NAMES)) == len(NAMES) == found.shape[2]


def test_a_name_without_use_says_nothing(panel):
    planned = [j for j, name in enumerate(NAMES) if name.startswith("planned")]
    assert np.isnan(of(panel.without_plans())[:, :, planned]).all()
    assert np.isnan(of(panel)[:, :, NAMES.index("mean_1")]).all()
    weekly = small_channel(3, 2, t=70, ahead=13, freq=WEEKLY)
    assert np.isfinite(of(weekly, 13)[:, :, NAMES.index("mean_1")]).any()


def test_a_miss_is_the_error_that_the_last_year_would_have_seen():
    y = np.array([[4.0, 8.0, 4.0, 8.0, 4.0, 8.0] * 4])
    told = dict(zip(MISSES, np.exp(misses(panel_of(y))[0]), strict=True))
    assert told["last"] == pytest.approx(4 / 6)  # over its level of 6
    assert told["year_ago"] == pytest.approx(0.02)  # the least that is told


def test_plans_that_explain_the_past_lower_their_misses():
    rng = np.random.default_rng(0)
    deal = (rng.random((30, 43)) < 0.3).astype(float)
    y = 100 * np.exp(1.5 * deal[:, :40]) * rng.gamma(200, 1 / 200, (30, 40))
    told = dict(zip(MISSES, misses(panel_of(y, plans={"deal": deal})).mean(axis=0), strict=True))
    assert told["planned_middling"] < told["middling"] - 0.5
    alone = dict(zip(MISSES, misses(panel_of(y)).mean(axis=0), strict=True))
    assert alone["planned_middling"] == alone["middling"]


def test_changing_the_future_changes_no_choice(panel):
    groups, response = Groups.of(panel.at(25)), Elasticity().fit(panel.at(25, ahead=0))
    then, other = panel.at(25), changed_after(panel, 25, H).at(25)
    one, two = (choices(p, H, groups=groups, response=response) for p in (then, other))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_a_panel_of_one_period_is_answered():
    assert np.isfinite(of(panel_of(np.array([[3.0]])))[:, :, NAMES.index("last")]).all()
