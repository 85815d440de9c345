"""Admission: should a new dealer be taken on, judged from what it states?

In:   a file of stated fields, any of which may be missing; the industry; licences by kind with their end.
Out:  score 0 to 100 (higher is better), an interval, the share of the scorecard that is answered, points by
      field, and what stands in the way.

An expert scorecard, not learned: nobody has outcomes of dealers that were turned away. A field earns its
share between the marks below; a missing one counts as `PRIOR` in the score, as nothing in the lower end and
as everything in the upper end of the interval. Below `THIN` of the card answered the file is thin: verify it
before deciding. A licence that the law asks for and that is missing or expired holds the admission up.

`probability` (of failing within the first year) is 1 / (1 + exp((score - 45) / 12)): an assumption.

>>> told = assess({"years_in_trade": 8, "outlets": 120})
>>> told.is_thin, told.low < told.score < told.high
(True, True)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.industries import Industry

PRIOR = 0.4
THIN = 0.6
ADMIT, REFUSE = 60.0, 35.0
_MIDDLE, _WIDTH = 45.0, 12.0
CARD: Mapping[str, tuple[float, float, float]] = {  # field -> points, mark of none, mark of all
    "years_in_trade": (14, 0, 10),
    "outlets": (16, 0, 200),
    "sales_staff": (10, 0, 20),
    "warehouse_m2": (10, 0, 2000),
    "delivery_vehicles": (6, 0, 10),
    "territory_coverage_rate": (12, 0, 0.8),
    "registered_capital": (10, 0, 5_000_000),
    "references": (8, 0, 3),
    "competing_brands": (8, 5, 0),  # fewer is better
    "yearly_sales": (6, 0, 20_000_000),
}


@dataclass(frozen=True)
class Assessment:
    """What the card says."""

    score: float
    low: float
    high: float
    probability: float
    answered_share: float
    is_thin: bool
    decision: str  # admit, trial, refuse, verify (thin file) or hold (licences)
    reasons: list[dict[str, Any]]
    missing: list[str]
    licences: dict[str, str]  # kind -> valid, expiring, expired, missing


def assess(
    stated: Mapping[str, float | None],
    *,
    industry: Industry | None = None,
    licences: Mapping[str, pd.Timestamp | None] | None = None,
    moment: pd.Timestamp | None = None,
) -> Assessment:
    """Judge one file; `licences` maps kinds to their last day (None: no end)."""
    industry = industry or Industry()
    share = {name: _share(stated.get(name), *CARD[name][1:]) for name in CARD}
    known = {name: value for name, value in share.items() if value is not None}
    total = sum(points for points, _, _ in CARD.values())
    weight = {name: 100 * CARD[name][0] / total for name in CARD}
    low = sum(weight[name] * value for name, value in known.items())
    open_points = sum(weight[name] for name in CARD if name not in known)
    score, answered = low + PRIOR * open_points, 1 - open_points / 100
    papers = _papers(industry, licences or {}, moment)
    return Assessment(
        score=round(score, 1),
        low=round(low, 1),
        high=round(low + open_points, 1),
        probability=1 / (1 + math.exp((score - _MIDDLE) / _WIDTH)),
        answered_share=round(answered, 3),
        is_thin=answered < THIN,
        decision=_decision(score, answered, papers),
        reasons=_reasons(known, weight, papers),
        missing=[name for name in CARD if name not in known],
        licences=papers,
    )


def _share(value: float | None, none: float, full: float) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(np.clip((value - none) / (full - none), 0, 1))


def _papers(
    industry: Industry, held: Mapping[str, pd.Timestamp | None], moment: pd.Timestamp | None
) -> dict[str, str]:
    """How each licence stands that every dealer of the industry needs."""
    asked = [one for one in industry.licences if not one.categories and not one.dealer_types]
    return {one.kind: _paper(one.kind, one.warn_days, held, moment) for one in asked}


def _paper(
    kind: str, warn_days: int, held: Mapping[str, pd.Timestamp | None], moment: pd.Timestamp | None
) -> str:
    if kind not in held:
        return "missing"
    ends = held[kind]
    if ends is None or moment is None:
        return "valid"
    left = (ends.normalize() - moment.normalize()).days
    return "expired" if left < 0 else "expiring" if left < warn_days else "valid"


def _decision(score: float, answered: float, papers: Mapping[str, str]) -> str:
    if {"missing", "expired"} & set(papers.values()):
        return "hold"
    if answered < THIN:
        return "verify"
    return "admit" if score >= ADMIT else "refuse" if score < REFUSE else "trial"


def _reasons(
    known: Mapping[str, float], weight: Mapping[str, float], papers: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Licences first, then the fields furthest from a usual file; effect in points of the score."""
    found = [
        {"code": f"LICENCE_{status.upper()}", "text": f"Licence {kind}: {status}.", "effect": 0.0}
        for kind, status in papers.items()
        if status != "valid"
    ]
    effects = {name: weight[name] * (value - PRIOR) for name, value in known.items()}
    for name in sorted(effects, key=lambda name: -abs(effects[name]))[:4]:
        side = "speaks for it" if effects[name] > 0 else "speaks against it"
        text = f"{name.replace('_', ' ').capitalize()} {side}."
        found.append({"code": name.upper(), "text": text, "effect": round(effects[name], 2)})
    return found
