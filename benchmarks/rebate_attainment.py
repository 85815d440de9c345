"""Attainment beside planners' rules: chances of tiers and accruals of programmes that are over, simulated.

    python benchmarks/rebate_attainment.py             both parts
    python benchmarks/rebate_attainment.py --worlds 2  fewer worlds
    python benchmarks/rebate_attainment.py --totals    only what all dealers are paid together

Protocol
  Simulated channels (40 dealers, 8 products, 48 months to 2025-12; seeds 301 on; settings were chosen on
  seeds 101 to 106). Cutoffs: the first of February, May, August and November of 2024 and of 2025. At each a
  model is fitted on what was known then, so the rest of the programme's year is never seen, and asked of
  every running programme; the truth is what was bought by the year's end.
  own pace         no demand forecast (what the recipe's evidence measures)
  demand's draws   the first three months from a demand model fitted at the same cutoff on the same tables
                   (boosted trees, exponential smoothing and Theta; no network, for time), fewer worlds

What is measured
  tiers       every tier not reached at the cutoff: AUC, ECE (ten bins of equally many rows), Brier, log loss.
              Run rate and last year say the ratio of expected purchases to the threshold: AUC by the ratio,
              ECE and Brier by yes or no.
  accrual     share of truths at or below P90 (and P50), of programmes whose accrual is still open; where the
              truth is one of many equal draws it counts in part (the randomised place among its equals).
              Mean absolute error of the median, over what the ladder pays at its highest threshold.
  awards      awards on collections and outlets: ECE of the share of draws that reach them.
  intervals   95 %, whole worlds drawn with replacement.
  totals      what all programmes of a channel were paid, beside the sum of their draws world by world, which
              budgets are kept by, and beside the same draws with dealers on their own (no demand forecast).

Results: benchmarks/results/rebate_attainment.json, rebate_totals.json.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from features.gather import MONTHLY, gather  # noqa: E402
from features.known import known  # noqa: E402
from features.rebates import Statements  # noqa: E402
from features.simulator import World, simulate  # noqa: E402
from models.rebate.model import Belief  # noqa: E402
from models.rebate.promises import measured  # noqa: E402
from models.scoring import auc, brier, ece, log_loss  # noqa: E402
from training.recipes import demand, rebate  # noqa: E402
from training.settings import DemandConfig  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "rebate_attainment.json"
TOTALS = RESULT.with_name("rebate_totals.json")
NOW = pd.Timestamp("2026-01-01")
CUTOFFS = [pd.Timestamp(f"{year}-{month:02}-01") for year in (2024, 2025) for month in (2, 5, 8, 11)]
WORLDS, DRAWN_WORLDS, FIRST_SEED = 10, 3, 301
DRAWN_CUTOFFS = [CUTOFFS[i] for i in (1, 3, 4, 6)]
MEMBERS = ("boosted", "ets", "theta")
GOALS = {"tier_ece": 0.03, "accrual_p90_coverage": [0.88, 0.92]}
Frames = dict[str, list[pd.DataFrame]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=WORLDS)
    parser.add_argument("--drawn-worlds", type=int, default=DRAWN_WORLDS, help="with a demand model each")
    parser.add_argument("--totals", action="store_true", help="only what all are paid together")
    asked = parser.parse_args()
    if asked.totals:
        print(json.dumps(measure_totals(asked.worlds), indent=1))
        return 0
    measure(worlds=asked.worlds, drawn_worlds=asked.drawn_worlds)
    return 0


def measure(*, worlds: int = WORLDS, drawn_worlds: int = DRAWN_WORLDS) -> dict[str, Any]:
    """Both parts; written to the results and returned."""
    started = time.perf_counter()
    parts = {"own_pace": run(worlds, CUTOFFS, drawn=False)}
    if drawn_worlds:
        parts["demand_draws"] = run(drawn_worlds, DRAWN_CUTOFFS, drawn=True)
        parts["own_pace_same_rows"] = run(drawn_worlds, DRAWN_CUTOFFS, drawn=False)
    told = {name: summary(frames) for name, frames in parts.items()}
    about = {"protocol": __doc__, "goals": GOALS, "seconds": round(time.perf_counter() - started, 1)}
    RESULT.write_text(json.dumps(about | told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return told


def measure_totals(worlds: int) -> dict[str, Any]:
    """How often all rebates of a channel came to more than was foretold; written and returned."""
    started, rows = time.perf_counter(), []
    for seed in range(FIRST_SEED, FIRST_SEED + worlds):
        world = World(seed=seed, dealers=40, contract_share=0, survey_share=0, scan_coverage_share=0)
        statements = Statements.of(simulate(world).tables)
        for cutoff in CUTOFFS:
            rows.append({"world": seed, "cutoff": f"{cutoff:%Y-%m}"} | total(statements, cutoff))
            print(rows[-1], file=sys.stderr, flush=True)
    frame = pd.DataFrame(rows)
    told: dict[str, Any] = {"rows": len(frame), "mean_over_paid": _round(frame["mean_over_paid"].median())}
    for name in ("together", "on_their_own"):
        within = {
            f"p{round(100 * p)}_covers": _round((frame[name] <= p).mean()) for p in (0.5, 0.8, 0.9, 0.95)
        }
        told[name] = within | {"spread_rate": _round(frame[f"{name}_spread_rate"].mean())}
    told["p90_covers_95"] = _interval(frame, lambda x: (x["together"] <= 0.9).mean())
    told |= {"seconds": round(time.perf_counter() - started, 1), "worlds": rows}
    TOTALS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return {name: value for name, value in told.items() if name != "worlds"}


def total(statements: Statements, cutoff: pd.Timestamp) -> dict[str, float]:
    """Where all rebates together fell among the sums of draws, 0 to 1."""
    progress = statements.at(cutoff)
    belief = rebate.make(rebate.Config()).fit(progress).believe(progress)
    paid = float(rebate.actual_rebates(belief, statements.outcome(belief.progress, NOW)).sum())
    drawn = belief.told.coins / belief.ladders.coins_per_unit.astype(float)[:, None]
    apart = np.random.default_rng(0).permuted(drawn, axis=1)
    told = {"mean_over_paid": float(drawn.sum(axis=0).mean() / max(paid, 1e-9))}
    for name, draws_ in (("together", drawn.sum(axis=0)), ("on_their_own", apart.sum(axis=0))):
        told[name] = float((draws_ < paid).mean())
        told[f"{name}_spread_rate"] = float(draws_.std() / max(draws_.mean(), 1e-9))
    return {name: round(value, 4) for name, value in told.items()}


def run(worlds: int, cutoffs: list[pd.Timestamp], *, drawn: bool) -> Frames:
    """Rows of every world and cutoff."""
    rows: Frames = {"tiers": [], "accruals": [], "awards": []}
    for seed in range(FIRST_SEED, FIRST_SEED + worlds):
        world = World(seed=seed, dealers=40, contract_share=0, survey_share=0, scan_coverage_share=0)
        tables = simulate(world).tables
        statements = Statements.of(tables)
        for cutoff in cutoffs:
            for name, frame in one(statements, tables, cutoff, drawn=drawn).items():
                rows[name].append(frame.assign(world=seed, cutoff=cutoff))
            print(
                f"{'draws' if drawn else 'pace'}: world {seed}, {cutoff:%Y-%m}", file=sys.stderr, flush=True
            )
    return rows


def one(
    statements: Statements, tables: dict[str, pd.DataFrame], cutoff: pd.Timestamp, *, drawn: bool
) -> dict[str, pd.DataFrame]:
    """What a model of the cutoff says, and what came of it."""
    progress = statements.at(cutoff)
    model = rebate.make(rebate.Config()).fit(progress)
    belief = model.believe(progress, draws(tables, cutoff) if drawn else None)
    came = statements.outcome(belief.progress, NOW)
    simple = rebate.simple_totals(belief.progress)
    return {
        "tiers": rebate.tier_rows(belief, came, simple),
        "accruals": accruals(belief, came, simple),
        "awards": awards(belief, came),
    }


def draws(tables: dict[str, pd.DataFrame], cutoff: pd.Timestamp) -> pd.DataFrame:
    """What a demand model of the cutoff expects."""
    config = DemandConfig.read().model_copy(update={"members": MEMBERS, "workers": 1})
    panel = gather(known(tables, cutoff), MONTHLY, gaps="zero")
    model = demand.fit(demand.rehearsals(panel, 3, config), config)
    return model.draws(panel.carry_plans(3), count=200, seed=0).frame()


def accruals(belief: Belief, came: pd.DataFrame, simple: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row a programme: where the truth fell among the draws, and errors over the ladder's size."""
    told, paid = belief.told, rebate.actual_rebates(belief, came)
    coins = np.round(paid * belief.ladders.coins_per_unit).astype(np.int64)[:, None]
    low, high = (told.coins < coins).mean(axis=1), (told.coins <= coins).mean(axis=1)
    place = low + np.random.default_rng(0).random(len(low)) * (high - low)
    frame = rebate.accrual_rows(belief, came, simple)
    is_open = told.coins.min(axis=1) < told.coins.max(axis=1)
    amounts = {"paid": paid, "mean": told.mean, "p90": told.p90}
    return frame.assign(place=place, is_open=is_open, within=coins[:, 0] <= told.p90 * 100 + 0.5, **amounts)


def awards(belief: Belief, came: pd.DataFrame) -> pd.DataFrame:
    """One row an award that is not on sales: its chance and whether it was reached."""
    rows, rng = belief.progress.rows, np.random.default_rng(0)
    drawn = {name: measured(name, rows, 400, rng) for name in ("collections", "outlets")}
    told = [
        (one.measure, (drawn[one.measure][i] >= float(one.threshold)).mean(), value >= float(one.threshold))
        for i, ladder in enumerate(belief.ladders.ladders)
        for one in ladder.awards
        if one.measure in drawn and not np.isnan(value := came[one.measure].to_numpy(float)[i])
    ]
    return pd.DataFrame(told, columns=["measure", "probability", "y"]).astype({"y": float})


def summary(frames: Frames) -> dict[str, Any]:
    """Numbers of all worlds together, and intervals over worlds."""
    tiers, paid, promised = (pd.concat(frames[name]) for name in ("tiers", "accruals", "awards"))
    tasks = {"all": tiers} | dict(list(tiers.groupby("task")))
    opened = paid[paid["is_open"]]
    return {
        "worlds": int(tiers["world"].nunique()),
        "cutoffs": sorted({f"{day:%Y-%m}" for day in tiers["cutoff"]}),
        "tiers": {str(name): of_tiers(part) for name, part in tasks.items()},
        "accrual": of_accruals(opened) | {"closed_rows": int((~paid["is_open"]).sum())},
        "awards": {
            str(name): {"rows": len(part), "ece": _round(ece(part["y"], part["probability"]))}
            for name, part in promised.groupby("measure")
        },
    }


def of_tiers(part: pd.DataFrame) -> dict[str, Any]:
    y, p = part["y"].to_numpy(float), part["probability"].to_numpy(float)
    ours = {"auc": auc(y, p), "ece": ece(y, p), "brier": brier(y, p), "log_loss": log_loss(y, p)}
    methods: dict[str, Any] = {"ours": {k: _round(v) for k, v in ours.items()}}
    methods["ours"]["ece_95"] = _interval(part, lambda x: ece(x["y"], x["probability"]))
    for column in rebate.BASELINES:
        ratio = part[column].to_numpy(float)
        said = (ratio >= 1).astype(float)
        name = column.removeprefix("baseline_")
        methods[name] = {
            "auc": _round(auc(y, ratio)),
            "ece": _round(ece(y, said)),
            "brier": _round(brier(y, said)),
        }
    return {"rows": len(part), "rate": _round(y.mean()), "methods": methods}


def of_accruals(opened: pd.DataFrame) -> dict[str, Any]:
    errors = {"ours": "loss"} | {name.removeprefix("baseline_"): name for name in rebate.BASELINES}
    return {
        "rows": len(opened),
        "p90_coverage": _round((opened["place"] <= 0.9).mean()),
        "p90_coverage_95": _interval(opened, lambda x: (x["place"] <= 0.9).mean()),
        "p90_coverage_with_equals": _round(opened["within"].mean()),
        "p50_coverage": _round((opened["place"] <= 0.5).mean()),
        "error_of_median": {name: _round(opened[column].mean()) for name, column in errors.items()},
        "mean_over_paid": _round(opened["mean"].sum() / opened["paid"].sum()),
    }


def _interval(frame: pd.DataFrame, of: Any) -> list[float]:
    """95 % interval, whole worlds drawn with replacement."""
    rng, parts = np.random.default_rng(0), [part for _, part in frame.groupby("world")]
    drawn = [of(pd.concat([parts[i] for i in rng.integers(0, len(parts), len(parts))])) for _ in range(200)]
    return [_round(q) for q in np.quantile(drawn, (0.025, 0.975))]


def _round(value: float) -> float:
    return round(float(value), 4)


if __name__ == "__main__":
    raise SystemExit(main())
