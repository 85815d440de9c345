"""Limit: how much one dealer may owe, as a pure function of stated facts and a policy.

target = min(demand need, expected-loss budget, concentration cap)

* demand need: what the dealer is forecast to buy while an invoice stands open, with headroom:
  need_monthly_amount x (terms_days / 30.44 + billing_months) x headroom;
* expected-loss budget: the exposure whose expected loss is what the business accepts,
  loss_budget_rate x yearly purchases / (PD 12 months x LGD); high clause risk raises the LGD;
* concentration cap: concentration_rate x the exposure of the whole portfolio.

From the limit in force to the target: up by at most `step_up_rate` a decision, down by at most
`step_down_rate`. Rules, in this order, each with its code in the answer:

| code | when | what |
|---|---|---|
| DEFAULT_STOP | in default | 0 |
| ALERT_CUT | a confirmed critical alert | target x (1 - alert_cut_rate); no step limit downwards; no raise |
| ALERT_FREEZE | a confirmed warning, or a critical alert nobody has judged | no raise |
| OVERDUE_FREEZE | more than freeze_overdue_rate of what is open is over 30 days overdue | no raise |
| CLASS_FREEZE | credit class worse than freeze_class | no raise |
| STEP_UP, STEP_DOWN | the target is further away than one step | one step |

A frozen dealer without a limit in force gets no more than it owes now. The answer holds every
input, so that `replay` gives the same answer from the answer alone.

Units: amounts in `currency`. Errors: LimitFault for a negative or unknown number.

>>> facts = LimitFacts(dealer_id="D1", currency="CNY", pd_12m=0.02, credit_class=2, need_monthly_amount=100.0,
...     yearly_amount=1200.0, terms_days=30, portfolio_amount=50_000.0, limit_in_force=100.0)
>>> decision = decide(facts)
>>> round(decision.limit_amount, 2), decision.rules, decision.binding
(125.0, ('STEP_UP',), 'demand_need')
>>> replay(decision) == decision
True
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from models.errors import ModelError

_MONTH_DAYS = 30.44
_LEAST_PD = 0.0005


class LimitFault(ModelError):
    def __init__(self, dealer_id: str, names: list[str]) -> None:
        super().__init__(
            f"Limit of {dealer_id}: {', '.join(names)} should be zero or more and finite. No limit was set."
            " Correct the facts."
        )


@dataclass(frozen=True, kw_only=True)
class LimitPolicy:
    """What the business accepts; `configs/credit.yaml`, limit."""

    lgd: float = 0.6
    clause_lgd: float = 0.15  # added when contract clauses carry high risk
    loss_budget_rate: float = 0.01  # of yearly purchases
    concentration_rate: float = 0.15  # of the portfolio's exposure
    headroom: float = 1.2
    billing_months: float = 0.5
    step_up_rate: float = 0.25
    step_down_rate: float = 0.5
    alert_cut_rate: float = 0.5
    freeze_overdue_rate: float = 0.1
    freeze_class: int = 3  # worse than this: no raise
    round_to: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LimitFacts:
    """What is known of one dealer when the limit is set."""

    dealer_id: str
    currency: str
    pd_12m: float
    credit_class: int
    need_monthly_amount: float
    yearly_amount: float
    terms_days: float
    portfolio_amount: float
    open_amount: float = 0.0
    overdue_30d_amount: float = 0.0
    limit_in_force: float | None = None
    in_default: bool = False
    high_clause_risk: bool = False
    critical_alert: str = ""  # "", "open" or "confirmed": the gravest state of a critical alert
    warning_alert: str = ""


@dataclass(frozen=True, kw_only=True)
class LimitDecision:
    """The limit, its three terms, which one binds, the rules that were used, and all that went in."""

    limit_amount: float
    target_amount: float
    terms: dict[str, float]
    binding: str
    rules: tuple[str, ...]
    facts: dict[str, Any] = field(repr=False)
    policy: dict[str, Any] = field(repr=False)


def decide(facts: LimitFacts, policy: LimitPolicy | None = None) -> LimitDecision:
    """The limit of one dealer."""
    policy = policy or LimitPolicy()
    _check(facts)
    terms = _terms(facts, policy)
    binding = min(terms, key=lambda name: terms[name])
    target = terms[binding]
    amount, rules = _stepped(target, facts, policy)
    return LimitDecision(
        limit_amount=math.floor(amount / policy.round_to + 1e-9) * policy.round_to,
        target_amount=target,
        terms=terms,
        binding=binding,
        rules=rules,
        facts=asdict(facts),
        policy=asdict(policy),
    )


def replay(decision: LimitDecision) -> LimitDecision:
    """The decision again, from what it says went in."""
    return decide(LimitFacts(**decision.facts), LimitPolicy(**decision.policy))


def _terms(facts: LimitFacts, policy: LimitPolicy) -> dict[str, float]:
    months = facts.terms_days / _MONTH_DAYS + policy.billing_months
    lgd = min(1.0, policy.lgd + (policy.clause_lgd if facts.high_clause_risk else 0.0))
    budget = policy.loss_budget_rate * facts.yearly_amount
    return {
        "demand_need": facts.need_monthly_amount * months * policy.headroom,
        "expected_loss": budget / (max(facts.pd_12m, _LEAST_PD) * lgd),
        "concentration": policy.concentration_rate * facts.portfolio_amount,
    }


def _stepped(target: float, facts: LimitFacts, policy: LimitPolicy) -> tuple[float, tuple[str, ...]]:
    if facts.in_default:
        return 0.0, ("DEFAULT_STOP",)
    rules = _freezes(facts, policy)
    now = facts.limit_in_force
    if "ALERT_CUT" in rules:
        wanted = target * (1 - policy.alert_cut_rate)
        ceiling = facts.open_amount if now is None else now
        return min(wanted, ceiling * (1 - policy.alert_cut_rate)), rules
    if now is None:
        return (min(target, facts.open_amount) if rules else target), rules
    if target > now:
        if rules:
            return now, rules
        step = now * (1 + policy.step_up_rate)
        return (
            (min(target, step), ("STEP_UP",) if step < target and now > 0 else ())
            if now > 0
            else (target, ())
        )
    step = now * (1 - policy.step_down_rate)
    return max(target, step), (*rules, "STEP_DOWN") if step > target else rules


def _freezes(facts: LimitFacts, policy: LimitPolicy) -> tuple[str, ...]:
    """The rules that forbid a raise."""
    overdue = facts.overdue_30d_amount > policy.freeze_overdue_rate * max(facts.open_amount, 1e-9)
    asked = {
        "ALERT_CUT": facts.critical_alert == "confirmed",
        "ALERT_FREEZE": facts.critical_alert == "open" or facts.warning_alert == "confirmed",
        "OVERDUE_FREEZE": overdue and facts.overdue_30d_amount > 0,
        "CLASS_FREEZE": facts.credit_class > policy.freeze_class,
    }
    return tuple(code for code, holds in asked.items() if holds)


def _check(facts: LimitFacts) -> None:
    numbers = {name: value for name, value in asdict(facts).items() if isinstance(value, float | int)}
    wrong = [name for name, value in numbers.items() if not (math.isfinite(value) and value >= 0)]
    if wrong:
        raise LimitFault(facts.dealer_id, wrong)
