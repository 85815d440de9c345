"""Review: what is said of a whole contract.

`score` (0-100, higher is safer for the brand) is 100 less the mean severity of what the contract says and
lacks: a clause counts P(high) + 0.35 P(medium), a required type that is missing 0.6, each weighted by how
much its type usually costs. `probability` is that at least one clause is of high risk, clauses taken as
independent.

Units: offsets are characters of the text as it was given. Limits: the weights are a convention, not learned.

>>> overall([], ["payment_terms"])
(40.0, 0.0)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from models.reasons import Reason

_MISSING, _MEDIUM = 0.6, 0.35
_HEAVY, _LIGHT = 2.0, 0.5
_HEAVY_TYPES = frozenset(
    (
        "price_control",
        "payment_terms",
        "credit_guarantee",
        "liability_cap",
        "diversion_ban",
        "returns_buyback",
    )
)
_LIGHT_TYPES = frozenset(("other",))


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One clause: `text[start:end]`. `probability` is that of the type, `risks` hold those of the risk."""

    start: int
    end: int
    type: str
    probability: float
    risk: str
    risks: dict[str, float]
    language: str
    heading: str
    evidence: list[tuple[int, int]] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    suggestion: str = ""

    @property
    def high_probability(self) -> float:
        """Of high risk for the brand."""
        return self.risks["high"]


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A type that the contract should have and has not, with a wording to add."""

    type: str
    suggestion: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """A contract as it was read."""

    clauses: list[Clause]
    missing: list[Missing]
    score: float
    probability: float
    language: str
    notes: list[str]


def overall(clauses: Sequence[Clause], missing: Sequence[str]) -> tuple[float, float]:
    """Score and probability of a contract."""
    severity = [c.risks["high"] + _MEDIUM * c.risks["medium"] for c in clauses] + [_MISSING] * len(missing)
    weights = [_weight(kind) for kind in [*(c.type for c in clauses), *missing]]
    score = 100 * (1 - np.average(severity, weights=weights)) if weights else 100.0
    no_high = np.prod([1 - c.risks["high"] for c in clauses])
    return round(float(score), 1), round(float(1 - no_high), 6)


def _weight(kind: str) -> float:
    if kind in _HEAVY_TYPES:
        return _HEAVY
    return _LIGHT if kind in _LIGHT_TYPES else 1.0
