from dataclasses import replace

import pytest

from models.credit.classes import CUTS, credit_class
from models.credit.limit import LimitFacts, LimitFault, LimitPolicy, decide, replay
from tests.oracles.credit import limit_of

POLICY = LimitPolicy()
FACTS = LimitFacts(
    dealer_id="D1",
    currency="CNY",
    pd_12m=0.02,
    credit_class=2,
    need_monthly_amount=1000.0,
    yearly_amount=12_000.0,
    terms_days=45.0,
    portfolio_amount=100_000.0,
)


@pytest.mark.parametrize(
    "change",
    [{}, {"pd_12m": 0.4}, {"portfolio_amount": 5000.0}, {"need_monthly_amount": 10.0}, {"terms_days": 120.0}],
)
def test_the_target_is_the_smallest_of_three_terms(change):
    facts = replace(FACTS, **change)
    told = decide(facts, POLICY)
    asked = (
        facts.need_monthly_amount,
        facts.yearly_amount,
        facts.terms_days,
        facts.pd_12m,
        facts.portfolio_amount,
    )
    assert told.target_amount == pytest.approx(limit_of(*asked, POLICY))
    assert told.terms[told.binding] == told.target_amount
    assert told.limit_amount <= told.target_amount


def test_a_riskier_dealer_never_gets_more():
    amounts = [decide(replace(FACTS, pd_12m=p)).limit_amount for p in (0.0, 0.01, 0.05, 0.2, 0.6, 1.0)]
    assert amounts == sorted(amounts, reverse=True)
    assert amounts[0] > amounts[-1]


@pytest.mark.parametrize(
    ("change", "rule", "amount"),
    [
        ({"limit_in_force": 800.0}, "STEP_UP", 1000.0),
        ({"limit_in_force": 9000.0}, "STEP_DOWN", 4500.0),
        ({"limit_in_force": 800.0, "critical_alert": "open"}, "ALERT_FREEZE", 800.0),
        ({"limit_in_force": 800.0, "warning_alert": "confirmed"}, "ALERT_FREEZE", 800.0),
        ({"limit_in_force": 800.0, "critical_alert": "confirmed"}, "ALERT_CUT", 400.0),
        (
            {"limit_in_force": 800.0, "open_amount": 500.0, "overdue_30d_amount": 400.0},
            "OVERDUE_FREEZE",
            800.0,
        ),
        ({"limit_in_force": 800.0, "credit_class": 4}, "CLASS_FREEZE", 800.0),
        ({"limit_in_force": 800.0, "in_default": True}, "DEFAULT_STOP", 0.0),
        ({"open_amount": 300.0, "credit_class": 5}, "CLASS_FREEZE", 300.0),
    ],
)
def test_steps_and_rules(change, rule, amount):
    told = decide(replace(FACTS, **change))
    assert rule in told.rules
    assert told.limit_amount == amount
    assert replay(told) == told


def test_high_clause_risk_lowers_the_loss_term_and_the_best_class():
    plain, risky = (decide(replace(FACTS, high_clause_risk=risk)) for risk in (False, True))
    assert risky.terms["expected_loss"] == pytest.approx(plain.terms["expected_loss"] * 0.6 / 0.75)
    assert credit_class(0.001, high_clause_risk=True) == (2, ("CLASS_CLAUSES",))


def test_a_number_that_is_none_is_refused_by_name():
    with pytest.raises(LimitFault, match="yearly_amount"):
        decide(replace(FACTS, yearly_amount=-1.0))
    with pytest.raises(LimitFault, match="pd_12m"):
        decide(replace(FACTS, pd_12m=float("nan")))


def test_classes_rise_with_the_probability_and_facts_hold_them_up():
    found = [credit_class(p)[0] for p in (0.0, *CUTS, 1.0)]
    assert found == [1, 2, 3, 4, 5, 5]
    assert credit_class(0.5, confirmed_critical=True) == (5, ())
    assert credit_class(0.0, in_default=True) == (5, ("CLASS_DEFAULT",))
