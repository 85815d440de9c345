"""Measure the demand room on public data, beside the methods planners use.

    qudao benchmark demand                 every data set that is there
    qudao benchmark demand --data stallion

Reads $QUDAO_DATA (default ../shared/data), writes benchmarks/results/demand_<name>.json and the
table between the README's `results` markers. No setting is chosen on these windows: the defaults
in configs/demand.yaml were chosen on Stallion's cutoffs 2015-12 to 2016-09 and orange juice's
cutoff 48 weeks before its end, which are not judged here.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from features.errors import ChannelError
from models.metrics import mean_pinball
from training.bootstrap import wape_gap
from training.settings import DemandConfig
from training.trial import Trial, panel_of_file, run_trial

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
QUANTILES = {"q05": 0.05, "q10": 0.10, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q90": 0.90, "q95": 0.95}


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One row of the table: the data, the windows, what is known ahead."""

    name: str
    about: str
    file: str
    profile: str
    horizon: int
    windows: int
    freq: str
    plans: bool = True


PROTOCOLS = [
    Protocol(
        name="stallion",
        about="350 agency x SKU series, 3 months, cutoffs 2016-12 to 2017-09, price and event plans known",
        file="stallion_agency_sku_monthly/stallion.parquet",
        profile="stallion",
        horizon=3,
        windows=4,
        freq="M",
    ),
    Protocol(
        name="stallion_without_plans",
        about="the same, nothing known ahead",
        file="stallion_agency_sku_monthly/stallion.parquet",
        profile="stallion",
        horizon=3,
        windows=4,
        freq="M",
        plans=False,
    ),
    Protocol(
        name="orange_juice",
        about="913 store x brand series, 12 weeks, 3 windows back from the end, price and deal plans known",
        file="orange_juice_dominicks/oj.parquet",
        profile="orange_juice",
        horizon=12,
        windows=3,
        freq="W",
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=[p.name for p in PROTOCOLS], help="one data set (default: all)")
    parser.add_argument("--fit-one", choices=[p.name for p in PROTOCOLS], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    folder = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))
    if asked.fit_one:
        return fit_one(_named(asked.fit_one), folder)
    chosen = [p for p in PROTOCOLS if asked.data in (None, p.name)]
    if absent := [p.file for p in chosen if not (folder / p.file).exists()]:
        raise ChannelError(f"Not in {folder}: {absent}. Set QUDAO_DATA to the folder of public data.")
    for protocol in chosen:
        result = measure(protocol, folder)
        path = RESULTS / f"demand_{protocol.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        print(f"{protocol.name}: {path}")
    write_readme()
    return 0


def measure(protocol: Protocol, folder: Path) -> dict[str, Any]:
    """The backtest of one protocol, and the cost of one fit and predict."""
    config = DemandConfig.read()
    panel = panel_of_file([folder / protocol.file], protocol.profile, freq=protocol.freq)
    asked = Trial(horizon=protocol.horizon, windows=protocol.windows, plans=protocol.plans)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        outcome = run_trial(panel, config, asked, Path(scratch), title=protocol.name)
    return {
        "protocol": asdict(protocol),
        "methods": outcome.table.round(4).to_dict("records"),
        "pinball": round(float(mean_pinball(*_banded(outcome.frame))), 4),
        "against": _gaps(outcome.frame, [m for m in outcome.table["method"] if m != "mean"]),
        "wall_seconds": round(time.perf_counter() - started, 1),
        "one_window": _cost(protocol),
        "settings": config.model_dump(mode="json"),
        "made_with": _versions(),
    }


def fit_one(protocol: Protocol, folder: Path) -> int:
    """Fit and predict once, in this process and one thread; prints what it cost as JSON."""
    from training.recipes import demand

    config = DemandConfig.read().model_copy(update={"workers": 1})
    panel = panel_of_file([folder / protocol.file], protocol.profile, freq=protocol.freq)
    panel = panel if protocol.plans else panel.without_plans()
    seen = panel.at(panel.t - protocol.horizon, ahead=protocol.horizon)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    model = demand.fit(demand.rehearsals(seen, protocol.horizon, config), config)
    fitted = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    model.predict(seen.carry_plans(protocol.horizon))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "fit_user_seconds": round(fitted - before, 1),
        "predict_user_seconds": round(usage.ru_utime - fitted, 2),
        "peak_memory_mb": round(usage.ru_maxrss / 1024),
        "series": panel.n,
    }
    print(json.dumps(cost))
    return 0


def write_readme() -> None:
    """The README's table, from the results on disk."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    start, end = "<!-- results:start -->", "<!-- results:end -->"
    if start not in text:
        return
    before, rest = text.split(start, 1)
    after = rest.split(end, 1)[1]
    readme.write_text(f"{before}{start}\n{_table()}\n{end}{after}", encoding="utf-8")


def _table() -> str:
    lines = [
        "| data | method | WAPE | WAPE of sums | bias | 80 % covers | 90 % covers |",
        "|---|---|---|---|---|---|---|",
    ]
    for protocol in PROTOCOLS:
        path = RESULTS / f"demand_{protocol.name}.json"
        if path.exists():
            lines += _rows(protocol.name, json.loads(path.read_text(encoding="utf-8")))
    return "\n".join(lines)


def _rows(name: str, result: dict[str, Any]) -> list[str]:
    rows = sorted(result["methods"], key=lambda row: row["wape"])
    return [
        f"| {name} | {'**stack**' if row['method'] == 'mean' else row['method']} | {row['wape']:.4f} "
        f"| {row['agg_wape']:.4f} | {row['bias']:+.3f} | {_share(row, 80)} | {_share(row, 90)} |"
        for row in rows
    ]


def _share(row: dict[str, Any], band: int) -> str:
    value = row.get(f"coverage_{band}")
    return f"{value:.3f}" if isinstance(value, float) and value == value else ""


def _banded(frame: pd.DataFrame) -> tuple[Any, Any, list[float]]:
    return frame["y"].to_numpy(), frame[list(QUANTILES)].to_numpy(), list(QUANTILES.values())


def _gaps(frame: pd.DataFrame, methods: list[str]) -> dict[str, Any]:
    """WAPE of the stack less that of each other method, with its 95 % interval over series."""
    return {m: asdict(wape_gap(frame, "mean", m, seed=0)) for m in methods}


def _cost(protocol: Protocol) -> dict[str, Any]:
    """What one fit and predict takes, in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--fit-one", protocol.name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _versions() -> dict[str, str]:
    packages = ("lightgbm", "torch", "lightning", "numpy", "pandas", "statsmodels")
    return {"python": platform.python_version()} | {p: metadata.version(p) for p in packages}


def _named(name: str) -> Protocol:
    return next(p for p in PROTOCOLS if p.name == name)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChannelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
