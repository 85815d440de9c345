"""Price beside its peers: volume on public data, elasticities and prices on channels of known truth.

    qudao benchmark price                          all three
    qudao benchmark price --data orange_juice      one of them

Protocols
  orange_juice  83 stores x 11 brands, weekly. Judged: the last 20 % of the weeks (week above its .8 quantile
                over rows; 21,054 rows), at the prices, deals and features that came true. Learned: the weeks
                before, in one fit. The weights of the pooled fit, the boosting settings and the drivers
                (benchmarks/price_rows.py) were chosen on windows that end before the judged weeks; where
                smearing comes from was settled after the judged weeks had been seen (docs/rooms/price.md).
                Also told: the three windows of 18 weeks before, and WAPE when each forecast is scaled to the
                true total.
                Peers in the same run, with price, deal and feature as in their own definitions, and again
                with our drivers: each series' median; a log-log regression with fixed pulls to brand and all;
                monotone LightGBM on logarithms; their geometric mean; the same with Duan's smearing.
  elasticity    four simulated channels (60 dealers, 10 products, 48 months; seeds 41 to 44, none of them seen
                while the room was made): own-price elasticity of every series against the truth, beside each
                series' own regression of logarithms.
  policy        the same channels: margin of the next three months at the suggested prices, by the true
                elasticities and true demand at today's prices, against keeping prices and against cost-plus
                (unit cost by the channel's mean margin, at most one step); corridors broken by each.

Results: benchmarks/results/price_<name>.json.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.price_rows import ALL, CROSS, OWN, juice_rows  # noqa: E402
from features.errors import ChannelError  # noqa: E402
from features.known import known  # noqa: E402
from features.simulator import Channel, World, simulate  # noqa: E402
from models.price.corridor import excess  # noqa: E402
from models.price.decide import Rules, widths  # noqa: E402
from models.price.model import PriceModel  # noqa: E402
from models.price.rows import Market  # noqa: E402
from models.response import Driver, Response  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
FILE = "orange_juice_dominicks/oj.parquet"
SEEDS = (41, 42, 43, 44)
WINDOWS = (82, 100, 118)  # last weeks that are learned from
GOALS = {"wape": 0.41, "negative_share": 1.0, "abs_bias": 0.05}
NOW = pd.Timestamp("2026-01-01")
Array = np.ndarray


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    runs = {"orange_juice": orange_juice, "elasticity": elasticity, "policy": policy}
    parser.add_argument("--data", choices=list(runs), help="one of them (default: all)")
    asked = parser.parse_args()
    for name in [n for n in runs if asked.data in (None, n)]:
        started = time.perf_counter()
        print(f"{name} ...", flush=True)
        result = runs[name]()
        write(name, result | {"seconds": round(time.perf_counter() - started, 1)})
    return 0


def orange_juice() -> dict[str, Any]:
    """Units at the prices of later weeks."""
    path = Path(os.environ.get("QUDAO_DATA", ROOT.parent / "shared" / "data")) / FILE
    if not path.exists():
        raise ChannelError(f"Not there: {path}. Set QUDAO_DATA to the folder of public data.")
    rows = juice_rows(pd.read_parquet(path))
    last = rows["step"].quantile(0.8)
    earlier, judged = rows[rows["step"] <= last], rows[rows["step"] > last]
    y, ours = judged["y"].to_numpy(float), Response(drivers=ALL, half_life=26).fit(earlier)
    methods = {name: _measures(y, *told) for name, told in _forecasts(ours, earlier, judged).items()}
    told, reached = ours.predict(judged), methods["ours"]
    inside = (y >= told["q05"].to_numpy()) & (y <= told["q95"].to_numpy())
    print("earlier windows ...", flush=True)
    return {
        "methods": methods,
        "n": len(y),
        "learned": len(earlier),
        "coverage_90": round(float(inside.mean()), 4),
        "pooled_share": round(ours.share_, 2),
        "smearing": round(ours.factor_, 4),
        "goal": GOALS,
        "reached": {
            "wape": reached["wape"],
            "negative_share": reached["negative_share"],
            "abs_bias": abs(reached["bias"]),
        },
        "earlier_windows": _windows(rows),
    }


def _forecasts(ours: Response, earlier: pd.DataFrame, judged: pd.DataFrame) -> dict[str, Any]:
    """Forecasts and slopes of every method."""
    told, plain = ours.predict(judged), Response(drivers=CROSS, half_life=26).fit(earlier)
    series = judged.drop_duplicates("unique_id")
    own = ours.slopes(series)["slope"].to_numpy()
    return {
        "ours": (told["mean"].to_numpy(), own),
        "ours, median": (told["q50"].to_numpy(), own),
        "ours, without campaigns' depth and shelf": (
            plain.means(judged),
            plain.slopes(series)["slope"].to_numpy(),
        ),
        "ours, pooled alone": (ours.pooled_.predict(judged), own),  # type: ignore[union-attr]
        "ours, trees alone": (ours.trees_.predict(judged), None),
        **_peers(earlier, judged, OWN),
        **{f"{name}, our drivers": peer for name, peer in _peers(earlier, judged, ALL).items()},
    }


def _windows(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The same methods on three windows of 18 weeks before the judged ones: what choices were made on."""
    told = []
    for start in WINDOWS:
        earlier = rows[rows["step"] <= start]
        judged = rows[(rows["step"] > start) & (rows["step"] <= start + 18)]
        judged = judged[judged["unique_id"].isin(earlier["unique_id"].unique())]
        ours = Response(drivers=ALL, half_life=26).fit(earlier)
        y = judged["y"].to_numpy(float)
        for name, (forecast, slope) in _forecasts(ours, earlier, judged).items():
            measures = _measures(y, forecast, slope)
            told.append({"method": name, "abs_bias": abs(measures["bias"])} | measures)
    kept = ["method", "wape", "wape_at_true_total", "bias", "abs_bias"]
    means = pd.DataFrame(told)[kept].groupby("method", sort=False).mean().round(4)
    print(means.to_string(), flush=True)
    return {str(k): {str(a): float(b) for a, b in v.items()} for k, v in means.iterrows()}


def _peers(earlier: pd.DataFrame, judged: pd.DataFrame, drivers: Sequence[Driver]) -> dict[str, Any]:
    """Peers told the given drivers; those that use none, and series alone, only with their own."""
    names = [d.name for d in drivers]
    shrunk, slopes, smear = _log_log(earlier, judged, names, pulls=(50.0, 30.0))
    trees, over = _logarithm_trees(earlier, judged, drivers)
    both, duan = np.sqrt(shrunk * trees), (over * smear) ** 0.5
    told = {
        "shrunk log-log": (shrunk, slopes),
        "shrunk log-log, Duan": (shrunk * smear, slopes),
        "monotone LightGBM": (trees, None),
        "geometric blend": (both, slopes),
        "geometric blend, Duan": (both * duan, slopes),
    }
    if drivers is not OWN:
        return told
    median = judged["unique_id"].map(earlier.groupby("unique_id")["y"].median()).to_numpy(float)
    alone, alone_slopes, _ = _log_log(earlier, judged, names, pulls=(0.0, 0.0))
    return {
        "series median": (median, None),
        "log-log of each series alone": (alone, alone_slopes),
    } | told


def _logarithm_trees(
    earlier: pd.DataFrame, judged: pd.DataFrame, drivers: Sequence[Driver]
) -> tuple[Array, float]:
    """Monotone boosted trees on logarithms: forecasts, and Duan's factor."""
    level = earlier.groupby("unique_id")["y"].agg(lambda v: np.log(v).mean())
    columns = [*(d.name for d in drivers), "group", "store"]
    settings = {
        "objective": "regression", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 50,
        "monotone_constraints": [*(d.sign for d in drivers), 0, 0],
        "verbose": -1, "num_threads": 1, "seed": 0,
    }  # fmt: skip
    target = np.log(earlier["y"].to_numpy(float)) - earlier["unique_id"].map(level).to_numpy(float)
    data = lgb.Dataset(earlier[columns].to_numpy(float), target, categorical_feature=[len(drivers)])
    booster = lgb.train(settings, data, 400)
    fitted = np.asarray(booster.predict(earlier[columns].to_numpy(float), num_threads=1))
    told = np.asarray(booster.predict(judged[columns].to_numpy(float), num_threads=1))
    trees = np.exp(told + judged["unique_id"].map(level).to_numpy(float))
    return trees, float(np.exp(target - fitted).mean())


def _log_log(
    earlier: pd.DataFrame, judged: pd.DataFrame, names: list[str], *, pulls: tuple[float, float]
) -> tuple[Array, Array, float]:
    """Forecasts, own-price slopes of series and Duan's factor; pulls to brand and all in rows of evidence."""
    code, ids = pd.factorize(earlier["unique_id"], sort=True)
    group = earlier.groupby("unique_id")["group"].first().loc[ids].to_numpy() - 1
    X, z, p = earlier[names].to_numpy(float), np.log(earlier["y"].to_numpy(float)), len(names)
    count = np.bincount(code)
    X_mean = np.column_stack([np.bincount(code, x) / count for x in X.T])
    z_mean = np.bincount(code, z) / count
    Xc, zc = X - X_mean[code], z - z_mean[code]
    xx, xz = np.zeros((len(ids), p, p)), np.zeros((len(ids), p))
    np.add.at(xx, code, Xc[:, :, None] * Xc[:, None, :])
    np.add.at(xz, code, Xc * zc[:, None])
    row = np.diag(np.diag(xx.sum(axis=0)) / len(z))
    every = np.linalg.solve(xx.sum(axis=0) + row, xz.sum(axis=0))
    of_group = np.zeros((group.max() + 1, p))
    for g in range(len(of_group)):
        A, b = xx[group == g].sum(axis=0), xz[group == g].sum(axis=0)
        of_group[g] = np.linalg.solve(A + row * pulls[0], b + row @ every * pulls[0])
    ridge = row * max(pulls[1], 1e-6)
    beta = np.linalg.solve(xx + ridge, (xz + of_group[group] @ ridge)[..., None])[..., 0]
    level = z_mean - (X_mean * beta).sum(axis=1)
    smear = float(np.exp(zc - (Xc * beta[code]).sum(axis=1)).mean())
    place = pd.Index(ids).get_indexer(judged["unique_id"])
    moved = (judged[names].to_numpy(float) * beta[place]).sum(axis=1)
    return np.exp(np.clip(level[place] + moved, 0.0, 16.0)), beta[:, 0], smear


def _measures(y: Array, forecast: Array, slope: Array | None) -> dict[str, float]:
    told = {
        "wape": round(float(np.abs(y - forecast).sum() / y.sum()), 4),
        "wape_at_true_total": round(
            float(np.abs(y - forecast * y.sum() / forecast.sum()).sum() / y.sum()), 4
        ),
        "bias": round(float(forecast.sum() / y.sum() - 1), 4),
    }
    if slope is not None:
        told["elasticity_mean"] = round(float(slope.mean()), 3)
        told["negative_share"] = round(float((slope < 0).mean()), 4)
    return told


def channels() -> list[Channel]:
    sizes = {"dealers": 60, "products": 10, "months": 48}
    quiet = {"survey_share": 0.0, "scan_coverage_share": 0.0, "contract_share": 0.0}
    return [simulate(World(seed=seed, **sizes, **quiet)) for seed in SEEDS]  # type: ignore[arg-type]


def elasticity() -> dict[str, Any]:
    """Own-price elasticity of every series against the truth."""
    rows = []
    for channel in channels():
        market = Market.of(known(channel.tables, NOW))
        truth = channel.truth["responses"].assign(
            unique_id=lambda d: d["dealer_id"] + "/" + d["sku_id"], group=lambda d: d["sku_id"]
        )
        truth = truth[truth["unique_id"].isin(market.rows["unique_id"].unique())]
        response = PriceModel().response(market).fit(market.rows)
        ours = response.slopes(truth, level=0.9)
        alone = _alone(market, truth["unique_id"].tolist())
        true = truth["price_elasticity"].to_numpy(float)
        kept = alone["slope"].notna().to_numpy()
        rows.append({"world": channel.world.seed, "method": "ours"} | _against(true, ours, slice(None)))
        rows.append({"world": channel.world.seed, "method": "own regression"} | _against(true, alone, kept))
        print(rows[-2:], flush=True)
    frame = pd.DataFrame(rows)
    means = frame.drop(columns="world").groupby("method", sort=False).mean().round(4)
    return {
        "methods": {str(k): {str(a): float(b) for a, b in v.items()} for k, v in means.iterrows()},
        "worlds": rows,
    }


def _against(true: Array, told: pd.DataFrame, kept: Any) -> dict[str, float]:
    slope, low, high = (told[name].to_numpy(float)[kept] for name in ("slope", "low", "high"))
    error = slope - true[kept]
    return {
        "rmse": round(float(np.sqrt((error**2).mean())), 4),
        "median_abs_error": round(float(np.median(np.abs(error))), 4),
        "bias": round(float(error.mean()), 4),
        "coverage_90": round(float(((true[kept] >= low) & (true[kept] <= high)).mean()), 4),
        "negative_share": round(float((slope < 0).mean()), 4),
        "series": len(error),
    }


def _alone(market: Market, ids: list[str]) -> pd.DataFrame:
    """Each series' own regression of logarithms on the same columns, with its textbook interval."""
    names = [d.name for d in market.drivers]
    told = pd.DataFrame(np.nan, index=ids, columns=["slope", "low", "high"])
    for name, rows in market.rows[market.rows["y"] > 0].groupby("unique_id"):
        X = np.column_stack([np.ones(len(rows)), rows[names].to_numpy(float)])
        if len(rows) < X.shape[1] + 3 or rows["log_price"].std() < 1e-6:
            continue
        z = np.log(rows["y"].to_numpy(float))
        beta = np.linalg.lstsq(X, z, rcond=None)[0]
        noise = ((z - X @ beta) ** 2).sum() / (len(rows) - X.shape[1])
        sd = float(np.sqrt(noise * np.linalg.pinv(X.T @ X)[1, 1]))
        if name in told.index:
            told.loc[name] = [beta[1], beta[1] - 1.645 * sd, beta[1] + 1.645 * sd]
    return told


def policy() -> dict[str, Any]:
    """Margin by the truth, of prices that are suggested, kept, or cost-plus."""
    rows = []
    for channel in channels():
        market = Market.of(known(channel.tables, NOW))
        model = PriceModel().fit(market, NOW)
        prices = model.score(channel.tables, NOW)["prices"].set_index("line_id", drop=False)
        told = _judged(channel, prices, model.rules)
        told["probability_ece_if_right"] = _ece_if_right(model, prices)
        rows.append({"world": channel.world.seed} | told)
        print(rows[-1], flush=True)
    frame = pd.DataFrame(rows).drop(columns="world")
    means = frame.mean().round(4)
    rng = np.random.default_rng(0)
    gains = frame["gain_rate_suggested"].to_numpy()
    drawn = [float(rng.choice(gains, len(gains)).mean()) for _ in range(2000)]
    methods: dict[str, dict[str, float]] = {}
    for name in ("suggested", "suggested, no corridor", "kept", "cost-plus"):
        measures = ("gain_rate", "lines_better_share", "corridors_broken", "excess_amount")
        methods[name] = {m: float(means[f"{m}_{name}"]) for m in measures if f"{m}_{name}" in means}
    return {
        "methods": methods,
        "gain_rate_interval_95": [round(float(q), 4) for q in np.quantile(drawn, (0.025, 0.975))],
        "expected_gain_rate": float(means["expected_gain_rate"]),
        "probability_mean": float(means["probability_mean"]),
        "probability_ece": float(means["probability_ece"]),
        "probability_ece_if_right": float(means["probability_ece_if_right"]),
        "worlds": rows,
    }


def _judged(channel: Channel, prices: pd.DataFrame, rules: Rules) -> dict[str, float]:
    prices = prices[prices["unit_cost"].notna()]
    truth = _true(channel, prices)
    now, cost = prices["net_price"].to_numpy(float), prices["unit_cost"].to_numpy(float)
    base = float(((now - cost) * truth["units"]).sum())
    free = prices["best_price"].to_numpy(float)
    rate = base / float((now * truth["units"]).sum())
    plus = np.clip(cost / (1 - rate), now * (1 - rules.step_rate), now * (1 + rules.step_rate))
    tried = {
        "suggested": prices["suggested_price"].to_numpy(float), "suggested, no corridor": free,
        "kept": now, "cost-plus": plus,
    }  # fmt: skip
    told: dict[str, float] = {}
    for name, price in tried.items():
        gain = (price - cost) * truth["units"] * (price / now) ** truth["slope"] - (now - cost) * truth[
            "units"
        ]
        broken, amount = _broken(channel, prices, price, rules)
        gain = np.asarray(gain)
        told |= {f"gain_rate_{name}": float(gain.sum() / base), f"corridors_broken_{name}": broken}
        told[f"excess_amount_{name}"] = amount
        moved = np.abs(price / now - 1) > 1e-9
        if moved.any():
            told[f"lines_better_share_{name}"] = float((gain[moved] > 0).mean())
        if name == "suggested":
            told["expected_gain_rate"] = float(prices["margin_change_amount"].sum() / base)
            told["probability_mean"] = float(prices["probability"].to_numpy(float)[moved].mean())
            told["probability_ece"] = _ece(prices["probability"].to_numpy(float)[moved], (gain > 0)[moved])
    return {name: round(value, 5) for name, value in told.items()}


def _true(channel: Channel, prices: pd.DataFrame) -> pd.DataFrame:
    """True elasticity, and true mean demand of the next three months at the price of now."""
    responses = channel.truth["responses"]
    slope = responses.set_index(responses["dealer_id"] + "/" + responses["sku_id"])["price_elasticity"]
    ahead = channel.truth["demand"].merge(
        channel.tables["prices"], on=["dealer_id", "sku_id", "period_start"]
    )
    ahead = ahead[ahead["period_start"] >= NOW].assign(line_id=lambda d: d["dealer_id"] + "/" + d["sku_id"])
    ahead["now"] = ahead["line_id"].map(prices["net_price"])
    moved = (ahead["now"] / ahead["net_price"]) ** ahead["line_id"].map(slope)
    units = (ahead["units_mean"] * moved).groupby(ahead["line_id"]).sum()
    return pd.DataFrame({
        "slope": slope.reindex(prices.index).to_numpy(float),
        "units": units.reindex(prices.index).fillna(0.0).to_numpy(float),
    })  # fmt: skip


def _broken(channel: Channel, prices: pd.DataFrame, price: Array, rules: Rules) -> tuple[float, float]:
    """Pairs of territories further apart than freight and spread, and by how much in all."""
    count, amount = 0, 0.0
    for _, at in prices.reset_index(drop=True).groupby("sku_id").indices.items():
        names, territory = np.unique(prices["territory_id"].to_numpy(str)[at], return_inverse=True)
        spread = float(np.median(prices["net_price"].to_numpy(float)[at])) * rules.spread_rate
        over = excess(price[at], territory, widths(channel.tables["freights"], names, spread, "CNY"))
        count, amount = count + int((over > 1e-6).sum()), amount + float(over[over > 1e-6].sum())
    return float(count), amount


def _ece(probability: Array, came: Array) -> float:
    """Mean distance between probability and frequency over five equally filled bins."""
    bins = np.array_split(np.argsort(probability, kind="stable"), 5)
    parts = [len(b) * abs(probability[b].mean() - came[b].mean()) for b in bins if len(b)]
    return float(sum(parts) / max(len(probability), 1))


def _ece_if_right(model: PriceModel, prices: pd.DataFrame) -> float:
    """The ECE that right beliefs would have, as a product's lines are wrong together: by draws of them."""
    pooled = model.response_.pooled_
    assert pooled is not None
    now, cost, price, mean, sd = (
        prices[name].to_numpy(float)
        for name in ("net_price", "unit_cost", "suggested_price", "elasticity", "elasticity_sd")
    )
    moved = (np.abs(price / now - 1) > 1e-9) & np.isfinite(cost)
    product = pooled.groups_.get_indexer(pd.Index(prices["sku_id"]))
    shared = np.sqrt(np.clip(pooled.shrunk_.group_var[product, 0, 0] / sd**2, 0, 1))
    rng, rose = np.random.default_rng(0), []
    for _ in range(200):
        z = shared * rng.standard_normal(len(pooled.groups_))[product]
        z += np.sqrt(1 - shared**2) * rng.standard_normal(len(sd))
        slope = np.minimum(mean + sd * z, -0.01)
        rose.append(((price - cost) * (price / now) ** slope > now - cost)[moved])
    right = np.mean(rose, axis=0)
    return round(float(np.mean([_ece(right, came) for came in rose])), 5)


def write(name: str, result: dict[str, Any]) -> None:
    """The table on the screen and the whole as JSON."""
    print(f"\n{name}\n{pd.DataFrame(result['methods']).T.to_string()}")
    print({k: v for k, v in result.items() if k not in ("methods", "worlds", "earlier_windows")})
    path = RESULTS / f"price_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
