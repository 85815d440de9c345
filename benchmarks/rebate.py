"""Rebates: the optimiser, targeting and the effect of depth beside their peers, one run.

    qudao benchmark rebate                     all parts
    qudao benchmark rebate --data optimiser    one of them

Protocols
  optimiser   random channels: sizes lognormal, gains of a rate with diminishing returns, ten rates, budget
              30 % of what the deepest rates would cost; seed 0; float32 tables; one thread. Ours beside HiGHS
              (scipy.optimize.milp, gap 1e-6, to 10,000 dealers) and the best single rate for all. Seconds are
              by the wall and of the processor: a busy machine makes only the first much longer. The best of
              three runs.
  limits      the same channels: caps for half of 30 regions, a second cost of its own with a budget of 25 %,
              and both, and a floor for a third of the dealers. One run.
  hillstrom   64,000 customers, three arms at random: visits and spend. Policies of a row are learned without
              it (5 folds), the best constant arm too; 95 % of both learned policies together. Nothing was
              chosen on these data.
  effect      simulated channels (120 dealers, 60 months; seeds 401 to 405; the method was chosen on 11 to 15
              and 201 to 205). Volume at six depths over that at 3 %, in logarithms, against the simulator's
              truth. Decisions: the margin (60 % of purchases) that a plan truly brings above everybody's
              flattest rate, at the same budget.
  attainment  benchmarks/rebate_attainment.py

Results: benchmarks/results/rebate_<name>.json.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import TimeoutError as MultiprocessingTimeout
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from features.errors import ChannelError  # noqa: E402
from features.rebates import Statements  # noqa: E402
from features.simulator import World, simulate  # noqa: E402
from models.pooled import Pooled  # noqa: E402
from models.rebate.effect import Effect, effect_rows  # noqa: E402
from models.rebate.optimise import optimise  # noqa: E402
from models.rebate.options import Limits, Options  # noqa: E402
from models.rebate.targeting import Trial, worth_targeting  # noqa: E402
from models.response import Driver, Response  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
SOLVED = 10_000  # dealers, at most, for HiGHS
PATIENCE_SECONDS = 180  # its own limit is not heeded while it repairs a solution
OPTIONS = 10
DEPTHS = np.array([0.01, 0.02, 0.04, 0.05, 0.06, 0.075])
BASE = 0.03
WORLDS = (401, 402, 403, 404, 405)
NOW = pd.Timestamp("2026-01-01")
MARGIN = 0.6  # of purchases; at less, only the flattest depths of these channels pay for themselves
ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
GOALS = {
    "seconds": {"100000": 1.0, "1000000": 4.0},
    "gap": 1e-5,
    "peers": {
        "dual and greedy repair": {"100000": 0.28, "1000000": 4.3},
        "HiGHS": {"1000": 4.4, "10000": 42.0},
    },
}
Array = np.ndarray


def main() -> int:
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "optimiser": optimiser,
        "limits": limits,
        "hillstrom": hillstrom,
        "effect": effect,
        "attainment": attainment,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=list(parts), help="one of them (default: all)")
    asked = parser.parse_args()
    for name in [n for n in parts if asked.data in (None, n)]:
        started = time.perf_counter()
        result = parts[name]()
        if result:
            write(name, result | {"seconds": round(time.perf_counter() - started, 1)})
    return 0


def optimiser() -> dict[str, Any]:
    """One budget, ten rates: from a thousand to a million dealers."""
    rows = []
    for n in SIZES:
        gain, cost, _, _ = channel(n)
        budget = 0.3 * float(cost.max(axis=1).sum(dtype=float))
        plan, wall, cpu = timed(gain, [cost], Limits(budgets=[budget]), runs=3)
        row = {"dealers": n, "seconds": wall, "cpu_seconds": cpu, "gap": plan.gap}
        row |= {"spent_rate": plan.spent[0] / budget, "single_rate_share": plan.constant_gain / plan.gain}
        if n <= SOLVED:
            progress(f"HiGHS, {n:,} dealers")
            row |= highs(gain, cost, budget, plan.gain)
        rows.append(row)
        progress(str(row))
    return {"methods": rows, "goal": GOALS}


def limits() -> dict[str, Any]:
    """Regional caps, a second budget, a floor."""
    rows = []
    for n in (10_000, 100_000, 1_000_000):
        gain, cost, second, region = channel(n)
        whole, other = (float(c.max(axis=1).sum(dtype=float)) for c in (cost, second))
        caps = {str(r): 0.2 * whole / 30 for r in range(0, 30, 2)}
        group = np.where(np.arange(n) % 3 == 0, "new", "old")
        both = [0.3 * whole, 0.25 * other]
        cases = {
            "caps": ([cost], Limits(budgets=both[:1], regions=region, region_caps=caps)),
            "two budgets": ([cost, second], Limits(budgets=both)),
            "two budgets, caps": ([cost, second], Limits(budgets=both, regions=region, region_caps=caps)),
            "two budgets, caps, floor": (
                [cost, second],
                Limits(
                    budgets=both,
                    regions=region,
                    region_caps=caps,
                    groups=group,
                    least_group_worth={"new": 0.09 * whole},
                ),
            ),
        }
        for name, (costs, asked) in cases.items():
            plan, wall, cpu = timed(gain, costs, asked, runs=1)
            spent = [float(s / b) for s, b in zip(plan.spent, asked.budgets, strict=True)]
            rows.append({"dealers": n, "limits": name, "seconds": wall, "cpu_seconds": cpu, "gap": plan.gap})
            rows[-1] |= {"spent_rates": spent}
            progress(str(rows[-1]))
    return {"methods": rows, "goal": {"gap": GOALS["gap"]}}


def channel(n: int) -> tuple[Array, Array, Array, Array]:
    """Gain, cost and a second cost [n, 10] of a random channel, float32; a region of each dealer."""
    rng = np.random.default_rng(0)
    rate, size = np.linspace(0, 0.08, OPTIONS), rng.lognormal(10, 1, n)[:, None]
    gain = size * rng.lognormal(-1, 0.5, n)[:, None] * rate / (rate + 0.03)
    cost = size * rate * (1 + 0.1 * rng.random((n, 1)))
    second = rng.lognormal(2, 0.7, n)[:, None] * np.arange(OPTIONS)
    region = rng.integers(0, 30, n)
    return gain.astype(np.float32), cost.astype(np.float32), second.astype(np.float32), region


def timed(gain: Array, costs: list[Array], asked: Limits, *, runs: int) -> tuple[Any, float, float]:
    """A plan, and the least seconds by the wall and of the processor."""
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        plan = optimise(Options(gain=gain, costs=costs), asked)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return plan, round(min(walls), 3), round(min(cpus), 3)


def highs(gain: Array, cost: Array, budget: float, ours: float) -> dict[str, Any]:
    """The same by mixed-integer programming, in a process that is ended when it takes too long."""
    with get_context("spawn").Pool(1) as alone:
        try:
            wall, cpu, best = alone.apply_async(_milp, (gain, cost, budget)).get(timeout=PATIENCE_SECONDS)
        except MultiprocessingTimeout:
            return {"highs_seconds": None, "highs_gave_up_after_seconds": PATIENCE_SECONDS}
    return {"highs_seconds": wall, "highs_cpu_seconds": cpu, "ours_over_highs_gain": ours / best}


def _milp(gain: Array, cost: Array, budget: float) -> tuple[float, float, float]:
    """Seconds by the wall and of the processor, and the gain, as a peer would set it up."""
    n, k = gain.shape
    one = coo_array((np.ones(n * k), (np.repeat(np.arange(n), k), np.arange(n * k))))
    rows = vstack([one, coo_array(cost.astype(float).reshape(1, -1))]).tocsr()
    wall, cpu = time.perf_counter(), time.process_time()
    told = milp(
        -gain.astype(float).ravel(),
        integrality=np.ones(n * k, int),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rows, np.r_[np.ones(n), -np.inf], np.r_[np.ones(n), budget]),
        options={"mip_rel_gap": 1e-6},
    )
    gained = float(-told.fun) if told.x is not None else float("nan")
    return round(time.perf_counter() - wall, 2), round(time.process_time() - cpu, 2), gained


def hillstrom() -> dict[str, Any]:
    """Does any learned policy beat one mail for all?"""
    path = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))
    path = path / "hillstrom_email" / "hillstrom.parquet"
    if not path.exists():
        raise ChannelError(f"Not there: {path}. Set QUDAO_DATA to the folder of public data.")
    rows = pd.read_parquet(path)
    X = rows[["recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel"]]
    arm = rows["segment"].map({name: i for i, name in enumerate(ARMS)}).to_numpy()
    told, verdicts = [], {}
    for outcome in ("visit", "spend"):
        progress(outcome)
        y = rows[outcome].to_numpy(float)
        verdict = worth_targeting(Trial(X=X, arm=arm, outcome=y, arms=ARMS, chance=(1 / 3,) * 3))
        gaps = verdict.advantages.set_index("policy").add_prefix("advantage_")
        joined = verdict.values.set_index("policy").join(gaps).reset_index()
        told.append(joined.assign(outcome=outcome))
        verdicts[outcome] = {"targeting": verdict.targeting, "best_constant": verdict.best_constant}
    table = pd.concat(told)[["outcome", *joined.columns]]
    records = json.loads(table.round(5).to_json(orient="records"))
    return {"methods": records, "verdicts": verdicts, "goal": {"targeting": False}}


def effect() -> dict[str, Any]:
    """Depth against the simulator's truth, and what plans made with it truly bring."""
    rows, decisions, covered = [], [], []
    for seed in WORLDS:
        progress(f"world {seed}")
        world = World(seed=seed, dealers=120, products=6, months=60, survey_share=0, scan_coverage_share=0)
        made = simulate(world)
        state = Statements.of(made.tables).at(NOW)
        belief = Effect().fit(state)
        names = belief.seen_.index
        told = belief.curves(names, DEPTHS, np.full(len(names), BASE))
        real = true_ratio(made.truth, names, DEPTHS)
        covered.append(float(((told.low <= real) & (real <= told.high)).mean()))
        guesses = {"ours": told.ratio, "the same uplift at every depth": np.ones_like(real)}
        guesses |= {name: peer(state, names) for name, peer in PEERS.items()}
        rows.append({name: float(np.abs(np.log(g) - np.log(real)).mean()) for name, g in guesses.items()})
        decisions.append(decided(state, told.ratio, real, names))
    errors = pd.DataFrame(rows)
    table = [
        {"method": name, "mean_abs_log_error": round(float(errors[name].mean()), 4)}
        | {"worst_world": round(float(errors[name].max()), 4)}
        for name in errors
    ]
    return {
        "methods": table,
        "interval_90_coverage": round(float(np.mean(covered)), 3),
        "decisions": {k: round(float(v), 4) for k, v in pd.DataFrame(decisions).mean().items()},
        "decisions_by_world": [{k: round(v, 4) for k, v in one.items()} for one in decisions],
    }


def true_ratio(truth: dict[str, pd.DataFrame], names: "pd.Index[str]", depths: Array) -> Array:
    """Purchases at depths over those at the base, [n, k]."""
    curve = truth["rebate_responses"].set_index("dealer_id").loc[names.str.split("/").str[0]]
    most, half = curve[["max_uplift"]].to_numpy(float), curve[["half_rate"]].to_numpy(float)
    return (1 + most * depths / (depths + half)) / (1 + most * BASE / (BASE + half))


def blended(state: Any, names: "pd.Index[str]") -> Array:
    """models.response as it is: the pooled curve blended with monotone trees, on the same rows."""
    rows = effect_rows(state)
    rows["group"] = rows["account"]
    belief = Response(drivers=(Driver("log_depth", 1), Driver("channel", 1))).fit(rows)
    last = rows.drop_duplicates("account", keep="last").set_index("account", drop=False).loc[names]
    asked = last.assign(unique_id="", group=names, channel=0.0).reset_index(drop=True)
    base = belief.means(asked.assign(log_depth=np.log(BASE)))
    return np.column_stack([belief.means(asked.assign(log_depth=np.log(d))) / base for d in DEPTHS])


def alone(state: Any, names: "pd.Index[str]") -> Array:
    """Least squares of log purchases on log depth, each account by itself."""
    rows = effect_rows(state)
    rows = rows[rows["y"] > 0].assign(log_y=lambda r: np.log(r["y"]) - r["channel"])
    slopes = rows.groupby("account")[["log_depth", "log_y"]].apply(_slope).reindex(names).fillna(0.0)
    return np.exp(slopes.to_numpy()[:, None] * np.log(DEPTHS / BASE)[None, :])


def _slope(rows: pd.DataFrame) -> float:
    x = rows["log_depth"] - rows["log_depth"].mean()
    return float((x * rows["log_y"]).sum() / max(float((x**2).sum()), 1e-9))


def own_slopes(state: Any, names: "pd.Index[str]") -> Array:
    """models.pooled with a slope of each account, drawn to that of all."""
    rows = effect_rows(state)
    rows["group"] = rows["account"]
    belief = Pooled(drivers=(Driver("log_depth", 1), Driver("channel", 1))).fit(rows)
    asked = pd.DataFrame({"unique_id": "", "group": names, "log_depth": 0.0, "channel": 0.0})
    slope = belief.slopes(asked)["slope"].to_numpy(float)
    return np.exp(slope[:, None] * np.log(DEPTHS / BASE)[None, :])


def from_purchases(state: Any, names: "pd.Index[str]") -> Array:
    """Ours, where only purchases are on record."""
    layers = state.standing.layers
    layers = {**layers, "sold_out": np.full_like(layers["sold_out"], np.nan)}
    bare = replace(state, standing=replace(state.standing, layers=layers))
    return Effect().fit(bare).curves(names, DEPTHS, np.full(len(names), BASE)).ratio


PEERS = {
    "ours, from purchases alone": from_purchases,
    "a slope for each account, shrunk": own_slopes,
    "pooled and trees, blended": blended,
    "each account alone": alone,
}


def decided(state: Any, believed: Array, real: Array, names: "pd.Index[str]") -> dict[str, float]:
    """True margin of plans at a budget of 3 % of purchases: ours, one depth for all, the truth known."""
    account = pd.Series(
        np.arange(len(state.accounts)), state.accounts["dealer_id"] + "/" + state.accounts["currency"]
    )
    amount = state.amounts[account.loc[names].to_numpy(), -12:].sum(axis=1)[:, None]

    def options(ratio: Array) -> tuple[Array, Array]:
        cost = DEPTHS * amount * ratio
        margin = MARGIN * amount * ratio - cost
        return margin - margin[:, :1], cost

    true_gain, true_cost = options(real)
    budget = 0.03 * float(amount.sum())
    plans = {}
    for name, ratio in {"ours": believed, "truth known": real}.items():
        gain, cost = options(ratio)
        plans[name] = optimise(Options(gain=gain, costs=[cost]), Limits(budgets=[budget])).at
    fits = [j for j in range(len(DEPTHS)) if true_cost[:, j].sum() <= budget]
    plans["best one depth for all"] = np.full(len(amount), max(fits, key=lambda j: true_gain[:, j].sum()))
    rows = np.arange(len(amount))
    best = true_gain[rows, plans["truth known"]].sum()
    shares = {f"gain of {name}, of the best": true_gain[rows, at].sum() / best for name, at in plans.items()}
    return shares | {"true spending of ours over budget": true_cost[rows, plans["ours"]].sum() / budget}


def attainment() -> dict[str, Any]:
    """Chances of tiers and accruals, measured and written by its own file."""
    import rebate_attainment

    rebate_attainment.measure()
    return {}


def progress(said: str) -> None:
    print(f"  {said}", file=sys.stderr, flush=True)


def write(name: str, result: dict[str, Any]) -> None:
    """The table on the screen and the whole as JSON."""
    print(f"\n{name}\n{pd.DataFrame(result['methods']).to_string(index=False)}")
    print({k: v for k, v in result.items() if k not in ("methods", "decisions_by_world")})
    path = RESULTS / f"rebate_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
