"""Reasons: why the next tier is likely or not, as effects on the log-odds of reaching it.

Each effect is what the probability would lose if that one thing were as the calendar has it:

    PROGRESS   bought so far, against the share of the programme's time that is over
    PACE       what is expected until the end, against what the calendar leaves to buy
    STOCK      months of stock at hand, when it is high: buying for the tier would be stuffing (effect 0)

Out:  for each row a list of {"code", "text", "effect"}, the strongest first.
Errors: none.

>>> facts = Facts(bought=np.array([60.0]), within=np.array([[30.0, 60.0]]), threshold=np.array([100.0]),
...     elapsed_rate=np.array([0.5]), cover=np.array([4.0]))
>>> [(r["code"], r["effect"]) for r in reasons(facts)[0]]
[('PROGRESS', 0.0), ('PACE', 0.0), ('STOCK', 0.0)]
>>> reasons(facts)[0][0]["text"]
'60 % of the next tier is bought with 50 % of the time over.'
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.rebate.attainment import chance

Array = NDArray[np.float64]
Reason = dict[str, Any]
HIGH_COVER_MONTHS = 3.0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """n rows with a next tier, s draws; amounts in the ladder's currency."""

    bought: Array  # [n]
    within: Array  # [n, s] still to be bought
    threshold: Array  # [n]
    elapsed_rate: Array  # [n] of the programme's time
    cover: Array  # [n] months of stock; NaN unknown


def reasons(facts: Facts) -> list[list[Reason]]:
    """One list a row."""
    now = _log_odds(chance(facts.bought, facts.within, facts.threshold))
    even = facts.elapsed_rate * facts.threshold
    progress = now - _log_odds(chance(even, facts.within, facts.threshold))
    mean = np.maximum(facts.within.mean(axis=1), 1e-9)
    left = (1 - facts.elapsed_rate) * facts.threshold
    paced = facts.within * (left / mean)[:, None]
    pace = now - _log_odds(chance(facts.bought, paced, facts.threshold))
    return [_told(facts, row, progress[row], pace[row]) for row in range(len(now))]


def _told(facts: Facts, row: int, progress: float, pace: float) -> list[Reason]:
    share = facts.bought[row] / facts.threshold[row] if facts.threshold[row] > 0 else 1.0
    ahead = facts.within[row].mean() / facts.threshold[row] if facts.threshold[row] > 0 else 0.0
    elapsed = facts.elapsed_rate[row]
    told = [
        _reason(
            "PROGRESS",
            f"{share:.0%} of the next tier is bought with {elapsed:.0%} of the time over.",
            progress,
        ),
        _reason(
            "PACE", f"{ahead:.0%} of it is expected in the {1 - elapsed:.0%} of the time that is left.", pace
        ),
    ]
    told.sort(key=lambda one: -abs(one["effect"]))
    if facts.cover[row] >= HIGH_COVER_MONTHS:
        text = (
            f"Stock covers {facts.cover[row]:.1f} months: buying more for the tier would only fill the store."
        )
        told.append(_reason("STOCK", text, 0.0))
    return told


def _reason(code: str, text: str, effect: float) -> Reason:
    return {"code": code, "text": text.replace("%", " %"), "effect": round(float(effect), 4) + 0.0}


def _log_odds(p: Array) -> Array:
    return np.asarray(np.log(p / (1 - p)))
