import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.frequency import MONTHLY, WEEKLY
from features.hierarchy import Groups
from models.demand.candidates import candidates
from models.demand.elasticity import Elasticity
from tests.oracles import blocks as oracle
from tests.panels import changed_after, panel_of, small_channel

H = 3


def named(panel, horizon=H, **options):
    names, layers = candidates(panel, horizon, groups=Groups.of(panel), **options)
    return {name: layers[:, :, j] for j, name in enumerate(names)}


def growth(row, season):
    """Last quarter over that of last year, halved in logs, within a factor of 2; 1 where unknown."""
    now = oracle.mean(row[-(season // 4) :])
    then = oracle.mean(oracle.last(row[:-season], season // 4))
    if math.isnan(now + then) or now == then == 0:
        return 1.0
    return min(max(math.sqrt(now / then) if then else 2.0, 0.5), 2.0)


def test_each_candidate_is_what_a_planner_would_work_out(panel):
    found = named(panel)
    for i in range(panel.n):
        row = list(panel.y[i])
        ago = [oracle.year_ago(row, 12, step) for step in range(H)]
        by_hand = {
            "last": [oracle.seen(row)[-1]] * H,
            "mean_3": [oracle.mean(row[-3:])] * H,
            "mean_12": [oracle.mean(row[-12:])] * H,
            "decayed": [oracle.decayed(row, 2.0)] * H,
            "year_ago": ago,
            "year_ago_growth": [units * growth(row, 12) for units in ago],
        }
        for name, expected in by_hand.items():
            np.testing.assert_allclose(found[name][i], expected, err_msg=name)


def test_weeks_have_a_mean_of_the_last_month_too():
    assert set(named(small_channel(2, 2, t=60, freq=WEEKLY))) - set(named(small_channel(2, 2))) == {"mean_1"}


@settings(max_examples=20, deadline=None)
@given(t=st.integers(1, 39), horizon=st.integers(1, 5), seed=st.integers(0, 99), letter=st.sampled_from("MW"))
def test_changing_the_future_moves_no_candidate(t, horizon, seed, letter):
    panel = small_channel(3, 2, ahead=6, freq={"M": MONTHLY, "W": WEEKLY}[letter], seed=seed)
    answers = []
    for world in (panel, changed_after(panel, t, horizon, seed=seed)):
        response = Elasticity().fit(world.at(t))
        answers.append(candidates(world.at(t), horizon, groups=Groups.of(world), response=response))
    assert answers[0][0] == answers[1][0]
    np.testing.assert_array_equal(answers[0][1], answers[1][1])


def test_a_planned_candidate_takes_the_old_price_out_and_the_new_one_in():
    rng = np.random.default_rng(0)
    price = np.exp(rng.normal(0, 0.2, (40, 36 + H)))
    panel = panel_of(100 * price[:, :36] ** -2.0, plans={"net_price": price})
    found = named(panel, response=Elasticity(pulls=(0.0,)).fit(panel))
    np.testing.assert_allclose(found["planned_last"], 100 * price[:, 36:] ** -2.0, rtol=0.05)
    assert np.abs(found["last"] / (100 * price[:, 36:] ** -2.0) - 1).mean() > 0.3


def test_without_plans_nothing_is_planned(panel):
    bare = panel.without_plans()
    assert not [name for name in named(bare, response=Elasticity().fit(bare)) if "planned" in name]


def test_growth_stays_within_a_factor_of_two():
    y = np.array([np.r_[np.ones(24), np.full(12, 1e6)], np.r_[np.full(24, 1e6), np.ones(12)]])
    found = named(panel_of(y), 1)
    np.testing.assert_allclose(found["year_ago_growth"] / found["year_ago"], [[2.0], [0.5]])


@pytest.mark.parametrize("t", [1, 3, 11, 13])
def test_what_a_short_history_cannot_say_is_unknown_and_the_rest_finite(panel, t):
    for name, values in named(panel.at(t), response=Elasticity().fit(panel.at(t))).items():
        assert not np.isinf(values).any(), name
        assert not (values < 0).any(), name
        assert "year_ago" not in name or t > 12 - H or np.isnan(values).all()


def test_a_series_alone_has_the_candidates_it_has_in_company(panel):
    groups, response = Groups.of(panel), Elasticity().fit(panel)
    rows = np.array([9, 1])
    alone = candidates(panel.take(rows), H, groups=groups, response=response)[1]
    np.testing.assert_allclose(
        alone, candidates(panel, H, groups=groups, response=response)[1][rows], rtol=1e-12
    )


def test_the_input_is_untouched(panel):
    before = panel.fingerprint()
    named(replace(panel), response=Elasticity().fit(panel))
    assert panel.fingerprint() == before
