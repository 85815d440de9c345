"""Report: a backtest as a page that a planner reads and a file that a program reads.

`report.json` is the scorecard with the title, the headline and what was known when; `report.html`
shows the same with drawings, in one file that needs no network, font or script. Both are replaced
whole or not at all.

`about` says what the numbers rest on, and is printed as it is: `data_version`, `code_version`,
`plans` (names known ahead), `delay` (periods until sales are on record), and whatever else. `notes` are
sentences on what is odd in the data; they stand on top.

Errors: those of training.scorecard. Every text from data is escaped.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from training import wording
from training.charts import lines
from training.gallery import gallery
from training.scorecard import STACK, Evidence, best, scorecard

_TEMPLATE = "report.html.j2"
_GOOD, _FAIR = 0.03, 0.08  # how far a band's share of truths may be from what it promises


def write_report(
    evidence: Evidence, *, out: Path, title: str, about: Mapping[str, Any], notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Write `out`/report.json and `out`/report.html; returns what the JSON holds."""
    card = scorecard(evidence)
    report: dict[str, Any] = {"title": title, "headline": wording.headline(card), "notes": list(notes)}
    report |= {"about": dict(about), **card}
    page = render(report, evidence)
    out.mkdir(parents=True, exist_ok=True)
    _replace(out / "report.json", json.dumps(report, indent=2, ensure_ascii=False, default=str))
    _replace(out / "report.html", page)
    return report


def render(report: Mapping[str, Any], evidence: Evidence) -> str:
    """The page as text."""
    source = resources.files("training").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    page = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(source)
    noun = evidence.rhythm.noun
    return page.render(
        r=report,
        noun=noun,
        sums=evidence.sums,
        stack=STACK,
        best_planner=best(report, "planner"),
        leaders=_leaders(report),
        whiskers=_whiskers(report),
        segments=_pairs(report, "segment"),
        steps=_pairs(report, "horizon"),
        horizon_chart=_horizon_chart(report, noun),
        coverage_rows=_coverage_rows(report, noun),
        pictures=gallery(evidence, report),
        label=lambda method: wording.label(method, noun),
        segment_label=wording.segment,
        pct=lambda *args: _tight(wording.percent(*args)),
        signed=lambda *args: _tight(wording.signed(*args)),
        tight=_tight,
        units=wording.units,
        said=_said,
    )


def _leaders(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Methods, best WAPE first, with the length of their bars (share of the longest)."""
    rows = [{"method": name, **row} for name, row in report["methods"].items()]
    rows.sort(key=lambda row: (row["wape"] is None, row["wape"]))
    longest = max((row["wape"] or 0.0 for row in rows), default=0.0) or 1.0
    return [row | {"bar": _length(row["wape"], longest)} for row in rows]


def _whiskers(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Improvements, planners' methods first, with positions on a common axis (percent of its width)."""
    rows = [row for row in report["improvement"] if row["improvement"] is not None]
    ends = [0.0, *(row[k] for row in rows for k in ("low", "high") if row[k] is not None)]
    low, high = min(ends), max(max(ends), 0.01)

    def place(value: float | None) -> float:
        return float(round(100 * ((value or 0.0) - low) / (high - low), 2))

    placed = [
        row
        | {"zero": place(0.0), "at": place(row["improvement"])}
        | {"from": place(row["low"]), "to": place(row["high"])}
        for row in rows
    ]
    return sorted(placed, key=lambda row: (row["role"] != "planner", -row["improvement"]))


def _pairs(report: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    """Each segment or period ahead once, with the metrics of every method inside."""
    parts: dict[Any, dict[str, Any]] = {}
    for row in report[f"by_{part}"]:
        entry = parts.setdefault(row[part], {"name": row[part], "methods": {}})
        entry |= {"n_series": row["n_series"], "unit_share": row["unit_share"]}
        entry["methods"][row["method"]] = row
    longest = max((e["methods"][STACK]["wape"] or 0.0 for e in parts.values()), default=0.0) or 1.0
    return [e | {"bar": _length(e["methods"][STACK]["wape"], longest)} for e in parts.values()]


def _horizon_chart(report: Mapping[str, Any], noun: str) -> dict[str, Any]:
    """The stack, the two best planners' methods and the best member, period by period."""
    steps = _pairs(report, "horizon")
    planners = [row["method"] for row in _leaders(report) if row["role"] == "planner"][:2]
    chosen = [m for m in (STACK, *planners, best(report, "member")) if m is not None]
    curves = {m: [step["methods"][m]["wape"] for step in steps] for m in chosen}
    ticks = [str(step["name"]) for step in steps]
    return {"methods": chosen, "drawing": lines(curves, ticks, title=f"WAPE by {noun} ahead")}


def _coverage_rows(report: Mapping[str, Any], noun: str) -> list[dict[str, Any]]:
    """Overall, each period ahead, each segment: what each band held."""
    parts = [("all forecasts", report["coverage"]["overall"])]
    for part, named in (("horizon", lambda v: f"{noun} {v}"), ("segment", wording.segment)):
        rows = report["coverage"][f"by_{part}"]
        values = list(dict.fromkeys(row[part] for row in rows))
        parts += [(named(v), [row for row in rows if row[part] == v]) for v in values]
    return [{"name": name, "cells": [_cell(row) for row in rows]} for name, rows in parts if rows]


def _cell(row: Mapping[str, Any]) -> dict[str, Any]:
    gap = 1.0 if row["reached"] is None else abs(row["reached"] - row["nominal"])
    return {**row, "tone": "good" if gap <= _GOOD else "fair" if gap <= _FAIR else "poor"}


def _length(value: float | None, longest: float) -> float:
    return round(100 * (value or 0.0) / longest, 1)


def _tight(text: str) -> str:
    """A number and its sign stay on one line."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _said(value: Any) -> str:
    """A value of `about` in words."""
    if isinstance(value, str) or not isinstance(value, (list, tuple, Mapping)):
        return str(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{k}: {_said(v)}" for k, v in value.items()) or "none"
    return ", ".join(map(_said, value)) or "none"


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
