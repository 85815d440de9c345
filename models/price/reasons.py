"""Reasons: why a price should move or stay, as codes and sentences.

In:   decided lines (models.price.decide, elasticities by their public names), corridors, rules.
Out:  for each line a list of {"code", "text", "effect"}: the move first, its effect the expected change of
      margin over the margin of now; then what keeps the price from its own best, the effect being how far
      the suggested price lies from it, as a fraction.
"""

from typing import Any

import numpy as np
import pandas as pd

from models.price.decide import Rules

_NEAR = 2e-3  # of a price
_MOVES = {
    "RAISE": "Demand answers a higher price less than the margin of a unit gains.",
    "LOWER": "A lower price brings more units than it costs in margin.",
    "CORRIDOR_MOVE": "Moved so that territories do not lie too far apart; alone it would not.",
    "FLOOR_MOVE": "Below its margin floor: raised towards it.",
    "BEST_NOW": "No allowed price is expected to earn more.",
    "NOT_SURE": "A better margin is not likely enough to move for.",
    "NO_UNIT_COST": "The cost of a unit is not known; nothing is said of its margin.",
}
_BINDS = {
    "CORRIDOR": "Held by the corridor between territories.",
    "MARGIN_FLOOR": "Held by the margin floor.",
    "STEP": "Held by the step allowed at once.",
    "SEEN": "Held by the prices that were seen; beyond them demand is not known.",
    "LIST_PRICE": "Held by the list price.",
}


def reasons(lines: pd.DataFrame, corridors: pd.DataFrame, rules: Rules) -> list[list[dict[str, Any]]]:
    """Reasons of every line."""
    bound = set(zip(corridors["sku_id"], corridors["dear_territory_id"], strict=True))
    bound |= set(zip(corridors["sku_id"], corridors["cheap_territory_id"], strict=True))
    return [_of(row, bound, rules) for row in lines.to_dict("records")]


def _of(row: dict[Any, Any], bound: set[Any], rules: Rules) -> list[dict[str, Any]]:
    if np.isnan(row["unit_cost"]):
        return [_said(_MOVES, "NO_UNIT_COST", 0.0)]
    margin = (row["net_price"] - row["unit_cost"]) * row["units_mean"]
    effect = row["margin_change_amount"] / max(abs(margin), 1e-9)
    told = [_said(_MOVES, _move(row, rules), effect)]
    held = _held(row, bound, rules)
    short = row["suggested_price"] / row["best_price"] - 1
    return told + [_said(_BINDS, code, short if code == "CORRIDOR" else 0.0) for code in held]


def _move(row: dict[Any, Any], rules: Rules) -> str:
    if not row["moved"]:
        return "BEST_NOW" if abs(row["best_price"] / row["net_price"] - 1) <= _NEAR else "NOT_SURE"
    up = row["suggested_price"] > row["net_price"]
    if up and row["net_price"] * (1 - rules.margin_floor_rate) < row["unit_cost"]:
        return "FLOOR_MOVE"
    if row["margin_change_amount"] <= 0:
        return "CORRIDOR_MOVE"
    return "RAISE" if up else "LOWER"


def _held(row: dict[Any, Any], bound: set[Any], rules: Rules) -> list[str]:
    price, now = row["suggested_price"], row["net_price"]
    floor = row["unit_cost"] / (1 - rules.margin_floor_rate)
    tests = {
        "CORRIDOR": (row["sku_id"], row["territory_id"]) in bound and not _near(price, row["best_price"]),
        "MARGIN_FLOOR": _near(price, floor),
        "STEP": _near(price, now * (1 + rules.step_rate)) or _near(price, now * (1 - rules.step_rate)),
        "SEEN": row["moved"] and (_near(price, row["seen_high"]) or _near(price, row["seen_low"])),
        "LIST_PRICE": row["moved"] and _near(price, row["list_price"]),
    }
    return [code for code, holds in tests.items() if holds]


def _near(price: float, other: float) -> bool:
    return bool(abs(price / other - 1) <= _NEAR) if other and np.isfinite(other) else False


def _said(texts: dict[str, str], code: str, effect: float) -> dict[str, Any]:
    return {"code": code, "text": texts[code], "effect": round(float(effect), 4)}
