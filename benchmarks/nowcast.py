"""Nowcast of sell-out beside the planners' ways: reported units over the share of outlets that reported.

`scaled_up` counts outlets, `scaled_by_size` their usual units.

    python benchmarks/nowcast.py

Two simulated channels (30 dealers, 12 products, 48 months, all dealers report by outlet; seeds 5 and 6). Each
outlet gets a habit: it reports after a log-normal delay around its own mean (large outlets sooner), and
5 % of its months never. The 8 last months are judged, each as it stood 3, 7 and 14 days after its end by a
nowcast that was fitted on what was known by then; the truth is what came in in the end. WAPE by dealer and
product and of each dealer's sum, bias, and how often the 80 % and 90 % bands hold the truth, over the cells
of which something was still missing.

Results: benchmarks/results/nowcast_channel.json.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from features.frequency import MONTHLY  # noqa: E402
from features.reports import Reports  # noqa: E402
from features.simulator import World, simulate  # noqa: E402
from models.demand.nowcast import Nowcast, estimate  # noqa: E402
from training.progress import steps  # noqa: E402

OUT = ROOT / "benchmarks" / "results" / "nowcast_channel.json"
SEEDS, DAYS, JUDGED = (5, 6), (3, 7, 14), 8
SILENT_RATE = 0.05
METHODS = ("nowcast", "scaled_up", "scaled_by_size")


def main() -> int:
    found: dict[int, list[pd.DataFrame]] = {days: [] for days in DAYS}
    with steps(len(SEEDS) * len(DAYS) * JUDGED, "Nowcasting", show=True) as tick:
        for seed in SEEDS:
            world = World(dealers=30, products=12, months=48, outlet_reporting_share=1.0, seed=seed)
            sell_out = delayed(simulate(world).tables["sell_out"], np.random.default_rng(seed))
            months = sorted(sell_out["period_start"].unique())[-JUDGED - 1 : -1]
            for days in DAYS:
                for month in months:
                    tick(f"{month:%Y-%m}")
                    found[days].append(judged(sell_out, pd.Timestamp(month), days))
    result = {f"{days}_days_after_its_end": told(pd.concat(frames)) for days, frames in found.items()}
    OUT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    return 0


def delayed(sell_out: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The same sales, known when each outlet reported them; some months never are."""
    place = sell_out.groupby(["dealer_id", "outlet_id"]).ngroup().to_numpy()
    size = np.bincount(place, sell_out["qty_sell_out"].to_numpy())
    rank = size.argsort().argsort() / max(len(size) - 1, 1)
    habit = 14 - 8 * rank + rng.normal(0, 2, len(size))  # mean days; the large sooner
    month = MONTHLY.position(sell_out["period_start"], sell_out["period_start"].min()).to_numpy()
    taken = np.maximum(habit, 1)[:, None] * rng.lognormal(-0.08, 0.4, (len(size), month.max() + 1))
    kept = (rng.random(taken.shape) >= SILENT_RATE)[place, month]
    known = sell_out["known_at"] + pd.to_timedelta(taken[place, month], unit="D")
    return sell_out.assign(known_at=known.dt.as_unit("us"))[kept]


def judged(sell_out: pd.DataFrame, month: pd.Timestamp, days: int) -> pd.DataFrame:
    """One month at one age: nowcast, planners' way and what it came to."""
    moment = MONTHLY.shift(month, 1) + pd.Timedelta(days=days)
    age = (moment - month).total_seconds() / 86_400
    model = Nowcast().fit(sell_out, MONTHLY, age_days=age, moment=moment)
    frame = model.predict(sell_out, period=month, moment=moment)
    seen = Reports.of(sell_out, MONTHLY, moment, last=month)
    stood = estimate(seen, seen.position(month), pull=model.pull_)
    share = np.where(stood.usual_reporting > 0, stood.usual_reporting / np.maximum(stood.usual, 1e-9), np.nan)
    sized = np.where(stood.usual_reporting > 0, stood.reported / share, stood.usual)
    frame = frame.assign(scaled_by_size=sized)
    own = sell_out[sell_out["period_start"] == month]
    truth = own.groupby(["dealer_id", "sku_id"])["qty_sell_out"].sum().rename("y").reset_index()
    return frame.merge(truth, on=["dealer_id", "sku_id"], how="left").fillna({"y": 0.0})


def told(frame: pd.DataFrame) -> dict[str, Any]:
    sums = frame.groupby(["dealer_id", "period_start"])[["y", *METHODS]].sum()
    open_ = frame[frame["reporting"] < frame["outlets"]]
    out: dict[str, Any] = {"cells": len(frame), "open_cells": len(open_)}
    for name in METHODS:
        error = frame[name] - frame["y"]
        out[name] = {
            "wape": error.abs().sum() / frame["y"].sum(),
            "wape_dealer": (sums[name] - sums["y"]).abs().sum() / sums["y"].sum(),
            "bias": error.sum() / frame["y"].sum(),
        }
    for low, high, wide in (("q10", "q90", 80), ("q05", "q95", 90)):
        out[f"coverage_{wide}"] = float(open_["y"].between(open_[low], open_[high]).mean())
    out["completion_rate"] = float(frame["reported"].sum() / frame["y"].sum())
    return json.loads(json.dumps(out, default=float), parse_float=lambda x: round(float(x), 4))


if __name__ == "__main__":
    raise SystemExit(main())
