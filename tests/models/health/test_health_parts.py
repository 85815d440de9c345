"""The parts of health: outcomes, scales, frontier, moves, propensities."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from features.condition import COLUMNS
from features.industries import DIMENSIONS, industry
from models.errors import ModelError, NotFitted
from models.health.decline import Decline
from models.health.dimensions import Dimensions
from models.health.moves import best_moves, practice
from models.health.potential import quantile_regression
from models.health.rows import declined
from models.propensity import Logistic, Propensity

GENERAL = industry("general")


def conditions(n=60, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(0, 1, (n, len(COLUMNS))), columns=list(COLUMNS))
    return frame.assign(stock_days=rng.uniform(0, 200, n), late_days_log=rng.exponential(1, n))


def rows(n=400, seed=1):
    frame = conditions(n, seed)
    chance = 1 / (1 + np.exp(1 - frame["late_days_log"] + frame["trend_3"]))
    y = (np.random.default_rng(seed).random(n) < chance).astype(float)
    return frame.assign(dealer_id=np.arange(n) % 80, kind="usual", y=y)


def test_a_decline_is_a_fall_by_thirty_percent_or_a_stop():
    six = np.full((4, 6), 10.0)
    six[1] *= 0.7
    six[2, -3:] = 0
    six[3, -1] = np.nan
    said = declined(six, np.array([60.0, 60.0, 5.0, 60.0]))
    np.testing.assert_array_equal(said, [0.0, 1.0, 1.0, np.nan])
    assert np.isnan(declined(six[:1], np.zeros(1)))[0]


def test_a_usual_dealer_is_in_the_middle_and_the_best_of_a_tie_has_all_points():
    frame = conditions(400).assign(late_rate=0.0)
    scales = Dimensions(GENERAL).fit(frame)
    middle = scales.scores(frame.median().to_frame().T)
    assert middle["growth"][0] == pytest.approx(50, abs=0.1)
    punctual = frame.assign(late_days_log=-9, late_days_lately_log=-9, overdue_rate=-9)
    assert (scales.scores(punctual)["collections"] > 99.9).all()


def test_stock_is_judged_by_the_industry():
    frame = conditions().assign(short_rate=np.nan, loading=np.nan, returns_rate=np.nan)
    days = frame.iloc[:4].assign(stock_days=[0.0, 20.0, 30.0, 135.0])
    points = {
        name: Dimensions(industry(name)).fit(frame).scores(days)["stock"] for name in ("general", "fmcg")
    }
    assert points["general"].tolist() == pytest.approx([0, 100, 100, 60])
    assert points["fmcg"].tolist() == pytest.approx([0, 100, 100, 0])


def test_the_index_weighs_what_is_known_as_the_industry_says():
    scores = pd.DataFrame([[80, 20, 50, 50, np.nan], [np.nan] * 5], columns=list(DIMENSIONS), dtype=float)
    weights = GENERAL.health_weights
    known = {"sales": 80, "stock": 20, "collections": 50, "coverage": 50}
    slow = sum(weights[k] * v for k, v in known.items()) / sum(weights[k] for k in known)
    assert Dimensions(GENERAL).index(scores).tolist() == pytest.approx([slow, 50.0])


def test_nothing_is_said_before_fit():
    with pytest.raises(NotFitted):
        Dimensions().scores(conditions())
    with pytest.raises(NotFitted):
        Propensity().predict(conditions())
    with pytest.raises(NotFitted):
        Logistic().log_odds(conditions())
    with pytest.raises(ModelError, match="qudao ingest"):
        Propensity().fit(conditions().iloc[:0], np.empty(0), np.empty(0))


def test_the_frontier_is_that_of_a_linear_programme():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 2))
    y = 2 + x @ [0.5, 0.2] + rng.exponential(1, 150)
    slope, level = quantile_regression(x, y, 0.875)
    design = np.column_stack([x, np.ones(150)])
    cost = np.concatenate([np.zeros(3), np.full(150, 0.875), np.full(150, 0.125)])
    equal = np.hstack([design, np.eye(150), -np.eye(150)])
    found = linprog(cost, A_eq=equal, b_eq=y, bounds=[(None, None)] * 3 + [(0, None)] * 300).x
    assert [*slope, level] == pytest.approx(found[:3], abs=0.12)  # smoothed and drawn to zero a little


def test_moves_go_only_where_the_dealer_falls_short_and_the_best_comes_first():
    frame = conditions(200)
    marks = practice(frame)
    good = marks.iloc[[-1]].assign(late_rate=-9.0, overdue_rate=-9.0)
    poor = good.assign(overdue_rate=9.0, skus_log=-9.0)

    def score(changed):
        return np.asarray(50 - 2 * changed["overdue_rate"] + changed["skus_log"])

    assert "CLEAR_OVERDUE" not in [m["code"] for m in best_moves(good, score, marks, GENERAL)[0]]
    told = best_moves(poor, score, marks, GENERAL)[0]
    assert [m["code"] for m in told] == ["CLEAR_OVERDUE", "BROADEN"]
    changed = poor.assign(overdue_rate=marks["overdue_rate"].iloc[0])
    assert told[0]["points"] == pytest.approx((score(changed) - score(poor))[0], abs=0.05)


@pytest.mark.parametrize("column", ["late_days_log", "late_rate", "overdue_rate", "overdue_ratio"])
def test_what_may_only_raise_the_risk_never_lowers_it(column):
    belief = Decline().fit(rows())
    frame = conditions(40, seed=9)
    kind = np.full(40, "usual")
    said = [belief.predict(frame.assign(**{column: v}), kind) for v in np.linspace(-2, 4, 9)]
    assert (np.diff(said, axis=0) >= -1e-12).all()


def test_contributions_add_up_to_the_log_odds():
    train, frame = rows(), conditions(20, seed=9)
    belief = Propensity().fit(train[list(COLUMNS)], train["y"].to_numpy(), train["dealer_id"].to_numpy())
    rest = belief.log_odds(frame) - belief.contributions(frame).sum(axis=1)
    assert rest == pytest.approx(np.full(20, rest[0]), abs=1e-6)


def test_too_few_outcomes_leave_it_to_the_expert():
    few = rows(40).assign(y=np.nan)
    belief = Decline().fit(few)
    assert belief.is_expert_
    frame = conditions(2).assign(reference_gap=[-3.0, 3.0])
    p = belief.predict(frame.assign(**{c: 0.0 for c in COLUMNS if c != "reference_gap"}), np.full(2, "usual"))
    assert 0.02 < p[0] < p[1] < 0.7


def test_the_logistic_is_the_plain_newton_answer():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = (rng.random(300) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    frame = pd.DataFrame(x, columns=["a", "b"])
    found = Logistic(prior=2.0, rate=0.5).fit(frame, y)
    z = np.column_stack([(x - np.median(x, axis=0)) / x.std(axis=0), np.ones(300)])
    theta = np.zeros(3)
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ theta))
        hessian = (z * (p * (1 - p))[:, None]).T @ z + 2 * np.eye(3)
        theta -= np.linalg.solve(hessian, z.T @ (p - y) + 2 * theta)
    assert [*found.weight_, found.level_] == pytest.approx(theta, abs=1e-3)
