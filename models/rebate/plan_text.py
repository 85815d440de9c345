"""Plan text: a dealer's rebate plan in words, Chinese and English, from the facts of its row.

Plain functions of the facts: the same facts give the same text. Amounts are in the programme's currency,
chances rounded to whole percents, and never told as certain.
Errors: ValueError (a language that is not written).

>>> row = {"programme_id": "R2025", "currency": "CNY", "ends_at": pd.Timestamp("2025-12-31"),
...     "amount_to_date": 820000.0, "expected_amount": 990000.0, "tier_no": 1, "next_tier_no": 2,
...     "next_threshold_amount": 1000000.0, "shortfall_amount": 180000.0, "shortfall_cases": 75.0,
...     "next_rebate_gain_amount": 9000.0, "probability": 0.46, "accrual_mean": 21000.0,
...     "accrual_p90": 30000.0, "reasons": []}
>>> print(plan_text(row, "en"))
Programme R2025, until 2025-12-31: CNY 820,000 bought so far (tier 1), CNY 990,000 expected by the end.
To tier 2: CNY 180,000 or about 75 cases more; it would bring CNY 9,000 more rebate. Chance: 46 %.
Likely to be within reach: spread the missing cases over the months that are left.
Rebate expected: CNY 21,000; set aside up to CNY 30,000.
>>> plan_text(row, "zh").splitlines()[1]
'距第 2 档还差 CNY 180,000，约 75 箱；达到后返利增加 CNY 9,000。达成概率 46%。'
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

LANGUAGES = ("zh", "en")
LIKELY, POSSIBLE = 0.8, 0.3
_ADVICE = {
    "likely": (
        "On the way: keep the usual orders, nothing extra is needed.",
        "进度良好：按正常节奏订货即可，无需额外备货。",
    ),
    "possible": (
        "Likely to be within reach: spread the missing cases over the months that are left.",
        "有望达成：把缺口箱数分摊到剩余月份，均匀补足。",
    ),
    "far": (
        "Far off: orders for the tier alone would only fill the store; aim at steady sales.",
        "差距较大：不建议为冲档压货，以稳定动销为主。",
    ),
    "stock": (
        "Sell what is in stock first: a larger order for the tier alone is not advised.",
        "库存偏高：请先消化库存，不建议为冲档加大订货。",
    ),
    "top": (
        "The highest tier is reached: keep selling, returns would take it away again.",
        "已达最高档：保持动销，注意退货会拉低档位。",
    ),
}


def plan_text(row: Mapping[str, Any], language: str) -> str:
    """The plan of one dealer and programme."""
    if language not in LANGUAGES:
        raise ValueError(f"Plans are written in {' and '.join(LANGUAGES)}, not in {language!r}.")
    parts = (_standing, _distance, _advice, _accrual)
    said = [part(row, language == "zh") for part in parts]
    return "\n".join(line for line in said if line)


def _standing(row: Mapping[str, Any], zh: bool) -> str:
    so_far, expected = (_money(row, name) for name in ("amount_to_date", "expected_amount"))
    number, day = int(row["tier_no"]), f"{row['ends_at']:%Y-%m-%d}"
    if zh:
        tier = f"已达第 {number} 档" if number else "尚未达档"
        return f"方案 {row['programme_id']}（至 {day}）：累计进货 {so_far}（{tier}），预计期末 {expected}。"
    tier = f"tier {number}" if number else "no tier yet"
    named = f"Programme {row['programme_id']}, until {day}"
    return f"{named}: {so_far} bought so far ({tier}), {expected} expected by the end."


def _distance(row: Mapping[str, Any], zh: bool) -> str:
    if pd.isna(row["next_tier_no"]):
        return ""
    number, p = int(row["next_tier_no"]), min(max(round(100 * row["probability"]), 1), 99)
    missing, gain = _money(row, "shortfall_amount"), _money(row, "next_rebate_gain_amount")
    cases = "" if pd.isna(row["shortfall_cases"]) else f"{row['shortfall_cases']:,.0f}"
    if zh:
        boxes = f"，约 {cases} 箱" if cases else ""
        return f"距第 {number} 档还差 {missing}{boxes}；达到后返利增加 {gain}。达成概率 {p}%。"
    boxes = f" or about {cases} cases" if cases else ""
    return f"To tier {number}: {missing}{boxes} more; it would bring {gain} more rebate. Chance: {p} %."


def _advice(row: Mapping[str, Any], zh: bool) -> str:
    return _ADVICE[advice(row)][1 if zh else 0]


def advice(row: Mapping[str, Any]) -> str:
    """likely, possible, far, stock (too much of it to buy for the tier) or top."""
    if pd.isna(row["next_tier_no"]):
        return "top"
    if row["probability"] >= LIKELY:
        return "likely"
    if any(one["code"] == "STOCK" for one in row["reasons"]):
        return "stock"
    return "possible" if row["probability"] >= POSSIBLE else "far"


def _accrual(row: Mapping[str, Any], zh: bool) -> str:
    mean, high = _money(row, "accrual_mean"), _money(row, "accrual_p90")
    if zh:
        return f"预计返利 {mean}；建议按不超过 {high} 计提。"
    return f"Rebate expected: {mean}; set aside up to {high}."


def _money(row: Mapping[str, Any], name: str) -> str:
    return f"{row['currency']} {row[name]:,.0f}"
