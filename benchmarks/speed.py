"""Measure what forecasts cost: ours and peers' on one generated panel, in one run, and a large batch.

    qudao benchmark speed

Writes benchmarks/results/demand_speed.json and prints the ratios. One thread each. Processor time is user
seconds, which a busy machine inflates less than the clock; the batch is also timed by the clock.

fit        1,000 monthly series of 48 months (level, trend, season, noise; every fourth is lumpy): our whole
           model with its rehearsals and bands, and each peer's fit and forecast
batch      that model over 25,000, 50,000 and 100,000 such series as `qudao score` runs it, files written,
           each in a process of its own: seconds, peak memory, and what 1,000 more series add

Limits: generated series without plans; peers' seconds hold one model, ours all members, three to six times.
"""

import argparse
import itertools
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a file: the packages lie beside its folder
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from benchmarks.demand_peers import PEERS, Asked, user_seconds  # noqa: E402
from features.frequency import MONTHLY  # noqa: E402
from features.panel import Panel  # noqa: E402
from models.demand.model import DemandModel  # noqa: E402
from serving.batch import Job, score  # noqa: E402
from training.progress import steps  # noqa: E402
from training.recipes import demand  # noqa: E402
from training.settings import DemandConfig  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "demand_speed.json"
SERIES, MONTHS, HORIZON = 1_000, 48, 3
BATCHES = (25_000, 50_000, 100_000)
FIT_GOAL_SECONDS, BATCH_GOAL_SECONDS, BATCH_GOAL_MB = 25.0, 300.0, 4096
_ASKED = ("seasonal_naive", "theta", "holt_winters", "auto_ets", "lightgbm", "lightgbm_direct", "lstm")
_SKUS = 50  # a dealer sells
Row = dict[str, Any]


def generated(n: int, *, seed: int) -> Panel:
    """Monthly series with level, trend, season and noise; every fourth sells now and then."""
    rng = np.random.default_rng(seed)
    months = np.arange(MONTHS)
    phase, swing = rng.uniform(0, 2 * np.pi, (n, 1)), rng.uniform(0, 0.4, (n, 1))
    shape = np.exp(swing * np.sin(months * np.pi / 6 + phase) + rng.normal(0, 0.005, (n, 1)) * months)
    units = rng.lognormal(4, 1.2, (n, 1)) * shape * rng.gamma(25, 0.04, (n, MONTHS))
    sold = rng.random((n, MONTHS)) < np.where(np.arange(n) % 4 == 0, 0.4, 1.0)[:, None]
    keys = {"dealer_id": np.arange(n) // _SKUS, "sku_id": np.arange(n) % _SKUS}
    static = pd.DataFrame({name: values.astype(str) for name, values in keys.items()})
    return Panel(static=static, first=pd.Timestamp("2020-01-01"), freq=MONTHLY, y=np.round(units * sold))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--score", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.score:
        print(json.dumps(scored(asked.model, asked.score)))
        return 0
    result = measure()
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\n".join(_lines(result)))
    return 0


def measure() -> Row:
    """Every number of the run."""
    panel = generated(SERIES, seed=0)
    with steps(1 + len(_ASKED) + len(BATCHES), "Speed") as tick, tempfile.TemporaryDirectory() as scratch:
        tick("ours")
        model, ours = _ours(panel)
        path = Path(scratch) / "model.pkl"
        path.write_bytes(pickle.dumps(model))
        peers = []
        for name in _ASKED:
            tick(name)
            peers.append(_peer(name, panel, ours["fit_user_seconds"] + ours["predict_user_seconds"]))
        batches = []
        for n in BATCHES:
            tick(f"{n:,} series")
            batches.append(_batch(path, n))
    return {"series": SERIES, "months": MONTHS, "horizon": HORIZON, "ours": ours, "peers": peers} | {
        "batch": batches,
        "memory_mb_per_1000": _slope(batches),
    }


def _ours(panel: Panel) -> tuple[DemandModel, Row]:
    config = DemandConfig.read().model_copy(update={"workers": 1})
    demand.fit(demand.rehearsals(panel.take(np.arange(20)), HORIZON, config), config)  # imports, compiles
    before = user_seconds()
    model = demand.fit(demand.rehearsals(panel, HORIZON, config), config)
    fitted = user_seconds()
    model.predict(panel)
    cost = {"fit_user_seconds": fitted - before, "predict_user_seconds": user_seconds() - fitted}
    goal = {"fit_goal": FIT_GOAL_SECONDS, "members": list(config.members)}
    return model, {key: round(value, 2) for key, value in cost.items()} | goal


def _peer(name: str, panel: Panel, ours: float) -> Row:
    peer = PEERS[name]
    if not peer.installed:
        return {"method": name, "note": f"not installed ({peer.package})"}
    seconds = peer.answer(Asked.of(panel, HORIZON)).user_seconds
    return {"method": name, "user_seconds": round(seconds, 2), "ours_over_it": round(ours / seconds, 2)}


def _batch(model: Path, n: int) -> Row:
    command = [sys.executable, str(Path(__file__)), "--score", str(n), "--model", str(model)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def scored(path: Path, n: int) -> Row:
    """One batch in this process: seconds by the clock and by the processor, and peak memory."""
    model = pickle.loads(path.read_bytes())
    panel = generated(n, seed=1)
    before, started = user_seconds(), time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(model=model, version="speed", data_version="generated", horizon=HORIZON)
        report = score(job, panel, out=Path(scratch) / "out")
    return {
        "series": report.series,
        "seconds": round(time.perf_counter() - started, 3),
        "user_seconds": round(user_seconds() - before, 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _slope(batches: list[Row]) -> list[float]:
    """Megabytes that 1,000 more series add, from each batch to the next: alike where memory is linear."""
    pairs = itertools.pairwise(batches)
    grown = [(b["peak_memory_mb"] - a["peak_memory_mb"], b["series"] - a["series"]) for a, b in pairs]
    return [round(1000 * memory / series, 2) for memory, series in grown]


def _lines(result: Row) -> list[str]:
    ours = result["ours"]
    fit, predict = ours["fit_user_seconds"], ours["predict_user_seconds"]
    lines = [f"ours: fit {fit} s (goal {FIT_GOAL_SECONDS:g}), predict {predict} s (goal 1), user CPU"]
    for row in result["peers"]:
        told = row.get("note") or f"{row['user_seconds']} s; ours takes {row['ours_over_it']} times as long"
        lines.append(f"{row['method']}: {told}")
    for row in result["batch"]:
        told = f"{row['seconds']} s, {row['user_seconds']} user, {row['peak_memory_mb']} MB"
        lines.append(f"{row['series']:,} series scored: {told}")
    return [*lines, f"MB per 1,000 more series: {result['memory_mb_per_1000']}"]


if __name__ == "__main__":
    sys.exit(main())
