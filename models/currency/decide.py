"""Decide: the currencies in which a dealer may settle, ranked; those without a usable rate refused.

A pure function of what `models.currency.costs` says. The cheapest in expectation comes first; of two that
cost the same to a hundredth of a percent, the one with the lower risk, then the one the dealer has used more,
then home. A currency whose rate is missing or stale is listed last with the reason and has no rank.

score = 100 x (1 - expected cost / WORST_RATE), within 0 and 100: comparable between dealers.

>>> from models.currency.costs import Cost
>>> cost = Cost(spread_rate=0.001, drift_rate=0.0, risk_rate=0.02, risk_cost_rate=0.002, dealer_rate=0.0,
...             unaccustomed_rate=0.0, probability=0.5)
>>> dear = Cost(spread_rate=0.0, drift_rate=0.0, risk_rate=0.0, risk_cost_rate=0.0, dealer_rate=0.006,
...             unaccustomed_rate=0.0, probability=0.0)
>>> told = ranked({"USD": cost, "CNY": dear}, {"USD": 1.0}, {"VND": "no rate"}, home="CNY")
>>> [(one["currency"], one["rank"], round(one["score"])) for one in told]
[('USD', 1, 94), ('CNY', 2, 88), ('VND', None, 0)]
"""

from collections.abc import Mapping
from typing import Any

from models.currency.costs import Cost

WORST_RATE = 0.05
_ALIKE_RATE = 1e-4
_LEAST_EFFECT = 5e-6

Row = dict[str, Any]


def ranked(
    costs: Mapping[str, Cost], used: Mapping[str, float], refused: Mapping[str, str], *, home: str
) -> list[Row]:
    """One row a currency, the best first, refused ones at the end."""

    def place(currency: str) -> tuple[float, ...]:
        one = costs[currency]
        alike = round(one.expected_rate / _ALIKE_RATE)
        return alike, round(one.risk_rate, 6), -used.get(currency, 0.0), currency != home

    order = sorted(sorted(costs), key=place)
    rows = [
        _row(currency, rank, costs[currency], used.get(currency, 0.0))
        for rank, currency in enumerate(order, 1)
    ]
    return rows + [_refusal(name, used.get(name, 0.0), refused[name]) for name in sorted(refused)]


def _row(currency: str, rank: int, cost: Cost, used_share: float) -> Row:
    return {
        "currency": currency,
        "rank": rank,
        "expected_cost_rate": cost.expected_rate,
        "risk_rate": cost.risk_rate,
        "score": 100 * min(max(1 - cost.expected_rate / WORST_RATE, 0.0), 1.0),
        "probability": cost.probability,
        "share_of_history": used_share,
        "spread_rate": cost.spread_rate,
        "drift_rate": cost.drift_rate,
        "dealer_rate": cost.dealer_rate,
        "hedged_share": cost.hedged_share,
        "reasons": _reasons(cost),
        "refused": "",
    }


def _refusal(currency: str, used_share: float, why: str) -> Row:
    empty = ("expected_cost_rate", "risk_rate", "spread_rate", "drift_rate", "dealer_rate", "hedged_share")
    return {
        "currency": currency,
        "rank": None,
        "score": 0.0,
        "probability": None,
        "share_of_history": used_share,
        "reasons": [{"code": "REFUSED", "text": why, "effect": 0.0}],
        "refused": why,
    } | dict.fromkeys(empty)


def _reasons(cost: Cost) -> list[dict[str, Any]]:
    """The parts of the cost as sentences, the largest first."""
    drift = "fall" if cost.drift_rate > 0 else "rise"
    told = [
        ("SPREAD", cost.spread_rate, "Changing the money costs the brand {:.2%}."),
        ("DRIFT", cost.drift_rate, f"The forward rate expects it to {drift}: {{:.2%}}."),
        (
            "RATE_RISK",
            cost.risk_cost_rate,
            f"The brand may lose {cost.risk_rate:.1%} in the worst cases: {{:.2%}}.",
        ),
        (
            "DEALER_RISK",
            cost.dealer_rate,
            "The dealer changes money and bears the rate, and hands back {:.2%}.",
        ),
        ("UNACCUSTOMED", cost.unaccustomed_rate, "The dealer has seldom or never settled in it: {:.2%}."),
    ]
    found = [
        {"code": code, "text": text.format(abs(rate)), "effect": round(rate, 6)}
        for code, rate, text in sorted(told, key=lambda one: -abs(one[1]))
        if abs(rate) > _LEAST_EFFECT
    ]
    if cost.hedged_share:
        text = f"{cost.hedged_share:.0%} of it pays what the brand itself owes in the currency."
        found.append({"code": "NATURAL_HEDGE", "text": text, "effect": 0.0})
    return found or [{"code": "OWN_MONEY", "text": "Neither side changes money.", "effect": 0.0}]
