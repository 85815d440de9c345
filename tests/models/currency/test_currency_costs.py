"""Costs and the decision: every part against a slow sum, and what the assumptions do."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from models.currency.costs import Costs, cvar
from models.currency.decide import ranked
from models.currency.settlement import realised
from models.currency.terms import Terms
from tests.oracles.currency import expected_cost, paid_cost

NAMES = ("USD", "VND")
STEP = np.random.default_rng(0).normal(0, [[[0.003]], [[0.006]]], (2, 40, 400))
PATHS = np.cumsum(STEP, axis=1)
PATHS -= np.log(np.exp(PATHS).mean(axis=2, keepdims=True))
PLAIN = Terms()


def costs(terms=PLAIN):
    return Costs(terms=terms, currencies=NAMES, paths=PATHS, ratios=np.ones(1))


def best(terms, own="VND", days=28, **options):
    found = costs(terms)
    told = {c: found.of(c, own, days, **options) for c in ("CNY", *NAMES)}
    return ranked(told, {}, {}, home="CNY")[0]["currency"]


@pytest.mark.parametrize("own", ["CNY", "USD", "VND"])
@pytest.mark.parametrize("currency", ["CNY", "USD", "VND"])
@pytest.mark.parametrize(
    "terms", [PLAIN, replace(PLAIN, spread_rates={"VND": 0.004}, forward_rates={"USD": 0.03}, tail_rate=0.1)]
)
def test_the_expected_cost_is_the_sum_of_its_parts_draw_by_draw(currency, own, terms):
    moves = [dict(zip(NAMES, x, strict=True)) for x in PATHS[:, 17].T]  # 25 days are 18 business days
    one = costs(terms).of(currency, own, 25.0, hedged={currency: 0.3}, used={currency: 0.6, "EUR": 0.4})
    slow = expected_cost(terms, currency, own, moves, 25.0, hedged=0.3, used=0.6)
    assert one.expected_rate == pytest.approx(slow, abs=1e-12)


def test_cvar_is_the_least_of_rockafellar_and_uryasev():
    losses = np.random.default_rng(1).standard_t(4, 2000)
    found = minimize_scalar(
        lambda v: v + np.maximum(losses - v, 0).mean() / 0.05, bounds=(0, 9), method="bounded"
    )
    assert cvar(losses, 0.05) == pytest.approx(found.fun, rel=1e-4)


def test_the_probability_counts_the_draws_in_which_it_costs_less_than_home():
    one, home = (costs().of(c, "VND", 25.0, used={"USD": 0.7, "CNY": 0.3}) for c in ("VND", "CNY"))
    loss = 1 - np.exp(PATHS[1, 17])
    fixed = one.expected_rate - one.drift_rate
    assert one.probability == pytest.approx(np.mean(loss + fixed < home.expected_rate))
    assert home.probability == 0.0


def test_dealers_that_hand_nothing_back_are_invoiced_at_home():
    assert best(replace(PLAIN, pass_through_rate=0.0)) == "CNY"


def test_dealers_that_hand_all_back_and_change_dearly_are_invoiced_in_their_own():
    assert best(replace(PLAIN, pass_through_rate=1.0, dealer_spread_rate=0.02)) == "VND"


def test_the_dearer_a_risk_is_the_sooner_the_brand_leaves_it_to_the_dealer():
    chosen = [best(replace(PLAIN, risk_charge_rate=rate)) for rate in (0.0, 0.02, 0.1, 0.5, 1.0)]
    assert chosen[0] == "VND"
    assert chosen[-1] == "CNY"
    assert chosen == sorted(chosen, reverse=True)  # it turns once


def test_a_dealer_of_home_is_never_asked_to_change_money():
    for rate in (0.0, 0.5, 1.0):
        assert best(replace(PLAIN, pass_through_rate=rate), own="CNY") == "CNY"


def test_what_the_brand_owes_itself_is_neither_changed_nor_at_risk():
    none, half, all_ = (costs().of("VND", "VND", 28, hedged={"VND": s}) for s in (0, 0.5, 1))
    assert all_.expected_rate == all_.risk_rate == 0.0
    assert half.expected_rate == pytest.approx(none.expected_rate / 2)


@settings(deadline=None, max_examples=25)
@given(st.floats(5, 50), st.floats(0, 1), st.floats(0, 1))
def test_longer_terms_never_lower_a_risk_and_hedges_never_raise_a_cost(days, less, more):
    found = costs()
    short, long = (found.of("VND", "VND", d).risk_rate for d in (days / 2, days))
    assert long >= short * 0.999
    low, high = sorted((less, more))
    hedged = [found.of("USD", "USD", days, hedged={"USD": s}).expected_rate for s in (low, high)]
    assert hedged[1] <= hedged[0] + 1e-12


def test_among_equals_the_accustomed_comes_first_and_the_refused_last():
    one = costs().of("USD", "USD", 28)
    told = ranked({"USD": one, "EUR": one}, {"EUR": 0.8, "USD": 0.2}, {"VND": "stale"}, home="CNY")
    assert [(r["currency"], r["rank"]) for r in told] == [("EUR", 1), ("USD", 2), ("VND", None)]
    assert told[-1]["expected_cost_rate"] is None
    assert told[-1]["reasons"][0] == {"code": "REFUSED", "text": "stale", "effect": 0.0}


def test_reasons_name_every_part_and_their_effects_add_up():
    one = costs().of("USD", "VND", 28, used={"CNY": 1.0})
    row = ranked({"USD": one}, {}, {}, home="CNY")[0]
    assert {r["code"] for r in row["reasons"]} == {"SPREAD", "RATE_RISK", "DEALER_RISK", "UNACCUSTOMED"}
    assert sum(r["effect"] for r in row["reasons"]) == pytest.approx(one.expected_rate, abs=1e-5)


def test_what_was_paid_costs_what_the_slow_sum_says():
    rng = np.random.default_rng(2)
    names = np.array(["CNY", *NAMES], dtype=object)
    paid = pd.DataFrame({"chosen": rng.choice(names, 60), "own_currency": rng.choice(names[1:], 60)})
    paid = paid.assign(days=rng.uniform(1, 90, 60), used_share=rng.random(60))
    moved = pd.DataFrame(rng.normal(0, 0.05, (60, 2)), columns=list(NAMES))

    def daily(one, other):
        return {"CNY": 0.001, "USD": 0.002, "VND": 0.004}[one] + {"CNY": 0, "USD": 0.001, "VND": 0.002}[other]

    fast = realised(paid, moved, PLAIN, daily)
    moves = moved.assign(CNY=0.0)
    for i, row in paid.iterrows():
        facts = {"x": moves.loc[i, row["chosen"]], "x_own": moves.loc[i, row["own_currency"]]}
        facts |= {
            "chosen": row["chosen"],
            "own": row["own_currency"],
            "days": row["days"],
            "used": row["used_share"],
        }
        assert fast.loc[i].tolist() == pytest.approx(paid_cost(PLAIN, facts, daily), abs=1e-9)


def test_a_currency_without_a_rate_has_no_cost():
    paid = pd.DataFrame({"chosen": ["XXX"], "own_currency": ["USD"], "days": [9.0], "used_share": [0.0]})
    told = realised(paid, pd.DataFrame({"USD": [0.0]}), PLAIN, lambda one, other: 0.01)
    assert told.isna().all(axis=None)
