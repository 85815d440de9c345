"""Clauses: the amounts, rates, periods and dates that a clause states, each with its place.

In:   a clause, or any text, in Chinese or English.
Out:  `Fact`s in the order of the text; `text[start:end]` is the wording. Kinds and units: amount (currency
      units as written, 万 and 亿 multiplied out), rate (a fraction), days (months of 30, years of 365 days),
      date (as written, value NaN).

Limits: Chinese numerals up to 9,999; half words such as 对半 are not numbers.

>>> text = "乙方应于三十日内支付货款5万元,逾期每日按0.5‰计息,2024年5月1日起执行"
>>> [(f.kind, round(f.value, 4), text[f.start : f.end]) for f in facts(text) if f.kind != "date"]
[('days', 30.0, '三十日内'), ('amount', 50000.0, '5万元'), ('rate', 0.0005, '0.5‰')]
>>> [f.value for f in facts("payable within 60 days, at most 10% of USD 2,000")]
[60.0, 0.1, 2000.0]
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from features.glyphs import plain

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0, "半": 0.5}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_TIMES = {
    "千": 1e3,
    "万": 1e4,
    "百万": 1e6,
    "千万": 1e7,
    "亿": 1e8,
    "million": 1e6,
    "thousand": 1e3,
    None: 1.0,
    "": 1.0,
}
_SMALL = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: float(i) for i, word in enumerate(_SMALL)}
_WORDS |= {"twelve": 12.0, "fifteen": 15.0, "twenty": 20.0, "thirty": 30.0, "forty-five": 45.0}
_WORDS |= {"sixty": 60.0, "ninety": 90.0}
_DAYS = {"日": 1, "天": 1, "周": 7, "星期": 7, "月": 30, "季": 90, "年": 365}
_DAYS |= {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}
_N = r"(?:\d[\d,]*(?:\.\d+)?|[零一二三四五六七八九十百千两〇半]+)"
_W = "|".join(sorted(_WORDS, key=len, reverse=True))
_FACTS = re.compile(
    r"(?P<date>\d{4}\s?[年/.-]\s?\d{1,2}\s?(?:[月/.-]\s?\d{1,2}\s?日?|月)|\d{4}年度?)"
    rf"|百分之(?P<zh_rate>{_N})|千分之(?P<zh_mille>{_N})|万分之(?P<zh_myriad>{_N})"
    rf"|(?P<rate>{_N})\s?(?P<sign>%|‰|per cent|percent|成|个点|折)"
    rf"|(?P<amount>{_N})\s?(?P<times>百万|千万|万|亿|千)?\s?(?:元|块|RMB|CNY|人民币|美元|欧元)"
    rf"|(?:CNY|RMB|USD|EUR|US\$|\$|¥|€)\s?(?P<money>\d[\d,]*(?:\.\d+)?)\s?(?P<en_times>million|thousand|万|亿)?"
    rf"|(?P<period>{_N})\s?个?(?:自然|工作|营业)?\s?(?P<unit>日|天|周|星期|月|季度?|年)(?:之?内|以内|前)?(?!度|份|初|底|末)"
    rf"|\b(?P<en_period>\d+|{_W})\s?(?:\(\d+\)\s?)?(?:calendar |business |working "
    rf")?(?P<en_unit>day|week|month|quarter|year)s?\b",
    re.IGNORECASE,
)
_SIGNS = {"%": 0.01, "per cent": 0.01, "percent": 0.01, "个点": 0.01, "‰": 0.001, "成": 0.1, "折": 0.1}


@dataclass(frozen=True)
class Fact:
    """Something stated in numbers."""

    kind: Literal["amount", "rate", "days", "date"]
    value: float
    start: int
    end: int


def facts(text: str) -> list[Fact]:
    """All numbers that mean something, in order."""
    return list(_facts(plain(text)))


def _facts(same: str) -> Iterator[Fact]:
    for m in _FACTS.finditer(same):
        if m["date"]:
            yield Fact("date", float("nan"), m.start(), m.end())
        elif (rate := _rate(m)) is not None:
            yield Fact("rate", rate, m.start(), m.end())
        elif said := m["amount"] or m["money"]:
            times = m["times"] if m["amount"] else (m["en_times"] or "").lower()
            yield Fact("amount", _number(said) * _TIMES[times], m.start(), m.end())
        else:
            said, unit = m["period"] or m["en_period"], (m["unit"] or m["en_unit"]).lower()
            days = _DAYS[unit if unit in _DAYS else unit[0]]
            yield Fact("days", _number(said.lower()) * days, m.start(), m.end())


def _rate(m: "re.Match[str]") -> float | None:
    for name, unit in (("zh_rate", 0.01), ("zh_mille", 0.001), ("zh_myriad", 0.0001)):
        if m[name]:
            return _number(m[name]) * unit
    return _number(m["rate"]) * _SIGNS[m["sign"].lower()] if m["rate"] else None


def _number(said: str) -> float:
    if said in _WORDS:
        return _WORDS[said]
    if said[0].isdigit():
        return float(said.replace(",", ""))
    total, digit = 0.0, 0.0
    for c in said:
        if c in _UNITS:
            total, digit = total + (digit or 1.0) * _UNITS[c], 0.0
        else:
            digit = _DIGITS[c]
    return total + digit
