"""Measure the anomaly room beside its peers.

    qudao benchmark anomaly                     everything
    qudao benchmark anomaly --data adbench      20 tables of ADBench, label-free
    qudao benchmark anomaly --data sales        inspected sales reports, label-free and with verdicts
    qudao benchmark anomaly --data channel      the detectors on simulated channels, against the truth
    qudao benchmark anomaly --data orders       order screening: found faults, time of one order
    qudao benchmark anomaly --data verdicts     what 100 verdicts teach the ranker
    qudao benchmark anomaly --data diversion    benchmarks/diversion.py
    qudao benchmark anomaly --file F --label C  the tabular detectors on any CSV or Parquet file

Public data from $QUDAO_DATA (default ../shared/data). Writes benchmarks/results/anomaly_<name>.json with
goal, reached and distance. Seeds are fixed; detectors never see a label.
"""

import argparse
import importlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from features.errors import ChannelError
from features.known import known
from models.anomaly import documents, prices
from models.anomaly.belief import Belief
from models.anomaly.model import LEARNED_KINDS, AnomalyModel, signs
from models.anomaly.orders import Book, Line, Order, Orders
from models.anomaly.ranker import Ranker
from models.anomaly.scene import Scene
from models.anomaly.tabular import Tabular
from models.anomaly.unit_prices import UnitPrices
from models.scoring import auc, average_precision, ece, recall_at
from training.recipes.anomaly import Config, observed, read_policy
from training.truths import JUDGED, LEARNED, channel_world, label

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SIMPLE = {"excess": "x_days", "dead": "x_idle", "short": "x_days", "stuffing": "x_spike"}
SIMPLE |= {"undercut": "x_deepest", "region": "x_depth"}
VERDICTS = (0, 25, 50, 100, 200)
CLIENTS = tuple(range(501, 509))
Row = dict[str, Any]
Score = Callable[[np.ndarray], np.ndarray]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=list(PARTS), help="one part (default: all)")
    parser.add_argument("--file", type=Path, help="a CSV or Parquet file of numbers")
    parser.add_argument("--label", help="its column that marks what is wrong (0/1)")
    asked = parser.parse_args()
    folder = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))
    if asked.file:
        show(one_file(asked.file, asked.label))
        return 0
    for name in [asked.data] if asked.data else list(PARTS):
        started = time.perf_counter()
        result = PARTS[name](folder)
        if result is None:
            continue
        result["wall_seconds"] = round(time.perf_counter() - started, 1)
        show(result)
        path = RESULTS / f"anomaly_{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def show(result: dict[str, Any]) -> None:
    """A plain table, and the goals."""
    print(f"\n{result['about']}")
    print(pd.DataFrame(result["rows"]).to_string(index=False, float_format=lambda x: f"{x:.3f}"))
    for goal in result.get("goals", []):
        word = "reached" if goal["distance"] <= 0 else f"missed by {goal['distance']:.3f}"
        print(f"goal {goal['name']}: {goal['goal']:g}, got {goal['got']:.3f}: {word}")


def goal(name: str, wanted: float, got: float, *, least: bool = True) -> Row:
    """A goal and the distance to it (zero or less: reached)."""
    distance = wanted - got if least else got - wanted
    return {"name": name, "goal": wanted, "got": round(float(got), 4), "distance": round(float(distance), 4)}


# --- tables without labels


def adbench(folder: Path) -> dict[str, Any]:
    """Mean AUC and average precision over the 20 sets."""
    sets = [(path.stem, *_table(pd.read_parquet(path), "anomaly")) for path in _files(folder)]
    methods = peers()
    per_set = [{"set": name, **_compared(X, y, methods)} for name, X, y in sets]
    rows = [
        {
            "method": m,
            "auc": float(np.mean([one[f"{m} auc"] for one in per_set])),
            "ap": float(np.mean([one[f"{m} ap"] for one in per_set])),
        }
        for m in methods
    ]
    ours = rows[0]
    return {
        "about": "20 ADBench sets, label-free, one setting for all; mean AUC and average precision",
        "note": "k = 5 % and the weight 3:1 were chosen looking at these sets. Chosen on the other 19, "
        "among 44 settings (k, weight, forest), the means were AUC .822 and AP .451.",
        "rows": rows,
        "sets": per_set,
        "goals": [goal("AUC", 0.82, ours["auc"]), goal("AP", 0.46, ours["ap"])],
    }


def one_file(path: Path, column: str | None) -> dict[str, Any]:
    """The same comparison on a file that nobody here has seen."""
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    if column is None or column not in frame:
        raise ChannelError(
            f"--label: {path.name} has no column {column!r}; found {list(frame.columns)[:20]}."
        )
    X, y = _table(frame, column)
    found = _compared(X, y, peers())
    rows = [{"method": m, "auc": found[f"{m} auc"], "ap": found[f"{m} ap"]} for m in peers()]
    return {
        "about": f"{path.name}: {len(y):,} rows, {X.shape[1]} numbers, {y.mean():.2%} marked",
        "rows": rows,
    }


def peers() -> dict[str, Score]:
    """Ours first; a peer that is not installed is left out."""
    found: dict[str, Score] = {
        "qudao tabular": lambda X: Tabular().fit(X).score(X),
        "KNN (k=20)": _knn,
        "isolation forest": lambda X: (
            -IsolationForest(n_estimators=100, random_state=0).fit(X).score_samples(X)
        ),
        "largest z": lambda X: np.abs(StandardScaler().fit_transform(X)).max(axis=1),
        "random": lambda X: np.random.default_rng(0).random(len(X)),
    }
    try:
        ecod = importlib.import_module("pyod.models.ecod")
    except ImportError:
        print("pyod is not installed: its rows are left out (pip install 'qudao[bench]').")
        return found
    found["ECOD"] = lambda X: np.asarray(ecod.ECOD().fit(X).decision_scores_)
    trio = ("KNN (k=20)", "isolation forest", "ECOD")
    found["IF+KNN+ECOD rank mean"] = lambda X: np.mean([rankdata(found[name](X)) for name in trio], axis=0)
    return found


def _knn(X: np.ndarray) -> np.ndarray:
    rows = StandardScaler().fit_transform(X)
    near = NearestNeighbors(n_neighbors=min(20, len(X) - 1)).fit(rows)
    return np.asarray(near.kneighbors()[0][:, -1])


def _compared(X: np.ndarray, y: np.ndarray, methods: dict[str, Score]) -> Row:
    out: Row = {}
    for name, method in methods.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = method(X)
        out |= {f"{name} auc": auc(y, scores), f"{name} ap": average_precision(y, scores)}
    return out


def _table(frame: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    numbers = frame.drop(columns=column).select_dtypes(["number", "bool"]).astype(float)
    numbers = numbers.fillna(numbers.median()).fillna(0.0)
    return numbers.to_numpy(), frame[column].astype(int).to_numpy()


def _files(folder: Path) -> list[Path]:
    found = sorted((folder / "adbench_subset").glob("*.parquet"))
    if not found:
        raise ChannelError(f"Not in {folder}: adbench_subset. Set QUDAO_DATA to the folder of public data.")
    return found


# --- sales reports


def sales(folder: Path) -> dict[str, Any]:
    """Abnormal unit prices among inspected reports."""
    path = folder / "sales_report_fraud" / "sales_reports.parquet"
    if not path.exists():
        raise ChannelError(f"Not in {folder}: {path.name}. Set QUDAO_DATA to the folder of public data.")
    frame = pd.read_parquet(path).rename(columns={"salesperson_id": "seller", "product_id": "product"})
    seen = (frame["inspection"] != "unkn").to_numpy()
    y = (frame["inspection"] == "fraud").to_numpy().astype(int)[seen]
    model = UnitPrices().fit(frame)
    scores = {
        "qudao unit prices, label-free": model.score(frame)[seen],
        "qudao, after verdicts on other salespeople": _ranked(frame, model, seen, y),
        "robust z of unit price": _robust_z(frame)[seen],
        "random": np.random.default_rng(0).random(seen.sum()),
    }
    rows = [_judged(name, y, s) for name, s in scores.items()]
    ours = rows[0]
    return {
        "about": f"sales reports: {len(frame):,} fitted without labels, {seen.sum():,} inspected judged, "
        f"{y.sum():,} of them fraud; verdicts: 5 folds by salesperson",
        "rows": rows,
        "goals": [
            goal("AUC", 0.90, ours["auc"]),
            goal("AP", 0.72, ours["ap"]),
            goal("recall at 10 %", 0.75, ours["recall_at_10"]),
            goal("better with verdicts (AP)", ours["ap"], rows[1]["ap"]),
        ],
    }


def _judged(name: str, y: np.ndarray, scores: np.ndarray) -> Row:
    return {
        "method": name,
        "auc": auc(y, scores),
        "ap": average_precision(y, scores),
        "recall_at_10": recall_at(y, scores, share=0.1),
    }


def _ranked(frame: pd.DataFrame, model: UnitPrices, seen: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Probability of each inspected report from a ranker taught on other salespeople."""
    score, rest = model.score(frame), model.residuals(frame)
    facts = pd.DataFrame({"score": score, "rest": rest, "size": np.abs(rest)})
    for column in ("quantity", "value"):
        numbers = frame[column].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        facts[column] = np.log(numbers)
        facts[f"no_{column}"] = np.isnan(numbers).astype(float)
    for who in ("seller", "product"):
        grouped = facts.groupby(frame[who])
        facts[f"{who}_rows"] = grouped["rest"].transform("count").astype(float)
        facts[f"{who}_size"] = grouped["size"].transform("median")
    X, prior = facts.to_numpy(float)[seen], np.clip(1 - np.exp(-score[seen] / 4), 0.01, 0.99)
    fold = pd.util.hash_array(frame["seller"].to_numpy(object)[seen]) % 5
    out = np.zeros(len(y))
    for k in range(5):
        taught = Ranker().fit(X[fold != k], y[fold != k], prior[fold != k])
        out[fold == k] = taught.probability(X[fold == k], prior[fold == k])
    return out


def _robust_z(frame: pd.DataFrame) -> np.ndarray:
    """The usual peer: log price against the product's median in its own median absolute deviations."""
    price = np.log(frame["value"].astype(float) / frame["quantity"].astype(float))
    away = (price - price.groupby(frame["product"]).transform("median")).abs()
    z = away / (away.groupby(frame["product"]).transform("median") + 1e-9)
    return np.asarray(z.fillna(z.median()), dtype=float)


# --- simulated channels


def channel(_: Path) -> dict[str, Any]:
    """Each detector on channels that nothing has learned from."""
    config = Config()
    taught, judged = (observed(seeds, config) for seeds in (LEARNED[: config.learned_worlds], JUDGED[:6]))
    rng, rows = np.random.default_rng(0), []
    for kind in LEARNED_KINDS:
        learn, test = (part[(part["kind"] == kind) & part["y"].notna()] for part in (taught, judged))
        learn = learn.dropna(axis=1, how="all")
        belief = Belief(config.seed).fit(learn, learn["y"].to_numpy(), learn["world"].to_numpy())
        size = test[SIMPLE[kind]].fillna(0) * (-1 if kind == "short" else 1)
        y, p = test["y"].to_numpy(), belief.probability(test)
        rows.append(
            _detector(kind, y, {"ours": p, "rule": test["raw"], "z": size, "random": rng.random(len(y))})
        )
        rows[-1]["ece"] = ece(y, p)
    rows.append(_documents(JUDGED[:3]))
    return {
        "about": "simulated channels with known truth: 6 learned from, 6 others judged, 6 moments each; "
        "documents: 1 % of the lines priced 10-40 % wrong in copies of the tables",
        "rows": rows,
        "goals": [goal(f"{r['kind']}: AP above z", r["z ap"], r["ours ap"]) for r in rows],
    }


def _detector(kind: str, y: np.ndarray, scores: dict[str, Any]) -> Row:
    row: Row = {"kind": kind, "candidates": len(y), "true": float(np.mean(y))}
    for name, s in scores.items():
        row |= {f"{name} auc": auc(y, s), f"{name} ap": average_precision(y, s)}
    return row


def _documents(seeds: tuple[int, ...]) -> Row:
    """Wrong prices put into documents; the net prices on record are taken away, or it would be a look-up."""
    rng, ys, ours, z = np.random.default_rng(0), [], [], []
    for seed in seeds:
        tables = channel_world(seed).tables
        sold = tables["sell_in"].copy()
        wrong = (rng.random(len(sold)) < 0.01) & (sold["qty_sell_in"] > 0).to_numpy()
        sold.loc[wrong, "amount"] *= 1 - rng.choice([-1, 1], wrong.sum()) * rng.uniform(0.1, 0.4, wrong.sum())
        bare = {k: v for k, v in tables.items() if k != "prices"} | {"sell_in": sold}
        lines = documents.lines_of(Scene.of(bare, sold["known_at"].max()))
        hit = sold.loc[wrong, ["dealer_id", "sku_id", "period_start"]].assign(y=1)
        ys.append(lines.merge(hit, how="left")["y"].fillna(0).to_numpy())
        ours.append(lines["z"].to_numpy())
        price = lines["amount"] / lines["qty_sell_in"]
        group = price.groupby(lines["sku_id"])
        z.append(np.abs((price - group.transform("mean")) / group.transform("std")).to_numpy())
    y = np.concatenate(ys)
    scores = {"ours": np.concatenate(ours), "z": np.concatenate(z), "random": rng.random(len(y))}
    return _detector("document", y, scores)


def orders(_: Path) -> dict[str, Any]:
    """Faults put into orders of the last period, and the time of one order."""
    rng, parts, times = np.random.default_rng(0), [], []
    for seed in JUDGED:
        tables = channel_world(seed).tables
        last = tables["sell_in"]["period_start"].max()
        before = known(tables, pd.Timestamp(last))
        book = Book.of(Scene.of(before, pd.Timestamp(last)))
        screen = Orders().fit(book)
        for order, wrong in _placed(tables, last, rng):
            started = time.perf_counter()
            verdict = screen.screen(order, book)
            times.append(time.perf_counter() - started)
            usual = book.pairs.get((order.dealer_id, order.lines[0].sku_id))
            ratio = order.lines[0].qty / usual.usual_units if usual and usual.usual_units > 0 else 1.0
            parts.append((wrong, verdict.score, abs(np.log(ratio)), verdict.decision, verdict.probability))
    y, ours, z, decision, p = (np.array(part) for part in zip(*parts, strict=True))
    rows = [
        {"method": "qudao orders", "auc": auc(y, ours), "ap": average_precision(y, ours), "ece": ece(y, p)},
        {"method": "size against usual", "auc": auc(y, z), "ap": average_precision(y, z)},
        {"method": "random", "auc": 0.5, "ap": average_precision(y, rng.random(len(y)))},
    ]
    p95 = float(np.quantile(times, 0.95) * 1000)
    stopped = decision != "approve"
    return {
        "about": f"{len(y):,} orders, {y.mean():.1%} with a fault (size x 3-10, or 5-40 % under the price)",
        "rows": rows,
        "p95_ms": round(p95, 3),
        "stopped_of_faulty": round(float(stopped[y == 1].mean()), 4),
        "stopped_of_good": round(float(stopped[y == 0].mean()), 4),
        "goals": [
            goal("p95 of one order, ms", 50, p95, least=False),
            goal("AP above size", rows[1]["ap"], rows[0]["ap"]),
        ],
    }


def _placed(tables: Any, last: pd.Timestamp, rng: np.random.Generator) -> Iterator[tuple[Order, int]]:
    sold = tables["sell_in"]
    lines = sold[(sold["period_start"] == last) & (sold["qty_sell_in"] > 0)]
    day = last + pd.Timedelta(days=10)
    for row in lines.itertuples():
        qty, price, wrong = (
            float(row.qty_sell_in),
            float(row.amount / row.qty_sell_in),
            int(rng.random() < 0.05),
        )
        if wrong and rng.random() < 0.5:
            qty *= float(rng.uniform(3, 10))
        elif wrong:
            price *= 1 - float(rng.uniform(0.05, 0.4))
        yield (
            Order(str(row.dealer_id), (Line(str(row.sku_id), round(qty), price),), "CNY", ordered_at=day),
            wrong,
        )


# --- verdicts


def verdicts(folder: Path) -> dict[str, Any]:
    """Average precision on held-out alerts after so many verdicts of a simulated analyst."""
    channels = [_client(seed) for seed in CLIENTS]
    rows = [_learning(name, judge, channels) for name, judge in (("own practices", 1), ("truth alone", 0))]
    rows.append(_tables_learning(folder))
    gain = rows[0]["100"] / rows[0]["0"] - 1
    return {
        "about": "average precision on held-out alerts after N verdicts (columns); alerts of 8 months "
        "are judged, the dearest first; those of the last 6 are held out; 8 channels",
        "note": "own practices: each channel tolerates two or three things that the detectors cannot know (a "
        "simulated analyst dismisses them); truth alone: the analyst confirms what the simulator says, which "
        "the detectors were taught, so little is left to learn. ADBench: real labels; of N judged of one "
        "half, N/2 are its most suspect and N/2 random; AP on the other half.",
        "rows": rows,
        "goals": [goal("gain after 100 verdicts", 0.10, gain)],
    }


def _client(seed: int) -> pd.DataFrame:
    """Raised alerts of 14 months with truth and with what the channel's analyst would say."""
    model, one = _taught(), channel_world(seed, dealers=60, months=48)
    model.habits, parts = prices.PriceHabits(), []
    end = pd.Timestamp(f"{one.world.end}-01") + pd.DateOffset(months=1)
    for back in range(14, 0, -1):
        scene = model.scene(one.tables, end - pd.DateOffset(months=back))
        if back == 14:
            model.habits = prices.PriceHabits().fit(scene.ledger)
        found = model.weighed(scene, model.pairs(scene))
        least = found["type"].map(scene.rules.least_probability).astype(float)
        for kind, rows in found[found["prior"] >= least].groupby("kind"):
            if kind in LEARNED_KINDS:
                parts.append(rows.assign(truth=label(one, str(kind), rows), back=back))
    alerts = pd.concat(parts, ignore_index=True).dropna(subset=["truth"]).drop_duplicates("alert_id")
    alerts["practice"] = alerts["truth"] * ~_tolerated(alerts, np.random.default_rng(seed))
    return alerts.reset_index(drop=True)


def _tolerated(alerts: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Two or three practices that are nobody's fault in this channel."""
    kind = alerts["kind"]
    stuffed, much = kind == "stuffing", kind == "excess"
    practices = [
        stuffed & (alerts["x_spike_before"] > 0.5),  # agreed with those who always do so
        stuffed & (alerts["x_over"] < 0.7),  # sold through within the month
        stuffed & (alerts["x_peers"] > 0.1),  # the brand asked for it
        much & (alerts["x_pace"] < alerts.loc[much, "x_pace"].median()),  # slow goods are held on purpose
        much & (alerts["x_season"] > 0.0),  # stock ahead of a season
        much & (alerts["x_lumpy"] > alerts.loc[much, "x_lumpy"].median()),  # project goods
    ]
    chosen = rng.choice(len(practices), size=int(rng.integers(2, 4)), replace=False)
    return np.any([practices[i] for i in chosen], axis=0)


_TAUGHT: list[AnomalyModel] = []


def _taught() -> AnomalyModel:
    """A model without a diversion detector, taught once."""
    if not _TAUGHT:
        config = Config()
        taught = observed(LEARNED[: config.learned_worlds], config)
        model = AnomalyModel(policy=read_policy())
        for kind in LEARNED_KINDS:
            rows = taught[taught["kind"] == kind].dropna(axis=1, how="all")
            model.beliefs[kind] = Belief(config.seed).fit(
                rows, rows["y"].to_numpy(), rows["world"].to_numpy()
            )
        _TAUGHT.append(model)
    return _TAUGHT[0]


def _learning(name: str, judge: int, channels: list[pd.DataFrame]) -> Row:
    column = "practice" if judge else "truth"
    row: Row = {"verdicts of": name}
    for n in VERDICTS:
        found = []
        for alerts in channels:
            early, late = alerts[alerts["back"] > 6], alerts[alerts["back"] <= 6]
            shown = early.assign(worth=early["prior"] * early["amount"]).nlargest(n, "worth")
            ranker = Ranker(7).fit(signs(shown), shown[column], shown["prior"]) if n else Ranker()
            found.append(average_precision(late[column], ranker.probability(signs(late), late["prior"])))
        row[str(n)] = float(np.mean(found))
    return row


def _tables_learning(folder: Path) -> Row:
    """The same ranker on ADBench: the tabular score is the prior, real labels are the verdicts."""
    found: dict[int, list[float]] = {n: [] for n in VERDICTS}
    for path in _files(folder):
        X, y = _table(pd.read_parquet(path), "anomaly")
        rng = np.random.default_rng(0)
        order = rng.permutation(len(X))
        shown, held = order[: len(X) // 2], order[len(X) // 2 :]
        prior = np.clip(Tabular().fit(X).score(X) ** 8, 0.01, 0.99)
        for n in VERDICTS:
            top = shown[np.argsort(-prior[shown], kind="stable")[: n // 2]]
            rest = rng.permutation(np.setdiff1d(shown, top))[: n - n // 2]
            judged = np.concatenate([top, rest])
            ranker = Ranker(7).fit(X[judged], y[judged], prior[judged]) if n else Ranker()
            found[n].append(average_precision(y[held], ranker.probability(X[held], prior[held])))
    return {"verdicts of": "ADBench labels"} | {str(n): float(np.mean(values)) for n, values in found.items()}


def diversion(folder: Path) -> dict[str, Any] | None:
    """The rows of benchmarks/diversion.py, when it is there."""
    sys.path.insert(0, str(ROOT))
    try:
        module = importlib.import_module("benchmarks.diversion")
    except ImportError:
        print("benchmarks/diversion.py is not there: its rows are left out.")
        return None
    found = module.rows()
    return found if isinstance(found, dict) else {"about": "diversion worlds", "rows": list(found)}


PARTS: dict[str, Callable[[Path], dict[str, Any] | None]] = {
    "adbench": adbench,
    "sales": sales,
    "channel": channel,
    "orders": orders,
    "verdicts": verdicts,
    "diversion": diversion,
}

if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChannelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
