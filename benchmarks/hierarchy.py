"""The hierarchy: do reconciled forecasts help, do bands of totals hold, and what does it cost? One run.

    python benchmarks/hierarchy.py                      both
    python benchmarks/hierarchy.py --data speed         or: stallion

Protocols
  stallion    350 agency x SKU series, their products, agencies and the total; 3 months ahead; the whole
              demand room refitted at every cutoff, plans known. Earlier cutoffs 2015-12 to 2016-09
              decide, judged are 2016-12 to 2017-09. Beside sums of the series' means: MinT and WLS
              towards the totals' own forecasts (mean of ETS and Theta), weights from errors at five
              cutoffs before. Coverage of the totals' bands: draws summed, of months and of three.
  speed       a grouped hierarchy of 50,000 nodes (7,150 dealers in several tiers, 5 products each,
              territories, categories), 15 past errors, 3 steps, a third of the series near zero: seconds
              and peak memory of one process. Beside it hierarchicalforecast (when installed): dense MinT
              with shrinkage at 500 to 2,300 nodes, where both run, and its sparse WLS at 50,000.

Results: benchmarks/results/hierarchy_<name>.json.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from importlib import metadata, util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from features.errors import ChannelError  # noqa: E402
from features.panel import Panel  # noqa: E402
from features.totals import Totals  # noqa: E402
from models.demand.ets import ets  # noqa: E402
from models.demand.model import DemandModel  # noqa: E402
from models.demand.reconcile import MinTrace  # noqa: E402
from models.demand.theta import theta  # noqa: E402
from training.recipes import demand  # noqa: E402
from training.rehearsal import Rehearsals  # noqa: E402
from training.settings import DemandConfig  # noqa: E402
from training.trial import panel_of_file  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
FILE = "stallion_agency_sku_monthly/stallion.parquet"
H, EARLIER, JUDGED = 3, (36, 39, 42, 45), (48, 51, 54, 57)
GOAL = {"nodes": 50_000, "seconds": 60, "memory_mb": 4096}
SIZES = ((80, 5), (160, 5), (320, 5))  # dealers x products where the dense peer runs too
Array = np.ndarray


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=["stallion", "speed"])
    parser.add_argument("--one", help=argparse.SUPPRESS)  # method,dealers,products: one measurement
    asked = parser.parse_args()
    if asked.one:
        method, dealers, products = asked.one.split(",")
        print(json.dumps(measured(method, int(dealers), int(products))))
        return 0
    for name, make in {"speed": speed, "stallion": stallion}.items():
        if asked.data in (None, name):
            out = RESULTS / f"hierarchy_{name}.json"
            out.write_text(json.dumps(result := make(), indent=2) + "\n", encoding="utf-8")
            print(json.dumps(result, indent=1))
    return 0


# Speed.


def speed() -> dict[str, Any]:
    """Ours at 50,000 nodes, and beside the peer where it runs."""
    plan = [("ours", 7150, 5), *[(m, *size) for size in SIZES for m in ("ours", "dense_mint")]]
    plan.append(("sparse_wls", 7150, 5))
    if util.find_spec("hierarchicalforecast") is None:
        plan = [one for one in plan if one[0] == "ours"]
    rows = [_apart(*one) for one in plan]
    return {"rows": rows, "goal": GOAL, "made_with": _versions()}


def measured(method: str, dealers: int, products: int) -> dict[str, Any]:
    """One reconciliation in this process."""
    totals, errors, forecast = _channel(dealers, products)
    g, before, cpu = totals.count, time.perf_counter(), time.process_time()
    if method == "ours":
        series = MinTrace(totals=totals).fit(errors[:g], errors[g:]).series(forecast[:g], forecast[g:])
    else:
        series = _peer(method, totals, errors, forecast)[g:]
    seconds, cpu = time.perf_counter() - before, time.process_time() - cpu
    units = totals.sums(series)
    levels = totals.nodes["level"]
    return {
        "method": method,
        "nodes": len(forecast),
        "wall_seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "negative_series": int((series < -1e-9).sum()),
        "largest_gap": float(np.abs(units[levels == "dealer_id"].sum(axis=0) - units[0]).max()),
    }


def _channel(dealers: int, products: int) -> tuple[Totals, Array, Array]:
    """Totals, past errors [g + n, 15] and forecasts [g + n, 3] of a made-up channel."""
    rng = np.random.default_rng(0)
    ids = np.array([f"D{d:05}" for d in range(dealers)])
    dealer, product = np.divmod(np.arange(dealers * products), products)
    static = pd.DataFrame({"dealer_id": ids[dealer], "sku_id": [f"S{p}" for p in product]})
    static["territory_id"] = [f"T{d % 40}" for d in dealer]
    static["category"] = np.where(product < products // 2, "a", "b")
    parent = np.where(np.arange(dealers) < dealers // 10, -1, np.arange(dealers) // 10)
    parents = pd.DataFrame({"dealer_id": ids, "parent_dealer_id": np.where(parent < 0, "", ids[parent])})
    totals = Totals.of(static, parents)
    truth = rng.gamma(0.5, 60, (len(static), H)) * (rng.random((len(static), 1)) > 1 / 3)
    size = np.concatenate([totals.sums(truth), truth])
    errors = (1 + 0.25 * size[:, :1]) * (rng.normal(size=(len(size), 15)) + 0.5 * rng.normal(size=15))
    return totals, errors, size * rng.normal(1, 0.25, size.shape) + rng.normal(-1, 1, size.shape)


def _peer(method: str, totals: Totals, errors: Array, forecast: Array) -> Array:
    """hierarchicalforecast, [g + n, h]."""
    from hierarchicalforecast import methods
    from scipy.sparse import csr_matrix, identity, vstack

    g = totals.count
    insample = np.nan_to_num(forecast[:, :1] + 0 * errors)
    given = {"y_hat": forecast, "y_insample": insample, "y_hat_insample": insample - errors}
    if method == "dense_mint":
        s = np.vstack([totals.matrix.toarray(), np.eye(len(forecast) - g)])
        peer = methods.MinTrace(method="mint_shrink", nonnegative=True)
        return np.asarray(peer.fit_predict(S=s, **given)["mean"])
    s = csr_matrix(vstack([totals.matrix, identity(len(forecast) - g)]))
    sparse = methods.MinTraceSparse(method="wls_var", nonnegative=True)
    return np.asarray(sparse.fit_predict(S=s, **given)["mean"])


def _apart(method: str, dealers: int, products: int) -> dict[str, Any]:
    """A measurement in a process of its own."""
    print(f"  {method}, {dealers} dealers x {products} products", file=sys.stderr)
    command = [sys.executable, str(Path(__file__)), "--one", f"{method},{dealers},{products}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"method": method, "dealers": dealers, "failed": done.stderr.strip().splitlines()[-1:]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


# Stallion.


def stallion() -> dict[str, Any]:
    """WAPE by level with and without reconciliation, and coverage of the totals' bands."""
    file = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data")) / FILE
    if not file.exists():
        raise ChannelError(f"Not there: {file}. Set QUDAO_DATA to the folder of public data.")
    panel = panel_of_file([file], "stallion", freq="M")
    past = demand.rehearsals(panel, H, config := DemandConfig.read())
    past.prepare([*EARLIER, *JUDGED], workers=config.workers, tick=lambda t: print(" ", t, file=sys.stderr))
    spans = {"earlier": EARLIER, "judged": JUDGED}
    return {name: _span(panel, past, cutoffs) for name, cutoffs in spans.items()} | {"made_with": _versions()}


def _span(panel: Panel, past: Rehearsals, cutoffs: tuple[int, ...]) -> dict[str, Any]:
    parts = [_window(panel, past, t) for t in cutoffs]
    errors = pd.concat([part[0] for part in parts])
    places = pd.concat([part[1] for part in parts])
    sums = errors.groupby(["level", "method"], sort=False)[["missed", "missed_sums", "over", "units"]].sum()
    table = sums.div(sums["units"], axis=0).drop(columns="units")
    table.columns = ["wape", "wape_of_sums", "bias"]
    cover = places.groupby(["level", "span"], sort=False)["place"].agg(
        n="size",
        cover_50=lambda p: (np.abs(p - 0.5) <= 0.25).mean(),
        cover_80=lambda p: (np.abs(p - 0.5) <= 0.40).mean(),
        cover_90=lambda p: (np.abs(p - 0.5) <= 0.45).mean(),
    )
    return {
        "accuracy": table.round(4).reset_index().to_dict("records"),
        "coverage": cover.round(3).reset_index().to_dict("records"),
    }


def _window(panel: Panel, past: Rehearsals, t: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors by level and method, and where truths fell among the draws, at one cutoff."""
    model, totals = past.model(t), Totals.of(panel.static)  # every series of this panel has begun
    y = panel.y[:, t : t + H]
    seen = panel.at(t, ahead=H).carry_plans(H)
    mean, draws = model.predict(seen).mean, model.draws(seen, count=400).units
    earlier = past.cutoffs(t)
    bottom = [panel.y[:, c : c + H] - _blend(model, past, c) for c in earlier]
    above = [totals.sums(panel.y[:, c : c + H]) - _own(totals, panel, c) for c in earlier]
    trace = MinTrace(totals=totals).fit(np.hstack(above), np.hstack(bottom))
    own = _own(totals, panel, t)
    methods = {"sums": mean, "mint": trace.series(own, mean)}
    trace.shrinkage_ = 1.0  # no correlation: WLS
    methods["wls"] = trace.series(own, mean)
    rows = [_missed(name, totals, series, y) for name, series in methods.items()]
    rows.append(_by_level("own_forecasts", totals.nodes["level"], own, totals.sums(y)))
    places = [_places("series", draws, y)]
    for level in totals.nodes["level"].unique():
        of = (totals.nodes["level"] == level).to_numpy()
        places.append(_places(level, totals.sums(draws)[of], totals.sums(y)[of]))
    return pd.concat(rows), pd.concat(places)


def _blend(model: DemandModel, past: Rehearsals, c: int) -> Array:
    """What the model's blend would have said at an earlier cutoff."""
    then = past.kept[c]
    return model.stack_.combine(then.layers, model.segments_.names(then.panel.y, 12))


def _own(totals: Totals, panel: Panel, t: int) -> Array:
    """The totals' own forecasts."""
    y = totals.sums(np.nan_to_num(panel.y[:, :t]))
    return (ets(y, season=12, horizon=H) + theta(y, season=12, horizon=H)) / 2


def _missed(method: str, totals: Totals, series: Array, y: Array) -> pd.DataFrame:
    bottom = _by_level(method, pd.Series("series", index=range(len(y))), series, y)
    return pd.concat([bottom, _by_level(method, totals.nodes["level"], totals.sums(series), totals.sums(y))])


def _by_level(method: str, level: "pd.Series[str]", f: Array, y: Array) -> pd.DataFrame:
    rows = {
        "level": level.to_numpy(),
        "method": method,
        "missed": np.abs(f - y).sum(axis=1),
        "missed_sums": np.abs(f.sum(axis=1) - y.sum(axis=1)),
        "over": (f - y).sum(axis=1),
        "units": y.sum(axis=1),
    }
    return pd.DataFrame(rows)


def _places(level: str, draws: Array, y: Array) -> pd.DataFrame:
    """Share of draws below the truth, of months and of their sum."""
    months = _place(draws, y).ravel()
    whole = _place(draws.sum(axis=1), y.sum(axis=1))
    spans = np.repeat(["month", f"{H} months"], [len(months), len(whole)])
    return pd.DataFrame({"level": level, "span": spans, "place": np.concatenate([months, whole])})


def _place(draws: Array, y: Array) -> Array:
    return ((draws < y[..., None]).mean(axis=-1) + (draws <= y[..., None]).mean(axis=-1)) / 2


def _versions() -> dict[str, str]:
    packages = ("numpy", "scipy", "hierarchicalforecast")
    return {p: metadata.version(p) for p in packages if util.find_spec(p)}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChannelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
