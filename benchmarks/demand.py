"""Measure the demand room on public data, beside the methods planners use and peers' libraries.

    qudao benchmark demand                              every set that is there
    qudao benchmark demand --sets m3,carparts           some of them, one after the other
    qudao benchmark demand --sets m3 --keep FOLDER      peers' forecasts kept there, and used again
    qudao benchmark demand --levers                     also without each lever: twice as long, or more

A run without levers keeps those measured before, with the versions that made them (`levers_made_with`).
Reads $QUDAO_DATA (default ../shared/data), writes benchmarks/results/demand_<set>.json as soon as a set is
done, the table between the README's `results` markers, and those of docs/rooms/demand.md. Peers (extra
`bench`) forecast the same panels at the same cutoffs; one that is not installed says so. No setting is
chosen on these windows: see docs/decisions/0005 and 0017.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a file: the packages lie beside its folder
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd  # noqa: E402

from benchmarks.demand_levers import levers, rehearsed  # noqa: E402
from benchmarks.demand_peers import Peers, user_seconds  # noqa: E402
from benchmarks.demand_scores import KEYS, ablation, blends, gaps, score, segments  # noqa: E402
from benchmarks.demand_sets import PROTOCOLS, Protocol, named, panel_of  # noqa: E402
from benchmarks.demand_tables import write_tables  # noqa: E402
from features.errors import ChannelError  # noqa: E402
from features.panel import Panel  # noqa: E402
from features.rivals import without_rival_price  # noqa: E402
from models.demand.baselines import PLANNERS  # noqa: E402
from training.progress import steps  # noqa: E402
from training.recipes import demand  # noqa: E402
from training.rehearsal import Rehearsals  # noqa: E402
from training.scorecard import SUMS, segment_of  # noqa: E402
from training.settings import DemandConfig  # noqa: E402
from training.train import evidence  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
Row = dict[str, Any]
_FAIR_BIAS = 0.15


def main() -> int:
    asked = _arguments()
    folder = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))
    chosen = [named(name) for name in _names(asked)]
    if absent := [p.file for p in chosen if not (folder / p.file).exists()]:
        raise ChannelError(f"Not in {folder}: {absent}. Set QUDAO_DATA to the folder of public data.")
    for protocol in chosen:
        result = measure(protocol, folder, keep=asked.keep, by_lever=asked.levers)
        path = RESULTS / f"demand_{protocol.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            result = kept_levers(result, json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"{protocol.name}: {path}")
        write_tables(ROOT)
    return 0


def measure(protocol: Protocol, folder: Path, *, keep: Path | None = None, by_lever: bool = False) -> Row:
    """Ours and the peers' forecasts of one set at the same cutoffs, and what they cost."""
    config, panel = DemandConfig.read(), panel_of(protocol, folder)
    past = demand.rehearsals(panel, protocol.horizon, config)
    ends = demand.cutoffs(past, config, protocol.windows)
    peers = Peers(names=protocol.peers, keep=keep)
    started = time.perf_counter()
    total = 1 + len(set(past.needed(ends)) - set(past.needed(ends[-1:]))) + len(peers.names) * len(ends)
    with steps(total, protocol.name) as tick:
        tick("the last model, timed")
        cost = _timed(past, ends[-1])
        past.prepare(ends, workers=config.workers, tick=tick)
        given = without_rival_price(panel)  # ours makes that plan itself
        told = peers.ask([_seen(given, t, protocol.horizon) for t in ends], protocol.horizon, tick=tick)
    frame, sums = demand.backtest(past, config, windows=protocol.windows), SUMS[panel.freq.letter]
    outer = blends(past, ends)[[*KEYS, "q02.5", "q97.5"]]
    frame = frame.merge(outer, on=KEYS, how="left").merge(told, on=KEYS, how="left")
    return {
        "protocol": asdict(protocol),
        **(judged := _judged(frame, panel, config, peers, cost)),
        "best_peer": best_peer(judged["peers"], by_sums=protocol.by_sums),
        "ablation": ablation(past, ends, frame, sums=sums),
        "levers": _levers(past, ends, frame, config, sums) if by_lever else [],
        "wall_seconds": round(time.perf_counter() - started, 1),
        "last_window": cost,
        "settings": config.model_dump(mode="json"),
        "made_with": _versions(),
    }


def kept_levers(result: Row, before: Row) -> Row:
    """A run without levers keeps those of an earlier one, and says what made them.

    >>> before = {"levers": [{"without": "plans"}], "made_with": {"qudao": "0.1.0"}}
    >>> kept_levers({"levers": [], "made_with": {"qudao": "0.2.0"}}, before)["levers_made_with"]
    {'qudao': '0.1.0'}
    """
    if result["levers"] or not before.get("levers"):
        return result
    made = before.get("levers_made_with", before["made_with"])
    return result | {"levers": before["levers"], "levers_made_with": made}


def _levers(
    past: Rehearsals, ends: list[int], frame: pd.DataFrame, config: DemandConfig, sums: int
) -> list[Row]:
    with steps(len(rehearsed(past.panel, config)), "levers") as tick:
        return levers(past, ends, frame, config, sums=sums, tick=tick)


def _judged(frame: pd.DataFrame, panel: Panel, config: DemandConfig, peers: Peers, cost: Row) -> Row:
    """Rows of ours and of peers, differences with their intervals, bands by segment."""
    sums, letter = SUMS[panel.freq.letter], panel.freq.letter
    members = [name for name in config.members if name in frame]
    ours = {"mean": ""} | dict.fromkeys([*members, *PLANNERS[letter]], "none.")
    methods = [{"method": m} | score(frame, m, sums=sums, prefix=p) for m, p in ours.items()]
    methods[0] |= {k: cost[k] for k in ("fit_user_seconds_per_1000", "predict_user_seconds_per_1000")}
    spoke = {name: f"peer.{name}" for name in peers.names if f"peer.{name}" in frame}
    rows: list[Row] = []
    for name in peers.names:
        own = score(frame, spoke[name], sums=sums, prefix=f"{spoke[name]}.") if name in spoke else {}
        rows.append({"method": name, **own, **peers.notes_[name]})
    against = {m: m for m in ours if m != "mean"} | {f"peer {n}": column for n, column in spoke.items()}
    segment = segment_of(evidence(frame, panel, members))
    return {
        "methods": methods,
        "peers": rows,
        "against": gaps(frame, against),
        "segments": segments(frame, segment),
    }


def best_peer(rows: list[Row], *, by_sums: bool) -> str | None:
    """The peer with the least WAPE; where promising nothing wins that, of sums and within a bias of 15 %.

    >>> rows = [{"method": "zero", "wape": 0.9, "agg_wape": 0.8, "bias": -0.5}]
    >>> best_peer(rows, by_sums=False), best_peer(rows, by_sums=True)
    ('zero', None)
    """
    spoke = [row for row in rows if row.get("wape") is not None]
    fair = [row for row in spoke if not by_sums or abs(row["bias"]) <= _FAIR_BIAS]
    best = min(fair, key=lambda row: float(row["agg_wape" if by_sums else "wape"]), default=None)
    return None if best is None else str(best["method"])


def _seen(panel: Panel, t: int, horizon: int) -> Panel:
    """What was known at t, of the series that had begun."""
    seen = panel.at(t, ahead=horizon)
    return seen.take(seen.started())


def _timed(past: Rehearsals, t: int) -> Row:
    """What the model of one cutoff and its forecast cost, in this process and one thread."""
    before = user_seconds()
    past.prepare([t])
    model = past.model(t)
    fitted = user_seconds()
    seen = past.kept[t].panel
    model.predict(seen.carry_plans(past.horizon))
    fit, predict = fitted - before, user_seconds() - fitted
    return {
        "fit_user_seconds": round(fit, 1),
        "predict_user_seconds": round(predict, 2),
        "fit_user_seconds_per_1000": round(1000 * fit / seen.n, 1),
        "predict_user_seconds_per_1000": round(1000 * predict / seen.n, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "series": seen.n,
    }


def _versions() -> dict[str, str]:
    packages = ("lightgbm", "torch", "lightning", "numpy", "pandas", "statsmodels")
    peers = ("mlforecast", "statsforecast", "neuralforecast")
    there = {p: _version(p) for p in (*packages, *peers)}
    return {"python": platform.python_version()} | there


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _arguments() -> argparse.Namespace:
    every = ", ".join(p.name for p in PROTOCOLS)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", help=f"sets, with commas: {every} (default: all)")
    parser.add_argument("--data", help="one set")
    parser.add_argument("--keep", type=Path, help="folder to keep peers' forecasts in, and to use again")
    parser.add_argument(
        "--levers", action="store_true", help="also without each lever (benchmarks/demand_levers.py)"
    )
    return parser.parse_args()


def _names(asked: argparse.Namespace) -> list[str]:
    """The sets that were named, each a known one."""
    every = [p.name for p in PROTOCOLS]
    wanted = [name.strip() for name in (asked.sets or asked.data or ",".join(every)).split(",")]
    if unknown := [name for name in wanted if name not in every]:
        raise ChannelError(f"No set is called {unknown}; expected some of {every}.")
    return wanted


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChannelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
