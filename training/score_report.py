"""Score report: the evidence of a scoring room as a page and as JSON.

`scores.json` holds the tables of training.trust with the title and what the numbers rest on
(`about`); `scores.html` shows the same in one file that needs no network, font or script.
"""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from training import trust

_TEMPLATE = "scores.html.j2"


def write_score_report(
    evidence: pd.DataFrame, *, out: Path, title: str, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Write `out`/scores.json and `out`/scores.html; returns what the JSON holds."""
    report = {"title": title, "about": dict(about), **trust.report(evidence)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "scores.json").write_text(json.dumps(report, indent=2, ensure_ascii=False, default=str), "utf-8")
    (out / "scores.html").write_text(render(report), encoding="utf-8")
    return report


def render(report: Mapping[str, Any]) -> str:
    """The page as text."""
    source = resources.files("training").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(source)
    return page.render(**{**report, "reliability": _points(report["reliability"])}, number=_number)


def _points(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Reliability of each task as points in a unit square, `top` being its upper edge."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_task.setdefault(str(row["task"]), []).append(row)
    return {task: _scaled(part) for task, part in by_task.items()}


def _scaled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    top = max(max(row["probability"], row["outcome"]) for row in rows) or 1.0
    return [
        {
            "x": round(row["probability"] / top, 4),
            "y": round(row["outcome"] / top, 4),
            "top": f"{top:.0%}",
            "said": f"promised {row['probability']:.1%}, happened {row['outcome']:.1%}, {row['n']} rows",
        }
        for row in rows
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
