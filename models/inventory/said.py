"""Said: why an order is what it is, in codes and sentences; effects are units ordered or held back.

>>> reasons("MOQ", {"suggested_units": 24.0, "probability": 0.2, "moq_units": 24.0, "tier_units": 0.0}, "")
[{'code': 'MOQ', 'text': 'Raised to the least quantity that is delivered (24 units).', 'effect': 24.0}]
"""

from collections.abc import Mapping
from typing import Any

Reason = dict[str, Any]
_ORDER = {
    "NO_STOCK": "No stock is on record for the last period: levels only, no order.",
    "ENOUGH": "The position is above the reorder level of {reorder_units:,.0f} units.",
    "REORDER": "Brings the position up to {order_up_to_units:,.0f} units.",
    "MOQ": "Raised to the least quantity that is delivered ({moq_units:,.0f} units).",
    "MOQ_NOT_WORTH": (
        "The least quantity ({moq_units:,.0f} units) costs more to hold than running out may cost."
    ),
    "MOQ_ABOVE_SHELF_LIFE": (
        "The least quantity ({moq_units:,.0f} units) is more than can be sold within the shelf life."
    ),
    "SHELF_LIFE": "Held to what can be sold within the shelf life ({cap_units:,.0f} units).",
}
_TIER = {
    "TIER_EXTRA": "{tier_units:,.0f} units more help to reach the next rebate tier and will be sold on.",
    "TIER_WOULD_STUFF": "The next rebate tier is out of reach without more stock than the policy allows.",
    "TIER_NOT_WORTH": "Holding the units to the next rebate tier would cost more than it gains.",
    "TIER_REACHED_ANYWAY": "What is expected reaches the next rebate tier without extra units.",
}
LIKELY = 0.25  # a chance of running out that is worth a word


def reasons(code: str, row: Mapping[str, Any], tier: str) -> list[Reason]:
    """Of one line; `tier` is the code of its dealer, empty without a tier ahead."""
    units = float(row["suggested_units"])
    told = [_reason(code, _ORDER[code].format(**row), 0.0 if units != units else units)]
    if row["probability"] > LIKELY:
        chance = f"Without an order stock runs out with a chance of {row['probability']:.0%}."
        told.append(_reason("RUNS_OUT", chance, 0.0))
    if tier and (tier != "TIER_EXTRA" or row["tier_units"] > 0):
        told.append(_reason(tier, _TIER[tier].format(**row), float(row["tier_units"])))
    return told


def _reason(code: str, text: str, effect: float) -> Reason:
    return {"code": code, "text": text, "effect": round(effect, 4)}
