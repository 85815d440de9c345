"""Frames: what the rebate room answers, one row a dealer and running programme, or a tier of it.

`ATTAINMENT`, `TIERS`, `PURCHASES` and `SPENDS` are the frames without rows: the columns in their order.
Amounts are in the programme's currency; probabilities never quite 0 or 1.
Errors: none.

>>> ATTAINMENT.columns[:4].tolist(), len(PURCHASES.columns)
(['dealer_id', 'programme_id', 'currency', 'territory_id'], 103)
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.rebates import Progress
from models.rebate.attainment import Attainment
from models.rebate.ladder import Ladders
from models.rebate.offers import OFFERS
from models.rebate.plan_text import plan_text
from models.rebate.reasons import Facts, Reason, reasons

Array = NDArray[np.float64]
POINTS = 100  # equally likely totals that are kept of the draws
WORLDS = 200  # draws that are kept as they were drawn: one column is one world, for all rows
_POINTS = [f"t{i:02}" for i in range(POINTS)]
_WORLDS = [f"w{i:03}" for i in range(WORLDS)]
ATTAINMENT = pd.DataFrame(
    columns=[
        *("dealer_id", "programme_id", "currency", "territory_id", "starts_at", "ends_at"),
        *("amount_to_date", "expected_amount", "tier_no", "next_tier_no", "next_threshold_amount"),
        *("shortfall_amount", "shortfall_cases", "next_rebate_gain_amount", "score", "probability", "tiers"),
        *("accrual_to_date", "accrual_mean", "accrual_p50", "accrual_p90", "reasons"),
        *("plan_zh", "plan_en", "note"),
    ]
)
TIERS = pd.DataFrame(
    columns=[
        *("tier_id", "dealer_id", "programme_id", "currency", "tier_no", "threshold_amount", "rebate_rate"),
        *("tier_rule", "rebate_amount", "shortfall_amount", "probability"),
    ]
)
PURCHASES = pd.DataFrame(columns=["dealer_id", "programme_id", "currency", *_POINTS])
SPENDS = pd.DataFrame(columns=["dealer_id", "programme_id", "currency", *_WORLDS])
REFUSED = pd.DataFrame(columns=["dealer_id", "programme_id", "faults"])
EMPTY = {
    "attainment": ATTAINMENT,
    "tiers": TIERS,
    "purchases": PURCHASES,
    "spends": SPENDS,
    "refused": REFUSED,
    "offers": OFFERS,
}


def attainment_frame(
    progress: Progress, ladders: Ladders, told: Attainment, totals: Array, case_amount: Array
) -> pd.DataFrame:
    """The main frame, but for its notes."""
    rows, place = progress.rows, told.tier
    frame = rows[["dealer_id", "programme_id", "currency", "starts_at", "ends_at"]].copy()
    frame["territory_id"] = progress.accounts["territory_id"].to_numpy()[rows["account"]]
    frame["amount_to_date"] = rows["amount_to_date"]
    frame["expected_amount"] = totals.mean(axis=1).round(2)
    numbers = [[tier.tier_no for tier in one.tiers] for one in ladders.ladders]
    frame["tier_no"] = [no[at - 1] if at else 0 for no, at in zip(numbers, place, strict=True)]
    following = [no[at] if at < len(no) else None for no, at in zip(numbers, place, strict=True)]
    frame["next_tier_no"] = pd.array(following, dtype="Int64")
    frame["next_threshold_amount"] = frame["amount_to_date"].clip(lower=0) + told.shortfall
    frame["shortfall_amount"] = told.shortfall
    frame["shortfall_cases"] = np.ceil(told.shortfall / case_amount - 1e-9)
    frame["next_rebate_gain_amount"] = told.gain
    frame["probability"] = _of_next(told)
    frame["score"] = (100 * frame["probability"]).round(1)
    frame["tiers"] = pd.Series(_tiers(ladders, told), index=frame.index, dtype=object)
    frame = frame.assign(accrual_to_date=told.to_date, accrual_mean=told.mean, accrual_p50=told.p50)
    frame["accrual_p90"] = told.p90
    frame["reasons"] = pd.Series(_reasons(progress, told, totals), index=frame.index, dtype=object)
    records = frame.to_dict("records")
    for language in ("zh", "en"):
        frame[f"plan_{language}"] = [plan_text(one, language) for one in records]  # type: ignore[arg-type]
    return frame


def tiers_frame(rows: pd.DataFrame, ladders: Ladders, told: Attainment) -> pd.DataFrame:
    """One row a tier, with what the ladder pays exactly at its threshold."""
    parts: list[dict[str, Any]] = []
    bought = rows["amount_to_date"].to_numpy(float)
    names = list(zip(rows["dealer_id"].astype(str), rows["programme_id"].astype(str), strict=True))
    for at, ((dealer, programme), ladder) in enumerate(zip(names, ladders.ladders, strict=True)):
        for k, tier in enumerate(ladder.tiers):
            missing = max(float(tier.threshold_amount) - bought[at], 0.0)
            parts.append(
                {
                    "tier_id": f"{dealer}/{programme}/{tier.tier_no}",
                    "dealer_id": dealer,
                    "programme_id": programme,
                    "currency": ladder.currency,
                    "tier_no": tier.tier_no,
                    "threshold_amount": float(tier.threshold_amount),
                    "rebate_rate": float(tier.rebate_rate),
                    "tier_rule": ladder.rule,
                    "rebate_amount": float(ladder.pay(tier.threshold_amount).ladder),
                    "shortfall_amount": round(float(missing), 3),
                    "probability": told.probability[at, k],
                }
            )
    return pd.DataFrame(parts, columns=TIERS.columns)


def purchases_frame(rows: pd.DataFrame, totals: Array) -> pd.DataFrame:
    """Equally likely totals of each row, rising."""
    named = rows[["dealer_id", "programme_id", "currency"]].reset_index(drop=True)
    levels = (np.arange(POINTS) + 0.5) / POINTS
    points = np.quantile(totals, levels, axis=1).T if len(totals) else np.empty((0, POINTS))
    return pd.concat([named, pd.DataFrame(points.round(2), columns=_POINTS)], axis=1)


def spends_frame(rows: pd.DataFrame, ladders: Ladders, told: Attainment) -> pd.DataFrame:
    """What each row's programme pays in each world: sums over rows are drawn together."""
    named = rows[["dealer_id", "programme_id", "currency"]].reset_index(drop=True)
    kept = (
        told.coins[:, np.arange(WORLDS) % max(told.coins.shape[1], 1)] if len(rows) else np.empty((0, WORLDS))
    )
    amounts = kept / ladders.coins_per_unit.astype(float)[:, None]
    return pd.concat([named, pd.DataFrame(amounts, columns=_WORLDS)], axis=1)


def _of_next(told: Attainment) -> Array:
    """Probability of the next tier, of the highest where all are reached, [n]."""
    depth = (~np.isnan(told.probability)).sum(axis=1)
    place = np.minimum(told.tier, depth - 1)
    return np.asarray(told.probability[np.arange(len(place)), place])


def _tiers(ladders: Ladders, told: Attainment) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "tier_no": tier.tier_no,
                "threshold_amount": float(tier.threshold_amount),
                "rebate_rate": float(tier.rebate_rate),
                "probability": round(float(told.probability[row, k]), 4),
            }
            for k, tier in enumerate(ladder.tiers)
        ]
        for row, ladder in enumerate(ladders.ladders)
    ]


def _reasons(progress: Progress, told: Attainment, totals: Array) -> list[list[Reason]]:
    rows = progress.rows
    bought = rows["amount_to_date"].to_numpy(float)
    days = (rows["days_elapsed"] + rows["days_left"]).to_numpy(float)
    facts = Facts(
        bought=bought,
        within=totals - bought[:, None],
        threshold=bought + np.nan_to_num(told.shortfall),
        elapsed_rate=rows["days_elapsed"].to_numpy(float) / np.maximum(days, 1),
        cover=progress.cover[rows["account"], -1] if len(rows) else np.zeros(0),
    )
    top = {"code": "TOP_TIER", "text": "The highest tier is reached.", "effect": 0.0}
    said = reasons(facts)
    return [[top] if np.isnan(gap) else one for gap, one in zip(told.shortfall, said, strict=True)]
