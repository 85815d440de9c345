"""What `qudao benchmark channel` promises: no look-ahead, the same demand for all, exact money."""

import numpy as np
import pytest

import qudao
from benchmarks.channel import Policy, measure, run, summary
from benchmarks.channel_policies import Effect, MeanCover, Seen, by_dealer, kept, one_for_all, usual_budget
from features.errors import ChannelError
from features.simulator import World
from features.simulator.rerun import Rerun

WORLD = World(dealers=8, products=4, months=36, late_share=0.0)
FIRST = 24


def started() -> Rerun:
    return Rerun.of(WORLD, first=FIRST)


def year(rate: float, safety_days: float = 0.0) -> Rerun:
    again = started()
    rates = np.full(WORLD.dealers, rate)
    return run(again, Policy("x", rates, np.ones(again.n), lambda one: MeanCover(safety_days)))


@pytest.fixture(scope="module")
def seen() -> Seen:
    return Seen.by(started())


def test_the_same_decisions_meet_the_same_year():
    one, two = year(0.04), year(0.04)
    assert measure(one, 1.0) == measure(two, 1.0)


def test_more_cover_changes_service_and_not_demand():
    thin, thick = year(0.04), year(0.04, 30.0)
    assert (thin.done["wanted"] == thick.done["wanted"]).all()
    assert measure(thick, 1.0)["fill_rate"] > measure(thin, 1.0)["fill_rate"]
    assert measure(thick, 1.0)["stock_cost"] > measure(thin, 1.0)["stock_cost"]


def test_an_order_looks_at_nothing_that_comes_after():
    def orders(price: float) -> np.ndarray:
        again = started()
        again.step(MeanCover().orders(Seen.by(again)))
        decided = MeanCover(15.0).orders(Seen.by(again))
        again.reprice(np.full(again.n, price))
        again.step(decided)
        return decided

    np.testing.assert_array_equal(orders(1.0), orders(0.8))


def test_what_was_not_read_in_time_is_not_read_later():
    again = started()
    seen = Seen.by(again)
    again.step(np.zeros(again.n))
    with pytest.raises(RuntimeError, match="before the month went on"):
        seen.tables["stock"]


def test_ladders_of_a_policy_pay_what_the_channel_pays():
    again = year(0.04)
    paid = again.rebates(again.year - 1)
    ladders = Seen.by(started()).ladders
    rebate = ladders.rebate(paid["purchase_amount"].to_numpy()[:, None], np.full(WORLD.dealers, 0.04))[:, 0]
    np.testing.assert_allclose(rebate, paid["rebate_amount"], atol=0.006)


def test_rebates_of_each_dealer_stay_within_the_budget_they_were_planned_for(seen):
    effect, budget = Effect(0.3, 0.02), usual_budget(seen) / 4
    rates = by_dealer(seen, budget, effect)
    assert 0 <= rates.min() <= rates.max() <= 0.08
    assert rates.sum() < by_dealer(seen, budget * 100, effect).sum()
    assert by_dealer(seen, 0.0, effect).max() == pytest.approx(0.0)


def test_planners_keep_one_ladder_and_all_prices(seen):
    assert len(set(one_for_all(seen))) == 1
    assert (kept(seen) == 1).all()


def test_differences_are_paired_by_seed():
    def of(net: float) -> dict[str, dict[str, float]]:
        return {
            "planners": {"net": net, "budget_used": 0.5},
            "joined": {"net": net * 1.1, "budget_used": 0.9},
        }

    years = {seed: {"policies": of(100.0 * seed), "about": {}} for seed in (1, 2, 3)}
    change = summary(years)["policies"]["joined"]["difference_to_planners"]["net"]
    assert change == {"mean": 0.1, "low": 0.1, "high": 0.1}


def test_channel_is_measured_and_a_misspelling_is_told():
    qudao._open("channel", qudao.BENCHMARKS)
    with pytest.raises(ChannelError, match='Did you mean "channel"'):
        qudao._open("chanel", qudao.BENCHMARKS)
    with pytest.raises(ChannelError, match="No room"):
        qudao._open("channel")
