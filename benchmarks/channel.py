"""A year of the channel under several policies: the same buyers, the same luck, other decisions.

    qudao benchmark channel                      eight worlds, two processes
    qudao benchmark channel --seeds 2            two of them

Protocol
  world       40 dealers x 12 products with every trouble on (`World`); 48 months of history as the dealers'
              own habits made it, then a year (12 months) that a policy decides; seeds 21, 22, ...
  decisions   January: a top rate for each dealer's ladder (thresholds and rule stay) and a factor on each
              planned price (at most 5 % either way); each month: an order for every dealer x product
  seen        canonical tables as known on the first of the month, nothing else; the oracle sees the truth
  demand      the same draws for every policy; moved only by true elasticity and true rebate response
  budget      of rebates: one ladder for all with a top rate of 4 %, on last year's purchases
  margin      units sold to buyers x (net price - unit cost): goods left in a dealer's stock earn nothing;
              net = margin - rebates by the exact ladder - holding - order costs
  settings    chosen on seeds 7 and 11 to 18, which are not reported

Policies
  planners         12-month mean of sales x (lead time + a month), one ladder for all, prices kept
  planners tuned   the same with the safety cover that would have earned most in the year before
  plain            order-up-to the critical ratio of our forecast's draws; the planners' ladder and prices
  orders           the inventory room's suggested orders instead
  orders+rebates   and the rebate room's ladders, P90 of all rebates within the budget
  joined           and the price room's prices
  oracle           plain orders, ladders and prices that know the true law of demand and true responses

Results: benchmarks/results/channel_year.json: each measure's mean, and the 95 % interval (t) of its paired
difference to the planners (and to the tuned planners) over the seeds; amounts as fractions of theirs.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from rich.table import Table  # noqa: E402
from scipy.stats import t as student  # noqa: E402

from benchmarks.channel_policies import (  # noqa: E402
    Array,
    Effect,
    FromDraws,
    MeanCover,
    Seen,
    Truth,
    best_price,
    by_dealer,
    kept,
    margin_rate,
    one_for_all,
    usual_budget,
)
from benchmarks.channel_rooms import Rooms, Suggested  # noqa: E402
from features.simulator import World  # noqa: E402
from features.simulator.rerun import Rerun  # noqa: E402
from models.demand.model import DemandModel  # noqa: E402
from training.recipes import demand  # noqa: E402
from training.settings import DemandConfig  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "channel_year.json"
FIRST_SEED, SEEDS, LEAST_SEEDS = 21, 8, 2
YEAR, MONTHS = 48, 12
BASE, TUNED = "planners", "planners tuned"
STEPS = (  # what one more kind of decision earns
    ("plain", "orders"),
    ("orders", "orders+rebates"),
    ("orders+rebates", "joined"),
    ("joined", "oracle"),
)
SAFETIES = (0.0, 7.0, 15.0, 22.0, 30.0, 45.0)  # days of cover
SETTINGS = {"members": ["boosted", "ets", "theta", "tsb"], "replays": {"M": 4}, "workers": 1, "country": "CN"}
SHOWN = {
    "fill_rate": "fill rate",
    "stock_out_rate": "stock-outs",
    "stock_cost": "stock cost",
    "rebates": "rebates",
    "budget_used": "of budget",
    "margin": "margin",
    "net": "net",
}
Measures = dict[str, dict[str, float]]  # by policy


@dataclass(frozen=True)
class Policy:
    """What is decided in January, and a rule for orders."""

    name: str
    top_rate: Array  # [d]
    factor: Array  # [n]
    rule: Callable[[Rerun], Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many worlds (default: {SEEDS})")
    asked = parser.parse_args()
    if asked.seeds < LEAST_SEEDS:
        parser.error(f"an interval needs at least {LEAST_SEEDS} seeds; got {asked.seeds}")
    started, seeds = time.perf_counter(), range(FIRST_SEED, FIRST_SEED + asked.seeds)
    years = all_years(seeds)
    result = summary({seed: years[seed] for seed in seeds})
    result["seconds"] = round(time.perf_counter() - started, 1)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    show(result)
    return 0


def all_years(seeds: range) -> dict[int, dict[str, Any]]:
    """Each seed's year, two at a time."""
    done = {}
    context = multiprocessing.get_context("spawn")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=Console(stderr=True)) as bar,
        ProcessPoolExecutor(min(2, len(seeds)), mp_context=context) as pool,
    ):
        task = bar.add_task("Years of the channel", total=len(seeds))
        running = {pool.submit(seed_year, seed): seed for seed in seeds}
        for one in as_completed(running):
            done[running[one]] = one.result()
            bar.update(task, advance=1)
            bar.console.print(f"Year of seed {running[one]}: {len(done)} of {len(seeds)}")
    return done


def world_of(seed: int) -> World:
    """The sample channel, a year longer."""
    return World(seed=seed, dealers=40, products=12, territories=8, months=YEAR + MONTHS)


def seed_year(seed: int) -> dict[str, Any]:
    """Every policy's year in one world."""
    start = Rerun.of(world_of(seed), first=YEAR)
    seen = Seen.by(start)
    budget, safety = usual_budget(seen), tuned_safety(seed)
    chosen, about = policies(start, seen, budget, safety)
    out = {p.name: measure(run(Rerun.of(world_of(seed), first=YEAR), p), budget) for p in chosen}
    return {"policies": out, "about": about | {"budget": round(budget, 2), "safety_days": safety}}


def policies(start: Rerun, seen: Seen, budget: float, safety: float) -> tuple[list[Policy], dict[str, Any]]:
    """The policies of one world, and what was learned."""
    rooms, truth = Rooms.trained(seen, fitted(seen)), start.nouns
    one, same = one_for_all(seen), kept(seen)
    own, priced = rooms.ladders(seen, budget, margin_rate(seen)), rooms.factor(seen)
    effect = Effect(truth.rebates.max_uplift.astype(float), truth.rebates.half_rate.astype(float))
    best, factor = by_dealer(seen, budget, effect), best_price(seen, truth.prices.elasticity.astype(float))
    chosen = [
        Policy("planners", one, same, lambda again: MeanCover()),
        Policy("planners tuned", one, same, lambda again: MeanCover(safety)),
        Policy("plain", one, same, lambda again: FromDraws(lambda now: rooms.draws(now, one))),
        Policy("orders", one, same, lambda again: Suggested(rooms, one)),
        Policy("orders+rebates", own, same, lambda again: Suggested(rooms, own)),
        Policy("joined", own, priced, lambda again: Suggested(rooms, own)),
        Policy("oracle", best, factor, lambda again: FromDraws(Truth(again))),
    ]
    about = {
        "weight_of_forecast_in_orders": rooms.inventory.belief_.weight_,
        "top_rate_mean": round(float(own.mean()), 4),
        "top_rate_mean_oracle": round(float(best.mean()), 4),
        "prices_raised": round(float((priced > 1).mean()), 3),
        "prices_lowered": round(float((priced < 1).mean()), 3),
        "prices_raised_oracle": round(float((factor > 1).mean()), 3),
    }
    return chosen, about


def run(again: Rerun, policy: Policy) -> Rerun:
    """A year under a policy."""
    again.offer(policy.top_rate)
    again.reprice(policy.factor)
    rule = policy.rule(again)
    for _ in range(MONTHS):
        again.step(rule.orders(Seen.by(again)))
    return again


def measure(again: Rerun, budget: float) -> dict[str, float]:
    """What the last year came to."""
    rows = again.ledger()
    rebate = float(again.rebates(again.year - 1)["rebate_amount"].sum())
    sums = rows.sum(numeric_only=True)
    stock_cost = float(sums["holding_amount"] + sums["order_amount"])
    return {
        "fill_rate": float(sums["sold_units"] / sums["wanted_units"]),
        "fill_rate_of_amount": float(sums["sales_amount"] / (rows["wanted_units"] * rows["net_price"]).sum()),
        "stock_out_rate": float((rows["missed_units"] > 0)[rows["wanted_units"] > 0].mean()),
        "wanted_units": float(sums["wanted_units"]),
        "sales_amount": float(sums["sales_amount"]),
        "stock_cost": stock_cost,
        "margin": float(sums["margin_amount"]),
        "rebates": rebate,
        "budget_used": rebate / budget,
        "net": float(sums["margin_amount"]) - rebate - stock_cost,
    }


def fitted(seen: Seen) -> DemandModel:
    """The demand room's model, trained on what was known."""
    settings = DemandConfig.model_validate(SETTINGS)
    return demand.fit(demand.rehearsals(seen.panel, settings.horizon["M"], settings), settings)


def tuned_safety(seed: int) -> float:
    """The planners' safety cover that would have earned most in the year before."""
    earned = {}
    for safety in SAFETIES:
        again = Rerun.of(world_of(seed), first=YEAR - MONTHS)
        for _ in range(MONTHS):
            again.step(MeanCover(safety).orders(Seen.by(again)))
        earned[safety] = measure(again, 1.0)["net"]
    return max(earned, key=lambda safety: earned[safety])


def summary(years: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Means, and intervals of paired differences to the planners."""
    names = next(iter(years.values()))["policies"]
    frames = {name: pd.DataFrame([year["policies"][name] for year in years.values()]) for name in names}
    return {
        "protocol": __doc__,
        "seeds": list(years),
        "policies": {
            name: {
                "mean": frame.mean().round(4).to_dict(),
                "difference_to_planners": _differences(frame, frames[BASE]),
                "difference_to_planners_tuned": _differences(frame, frames[TUNED]),
                "seeds_within_budget": int((frame["budget_used"] <= 1).sum()),
            }
            for name, frame in frames.items()
        },
        "steps": {
            f"{a} -> {b}": _differences(frames[b], frames[a]) for a, b in STEPS if {a, b} <= set(frames)
        },
        "about": {str(seed): year["about"] for seed, year in years.items()},
        "by_seed": {str(seed): year["policies"] for seed, year in years.items()},
    }


def _differences(frame: pd.DataFrame, base: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Mean and 95 % interval of paired differences; amounts as fractions of the base's."""
    out = {}
    for column in frame:
        difference = frame[column] - base[column]
        if base[column].abs().mean() > 10:
            difference = difference / base[column]
        half = student.ppf(0.975, len(difference) - 1) * difference.std() / np.sqrt(len(difference))
        mean = float(difference.mean())
        out[column] = {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}
    return out


def show(result: dict[str, Any]) -> None:
    """The table of docs/channel.md."""
    table = Table("policy", *SHOWN.values(), title=f"A year, {len(result['seeds'])} seeds; (95 % of change)")
    for name, one in result["policies"].items():
        table.add_row(name, *(_cell(one, column, first=name == BASE) for column in SHOWN))
    Console(width=160).print(table)


def _cell(one: dict[str, Any], column: str, *, first: bool) -> str:
    mean, change = one["mean"][column], one["difference_to_planners"][column]
    rate = abs(mean) < 10
    text = f"{mean:.1%}" if rate else f"{mean / 1e6:.2f} M"
    return text if first else f"{text} ({change['low']:+.1%} to {change['high']:+.1%})"


if __name__ == "__main__":
    raise SystemExit(main())
