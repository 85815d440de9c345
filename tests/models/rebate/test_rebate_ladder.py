"""A ladder pays what counting coin by coin pays."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.rebate.ladder import BadLadder, Ladder, Ladders
from tests.oracles.rebates import rebate_coins

STEPS = [(1, "10", "0.02"), (2, "20", "0.05")]


@st.composite
def programmes(draw):
    """Tiers in coins and millionths, a rule, a cap, purchases in coins."""
    thresholds = sorted(draw(st.sets(st.integers(0, 3000), min_size=1, max_size=4)))
    rates = [draw(st.integers(0, 1_000_000)) for _ in thresholds]
    rule = draw(st.sampled_from(["marginal", "retroactive"]))
    cap = draw(st.none() | st.integers(0, 900))
    return list(zip(thresholds, rates, strict=True)), rule, cap, draw(st.integers(-50, 4000))


def ladder_of(tiers, rule, cap, **others):
    rows = [(i + 1, Decimal(at) / 100, Decimal(rate) / 10**6) for i, (at, rate) in enumerate(tiers)]
    most = None if cap is None else Decimal(cap) / 100
    return Ladder.of(rows, rule=rule, currency="CNY", cap_amount=most, **others)


@given(programmes())
@settings(deadline=None, max_examples=150)
def test_both_ways_pay_what_counting_coins_pays(programme):
    tiers, rule, cap, purchases = programme
    ladder = ladder_of(tiers, rule, cap)
    slow = rebate_coins(max(purchases, 0), [(a, Fraction(r, 10**6)) for a, r in tiers], rule, cap)
    assert ladder.pay(Decimal(purchases) / 100).total * 100 == slow
    assert Ladders.of([ladder]).coins(np.array([[purchases]])).tolist() == [[slow]]


@given(st.lists(programmes(), min_size=1, max_size=4), st.integers(0, 10**9))
@settings(deadline=None, max_examples=40)
def test_many_ladders_at_once_pay_as_each_alone(chosen, seed):
    ladders = [ladder_of(*one[:3]) for one in chosen]
    coins = np.random.default_rng(seed).integers(0, 10**9, (len(ladders), 5))
    paid = Ladders.of(ladders).coins(coins)
    exact = [
        [int(ladder.pay(Decimal(int(c)) / 100).total * 100) for c in row]
        for ladder, row in zip(ladders, coins, strict=True)
    ]
    assert paid.tolist() == exact


@given(programmes())
@settings(deadline=None, max_examples=60)
def test_parts_add_up_to_the_total_and_never_pass_the_cap(programme):
    tiers, rule, cap, purchases = programme
    awards = [
        {"award_id": "A", "measure": "sales", "threshold": "5", "award_rate": "0.0333"},
        {"award_id": "B", "measure": "outlets", "threshold": 3, "award_amount": "1.11"},
    ]
    paid = ladder_of(tiers, rule, cap, awards=awards).pay(Decimal(purchases) / 100, {"outlets": 3})
    assert paid.ladder + sum(paid.awards.values()) - paid.cut == paid.total
    assert cap is None or paid.total <= Decimal(cap) / 100
    assert paid.cut >= 0


def test_a_threshold_is_reached_at_its_very_amount():
    ladder = Ladder.of(STEPS, rule="retroactive", currency="CNY")
    assert [ladder.pay(Decimal(x)).total for x in ("9.99", "10", "19.99", "20")] == [
        Decimal(x) for x in ("0.00", "0.20", "0.40", "1.00")
    ]


def test_awards_are_paid_whole_or_not_at_all():
    awards = [{"award_id": "A", "measure": "collections", "threshold": 0.9, "award_rate": 0.01}]
    ladder = Ladder.of(STEPS, rule="marginal", currency="CNY", awards=awards)
    assert ladder.pay(Decimal(100), {"collections": 0.9}).awards == {"A": Decimal("1.00")}
    assert ladder.pay(Decimal(100), {"collections": 0.89}).awards == {}
    assert ladder.pay(Decimal(100)).awards == {}


def test_a_currency_without_cents_is_paid_in_its_own_coin():
    ladder = Ladder.of([(1, 1000, 0.015)], rule="retroactive", currency="JPY")
    assert ladder.pay(Decimal(1100)).total == Decimal(17)  # 16.5
    assert Ladders.of([ladder]).coins(np.array([[1100]])).tolist() == [[17]]


@pytest.mark.parametrize(
    ("tiers", "others", "told"),
    [
        ([], {}, "no tier"),
        ([(1, 20, 0.1), (2, 10, 0.2)], {}, "tier 2: threshold not above that of tier 1"),
        ([(1, 10, 0.1), (2, 10, 0.2)], {}, "tier 2: threshold not above"),
        ([(1, -1, 0.1)], {}, "threshold -1 below zero"),
        ([(1, 1, 1.1)], {}, "rate 1.1 outside 0 to 1"),
        ([(1, float("nan"), 0.1)], {}, "not a finite number"),
        (STEPS, {"rule": "marginl"}, "marginal"),
        (STEPS, {"currency": ["CNY", "USD"]}, "CNY, USD, which are not added"),
        (STEPS, {"cap_amount": -5}, "cap -5 below zero"),
        (STEPS, {"awards": [{"award_id": "A", "measure": "luck", "threshold": 1}]}, "neither an amount"),
    ],
)
def test_a_faulty_ladder_is_refused_in_words(tiers, others, told):
    with pytest.raises(BadLadder, match="A ladder cannot be paid") as caught:
        Ladder.of(tiers, **{"rule": "marginal", "currency": "CNY"} | others)
    assert told in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(BadLadder) as caught:
        Ladder.of([(1, -2, 3), (1, -3, 0.1)], rule="x", currency="CNY", cap_amount=-1)
    assert len(caught.value.faults) == 7
