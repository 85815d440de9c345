import numpy as np
import pandas as pd
import pytest

from models.anomaly.belief import Belief
from models.anomaly.ranker import Ranker
from models.scoring import auc, average_precision, ece


def judged(n, seed):
    """Alerts whose prior knows one sign, while a second one that only verdicts can teach matters as much."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    prior = 1 / (1 + np.exp(-X[:, 0]))
    y = (rng.random(n) < 1 / (1 + np.exp(-1.5 * X[:, 0] - 3 * X[:, 1]))).astype(float)
    return X, y, prior


def test_without_verdicts_the_detectors_order_and_probability_stand():
    X, _, prior = judged(50, 0)
    np.testing.assert_array_equal(Ranker().probability(X, prior), prior)
    np.testing.assert_array_equal(Ranker().fit(X[:0], [], []).probability(X, prior), prior)


def test_a_hundred_verdicts_raise_average_precision_by_a_tenth_on_other_alerts():
    X, y, prior = judged(4000, 1)
    taught = Ranker().fit(X[:100], y[:100], prior[:100])
    before, after = (
        average_precision(y[100:], p) for p in (prior[100:], taught.probability(X[100:], prior[100:]))
    )
    assert after > 1.1 * before


@pytest.mark.parametrize("n", [1, 5, 19])
def test_a_few_verdicts_keep_the_order(n):
    X, y, prior = judged(200, 2)
    found = Ranker().fit(X[:n], y[:n], prior[:n]).probability(X, prior)
    np.testing.assert_array_equal(np.argsort(found, kind="stable"), np.argsort(prior, kind="stable"))


def test_verdicts_of_one_kind_alone_break_nothing():
    X, _, prior = judged(60, 3)
    for outcome in (0.0, 1.0):
        found = Ranker().fit(X, np.full(60, outcome), prior).probability(X, prior)
        assert ((found > 0) & (found < 1)).all()
        np.testing.assert_array_equal(np.argsort(found, kind="stable"), np.argsort(prior, kind="stable"))


def test_a_second_fit_forgets_the_first_and_a_seed_gives_the_same_answer():
    X, y, prior = judged(300, 4)
    again = Ranker().fit(X, 1 - y, prior).fit(X, y, prior).probability(X, prior)
    np.testing.assert_array_equal(again, Ranker().fit(X, y, prior).probability(X, prior))


def candidates(n, seed):
    X, y, prior = judged(n, seed)
    rows = pd.DataFrame({"raw": prior, "x_a": X[:, 0], "x_b": X[:, 1], "x_c": X[:, 2]})
    return rows, y, np.arange(n) % 6


def test_a_belief_beats_its_rule_on_other_worlds_and_keeps_its_promise():
    rows, y, worlds = candidates(3000, 5)
    other, truth, _ = candidates(3000, 6)
    p = Belief().fit(rows, y, worlds).probability(other)
    assert auc(truth, p) > auc(truth, other["raw"]) + 0.05
    assert ece(truth, p) < 0.04


def test_a_belief_with_nothing_to_gain_is_its_rule_calibrated():
    rng = np.random.default_rng(7)
    rows, _, worlds = candidates(600, 7)
    y = (rng.random(600) < rows["raw"] * 0.5).astype(float)  # the rule knows all, but shouts
    belief = Belief().fit(rows, y, worlds)
    p = belief.probability(rows)
    assert belief.booster_ is None
    assert auc(y, p) == pytest.approx(auc(y, rows["raw"]), abs=0.001)
    assert abs(p.mean() - y.mean()) < 0.03


def test_a_belief_without_truths_is_its_rule_and_unknown_truths_teach_nothing():
    rows, y, worlds = candidates(500, 8)
    np.testing.assert_allclose(Belief().probability(rows), rows["raw"])
    half = np.where(np.arange(500) < 250, y, np.nan)
    one = Belief().fit(rows, half, worlds).probability(rows)
    two = Belief().fit(rows[:250], y[:250], worlds[:250]).probability(rows)
    np.testing.assert_array_equal(one, two)


def test_contributions_add_up_to_the_margin():
    rows, y, worlds = candidates(3000, 9)
    belief = Belief().fit(rows, y, worlds)
    parts, names = belief.contributions(rows)
    assert names == ["x_a", "x_b", "x_c", "raw"]
    assert parts.shape == (3000, 4)
    spread = np.corrcoef(parts.sum(axis=1), belief.probability(rows))[0, 1]
    assert spread > 0.9
