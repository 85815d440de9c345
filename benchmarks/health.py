"""Health beside its peers: dormancy on public data, decline in simulated channels, one run.

    qudao benchmark health                       both
    qudao benchmark health --data dormancy       one of them
    python benchmarks/health.py --file F --label L      any file, one row a dealer, 5-fold cross-validation

Protocols
  dormancy    online_retail_wholesale, customer x month: conditions to 2011-08; the event is no purchase in
              2011-09 to 2011-11; customers who bought before (3,314); stratified 5-fold cross-validation, two
              seeds. The blend's weights and calibration are made inside the training folds; no setting was
              chosen on this data but which conditions exist.
  decline     three simulated channels (120 dealers, 60 months; seeds 11 to 13): the recipe's own evidence,
              each cutoff judged by a model of outcomes known by then. Also the Kendall rank correlation of
              scores before and after 1 % of noise on every quantity and amount.

Results: benchmarks/results/health_<name>.json.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.stats import kendalltau

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from features.condition import condition  # noqa: E402
from features.errors import ChannelError, hint  # noqa: E402
from features.simulator import World, simulate  # noqa: E402
from features.standing import Standing  # noqa: E402
from models.propensity import Propensity  # noqa: E402
from models.scoring import auc, average_precision, brier, ece  # noqa: E402
from training.recipes import health  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
FILE = "online_retail_wholesale/customer_month.parquet"
FOLDS, SEEDS = 5, (0, 1)
GOALS = {"dormancy": {"auc": 0.745}, "decline": {"kendall": 0.9}}
Array = np.ndarray
Method = Callable[[pd.DataFrame, Array, pd.DataFrame], Array]
_LAYERS = {
    "sales": "revenue",
    "units": "units",
    "orders": "orders",
    "skus": "skus",
    "returned": "returns_value",
}
_ABSENT = ("sold_out", "on_hand", "stocked", "short", "outlets")
_FACTS = ("late_days", "late_days_lately", "late_rate", "overdue_rate", "outlets_known", "years")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=list(GOALS), help="one of them (default: both)")
    parser.add_argument("--file", type=Path, help="a CSV or Parquet file of your own")
    parser.add_argument("--label", help="its 0/1 column")
    asked = parser.parse_args()
    if asked.file:
        X, y = _own(asked.file, asked.label)
        write("file", {"protocol": "5-fold cross-validation, two seeds", "methods": folds(X, y)})
        return 0
    runs = {"dormancy": dormancy, "decline": decline}
    for name in [n for n in runs if asked.data in (None, n)]:
        started = time.perf_counter()
        result = runs[name]()
        write(name, result | {"seconds": round(time.perf_counter() - started, 1)})
    return 0


def dormancy() -> dict[str, Any]:
    """Customers of a wholesaler who fall silent."""
    path = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data")) / FILE
    if not path.exists():
        raise ChannelError(f"Not there: {path}. Set QUDAO_DATA to the folder of public data.")
    months = pd.read_parquet(path)
    months["month"] = pd.to_datetime(months["month"].astype(str))
    X, y = dormancy_rows(months, pd.Timestamp("2011-08-01"))
    methods = folds(X, y)
    reached = methods["ours"]["auc"]
    goal = GOALS["dormancy"]["auc"]
    about = {"n": len(y), "rate": round(float(y.mean()), 4), "goal": {"auc": goal}}
    return {
        "methods": methods,
        **about,
        "reached": {"auc": reached},
        "distance": {"auc": round(reached - goal, 4)},
    }


def dormancy_rows(months: pd.DataFrame, last: pd.Timestamp) -> tuple[pd.DataFrame, Array]:
    """Conditions at the end of `last` and who buys nothing in the three months after."""
    standing = _standing(months[months["month"] <= last], last)
    X = condition(standing)
    later = months[(months["month"] > last) & (months["month"] <= last + pd.DateOffset(months=3))]
    back = later.loc[later["orders"] > 0, "customer_id"].astype(str)
    bought = X["recency_months"].notna().to_numpy()
    return X[bought], (~X.index.isin(back)).astype(float)[bought]


def _standing(months: pd.DataFrame, last: pd.Timestamp) -> Standing:
    """A channel of one table: what each customer bought by month."""
    rows = months.assign(dealer_id=months["customer_id"].astype(str))
    ids = pd.Index(sorted(rows["dealer_id"].unique()), name="dealer_id")
    axis = pd.date_range(rows["month"].min(), last, freq="MS")
    layers = {}
    for name, column in _LAYERS.items():
        wide = rows.pivot_table(index="dealer_id", columns="month", values=column, aggfunc="sum")
        layers[name] = wide.reindex(index=ids, columns=axis).fillna(0.0).clip(lower=0).to_numpy(float)
    bought = layers["orders"] > 0
    layers["units"] = np.where(bought, np.maximum(layers["units"], 1.0), 0.0)
    begun = np.cumsum(bought, axis=1) > 0
    layers = {name: np.where(begun, layer, np.nan) for name, layer in layers.items()}
    layers |= dict.fromkeys(_ABSENT, np.full(bought.shape, np.nan))
    dealers = pd.DataFrame("", index=ids, columns=["territory_id", "tier", "dealer_type"])
    facts = pd.DataFrame(np.nan, index=ids, columns=list(_FACTS))
    moment = last + pd.DateOffset(months=1)
    return Standing(moment=moment, dealers=dealers, months=axis, layers=layers, facts=facts)


def folds(X: pd.DataFrame, y: Array) -> dict[str, dict[str, float]]:
    """Every method under stratified cross-validation, means over the seeds."""
    rows = []
    for seed in SEEDS:
        fold = _stratified(y, seed)
        for name, method in methods().items():
            p = np.zeros(len(y))
            for k in range(FOLDS):
                p[fold == k] = method(X[fold != k], y[fold != k], X[fold == k])
            rows.append({"method": name, **measures(y, p)})
    means = pd.DataFrame(rows).groupby("method", sort=False).mean().round(4)
    return {str(name): {k: float(v) for k, v in row.dropna().items()} for name, row in means.iterrows()}


def measures(y: Array, p: Array) -> dict[str, float]:
    """AUC and AP of any score; Brier and ECE of probabilities."""
    is_probability = bool(((p >= 0) & (p <= 1)).all())
    return {
        "auc": auc(y, p),
        "ap": average_precision(y, p),
        "brier": brier(y, p) if is_probability else np.nan,
        "ece": ece(y, p) if is_probability else np.nan,
    }


def methods() -> dict[str, Method]:
    """Ours, its two members, and the peers that are installed."""
    found: dict[str, Method] = {
        "ours": lambda X, y, new: _ours(X, y).predict(new),
        "ours, logistic alone": lambda X, y, new: _plain(X, y, new),
        "LightGBM default": lambda X, y, new: _lightgbm(X, y, new),
    }
    if util.find_spec("catboost"):
        found["CatBoost default"] = _catboost
    if util.find_spec("xgboost"):
        found["XGBoost default"] = _xgboost
    return found | {"recency alone": _recency, "rate alone": lambda X, y, new: np.full(len(new), y.mean())}


def _ours(X: pd.DataFrame, y: Array) -> Propensity:
    return Propensity().fit(X, y, np.arange(len(y)))


def _plain(X: pd.DataFrame, y: Array, new: pd.DataFrame) -> Array:
    belief = _ours(X, y)
    return 1 / (1 + np.exp(-belief.logistic_.log_odds(new)))  # type: ignore[union-attr]


def _lightgbm(X: pd.DataFrame, y: Array, new: pd.DataFrame) -> Array:
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 0}
    booster = lgb.train(settings, lgb.Dataset(X.to_numpy(float), y), 100)
    return np.asarray(booster.predict(new.to_numpy(float), num_threads=1))


def _catboost(X: pd.DataFrame, y: Array, new: pd.DataFrame) -> Array:
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(verbose=False, thread_count=1, random_seed=0, allow_writing_files=False)
    return np.asarray(model.fit(X, y).predict_proba(new)[:, 1])


def _xgboost(X: pd.DataFrame, y: Array, new: pd.DataFrame) -> Array:
    from xgboost import XGBClassifier

    return np.asarray(XGBClassifier(n_jobs=1, random_state=0).fit(X, y).predict_proba(new)[:, 1])


def _recency(X: pd.DataFrame, y: Array, new: pd.DataFrame) -> Array:
    name = "recency_months" if "recency_months" in new else str(new.columns[0])
    return new[name].fillna(0.0).to_numpy(float)


def _stratified(y: Array, seed: int) -> Array:
    fold = np.zeros(len(y), int)
    rng = np.random.default_rng(seed)
    for label in (0, 1):
        rows = np.flatnonzero(y == label)
        fold[rng.permutation(rows)] = np.arange(len(rows)) % FOLDS
    return fold


def decline() -> dict[str, Any]:
    """Simulated channels: later cutoffs, the same fits and moments as in the product."""
    parts, kendalls = [], []
    for seed in (11, 12, 13):
        world = World(seed=seed, dealers=120, products=6, months=60, survey_share=0, scan_coverage_share=0)
        tables = simulate(world).tables
        moment = pd.Timestamp("2026-01-01")
        fitted = health.fit(tables, moment, health.Config())
        parts.append(fitted.evidence.assign(world=seed))
        kendalls.append(noise_kendall(fitted.model, tables, moment))
    evidence = pd.concat(parts)
    names = {"ours": "probability", "recency": "baseline_recency", "last trend": "baseline_last_trend"}
    rows = {}
    for name, column in names.items():
        told = [measures(p["y"].to_numpy(), p[column].to_numpy()) for _, p in evidence.groupby("world")]
        rows[name] = {k: round(float(v), 4) for k, v in pd.DataFrame(told).mean().dropna().items()}
    least = round(min(kendalls), 4)
    goal = GOALS["decline"]["kendall"]
    about = {"n": len(evidence), "rate": round(float(evidence["y"].mean()), 4), "goal": {"kendall": goal}}
    return {
        "methods": rows,
        **about,
        "reached": {"kendall": least},
        "distance": {"kendall": round(least - goal, 4)},
    }


def noise_kendall(model: Any, tables: dict[str, pd.DataFrame], moment: pd.Timestamp) -> float:
    """Rank correlation of scores before and after 1 % of noise."""
    rng = np.random.default_rng(0)
    noisy = {}
    for name, frame in tables.items():
        cells = [c for c in frame.columns if c.startswith("qty_") or c == "amount"]
        noisy[name] = frame.assign(**{c: frame[c] * rng.normal(1, 0.01, len(frame)) for c in cells})
    before, after = (model.score(t, moment)["dealers"]["score"] for t in (tables, noisy))
    return float(kendalltau(before, after).statistic)


def _own(path: Path, label: str | None) -> tuple[pd.DataFrame, Array]:
    if not path.exists():
        raise ChannelError(f"Not there: {path}. Name a CSV or Parquet file.")
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    if label not in frame.columns:
        names = list(map(str, frame.columns))
        raise ChannelError(f"No column {label!r} in the file; found {names}.{hint(str(label), names)}")
    known = frame[frame[label].isin([0, 1])]
    X = known.drop(columns=[label]).select_dtypes("number").astype(float).reset_index(drop=True)
    return X, known[label].to_numpy(float)


def write(name: str, result: dict[str, Any]) -> None:
    """The table on the screen and the whole as JSON."""
    print(f"\n{name}\n{pd.DataFrame(result['methods']).T.to_string()}")
    print({k: v for k, v in result.items() if k != "methods"})
    path = RESULTS / f"health_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
