"""Truths: simulated channels in which it is known which suspicions are right.

A channel is looked at from several moments; each detector's candidates there get their truth:

excess, dead   the stock lasts longer than the industry's bound (dead: ten times less is asked for than
               lies there) at what buyers truly want over the three months that follow
short          the dealer runs out in the next period
stuffing       the dealer loads up at quarter ends
undercut       the dealer undercuts that product somewhere in the window
region         a competitor's attack or a price war held prices down there in the window

Nothing of it is used but to teach and to judge: detectors see tables only.

>>> from features.simulator import World
>>> label(channel_world(1), "undercut", pd.DataFrame()).shape
(0,)
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.industries import Industry, industry
from features.known import Tables
from features.simulator import World, simulate
from features.simulator.flow import Policy
from features.simulator.nouns import Nouns
from models.anomaly.rules import Rules
from models.anomaly.scene import Scene

Array = NDArray[np.float64]

LEARNED = tuple(range(301, 309))
JUDGED = tuple(range(411, 419))
_AHEAD_MONTHS = 3
_DEAD_SHARE = 0.1
_MOMENTS, _STEP_MONTHS = 6, 4  # looks at one channel, months apart
_MONTH_DAYS = 30.4375


@dataclass(frozen=True)
class Truths:
    """A simulated channel, its tables and what is true of it."""

    world: World
    tables: Tables
    truth: dict[str, pd.DataFrame]

    @cached_property
    def loaders(self) -> set[str]:
        """Dealers who load up at quarter ends."""
        nouns = Nouns.draw(self.world)
        loaded = Policy.draw(self.world, nouns.sold).loaded.max(axis=1) > 1
        grid = nouns.sold.grid
        return {str(d) for d in np.unique(np.asarray(grid.dealer_ids)[grid.dealer[loaded]])}

    @cached_property
    def demand(self) -> pd.DataFrame:
        """units_wanted and is_short by dealer, product and period."""
        return self.truth["demand"].set_index(["dealer_id", "sku_id", "period_start"]).sort_index()

    def moments(self) -> list[pd.Timestamp]:
        """Month ends from which the channel is looked at, latest first."""
        end = pd.Timestamp(f"{self.world.end}-01") + pd.DateOffset(months=1)
        return [end - pd.DateOffset(months=_STEP_MONTHS * i + 1) for i in range(_MOMENTS)]


def channel_world(seed: int, **fields: Any) -> Truths:
    """One channel; its troubles are as strong as the seed says."""
    rng = np.random.default_rng(seed)
    drawn = {
        "loading_share": float(rng.uniform(0.2, 0.6)),
        "breach_share": float(rng.uniform(0.1, 0.5)),
        "attacks_per_year": float(rng.uniform(0.05, 0.3)),
        "wars_per_year": float(rng.uniform(0.0, 0.3)),
        "decoys_per_year": float(rng.uniform(0.0, 0.2)),
        "noise_spread": float(rng.uniform(0.1, 0.25)),
        "survey_share": float(rng.uniform(0.15, 0.6)),
        "shortage_share": float(rng.uniform(0.02, 0.08)),
    }
    sizes = {
        "seed": seed,
        "dealers": 40,
        "products": 8,
        "territories": 6,
        "months": 42,
        "contract_share": 0.0,
    }
    quiet = {"scan_coverage_share": 0.0, "outlet_reporting_share": 0.0, "size_spread": 0.8}
    world = World(**{**sizes, **quiet, **drawn, **fields})
    channel = simulate(world)
    return Truths(world, channel.tables, channel.truth)


def channel_worlds(seeds: Iterable[int] = LEARNED) -> Iterator[Truths]:
    """Channels, one after the other."""
    return (channel_world(seed) for seed in seeds)


def scenes(one: Truths, trade: Industry | None = None, rules: Rules | None = None) -> Iterator[Scene]:
    """The channel as it was known at each of its moments."""
    for moment in one.moments():
        yield Scene.of(one.tables, moment, trade=trade or industry(), rules=rules)


def label(one: Truths, kind: str, candidates: pd.DataFrame, trade: Industry | None = None) -> Array:
    """Whether each candidate of one kind is right, [n]; NaN where nobody can say."""
    if candidates.empty:
        return np.zeros(0)
    rows = candidates.to_dict("records")
    if kind in ("excess", "dead"):
        return np.array([_lasts(one, row, kind, trade or industry()) for row in rows], dtype=float)
    judge = {"short": _runs_out, "stuffing": _loads, "undercut": _undercuts, "region": _pressed}
    if kind not in judge:
        return np.full(len(rows), np.nan)
    return np.array([judge[kind](one, row) for row in rows], dtype=float)


def _after(one: Truths, row: dict[Any, Any]) -> pd.DataFrame:
    key = (row["dealer_id"], row["sku_id"])
    mine = one.demand.loc[key] if key in one.demand.index else one.demand.iloc[:0]
    first = row["last_period"]
    ahead: pd.DataFrame = mine[
        (mine.index > first) & (mine.index <= first + pd.DateOffset(months=_AHEAD_MONTHS))
    ]
    return ahead


def _lasts(one: Truths, row: dict[Any, Any], kind: str, trade: Industry) -> float:
    ahead = _after(one, row)
    if ahead.empty:
        return 1.0  # nobody will ever ask for it again
    stock = float(row["stock_units"])
    wanted = float(ahead["units_wanted"].mean())
    if kind == "dead":
        return float(wanted * _AHEAD_MONTHS < _DEAD_SHARE * stock)
    return float(stock > wanted * trade.stock.max_days / _MONTH_DAYS)


def _runs_out(one: Truths, row: dict[Any, Any]) -> float:
    ahead = _after(one, row)
    observed = pd.Timestamp(f"{one.world.end}-01")
    return np.nan if ahead.empty or ahead.index[0] > observed else float(ahead["is_short"].iloc[0])


def _loads(one: Truths, row: dict[Any, Any]) -> float:
    return float(row["dealer_id"] in one.loaders)


def _undercuts(one: Truths, row: dict[Any, Any]) -> float:
    t = one.truth["price_breaches"]
    mine = t[(t["dealer_id"] == row["dealer_id"]) & (t["sku_id"] == row["sku_id"])]
    end = row["last_period"] + pd.DateOffset(months=1)
    return float(((mine["starts_at"] < end) & (mine["ends_at"] >= row["first_period"])).any())


def _pressed(one: Truths, row: dict[Any, Any]) -> float:
    t = one.truth["shocks"]
    mine = t[(t["territory_id"] == row["territory_id"]) & (t["category"] == row["topic"])]
    inside = (mine["period_start"] >= row["first_period"]) & (mine["period_start"] <= row["last_period"])
    return float((inside & mine["kind"].isin(["competitor", "price war"])).any())
