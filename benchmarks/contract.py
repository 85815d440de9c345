"""Measure the contract room on public contracts, beside the linear baselines.

    qudao benchmark contract                       both public tasks, and our own held-out styles
    qudao benchmark contract --data cuad_clauses
    qudao benchmark contract --file clauses.jsonl --label type    the released design on a file nobody
    here has seen

Reads $QUDAO_DATA (default ../shared/data), writes benchmarks/results/contract_<name>.json. Both public
tasks split by
contract as their files say. Designs (n-grams, price of an error, sentences) were chosen on folds of the
training
contracts; the 16 risk categories and the 37 clause types are those of the data set's README.

    cuad_clauses      one expert span -> one of 37 types; accuracy (micro) and macro F1; the peer is word
    1-2 + character
                      3-5 TF-IDF with a linear SVM
    cuad_paragraphs   paragraphs of 137 channel contracts -> 16 risk categories; macro average precision;
    the peer is
                      word 1-2 TF-IDF with logistic regression. Ours also learns from the expert spans of
                      training contracts
    styles            our own clauses, Chinese and English, each style of writing left out in turn
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_union
from sklearn.svm import LinearSVC

from features.errors import ChannelError
from features.glyphs import plain
from models.contract.classifier import Classifier
from models.contract.designs import CATEGORY_BLOCKS, PARAGRAPH_BLOCKS
from models.contract.heads import Heads
from models.contract.risk import RISKS
from models.contract.said import Said, said
from models.scoring import average_precision, ece
from training.clauses import read_corpus
from training.recipes.contract import Config, learn

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SPANS = "cuad_channel_contracts/cuad_clauses_all510.parquet"
PARAGRAPHS = "cuad_channel_contracts/paragraphs.parquet"
METADATA = (
    "Parties",
    "Agreement Date",
    "Document Name",
    "Effective Date",
)  # 41 categories less these are 37 types
RISK_CATEGORIES = (
    *("Cap on Liability", "Uncapped Liability", "Anti-Assignment", "Minimum Commitment", "Exclusivity"),
    *("Non-Compete", "Audit Rights", "Insurance", "Termination for Convenience", "Change of Control"),
    *("Revenue/Profit Sharing", "Post-Termination Services", "Rofr/Rofo/Rofn", "Warranty Duration"),
    *("Volume Restriction", "Liquidated Damages"),
)
LEAST_SPAN = 30  # characters of an expert span that is learned from
Array = NDArray[np.float64]
Row = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tasks: dict[str, Callable[[Path], Row]] = {
        "cuad_clauses": cuad_clauses,
        "cuad_paragraphs": cuad_paragraphs,
        "styles": styles,
    }
    parser.add_argument("--data", choices=list(tasks), help="one task (default: all)")
    parser.add_argument("--file", type=Path, help='labelled clauses, one {"text", "type", "risk"} a line')
    parser.add_argument(
        "--label", choices=("type", "risk"), default="type", help="what the file is judged by"
    )
    asked = parser.parse_args()
    if asked.file:
        return _told("file", on_file(asked.file, asked.label))
    folder = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data"))
    for name in [asked.data] if asked.data else list(tasks):
        if name != "styles" and not (folder / SPANS).exists():
            raise ChannelError(f"Not in {folder}: {SPANS}. Set QUDAO_DATA to the folder of public data.")
        started = time.perf_counter()
        result = tasks[name](folder)
        _told(name, result | {"wall_seconds": round(time.perf_counter() - started, 1)})
    return 0


def cuad_clauses(folder: Path) -> Row:
    """Accuracy and macro F1 of one type a span."""
    frame = pd.read_parquet(folder / SPANS)
    frame = frame[~frame["category"].isin(METADATA)]
    train, test = frame[frame["split"] == "train"], frame[frame["split"] == "test"]
    vectors = _peer_vectors()
    peer = LinearSVC(C=1.0).fit(vectors.fit_transform(train["text"]), train["category"])
    heard, asked = _saids(train["text"]), _saids(test["text"])
    ours = Classifier(CATEGORY_BLOCKS, heads=Heads(0.3, balanced=True)).fit(heard, train["category"].tolist())
    told = np.array(ours.labels_)[ours.margins(asked).argmax(axis=1)]
    truth = test["category"].to_numpy()
    return {
        "task": "CUAD clause -> 37 types, split by contract",
        "n_train": len(train),
        "n_test": len(test),
        "goal": {"macro_f1": 0.70},
        "methods": [
            {"method": "ours", **_single(truth, told)},
            {
                "method": "word+char TF-IDF, linear SVM",
                **_single(truth, peer.predict(vectors.transform(test["text"]))),
            },
        ],
        "published_peer": {"micro": 0.767, "macro": 0.643},
    }


def cuad_paragraphs(folder: Path) -> Row:
    """Macro average precision over the 16 risk categories."""
    frame = pd.read_parquet(folder / PARAGRAPHS)
    train, test = frame[frame["split"] == "train"], frame[frame["split"] == "test"]
    truth = _has(test["labels"])
    ours = paragraph_reader(train, pd.read_parquet(folder / SPANS))
    margins = ours.margins(_saids(test["text"]))
    columns = [ours.labels_.index(name) for name in RISK_CATEGORIES]
    peer = _paragraph_peer(train, test)
    methods = [
        _ranked("ours", truth, margins[:, columns]),
        _ranked("word TF-IDF, logistic regression", truth, peer),
    ]
    return {
        "task": "channel-contract paragraphs, 16 risk categories",
        "n_train": len(train),
        "n_test": len(test),
        "goal": {"macro_ap": 0.60},
        "methods": methods,
        "published_peer": {"macro_ap": 0.525},
    }


def paragraph_reader(train: pd.DataFrame, spans: pd.DataFrame) -> Classifier:
    """Learned from paragraphs and from the expert spans of training contracts."""
    known = spans[(spans["split"] == "train") & ~spans["category"].isin(METADATA)]
    known = known[known["text"].str.len() > LEAST_SPAN]
    pairs = [
        (said(text), set(group) & set(RISK_CATEGORIES))
        for (_, text), group in known.groupby(["contract", "text"])["category"]
    ]
    labels = [set(told.split("|")) & set(RISK_CATEGORIES) for told in train["labels"]]
    reader = Classifier(PARAGRAPH_BLOCKS, sentences=True)
    return reader.fit(_saids(train["text"]), labels, spans=pairs)


def styles(_folder: Path) -> Row:
    """Our own clauses: accuracy, macro F1 and agreement on risk for each style that was left out."""
    methods = []
    for language in ("zh", "en"):
        clauses = read_corpus(language)
        for name, group in clauses.groupby("style"):
            if len(group) >= 30:
                methods.append(
                    {"method": f"ours, {language}, without {name}", **_left_out(clauses, name, language)}
                )
    return {"task": "own clauses, a style left out", "goal": {}, "methods": methods}


def _left_out(clauses: pd.DataFrame, name: str, language: str) -> Row:
    held, seen = clauses[clauses["style"] == name], clauses[clauses["style"] != name]
    reader = learn(seen, clauses.iloc[:0], language, Config())
    return _judged(reader, held) | {
        "n": len(held),
        "peer_macro_f1": _file_peer(seen, held, language)["macro_f1"],
    }


def _file_peer(seen: pd.DataFrame, held: pd.DataFrame, language: str) -> Row:
    """TF-IDF and a linear SVM on plain characters: authors wrote different types, with different commas."""
    characters = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    vectors = _peer_vectors() if language == "en" else characters
    svm = LinearSVC().fit(vectors.fit_transform(seen["text"].map(plain)), seen["type"])
    return _single(held["type"].to_numpy(), svm.predict(vectors.transform(held["text"].map(plain))))


def on_file(path: Path, label: str) -> Row:
    """The product's design, learned from all our clauses, on labelled clauses from elsewhere."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    frame = pd.DataFrame(rows)
    if missing := {"text", label} - set(frame.columns):
        raise ChannelError(f"{path.name}: every line needs {sorted(missing)}.")
    han = frame["text"].str.contains(r"[\u4e00-\u9fff]")
    methods = []
    for language, group in ((name, frame[han == (name == "zh")]) for name in ("zh", "en")):
        if len(group):
            clauses = read_corpus(language)
            reader = learn(clauses, clauses.iloc[:0], language, Config())
            methods.append({"method": f"ours, {language}", "n": len(group), **_judged(reader, group)})
            if "type" in group:
                peer = _file_peer(clauses, group, language)
                methods.append({"method": f"TF-IDF, linear SVM, {language}", "n": len(group), **peer})
    return {"task": path.name, "goal": {}, "methods": methods}


def _judged(reader: Any, held: pd.DataFrame) -> Row:
    texts = _saids(held["text"])
    out: Row = {}
    kinds = np.array(reader.types.labels_)[reader.types.probabilities(texts).argmax(axis=1)]
    if "type" in held:
        out |= _single(held["type"].to_numpy(), kinds)
        kinds = held["type"].to_numpy()
    if "risk" in held:
        out |= _risk(held["risk"], reader.risks.probabilities(texts, kinds.tolist()))
    return out


def _risk(truth: pd.Series, p: Array) -> Row:
    """Agreement given the true type; confusions of low with high apart from those with a neighbour."""
    y = truth.map(RISKS.index).to_numpy()
    told = p.argmax(axis=1)
    apart = np.abs(told - y)
    return {
        "risk_macro_f1": round(float(f1_score(y, told, average="macro")), 4),
        "risk_low_high": round(float(np.mean(apart == 2)), 4),
        "risk_neighbour": round(float(np.mean(apart == 1)), 4),
        "risk_high_ece": round(ece(y == 2, p[:, 2]), 4),
    }


def _paragraph_peer(train: pd.DataFrame, test: pd.DataFrame) -> Array:
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    x, z, y = vectors.fit_transform(train["text"]), vectors.transform(test["text"]), _has(train["labels"])
    heads = (LogisticRegression(class_weight="balanced", max_iter=300).fit(x, there) for there in y.T)
    return np.stack([head.decision_function(z) for head in heads], axis=1)


def _peer_vectors() -> Any:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    return make_union(
        words, TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2)
    )


def _ranked(name: str, truth: NDArray[np.bool_], scores: Array) -> Row:
    each = {c: average_precision(truth[:, i], scores[:, i]) for i, c in enumerate(RISK_CATEGORIES)}
    return {
        "method": name,
        "macro_ap": round(float(np.nanmean(list(each.values()))), 4),
        "ap": {c: round(v, 3) for c, v in each.items()},
    }


def _single(truth: NDArray[Any], told: NDArray[Any]) -> Row:
    macro = f1_score(truth, told, average="macro", zero_division=0.0)
    return {"micro": round(float(np.mean(truth == told)), 4), "macro_f1": round(float(macro), 4)}


def _has(labels: pd.Series) -> NDArray[np.bool_]:
    return np.array([[name in told.split("|") for name in RISK_CATEGORIES] for told in labels])


def _saids(texts: Sequence[str] | pd.Series) -> list[Said]:
    return [said(text) for text in texts]


def _told(name: str, result: Row) -> int:
    """Print the table and keep the result; goals with what was reached."""
    best = result["methods"][0]
    result["reached"] = {
        k: {"goal": v, "ours": best[k], "distance": round(best[k] - v, 4)} for k, v in result["goal"].items()
    }
    for row in result["methods"]:
        print(name, {k: v for k, v in row.items() if k != "ap"})
    path = RESULTS / f"contract_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{name}: {path.name}", result["reached"])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChannelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
