"""Measure the detector of diversion on simulated worlds it has never seen, beside simple ones.

    python -m benchmarks.diversion
    python -m benchmarks.diversion --worlds 3 --quick

Called by `qudao benchmark anomaly`. docs/diversion.md states the protocol: the unit is a dealer-month
(as seller); models and thresholds come from other worlds only; every number is a mean over the judged worlds.
Writes benchmarks/results/diversion.json.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.shipments import Shipments
from models.anomaly.diversion import FALSE_ALARMS_RATE, LEAST_MONTHS, Diversion
from models.anomaly.spans import trailing
from training.worlds import JUDGED, TRIED, Labelled, judged_worlds, learned_worlds

RESULT = Path(__file__).resolve().parent / "results" / "diversion.json"
TOP = 50
GOALS = {
    "ours": {"p50": 0.55, "recall": 0.32, "months": 1.9},
    "ours, no scans": {"p50": 0.20},
}
IN_TIME = ("binomial z of scans", "ours", "ours, no scans")  # the others take long, or look ahead
THEIRS = {"random": 0.011, "LightGBM residual": 0.11, "binomial z of scans": 0.29}
THEIRS |= {"fused, same world": 0.40, "fused, other worlds": 0.49, "fused, no scans": 0.16}

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


_FOREST = {"learning_rate": 0.1, "num_leaves": 31, "min_data_in_leaf": 50, "num_threads": 1, "verbose": -1}
_FUSED = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.05, "min_data_in_leaf": 60}
_FUSED |= {"lambda_l2": 10.0, "num_threads": 1, "verbose": -1, "deterministic": True, "force_row_wise": True}


@dataclass(frozen=True)
class Judged:
    """A world with its arrays and the truth of its dealer-months [d, t]."""

    tables: dict[str, pd.DataFrame]
    episodes: pd.DataFrame
    goods: Shipments
    truth: Flags

    @classmethod
    def of(cls, world: Labelled) -> "Judged":
        tables, episodes = world
        goods = Shipments.of(tables)
        truth = np.zeros((len(goods.dealer_ids), goods.t), dtype=bool)
        row = pd.Index(goods.dealer_ids).get_indexer(pd.Index(episodes["seller_dealer_id"]))
        truth[row, goods.months.get_indexer(pd.DatetimeIndex(episodes["period_start"]))] = True
        return cls(dict(tables), episodes, goods, truth)


Scorer = Callable[[Judged, int], Array]  # scores [d, t] with what was known after the first t months


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=len(JUDGED), help="how many judged worlds")
    parser.add_argument("--quick", action="store_true", help="in hindsight only: no months to detect")
    asked = parser.parse_args()
    found = rows(worlds=asked.worlds, timely=not asked.quick)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "unit": "dealer-month as seller",
        "learned": "training.worlds.LEARNED",
        "thresholds": list(TRIED),
    }
    result = {"protocol": about | {"judged": list(JUDGED[: asked.worlds])}, "rows": found}
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(pd.DataFrame(found).drop(columns=["goal"]).to_string(index=False))
    return 0


def rows(*, worlds: int = len(JUDGED), timely: bool = True) -> list[dict[str, Any]]:
    """One row a method: mean and spread over the judged worlds, with the peers' stated P@50 and our goals."""
    judged = [Judged.of(world) for world in judged_worlds(JUDGED[:worlds])]
    others = [Judged.of(world) for world in judged_worlds(TRIED)]
    learned = learned_worlds()
    started = time.perf_counter()
    ours = Diversion().fit(learned)
    fit_seconds = time.perf_counter() - started
    scorers = _scorers(ours, [Judged.of(world) for world in learned])
    made = [_row(name, score, judged, others, timely=timely) for name, score in scorers.items()]
    for row in made:
        row["fit_seconds"] = round(fit_seconds, 1) if row["method"].startswith("ours") else None
    return made


def _scorers(ours: Diversion, learned: Sequence[Judged]) -> dict[str, Scorer]:
    fused = fused_peer([(j.goods, j.truth) for j in learned])
    silent = fused_peer([(j.goods.without("scans"), j.truth) for j in learned])
    few = ("sell_out", "stock", "signals", "promotions", "prices")
    return {
        "random": _of_goods(guess),
        "z-score of purchases": _of_goods(z_score),
        "LightGBM residual": _of_goods(residual),
        "binomial z of scans": _of_goods(binomial_z),
        "fused, same world": lambda j, t: fused_within(j.goods.until(t), j.truth[:, :t]),
        "fused, other worlds": _of_goods(fused),
        "fused, no scans": _of_goods(lambda goods: silent(goods.without("scans"))),
        "ours": _of_ours(ours, ()),
        "ours, sell-in and scans only": _of_ours(ours, few),
        "ours, no scans": _of_ours(ours, ("trace_scans",)),
        "ours, sell-in only": _of_ours(ours, (*few, "trace_scans")),
    }


def _of_goods(score: Callable[[Shipments], Array]) -> Scorer:
    return lambda judged, t: score(judged.goods.until(t))


def _of_ours(model: Diversion, absent: tuple[str, ...]) -> Scorer:
    def score(judged: Judged, t: int) -> Array:
        tables = {name: frame for name, frame in judged.tables.items() if name not in absent}
        end = judged.goods.months[t - 1] + pd.offsets.MonthBegin(1)
        found = model.dealer_months(tables, end)
        scores = np.zeros((len(judged.goods.dealer_ids), t))
        row = pd.Index(judged.goods.dealer_ids).get_indexer(pd.Index(found["dealer_id"]))
        scores[row, judged.goods.months.get_indexer(pd.DatetimeIndex(found["period_start"]))] = found["score"]
        return scores

    return score


def _row(
    name: str, score: Scorer, judged: Sequence[Judged], others: Sequence[Judged], *, timely: bool
) -> dict[str, Any]:
    found = [score(j, j.goods.t) for j in judged]
    alarm = threshold([(score(j, j.goods.t), j.truth) for j in others])
    p50 = np.array([precision_at(s, j.truth) for s, j in zip(found, judged, strict=True)])
    recall = np.array([(s[j.truth] >= alarm).mean() for s, j in zip(found, judged, strict=True)])
    false = np.array([((s >= alarm) & ~j.truth).mean() for s, j in zip(found, judged, strict=True)])
    row: dict[str, Any] = {
        "method": name,
        "p50": round(float(p50.mean()), 3),
        "p50_spread": round(float(p50.std()), 3),
        "p50_stated": THEIRS.get(name),
        "recall": round(float(recall.mean()), 3),
        "recall_spread": round(float(recall.std()), 3),
        "false_alarms_per_100": round(100 * float(false.mean()), 2),
    }
    if timely and name in IN_TIME:
        row |= _timely(score, judged, others)
    goal = GOALS.get(name, {})
    row["goal"] = goal
    row["reached"] = _reached(row, goal) if goal else None
    return row


def _reached(row: dict[str, Any], goal: dict[str, float]) -> bool:
    return all(
        row[key] <= limit if key == "months" else row[key] >= limit
        for key, limit in goal.items()
        if key in row
    )


def _timely(score: Scorer, judged: Sequence[Judged], others: Sequence[Judged]) -> dict[str, Any]:
    """Every month judged with what was known at its end."""
    alarm = threshold([(in_time(score, j), j.truth) for j in others[:2]])
    p50, months, caught = [], [], []
    for j in judged:
        scores = in_time(score, j)
        p50.append(precision_at(scores, j.truth))
        waits = months_to_detect(scores >= alarm, j)
        months += [wait for wait in waits if wait]
        caught += [wait > 0 for wait in waits]
    return {
        "p50_in_time": round(float(np.mean(p50)), 3),
        "months": round(float(np.mean(months)), 2) if months else None,
        "episodes_caught": round(float(np.mean(caught)), 3),
    }


def in_time(score: Scorer, judged: Judged) -> Array:
    """Scores [d, t] in which each month is scored at its own end."""
    scores = np.full(judged.truth.shape, -np.inf)
    for t in range(LEAST_MONTHS, judged.goods.t + 1):
        scores[:, t - 1] = score(judged, t)[:, -1]
    return scores


def months_to_detect(alarms: Flags, judged: Judged) -> list[int]:
    """Months from the beginning of each episode to its first alarm, both counted; 0: none while it lasted."""
    row = pd.Index(judged.goods.dealer_ids)
    waits = []
    for _, episode in judged.episodes.groupby("episode_id"):
        steps = judged.goods.months.get_indexer(pd.DatetimeIndex(episode["period_start"]))
        rung = np.flatnonzero(
            alarms[row.get_loc(episode["seller_dealer_id"].iloc[0]), steps.min() : steps.max() + 1]
        )
        waits.append(int(rung[0]) + 1 if len(rung) else 0)
    return waits


def precision_at(scores: Array, truth: Flags, k: int = TOP) -> float:
    """Share of the k highest dealer-months that were diverted; ties broken by chance."""
    luck = np.random.default_rng(0).random(scores.size)
    order = np.lexsort((luck, -scores.ravel()))
    return float(truth.ravel()[order[:k]].mean())


def threshold(worlds: Sequence[tuple[Array, Flags]]) -> float:
    """The score at which other worlds ring one false alarm in 100 dealer-months."""
    honest = np.concatenate([scores[~truth] for scores, truth in worlds])
    allowed = int(FALSE_ALARMS_RATE * sum(truth.size for _, truth in worlds))
    return float(np.sort(honest)[::-1][allowed])


# The simple detectors beside: each takes shipments and scores every dealer and month, [d, t].


def guess(goods: Shipments) -> Array:
    """Random scores."""
    return np.random.default_rng(goods.t).random((len(goods.dealer_ids), goods.t))


def z_score(goods: Shipments) -> Array:
    """The highest z-score of purchases over a dealer's products, each against its own history."""
    units = _volume(goods, bought=True)
    mean, spread = np.nanmean(units, axis=1, keepdims=True), np.nanstd(units, axis=1, keepdims=True)
    return _highest(goods, (units - mean) / np.maximum(spread, 1))


def binomial_z(goods: Shipments) -> Array:
    """Scans away from home against the channel's share of them."""
    away, seen = _scans(goods)
    return _binomial(away, seen, away.sum() / max(seen.sum(), 1))


def residual(goods: Shipments) -> Array:
    """What a LightGBM forecast (lags, product, territory, season; folds by dealer) leaves of sell-out."""
    return _highest(goods, _residual(goods, _volume(goods, bought=False)))


def fused_traits(goods: Shipments) -> Array:
    """The simple scores beside each other, [d, t, f]."""
    away, seen = _scans(goods)
    share = away.sum() / max(seen.sum(), 1)
    lately = _binomial(trailing(away, 3), trailing(seen, 3), share)
    sold = _highest(goods, _residual(goods, _volume(goods, bought=False)))
    bought = _highest(goods, _residual(goods, _volume(goods, bought=True)))
    parts = (z_score(goods), sold, bought, binomial_z(goods), lately, away, seen)
    return np.nan_to_num(np.stack(parts, axis=-1), neginf=-9.0, posinf=99.0)


def fused_peer(worlds: Sequence[tuple[Shipments, NDArray[np.bool_]]]) -> Scorer:
    """A LightGBM on the simple scores, learned on these worlds."""
    parts = [_flat(fused_traits(goods)) for goods, _ in worlds]
    x = np.concatenate(parts)
    y = np.concatenate([truth.ravel() for _, truth in worlds]).astype(float)
    booster = lgb.train(_FUSED, lgb.Dataset(x, y), 150)

    def score(goods: Shipments) -> Array:
        found = booster.predict(_flat(fused_traits(goods)), num_threads=1)
        return np.asarray(found).reshape(len(goods.dealer_ids), goods.t)

    return score


def fused_within(goods: Shipments, truth: NDArray[np.bool_]) -> Array:
    """The same, learned in the judged world itself: five folds by dealer."""
    traits = fused_traits(goods)
    fold, found = np.arange(len(traits)) % 5, np.zeros(truth.shape)
    for one in range(5):
        x, y = _flat(traits[fold != one]), truth[fold != one].ravel().astype(float)
        booster = lgb.train(_FUSED, lgb.Dataset(x, y), 150)
        mine = fold == one
        found[mine] = np.asarray(booster.predict(_flat(traits[mine]), num_threads=1)).reshape(-1, goods.t)
    return found


def _flat(traits: Array) -> Array:
    return traits.reshape(-1, traits.shape[-1])


def _volume(goods: Shipments, *, bought: bool) -> Array:
    first, second = (goods.sell_in, goods.sell_out) if bought else (goods.sell_out, goods.sell_in)
    units = (first if np.isfinite(first).any() else second).astype(float)
    return np.where(np.isfinite(units).any(axis=1, keepdims=True), units, 0.0)


def _highest(goods: Shipments, score: Array) -> Array:
    top = np.full((len(goods.dealer_ids), goods.t), -9.0)
    np.maximum.at(top, goods.dealer, np.nan_to_num(score, nan=-9.0))
    return top


def _scans(goods: Shipments) -> tuple[Array, Array]:
    seen, home = np.zeros((2, len(goods.dealer_ids), goods.t))
    np.add.at(seen, goods.dealer, goods.seen)
    np.add.at(home, goods.dealer, goods.at_home)
    return seen - home, seen


def _binomial(away: Array, seen: Array, share: float) -> Array:
    spread = np.sqrt(np.maximum(seen * share * (1 - share), 1e-9))
    return np.where(seen > 0, (away - seen * share) / spread, 0.0)


def _residual(goods: Shipments, units: Array) -> Array:
    y = np.log1p(units)
    mean = np.nanmean(y, axis=1, keepdims=True)
    y = y - mean
    month, by_sku = goods.months.month.to_numpy(), np.zeros((len(goods.sku_ids), goods.t))
    for sku in range(len(goods.sku_ids)):
        rows = np.nan_to_num(y[goods.sku == sku])
        by_sku[sku] = rows.mean(axis=0) if len(rows) else 0
    lags = [np.pad(y, ((0, 0), (k, 0)), constant_values=np.nan)[:, : goods.t] for k in (1, 2, 3)]
    fixed = [np.broadcast_to(v, y.shape) for v in (mean, month, goods.sku[:, None], goods.place[:, None])]
    x = np.stack([*lags, (lags[0] + lags[1] + lags[2]) / 3, by_sku[goods.sku], *fixed], axis=-1)
    x, target, found = x.reshape(-1, x.shape[-1]), y.ravel(), np.full(y.size, np.nan)
    fold, known = np.repeat(goods.dealer % 3, goods.t), np.isfinite(y.ravel())
    for one in range(3):
        rows = (fold != one) & known
        booster = lgb.train({"objective": "l2", **_FOREST}, lgb.Dataset(x[rows], target[rows]), 80)
        found[fold == one] = np.asarray(booster.predict(x[fold == one], num_threads=1))
    excess = units - (np.exp(found.reshape(y.shape) + mean) - 1)
    middle = np.nanmedian(excess, axis=1, keepdims=True)
    spread = 1.4826 * np.nanmedian(np.abs(excess - middle), axis=1, keepdims=True)
    return (excess - middle) / (spread + 0.2 * np.nanmean(units, axis=1, keepdims=True) + 1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ChannelError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
