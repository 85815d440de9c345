"""The optimiser: within every limit, near the optimum it can prove, and monotone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rebate import optimise as module
from models.rebate.exact import exact
from models.rebate.optimise import optimise
from models.rebate.options import BadOptions, Infeasible, Limits, Options, Problem
from models.rebate.stuffing import sellable_units, without_stuffing
from tests.oracles.plans import best_plan

few, fewer = settings(deadline=None, max_examples=40), settings(deadline=None, max_examples=12)


def world(seed, dealers=6, choices=4, regions=2, whole=False):
    """Options that begin with nothing at no cost, in small numbers."""
    rng = np.random.default_rng(seed)
    draw = (
        (lambda: rng.integers(0, 9, (dealers, choices)).astype(float))
        if whole
        else (lambda: rng.gamma(2, 2, (dealers, choices)))
    )
    gain, first, second = draw(), draw(), draw()
    gain[:, 0] = first[:, 0] = second[:, 0] = 0
    return gain, first, second, [f"r{i}" for i in rng.integers(0, regions, dealers)]


def channel(dealers, seed=0, choices=10):
    """Rates with diminishing gains, sizes of dealers with a heavy tail."""
    rng = np.random.default_rng(seed)
    rate, size = np.linspace(0, 0.08, choices), rng.lognormal(10, 1, dealers)[:, None]
    gain = size * rng.lognormal(-1, 0.5, dealers)[:, None] * rate / (rate + 0.03)
    return gain, size * rate * (1 + 0.1 * rng.random((dealers, 1))), rng.integers(0, 10, dealers).astype(str)


def keeps(options, limits, plan):
    return all((use.spent(plan.at) <= use.cap).all() for use in Problem.of(options, limits).uses())


@few
@given(st.integers(0, 10**6), st.floats(0, 60), st.floats(0, 20), st.booleans())
def test_spending_is_never_above_the_budget_or_a_cap(seed, budget, cap, whole):
    gain, cost, _, regions = world(seed, whole=whole)
    limits = Limits(budgets=[budget], regions=regions, region_caps={regions[0]: cap})
    options = Options(gain=gain, costs=[cost])
    plan = optimise(options, limits)
    assert keeps(options, limits, plan)
    assert plan.spent[0] == pytest.approx(cost[np.arange(len(gain)), plan.at].sum())


@fewer
@given(st.integers(0, 10**6), st.floats(0, 40), st.floats(0, 40))
def test_two_budgets_and_a_floor_are_kept_and_the_bound_holds(seed, first, second):
    gain, one, two, groups = world(seed, dealers=5)
    options = Options(gain=gain, costs=[one, two])
    limits = Limits(budgets=[first, second], groups=groups, least_group_worth={groups[0]: first / 8})
    best = best_plan(gain, [one, two], limits)
    if best is None:
        with pytest.raises(Infeasible):
            optimise(options, limits)
        return
    plan = optimise(options, limits)
    assert keeps(options, limits, plan)
    assert plan.gain <= best + 1e-9 <= plan.bound + 2e-9 * max(best, 1)


@few
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_more_budget_never_gains_less(seed, whole, capped):
    gain, cost, _, regions = world(seed, dealers=60, choices=11, regions=3, whole=whole)
    caps = {regions[0]: 15.0} if capped else {}
    budgets = np.sort(np.random.default_rng(seed).uniform(0, cost.max(axis=1).sum() / 4, 12))
    limits = [Limits(budgets=[b], regions=regions, region_caps=caps) for b in budgets]
    gains = [optimise(Options(gain=gain, costs=[cost]), one).gain for one in limits]
    assert (np.diff(gains) >= -1e-9).all()


@fewer
@given(st.integers(0, 10**6), st.floats(1, 20), st.floats(0, 5))
def test_more_of_one_of_two_budgets_never_gains_less(seed, budget, more):
    gain, one, two, _ = world(seed, dealers=5)
    options = Options(gain=gain, costs=[one, two])
    less = optimise(options, Limits(budgets=[budget, 12.0]))
    assert optimise(options, Limits(budgets=[budget + more, 12.0])).gain >= less.gain - 1e-9


@fewer
@given(st.integers(0, 10**6), st.floats(0, 30), st.booleans())
def test_few_dealers_get_the_best_of_all_plans(seed, budget, whole):
    gain, cost, _, regions = world(seed, whole=whole)
    limits = Limits(budgets=[budget], regions=regions, region_caps={regions[0]: budget / 2})
    plan = optimise(Options(gain=gain, costs=[cost]), limits)
    assert plan.gain == pytest.approx(best_plan(gain, [cost], limits))


@few
@given(st.integers(0, 10**6), st.floats(0.02, 0.9), st.booleans())
def test_without_the_exact_solver_the_optimum_lies_within_the_proven_gap(seed, share, capped):
    gain, cost, _, regions = world(seed, dealers=12)
    budget = share * cost.max(axis=1).sum()
    limits = Limits(budgets=[budget], regions=regions, region_caps={regions[0]: budget / 3} if capped else {})
    problem = Problem.of(Options(gain=gain, costs=[cost]), limits)
    found = module.knapsack(problem)
    best = problem.gained(exact(problem)[0])
    assert problem.gained(found.at) <= best + 1e-6 * best
    assert best <= found.bound * (1 + 1e-9) + 1e-9


@fewer
@given(st.integers(0, 10**6), st.floats(0, 40))
def test_every_dealer_gets_exactly_one_of_its_options(seed, budget):
    gain, one, two, _ = world(seed)
    plan = optimise(Options(gain=gain, costs=[one, two]), Limits(budgets=[budget, 20.0]))
    assert plan.at.shape == (len(gain),)
    assert ((plan.at >= 0) & (plan.at < gain.shape[1])).all()
    assert plan.gain == pytest.approx(gain[np.arange(len(gain)), plan.at].sum())


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_many_dealers_are_near_the_bound(kind):
    gain, cost, regions = channel(50_000)
    gain, cost = gain.astype(kind), cost.astype(kind)
    budget = 0.3 * float(cost.max(axis=1).sum(dtype=float))
    options = Options(gain=gain, costs=[cost])
    plan = optimise(options, Limits(budgets=[budget]))
    assert plan.gap < 1e-7
    assert 0.999999 * budget < plan.spent[0] <= budget
    limits = Limits(budgets=[budget], regions=regions, region_caps={"3": budget / 15, "4": budget / 20})
    capped = optimise(options, limits)
    assert keeps(options, limits, capped)
    assert capped.gap < 1e-5
    assert capped.gain < plan.gain


def test_several_budgets_caps_and_floors_are_near_the_bound():
    gain, cost, regions = channel(50_000)
    second = np.random.default_rng(1).lognormal(2, 0.7, len(gain))[:, None] * np.arange(10.0)
    whole = cost.max(axis=1).sum()
    limits = Limits(
        budgets=[0.3 * whole, 0.25 * second.max(axis=1).sum()],
        regions=regions,
        region_caps={"1": 0.02 * whole, "2": 0.02 * whole},
        groups=regions,
        least_group_worth={"5": 0.04 * whole},
    )
    options = Options(gain=gain, costs=[cost, second])
    plan = optimise(options, limits)
    assert keeps(options, limits, plan)
    assert plan.gap < 2e-5


def test_the_price_of_a_budget_is_what_more_of_it_gains():
    gain, cost, _ = channel(5_000)
    budget, more = 0.3 * cost.max(axis=1).sum(), 20_000.0
    options = Options(gain=gain, costs=[cost])
    here, there = (optimise(options, Limits(budgets=[b])) for b in (budget, budget + more))
    assert (there.gain - here.gain) / more == pytest.approx(here.budget_prices[0], rel=0.01)
    assert optimise(options, Limits(budgets=[cost.sum()])).budget_prices[0] == 0


def test_nothing_is_targeted_when_all_alike_gain_as_much():
    gain, cost = np.tile([0.0, 3.0, 4.0], (50, 1)), np.tile([0.0, 1.0, 3.0], (50, 1))
    plan = optimise(Options(gain=gain, costs=[cost]), Limits(budgets=[50.0]))
    assert (plan.targeting, plan.best_constant) == (False, 1)
    assert set(plan.at) == {1}
    assert optimise(Options(gain=gain, costs=[cost]), Limits(budgets=[60.0])).targeting


def test_every_dealer_keeps_its_floor_and_nothing_else_is_given():
    gain, cost, _, _ = world(4)
    plan = optimise(
        Options(gain=gain, costs=[cost], worth=np.tile(np.arange(4.0), (6, 1))),
        Limits(budgets=[cost.sum()], least_worth=[0, 0, 2, 2, 3, 3]),
    )
    assert (plan.at >= [0, 0, 2, 2, 3, 3]).all()


def test_rows_in_another_order_are_the_same_plan():
    gain, cost, _ = channel(3_000)
    turn = np.random.default_rng(0).permutation(len(gain))
    budget = Limits(budgets=[0.2 * cost.max(axis=1).sum()])
    here = optimise(Options(gain=gain, costs=[cost]), budget)
    there = optimise(Options(gain=gain[turn], costs=[cost[turn]]), budget)
    assert there.gain == pytest.approx(here.gain, rel=1e-6)
    assert (there.at != here.at[turn]).mean() < 0.001


def test_units_that_cannot_be_sold_on_take_value_away():
    room = sellable_units([10.0, 10.0], [5.0, 5.0], [0.0, 14.0])
    gain = without_stuffing([[0.0, 20.0]] * 2, [[0.0, 10.0]] * 2, room, margin_amount=2.0, loss_amount=1.0)
    assert gain.tolist() == [[0.0, 20.0], [0.0, 20.0 - 9 * 3.0]]
    plan = optimise(Options(gain=gain, costs=[[[0.0, 1.0]] * 2]), Limits(budgets=[2.0]))
    assert plan.at.tolist() == [1, 0]


GAIN, COST = [[0.0, 1.0], [0.0, 2.0]], [[0.0, 1.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("options", "limits", "said"),
    [
        ({}, {"budgets": [-5.0]}, r"budgets\[0\] is a number of 0 or more; got -5"),
        ({}, {"budgets": [np.nan]}, r"budgets\[0\]"),
        ({}, {"budgets": [1.0, 1.0]}, "one budget for each cost: 1; got 2"),
        ({"gain": np.zeros((0, 2))}, {}, r"gain is a table .* at least one of each; got \(0, 2\)"),
        ({"gain": [[0.0, np.nan], [0.0, 1.0]]}, {}, r"gain\[0\]\[1\] is not a finite number"),
        ({"costs": [[[0.0, -1.0], [0.0, 1.0]]]}, {}, r"costs\[0\]\[0\]\[1\] is a number of 0 or more"),
        ({"costs": []}, {"budgets": []}, "costs is empty"),
        ({"costs": [[[0.0, 1.0]]]}, {}, r"costs\[0\] has the shape of gain, \(2, 2\); got \(1, 2\)"),
        ({}, {"regions": ["north", "south"], "region_caps": {"nort": 1.0}}, 'Did you mean "north"'),
        ({}, {"regions": ["north"]}, "regions names one for each dealer: 2; got 1"),
        ({}, {"regions": ["a", "b"], "region_caps": {"a": -1.0}}, "region_caps holds numbers of 0 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(options, limits, said):
    with pytest.raises(BadOptions, match=said):
        optimise(Options(**{"gain": GAIN, "costs": [COST]} | options), Limits(**{"budgets": [1.0]} | limits))


@pytest.mark.parametrize(
    ("cost", "limits", "said"),
    [
        ([[1.0, 2.0], [1.0, 2.0]], {"budgets": [1.0]}, r"budgets\[0\]: the cheapest options together cost 2"),
        (COST, {"budgets": [9.0], "least_worth": 5.0}, "2 dealers, the first at .0., have no option worth"),
        (
            COST,
            {"budgets": [9.0], "groups": ["a", "b"], "least_group_worth": {"a": 5.0}},
            "least_group_worth of 'a' is 5; all its dealers together reach 1",
        ),
        (
            COST,
            {"budgets": [1.0], "groups": ["a", "b"], "least_group_worth": {"a": 1.0, "b": 1.0}},
            "No plan keeps all budgets, caps and floors",
        ),
    ],
)
def test_limits_that_no_plan_keeps_are_told(cost, limits, said):
    with pytest.raises(Infeasible, match=said):
        optimise(Options(gain=GAIN, costs=[cost]), Limits(**limits))
