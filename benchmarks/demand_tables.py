"""Tables of the demand benchmark: the README's few rows a set, the room page's whole ones.

Written from the results on disk, between `<!-- NAME:start -->` and `<!-- NAME:end -->`.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.demand_sets import PROTOCOLS

Row = dict[str, Any]
_SCORES = (
    "wape",
    "agg_wape",
    "mase",
    "rmsse",
    "bias",
    "pinball",
    "coverage_80",
    "coverage_90",
    "coverage_95",
)
_HEAD = "| data | method | WAPE | of sums | MASE | RMSSE | bias | pinball | 80 % | 90 % | 95 % | seconds |"


def write_tables(root: Path) -> None:
    """The README's table and the three of docs/rooms/demand.md."""
    results = _results(root / "benchmarks" / "results")
    _between(root / "README.md", "results", "\n".join(_short(results)))
    page = root / "docs" / "rooms" / "demand.md"
    _between(page, "results", "\n".join(_whole(results)))
    _between(page, "ablation", "\n".join(_ablation(results, "ablation")))
    _between(page, "levers", "\n".join(_ablation(results, "levers")))


def _results(folder: Path) -> dict[str, Row]:
    paths = {p.name: folder / f"demand_{p.name}.json" for p in PROTOCOLS}
    return {n: json.loads(p.read_text(encoding="utf-8")) for n, p in paths.items() if p.exists()}


def _between(page: Path, marker: str, table: str) -> None:
    """Put a table between the markers of a page that has them."""
    text, start, end = page.read_text(encoding="utf-8"), f"<!-- {marker}:start -->", f"<!-- {marker}:end -->"
    if start in text:
        before, rest = text.split(start, 1)
        page.write_text(f"{before}{start}\n{table}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def _short(results: dict[str, Row]) -> list[str]:
    """The stack, our best member, the network, the best peer, the best of the planners' methods."""
    lines = [
        "| data | method | WAPE | WAPE of sums | bias | 80 % covers | 90 % covers |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        members = result["settings"]["members"]
        ours = [row for row in result["methods"] if row["method"] != "mean"]
        planners = [row for row in ours if row["method"] not in members]
        spoke = [row for row in result.get("peers", []) if row["method"] == result.get("best_peer")]
        chosen = [("**stack**", result["methods"][0])]
        chosen += [(f"our {row['method']}", row) for row in _lowest(ours, members)]
        chosen += [(f"peer: {row['method']}", row) for row in _lowest(spoke)]
        chosen += [(f"planner: {row['method']}", row) for row in _lowest(planners)]
        lines += [f"| {name} | {label} | {_cells(row, _FEW)} |" for label, row in chosen]
    return lines


_FEW = ("wape", "agg_wape", "bias", "coverage_80", "coverage_90")


def _lowest(rows: list[Row], among: list[str] | None = None) -> list[Row]:
    known = [row for row in rows if row.get("wape") is not None and (among is None or row["method"] in among)]
    return sorted(known, key=lambda row: float(row["wape"]))[:1]


def _whole(results: dict[str, Row]) -> list[str]:
    """Every method; processor seconds are those of a fit and forecast of 1,000 series."""
    lines = [_HEAD, "|---" * 12 + "|"]
    for name, result in results.items():
        methods, peers = result["methods"], result.get("peers", [])
        named = [("**stack**" if row["method"] == "mean" else row["method"], row) for row in methods]
        named += [(f"peer: {row['method']}", row) for row in peers]
        named.sort(key=lambda pair: pair[1].get("wape") or 9.0)
        lines += [f"| {name} | {label} | {_cells(row, _SCORES)} | {_seconds(row)} |" for label, row in named]
    return lines


def _ablation(results: dict[str, Row], part: str) -> list[str]:
    """What the model scores without each member, or lever."""
    lines = ["| data | without | WAPE | lost | of sums | lost | bias | pinball | lost |", "|---" * 9 + "|"]
    columns = ("wape", "wape_lost", "agg_wape", "agg_lost", "bias", "pinball", "pinball_lost")
    for name, result in results.items():
        for row in result.get(part, []):
            lines.append(f"| {name} | {row['without']} | {_cells(row, columns)} |")
    return lines


def _seconds(row: Row) -> str:
    if row.get("note"):
        return str(row["note"])
    fit = row.get("user_seconds_per_1000", row.get("fit_user_seconds_per_1000"))
    return "" if fit is None else f"{fit:.1f}"


def _cells(row: Row, columns: tuple[str, ...]) -> str:
    return " | ".join(_cell(column, row.get(column)) for column in columns)


def _cell(column: str, value: float | None) -> str:
    if value is None or value != value:
        return ""
    return (
        f"{value:+.4f}"
        if column.endswith("lost")
        else f"{value:+.3f}"
        if column == "bias"
        else f"{value:.4f}"
    )
