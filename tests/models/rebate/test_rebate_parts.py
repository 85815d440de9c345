"""Pace, past windows, chances and plans: each against a slow or a known answer."""

import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from models.errors import NotFitted
from models.rebate.attainment import attain
from models.rebate.ladder import Ladder, Ladders
from models.rebate.pace import expected, season
from models.rebate.plan_text import advice, plan_text
from models.rebate.promises import measured
from models.rebate.remaining import Past, Remaining
from tests.oracles.rebates import tiers_reached


def past_of(amounts, first_month=1):
    n, t = amounts.shape
    return Past(
        amounts=amounts,
        cover=np.full((n, t), np.nan),
        top_rate=np.full((n, t + 24), np.nan),
        first_month=first_month,
    )


def noisy(n=60, t=40, spread=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(2, 500, (n, 1)) * np.exp(spread * rng.standard_normal((n, t)))


def test_a_steady_season_is_continued():
    year = np.array([5.0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 9])
    amounts = np.vstack([np.tile(year, 3), 10 * np.tile(year, 3)])
    ahead = expected(amounts[:, :30], first_month=1, ahead=6)
    assert ahead[0] == pytest.approx(year[6:], rel=1e-6)
    assert ahead[1] == pytest.approx(10 * year[6:], rel=1e-6)


def test_a_season_that_begins_in_any_month_lands_on_its_months():
    year = np.arange(1.0, 13.0)
    turned = np.tile(np.roll(year, -4), 2)[None, :]  # from May on
    assert season(turned, first_month=5)[0] == pytest.approx(year / year.mean())


def test_draws_are_as_wide_as_the_past_was_and_wider_for_longer():
    amounts = noisy()
    belief = Remaining(trees=20, most_rows=4_000).fit(past_of(amounts[:, :36]))
    months = np.full(len(amounts), 4.0)
    drawn = belief.draw(past_of(amounts[:, :36]), months, count=200, seed=1)
    truth = amounts[:, 36:].sum(axis=1)
    inside = (np.quantile(drawn, 0.1, axis=1) <= truth) & (truth <= np.quantile(drawn, 0.9, axis=1))
    assert 0.6 < inside.mean() <= 0.95
    one, six = (
        belief.draw(past_of(amounts[:, :36]), np.full(60, m), count=200, seed=1).std(axis=1).mean()
        for m in (1.0, 6.0)
    )
    assert six > one


def test_months_after_told_ones_follow_them():
    rng = np.random.default_rng(1)
    walk = np.exp(np.cumsum(0.25 * rng.standard_normal((80, 48)), axis=1)) * 1000  # what is lost stays lost
    belief = Remaining(trees=20, most_rows=6_000).fit(past_of(walk))
    now, months = past_of(walk), np.full(80, 8.0)
    near = expected(walk, first_month=1, ahead=3).sum(axis=1)[:, None]
    low, high = (
        belief.after(now, months, f * np.repeat(near, 100, axis=1), seed=0).mean() for f in (0.5, 2.0)
    )
    assert high > 1.5 * low


def test_the_same_seed_gives_the_same_draws_and_fitting_again_forgets():
    past = past_of(noisy())
    belief = Remaining(trees=10, most_rows=2_000).fit(past_of(noisy(seed=5))).fit(past)
    fresh = Remaining(trees=10, most_rows=2_000).fit(past)
    months = np.full(60, 3.5)
    assert np.array_equal(*(b.draw(past, months, count=50, seed=3) for b in (belief, fresh)))


def test_too_little_history_is_refused():
    with pytest.raises(TooFewRows, match="Past windows"):
        Remaining().fit(past_of(noisy(n=3, t=8)))
    with pytest.raises(NotFitted):
        Remaining().draw(past_of(noisy()), np.ones(60), count=5, seed=0)


def test_chances_and_accruals_are_those_of_paying_each_draw():
    rng = np.random.default_rng(0)
    ladder = Ladder.of([(2, 50, 0.01), (5, 80, 0.03)], rule="retroactive", currency="CNY", cap_amount=2)
    totals = rng.uniform(0, 120, (1, 99)).round(2)
    told = attain(Ladders.of([ladder]), np.array([10.0]), totals)
    hits = [tiers_reached(x, (50, 80)) for x in totals[0]]
    slow = [(sum(h > k for h in hits) + 0.5) / 100 for k in range(2)]
    assert told.probability[0] == pytest.approx(slow)
    paid = np.sort(told.coins[0])
    assert told.p90[0] * 100 == paid[int(np.ceil(0.9 * 99)) - 1]
    assert told.coins.max() == 200


def test_nothing_is_missing_at_the_top():
    ladder = Ladder.of([(1, 50, 0.01)], rule="marginal", currency="CNY")
    told = attain(Ladders.of([ladder]), np.array([60.0]), np.full((1, 9), 70.0))
    assert np.isnan(told.shortfall[0])
    assert np.isnan(told.gain[0])
    assert told.probability[0, 0] > 0.9


def test_outlets_only_grow_and_what_nobody_measured_is_unknown():
    rows = pd.DataFrame(
        {"outlets": [4.0, np.nan], "outlets_known": 6.0, "outlets_month": 3.0, "months_left": 2.0}
    )
    drawn = measured("outlets", rows, 200, np.random.default_rng(0))
    assert drawn[0].min() >= 4
    assert drawn[0].max() <= 6
    assert drawn[0].mean() == pytest.approx(4 + 2 * (1 - 0.5**2), abs=0.2)
    assert np.isnan(drawn[1]).all()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"probability": 0.9}, "likely"),
        ({"probability": 0.5}, "possible"),
        ({"probability": 0.1}, "far"),
        ({"probability": 0.5, "reasons": [{"code": "STOCK"}]}, "stock"),
        ({"next_tier_no": pd.NA}, "top"),
    ],
)
def test_advice_follows_the_facts_and_never_pushes_stock(facts, said):
    row = {"next_tier_no": 2, "probability": 0.5, "reasons": []} | facts
    assert advice(row) == said


def test_a_plan_is_written_in_two_languages_and_no_third():
    with pytest.raises(ValueError, match="zh and en"):
        plan_text({}, "fr")


def test_accounts_that_missed_together_are_drawn_together():
    rng = np.random.default_rng(0)
    amounts = noisy() * np.exp(0.6 * rng.standard_normal(40))
    alone, together = (
        Remaining(trees=20, most_rows=4_000).fit(past_of(a[:, :36])) for a in (noisy(), amounts)
    )
    assert together.together_ > 2 * alone.together_
    drawn = together.draw(past_of(amounts[:, :36]), np.full(60, 4.0), count=200, seed=1)
    apart = np.random.default_rng(1).permuted(drawn, axis=1)
    assert drawn.sum(axis=0).std() > 1.5 * apart.sum(axis=0).std()
