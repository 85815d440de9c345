"""Wording: what a scorecard says, in sentences and names that a planner uses.

>>> label("seasonal_naive", "month"), label("mean_12", "month"), label("lstm", "month")
('same month last year', 'mean of the last 12 months', 'LSTM')
>>> percent(0.1456), percent(None), signed(-0.221), units(12345.4)
('14.6 %', '–', '−22.1 %', '12,345')
"""

import re
from collections.abc import Mapping
from typing import Any

from features.frequency import frequency
from training.scorecard import STACK, best

_NAMES = {
    STACK: "Qudao (the stack)",
    "boosted": "LightGBM",
    "lightgbm": "LightGBM",
    "lstm": "LSTM",
    "ets": "ETS",
    "theta": "Theta",
    "croston": "Croston",
    "last_value": "last value",
}
_CLASSES = {"A": "large", "B": "middling", "C": "small"}
_FEEL = {"smooth": "sells regularly", "lumpy": "sells now and then"}


def label(method: str, noun: str) -> str:
    """A method's name in words; a name that we do not know stays as it is."""
    if method == "seasonal_naive":
        return f"same {noun} last year"
    if means := re.fullmatch(r"mean_(\d+)", method):
        return f"mean of the last {means[1]} {noun}s"
    return _NAMES.get(method, method)


def segment(name: str) -> str:
    """A segment in words.

    >>> segment("A lumpy"), segment("new")
    ('large, sells now and then', 'no history before the first cutoff')
    """
    volume, _, feel = name.partition(" ")
    if volume in _CLASSES and feel in _FEEL:
        return f"{_CLASSES[volume]}, {_FEEL[feel]}"
    return "no history before the first cutoff" if name == "new" else name


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage; a dash where there is none."""
    return "–" if share is None else f"{share * 100:.{digits}f} %".replace("-", "−")


def signed(share: float | None, digits: int = 1) -> str:
    """A share as a percentage that always shows its sign."""
    return "–" if share is None else f"{share * 100:+.{digits}f} %".replace("-", "−")


def units(value: float | None) -> str:
    """A count with thousands apart."""
    return "–" if value is None else f"{value:,.0f}".replace("-", "−")


def headline(card: Mapping[str, Any]) -> list[str]:
    """The report in a few sentences, the most important first."""
    return [s for s in (_error(card), _sums(card), _bias(card), _bands(card), _member(card)) if s]


def against(row: Mapping[str, Any], noun: str) -> str:
    """How the stack compares with one method, no surer than the bootstrap is.

    >>> against({"over": "last_value", "improvement": 0.296, "low": 0.25, "high": 0.33}, "month")
    '30 % lower than the last value'
    >>> against({"over": "ets", "improvement": 0.01, "low": -0.02, "high": 0.03}, "month")
    'not surely different from ETS'
    """
    name, gain = _with_article(label(row["over"], noun)), row["improvement"]
    if gain is None or row["low"] is None or row["low"] <= 0 <= row["high"]:
        return f"not surely different from {name}"
    return f"{percent(abs(gain), 0)} {'lower' if gain > 0 else 'higher'} than {name}"


def _with_article(name: str) -> str:
    return f"the {name}" if name.startswith(("mean ", "same ", "last ")) else name


def _error(card: Mapping[str, Any]) -> str:
    noun, rows = _noun(card), {row["over"]: row for row in card["improvement"]}
    said = f"The stack's WAPE is {percent(card['methods'][STACK]['wape'])}"
    if card["methods"][STACK]["wape"] is None:
        return "Nothing was sold in what was judged: there is no WAPE."
    hardest = best(card, "planner")
    if hardest is None:
        return f"{said}."
    said += f", {against(rows[hardest], noun)}, the best of the planners' methods"
    last_year = rows.get("seasonal_naive")
    if last_year and hardest != "seasonal_naive":
        said += f", and {against(last_year, noun)}"
    return f"{said}."


def _sums(card: Mapping[str, Any]) -> str:
    share, noun = card["methods"][STACK]["agg_wape"], _noun(card)
    return f"Over sums of {card['sums']} {noun}s it is {percent(share)}." if share is not None else ""


def _bias(card: Mapping[str, Any]) -> str:
    bias = card["methods"][STACK]["bias"]
    if bias is None:
        return ""
    if abs(bias) < 0.0005:
        return "In total it promised neither too much nor too little."
    return f"In total it promised {percent(abs(bias))} too {'much' if bias > 0 else 'little'}."


def _bands(card: Mapping[str, Any]) -> str:
    wide = [
        row for row in card["coverage"]["overall"] if row["nominal"] >= 0.8 and row["reached"] is not None
    ]
    kept = [f"{row['reached'] * 100:.0f} fell inside the {percent(row['nominal'], 0)} band" for row in wide]
    return f"Of 100 outcomes, {' and '.join(kept)}." if kept else ""


def _member(card: Mapping[str, Any]) -> str:
    member = best(card, "member")
    if member is None:
        return ""
    reached = percent(card["methods"][member]["wape"])
    return f"Its best single member, {label(member, _noun(card))}, reaches {reached}."


def _noun(card: Mapping[str, Any]) -> str:
    return frequency(card["freq"]).noun
