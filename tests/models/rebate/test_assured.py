"""A budget that is kept with a probability: never passed in too many worlds, near the best of all plans."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rebate.assured import Chance, assured
from models.rebate.optimise import optimise
from models.rebate.options import BadOptions, Infeasible, Limits, Options

few, fewer = settings(deadline=None, max_examples=20), settings(deadline=None, max_examples=8)


def world(seed, dealers=6, choices=4, worlds=50, common=0.3):
    """Options that begin with nothing at no cost, and spends that are high together."""
    rng = np.random.default_rng(seed)
    gain, cost = rng.gamma(2, 2, (2, dealers, choices))
    gain[:, 0] = cost[:, 0] = 0
    shock = common * rng.normal(size=worlds) + 0.3 * rng.normal(size=(dealers, worlds))
    ratio = np.exp(shock)
    return Options(gain=gain, costs=[cost]), ratio / ratio.mean(axis=1, keepdims=True)


def drawn(options, ratio, at):
    return np.asarray(options.costs[0])[np.arange(len(at)), list(at)] @ ratio


def best_of_all(options, ratio, budget, confidence):
    """The gain of the best plan that is within the budget as expected and with the confidence."""
    gain, cost = np.asarray(options.gain), np.asarray(options.costs[0])
    row, best = np.arange(len(gain)), -np.inf
    for at in product(range(gain.shape[1]), repeat=len(gain)):
        within = (drawn(options, ratio, at) <= budget).mean() >= confidence
        if within and cost[row, list(at)].sum() <= budget:
            best = max(best, gain[row, list(at)].sum())
    return best


@few
@given(st.integers(0, 10**6), st.floats(0, 60), st.sampled_from([0.5, 0.8, 0.9, 0.99]))
def test_the_budget_is_kept_as_expected_and_in_enough_worlds(seed, budget, confidence):
    options, ratio = world(seed)
    made = assured(options, Limits(budgets=[budget]), Chance(ratio=ratio, confidence=confidence))
    spends = drawn(options, ratio, made.plan.at)
    assert (spends <= budget).mean() >= confidence
    assert made.spent <= budget
    assert (spends <= made.spent_high).mean() >= confidence
    assert made.spent_high <= budget


@fewer
@given(st.integers(0, 10**6), st.sampled_from([0.7, 0.9]))
def test_more_budget_never_gains_less(seed, confidence):
    options, ratio = world(seed, dealers=110, choices=6)
    most = np.asarray(options.costs[0]).max(axis=1).sum()
    budgets = np.sort(np.random.default_rng(seed).uniform(0, 1.2 * most, 6))
    chance = Chance(ratio=ratio, confidence=confidence)
    gains = [assured(options, Limits(budgets=[b]), chance).plan.gain for b in budgets]
    assert (np.diff(gains) >= -1e-9).all()


@few
@given(st.integers(0, 10**6), st.floats(1, 40))
def test_no_plan_of_its_expected_spend_and_none_within_the_budget_beats_the_bounds(seed, budget):
    options, ratio = world(seed, dealers=5)
    made = assured(options, Limits(budgets=[budget]), Chance(ratio=ratio, confidence=0.9))
    best = best_of_all(options, ratio, budget, 0.9)
    assert made.plan.gain <= best + 1e-9 <= made.most_gain + 2e-9
    assert made.plan.gain <= made.plan.bound + 1e-9
    assert made.plan.gain == pytest.approx(made.plan.bound * (1 - made.plan.gap))


def test_it_comes_near_the_best_of_all_plans():
    reached = []
    for seed in range(12):
        options, ratio = world(seed, dealers=6)
        budget = 0.4 * float(np.asarray(options.costs[0]).max(axis=1).sum())
        made = assured(options, Limits(budgets=[budget]), Chance(ratio=ratio, confidence=0.9))
        reached.append(made.plan.gain / best_of_all(options, ratio, budget, 0.9))
    assert np.mean(reached) > 0.97


@fewer
@given(st.integers(0, 10**6), st.floats(0, 60))
def test_sure_spends_are_bounded_as_expected_ones(seed, budget):
    options, _ = world(seed)
    made = assured(options, Limits(budgets=[budget]), Chance(ratio=np.ones((6, 3)), confidence=0.9))
    assert made.plan.gain == pytest.approx(optimise(options, Limits(budgets=[budget])).gain)


def test_more_confidence_costs_gain_and_spends_that_go_together_cost_more_of_it():
    options, alike = world(3, dealers=60, worlds=200)
    rng, budget = np.random.default_rng(0), Limits(budgets=[80.0])
    alone = rng.permuted(alike, axis=1)
    gains = [assured(options, budget, Chance(ratio=alike, confidence=c)).plan.gain for c in (0.5, 0.8, 0.95)]
    assert (np.diff(gains) < 0).all()
    assert assured(options, budget, Chance(ratio=alone, confidence=0.95)).plan.gain > gains[-1]


def test_the_price_of_the_budget_is_what_more_of_it_gains():
    options, ratio = world(1, dealers=2_000, choices=6, worlds=200)
    chance, budget = Chance(ratio=ratio, confidence=0.9), 5_000.0
    here, there = (assured(options, Limits(budgets=[b]), chance) for b in (budget, budget + 100))
    assert (there.plan.gain - here.plan.gain) / 100 == pytest.approx(here.budget_price, rel=0.1)
    assert here.plan.gap < 1e-5


def test_caps_of_regions_and_floors_of_groups_are_kept_too():
    options, ratio = world(5, dealers=30)
    names = ["n", "s"] * 15
    limits = Limits(
        budgets=[60.0], regions=names, region_caps={"n": 20.0}, groups=names, least_group_worth={"s": 12.0}
    )
    made = assured(options, limits, Chance(ratio=ratio, confidence=0.9))
    spent = np.asarray(options.costs[0])[np.arange(30), made.plan.at]
    assert spent[::2].sum() <= 20
    assert spent[1::2].sum() >= 12
    assert np.quantile(drawn(options, ratio, made.plan.at), 0.9, method="inverted_cdf") <= 60


def test_a_budget_that_no_plan_is_sure_to_keep_is_told():
    options, ratio = Options(gain=[[1.0, 2.0]], costs=[[[9.0, 10.0]]]), np.array([[0.5, 1.5]])
    with pytest.raises(
        Infeasible, match=r"budgets\[0\]: not even the cheapest options keep within 9\.5 with"
    ):
        assured(options, Limits(budgets=[9.5]), Chance(ratio=ratio, confidence=0.9))


@pytest.mark.parametrize(
    ("ratio", "confidence", "said"),
    [
        (np.ones((6, 2)), 0.2, r"confidence is from 0\.5 to 0\.99; got 0\.2"),
        (np.ones((5, 2)), 0.9, r"ratio is a table of dealers x worlds, 6 rows; got \(5, 2\)"),
        (-np.ones((6, 2)), 0.9, "ratio holds finite numbers of 0 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(ratio, confidence, said):
    options, _ = world(0)
    with pytest.raises(BadOptions, match=said):
        assured(options, Limits(budgets=[9.0]), Chance(ratio=ratio, confidence=confidence))
