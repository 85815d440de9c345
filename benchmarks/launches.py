"""Launches: what is said of a series before it has sold, beside simple quantiles, one run.

    python benchmarks/launches.py

Protocols. At each cutoff whole series, products or dealers are hidden (five parts, each hidden once) and
asked for three months ahead with 0, 1 or 3 of their own months shown; hidden series are in nobody's fit.
  stallion   350 agency x SKU series, cutoffs 2016-12 to 2017-09. It has no attributes at all: a new dealer
             is known by its product alone, and the category is all beer.
  channel    two simulated channels (60 dealers, 16 products, 60 months; seeds 21 and 22), last cutoff; their
             true launches (series that begin late, first three months) are told apart in `began`.
Beside: quantiles of the category's months of the last year, of the product's, and the category's mean as
the answer at every level. Pinball is the mean over the seven levels, over mean demand. How many analogues
are asked (`nearest`) was chosen on Stallion's cutoff 2016-06 and on seed 11.

Results: benchmarks/results/launches.json.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from features.errors import ChannelError  # noqa: E402
from features.frequency import MONTHLY  # noqa: E402
from features.gather import gather  # noqa: E402
from features.panel import Panel  # noqa: E402
from features.simulator import World, simulate  # noqa: E402
from models.demand.analogues import Analogues  # noqa: E402
from models.demand.forecast import LEVELS  # noqa: E402
from training.trial import panel_of_file  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
FILE = "stallion_agency_sku_monthly/stallion.parquet"
H, PARTS, SHOWN, SEEDS = 3, 5, (0, 1, 3), (21, 22)
GOAL = -0.15  # against the category
Array = np.ndarray


def main() -> int:
    file = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data")) / FILE
    if not file.exists():
        raise ChannelError(f"Not there: {file}. Set QUDAO_DATA to the folder of public data.")
    stallion = panel_of_file([file], "stallion", freq="M")
    channels = [gather(simulate(_world(seed)).tables, MONTHLY) for seed in SEEDS]
    result = {
        "stallion": summary(stallion, [stallion.t - k for k in (12, 9, 6, 3)]),
        "channel": _pooled([losses(panel, [panel.t - H]) for panel in channels]),
        "began": _pooled([began(panel) for panel in channels]),
        "goal": {"against_category": GOAL},
    }
    out = RESULTS / "launches.json"
    out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name in ("stallion", "channel", "began"):
        for row in result[name]:
            print(name, row)
    return 0


def summary(panel: Panel, cutoffs: list[int]) -> list[dict[str, Any]]:
    """The table of one panel."""
    return _pooled([losses(panel, cutoffs)])


def losses(panel: Panel, cutoffs: list[int]) -> dict[tuple[str, int, str], Array]:
    """Pinball, demand, truths inside the 80 % band and their number, by what is new, months, method."""
    found: dict[tuple[str, int, str], Array] = {}
    for t in cutoffs:
        for new, train, asked, truth in _hidden(panel, t):
            for months in SHOWN:
                shown = np.full_like(asked.y, np.nan)
                if months:
                    shown[:, -months:] = asked.y[:, -months:]
                for method, q in answers(train, replace(asked, y=shown)).items():
                    key = (new, months, method)
                    found[key] = found.get(key, np.zeros(4)) + _loss(q, truth)
        print(f"  {panel.n} series, cutoff {panel.at(t).cutoff:%Y-%m}", file=sys.stderr)
    return found


def began(panel: Panel) -> dict[tuple[str, int, str], Array]:
    """The same for series that really began late: their first three months, told by what was known then."""
    first = np.where(np.isfinite(panel.y).any(axis=1), np.isfinite(panel.y).argmax(axis=1), 0)
    found: dict[tuple[str, int, str], Array] = {}
    for t in range(24, panel.t - H):
        if not len(rows := np.flatnonzero(first == t)):
            continue
        seen = panel.at(t)
        asked, train = seen.take(rows), seen.take(seen.started())
        for method, q in answers(train, asked).items():
            key = ("launch", 0, method)
            found[key] = found.get(key, np.zeros(4)) + _loss(q, panel.y[rows, t : t + H])
    return found


def answers(train: Panel, asked: Panel) -> Mapping[str, Array]:
    """Quantiles [n, h, k] of ours and of the simple ones."""
    ours = Analogues().fit(train).answer(asked, H).quantiles
    everybody = ["all"] * train.n
    category = train.static.get("category", everybody), asked.static.get("category", ["all"] * asked.n)
    of_category, mean = _of(train, *category)
    of_product, _ = _of(train, train.static["sku_id"], asked.static["sku_id"])
    product = np.where(np.isfinite(of_product), of_product, of_category)
    point = np.repeat(mean[:, None], len(LEVELS), axis=1)
    rest = {"category": of_category, "category_mean": point, "product": product}
    return {"analogues": ours} | {name: np.repeat(q[:, None], H, axis=1) for name, q in rest.items()}


def _of(train: Panel, theirs: Any, mine: Any) -> tuple[Array, Array]:
    """Quantiles [n, k] and mean [n] of the months of a name's series in the last year; NaN: never seen."""
    lately, names = train.y[:, -12:], np.asarray(theirs, dtype=str)
    told = {name: lately[names == name] for name in np.unique(names)}
    nothing = np.full((1, 1), np.nan)
    parts = [told.get(name, nothing) for name in np.asarray(mine, dtype=str)]
    seen = [part[np.isfinite(part)] for part in parts]
    q = [np.quantile(p, LEVELS) if p.size else np.full(len(LEVELS), np.nan) for p in seen]
    return np.stack(q), np.array([p.mean() if p.size else np.nan for p in seen])


def _hidden(panel: Panel, t: int) -> Iterator[tuple[str, Panel, Panel, Array]]:
    sold = np.nan_to_num(panel.at(t).y).sum(axis=1) > 0
    seen, truth = panel.at(t).take(sold), panel.y[sold, t : t + H]
    for new, name in (
        ("pair", seen.ids),
        ("product", seen.static["sku_id"]),
        ("dealer", seen.static["dealer_id"]),
    ):
        unique, code = np.unique(np.asarray(name, dtype=str), return_inverse=True)
        part = np.random.default_rng(0).permutation(len(unique))[code] % PARTS
        for one in range(PARTS):
            yield new, seen.take(part != one), seen.take(part == one), truth[part == one]


def _loss(q: Array, y: Array) -> Array:
    seen = np.isfinite(y)
    over = y[..., None] - q
    pinball = np.maximum(np.array(LEVELS) * over, (np.array(LEVELS) - 1) * over).mean(axis=2)
    inside = (q[..., 1] <= y) & (y <= q[..., 5])
    return np.array([pinball[seen].sum(), y[seen].sum(), inside[seen].sum(), seen.sum()])


def _pooled(parts: list[dict[tuple[str, int, str], Array]]) -> list[dict[str, Any]]:
    total = {key: sum(part.get(key, np.zeros(4)) for part in parts) for part in parts for key in part}
    rows = []
    for (new, months, method), (loss, demand, inside, count) in total.items():
        row = {
            "new": new,
            "months_shown": months,
            "method": method,
            "pinball": round(float(loss / demand), 4),
        }
        row["against_category"] = round(loss / total[new, months, "category"][0] - 1, 4)
        rows.append(row | {"coverage_80": round(inside / count, 3), "truths": int(count)})
    return rows


def _world(seed: int) -> World:
    return World(seed=seed, dealers=60, products=16, territories=8, months=60, late_share=0.3)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChannelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
