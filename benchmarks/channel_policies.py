"""Policies of the channel benchmark: planners' rules, a plain order-up-to, and one that knows the truth.

A policy sees `Seen`: canonical tables as a brand knows them on the first of a month. In January it says a top
rate for each dealer's ladder and a factor on each planned price; every month it orders. `Truth` alone looks
behind the tables. Ours are in channel_rooms.py.

Shapes: n series (dealer x product), d dealers, s draws, o options; units, amounts, rates are fractions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from features.draws import Draws
from features.gather import MONTHLY, gather
from features.panel import Panel
from features.simulator.demand import futures
from features.simulator.rerun import Rerun

DRAWS = 200
STEP_LIMIT = 0.05  # of a price, once a year
USUAL_RATE = 0.04  # top rate of the ladder for all
RATES = np.arange(0.0, 0.0801, 0.005)
FACTORS = np.round(np.arange(1 - STEP_LIMIT, 1 + STEP_LIMIT + 1e-9, 0.01), 2)
Array = np.ndarray
KEYS = ["dealer_id", "sku_id"]


class _Tables(dict[str, pd.DataFrame]):
    """Canonical tables of a rerun as known when each was first read: read them before the next step."""

    def __init__(self, again: Rerun) -> None:
        super().__init__()
        self._again, self._at = again, again.at

    def __missing__(self, name: str) -> pd.DataFrame:
        if self._again.at != self._at:
            raise RuntimeError(f"{name} was not read before the month went on.")
        self[name] = self._again.table(name)
        return self[name]

    def all(self) -> dict[str, pd.DataFrame]:
        """Every table."""
        return self._again.tables()


@dataclass(frozen=True)
class Seen:
    """What a brand knows on the first of a month."""

    now: pd.Timestamp
    tables: "_Tables"
    keys: pd.DataFrame  # [n] dealer_id, sku_id
    is_open: Array  # [n] still on sale

    @classmethod
    def by(cls, again: Rerun) -> "Seen":
        """What is known in a rerun now."""
        return cls(pd.Timestamp(again.now), _Tables(again), again.keys(), again.is_open)

    @cached_property
    def terms(self) -> pd.DataFrame:
        """Supply terms and unit cost of each series, [n] rows."""
        rows = self.tables["supply_terms"].merge(self.tables["product_costs"][["sku_id", "unit_cost_amount"]])
        return self.keys[["sku_id"]].merge(rows, on="sku_id", how="left")

    @cached_property
    def panel(self) -> Panel:
        """Sales to buyers, a month out of stock unknown; plans ahead."""
        wanted = ("sell_out", "prices", "promotions", "dealers", "products")
        panel = gather({name: self.tables[name] for name in wanted}, MONTHLY, quantity="sell_out")
        stock = self.tables["stock"].assign(out=lambda rows: rows["is_stockout"].astype(float))
        out = gather(
            {"sell_in": stock.rename(columns={"out": "qty_sell_in"})[[*KEYS, "period_start", "qty_sell_in"]]},
            MONTHLY,
        ).y
        return replace(panel, y=np.where(out > 0, np.nan, panel.y)) if out.shape == panel.y.shape else panel

    @cached_property
    def price(self) -> Array:
        """Planned net price of the coming month, [n]."""
        rows = self.tables["prices"]
        coming = rows[rows["period_start"] == self.now]
        return self.keys.merge(coming, on=KEYS, how="left")["net_price"].to_numpy(float)

    def layer(self, table: str, column: str, months: int) -> Array:
        """A column of the last months, [n, months]; NaN where nothing is on record."""
        rows = self.tables[table]
        starts = pd.date_range(end=self.now - pd.DateOffset(months=1), periods=months, freq="MS")
        wide = rows[rows["period_start"] >= starts[0]].pivot_table(
            index=KEYS, columns="period_start", values=column, aggfunc="sum"
        )
        return wide.reindex(pd.MultiIndex.from_frame(self.keys), columns=starts).to_numpy(float)

    @property
    def position(self) -> Array:
        """Units on hand and under way, [n]."""
        held = self.layer("stock", "qty_on_hand", 1) + self.layer("stock", "qty_in_transit", 1)
        return np.nan_to_num(held[:, 0])

    @cached_property
    def purchases(self) -> pd.DataFrame:
        """Amount that each dealer bought in each calendar year."""
        rows = self.tables["sell_in"]
        return rows.pivot_table(
            index="dealer_id", columns=rows["period_start"].dt.year, values="amount", aggfunc="sum"
        ).fillna(0.0)

    @cached_property
    def ladders(self) -> "Ladders":
        """The coming year's thresholds and rule; top rates of every year so far."""
        return Ladders.of(self.tables["rebate_programmes"], self.now.year)


@dataclass(frozen=True)
class Ladders:
    """Thresholds [d, 3] of each dealer, shares of the top rate [3], and top rates by year."""

    dealer_ids: list[str]
    thresholds: Array
    shares: Array
    retroactive: bool
    top: pd.DataFrame  # dealer_id x year

    @classmethod
    def of(cls, table: pd.DataFrame, year: int) -> "Ladders":
        """From the canonical table."""
        rows = table.assign(year=table["starts_at"].dt.year).sort_values(["dealer_id", "year", "tier_no"])
        this = rows[rows["year"] == year]
        top = rows[rows["tier_no"] == 3].pivot(index="dealer_id", columns="year", values="rebate_rate")
        shares = _shares(rows)
        thresholds = this["threshold_amount"].to_numpy(float).reshape(-1, 3)
        ids = this["dealer_id"].unique().tolist()
        return cls(ids, thresholds, shares, (this["tier_rule"] == "retroactive").all(), top)

    def rebate(self, amount: Array, top_rate: Array) -> Array:
        """Rebate of amounts [d, s] at top rates [d]."""
        rates = top_rate[:, None] * self.shares  # [d, 3]
        over = amount[..., None] - self.thresholds[:, None]  # [d, s, 3]
        if self.retroactive:
            return amount * (rates[:, None] * (over >= 0)).max(axis=2)
        return (np.maximum(over, 0) * np.diff(rates, axis=1, prepend=0)[:, None]).sum(axis=2)


@dataclass(frozen=True)
class Effect:
    """More demand at a ladder's top rate: most x rate / (rate + half), the same for all or by dealer [d]."""

    most: Any
    half: Any

    def log(self, rate: Array) -> Array:
        """Log of demand against no ladder."""
        return np.log1p(self.most * rate / (rate + self.half))


def _shares(rows: pd.DataFrame) -> Array:
    """What part of a ladder's top rate each tier pays, [3]; from every ladder that pays anything."""
    rates = rows["rebate_rate"].to_numpy(float).reshape(-1, 3)
    paying = rates[rates[:, -1] > 0]
    return np.median(paying / paying[:, -1:], axis=0).round(2)


# ---- January: ladders and prices


def one_for_all(seen: Seen) -> Array:
    """The planners' ladder: the same top rate for everybody, [d]."""
    return np.full(len(seen.ladders.dealer_ids), USUAL_RATE)


def usual_budget(seen: Seen) -> float:
    """What the planners set aside: their ladder on last year's purchases."""
    return float(seen.ladders.rebate(_bought(seen)[:, None], one_for_all(seen)).sum())


def by_dealer(seen: Seen, budget: float, effect: Effect) -> Array:
    """The oracle's ladder of each dealer: the one that earns most, P90 of all rebates within the budget."""
    draws = _year_draws(seen, effect)  # [d, s] purchases if last year's ladder stayed
    last = np.nan_to_num(seen.ladders.top[seen.now.year - 1].reindex(seen.ladders.dealer_ids).to_numpy(float))
    margin = _margin_rate(seen)
    paid, gain = [], []
    for rate in RATES:
        amount = draws * np.exp(effect.log(np.full(len(last), rate)) - effect.log(last))[:, None]
        owed = seen.ladders.rebate(amount, np.full(len(last), rate))
        paid.append(owed)
        gain.append((amount * margin[:, None] - owed).mean(axis=1))
    return RATES[_within_budget(np.array(gain), np.array(paid), budget)]


def _within_budget(gain: Array, paid: Array, budget: float) -> Array:
    """Options of each dealer by the dual price of the budget; gain [o, d], paid [o, d, s]."""
    cost, dealer = paid.mean(axis=2), np.arange(gain.shape[1])

    def chosen(price: float) -> Array:
        return np.argmax(gain - price * cost, axis=0)

    def fits(price: float) -> bool:
        return bool(np.quantile(paid[chosen(price), dealer].sum(axis=0), 0.9) <= budget)

    low, high = 0.0, 100.0
    if fits(low):
        return chosen(low)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return chosen(high)


def _bought(seen: Seen) -> Array:
    """Purchases of the last calendar year, [d]."""
    return seen.purchases[seen.now.year - 1].reindex(seen.ladders.dealer_ids).fillna(0.0).to_numpy()


def margin_rate(seen: Seen) -> float:
    """Share of all purchases of last year that is margin."""
    return float(np.average(_margin_rate(seen), weights=_bought(seen)))


def _margin_rate(seen: Seen) -> Array:
    """Share of a dealer's purchases of last year that is margin, [d]."""
    units, amount = (seen.layer("sell_in", c, 12) for c in ("qty_sell_in", "amount"))
    cost = np.nan_to_num(units).sum(axis=1) * seen.terms["unit_cost_amount"].to_numpy()
    sums = pd.DataFrame({"paid": np.nan_to_num(amount).sum(axis=1), "cost": cost})
    sums = sums.groupby(seen.keys["dealer_id"].to_numpy()).sum().reindex(seen.ladders.dealer_ids).fillna(0.0)
    return np.where(sums["paid"] > 0, 1 - sums["cost"] / sums["paid"].where(sums["paid"] > 0, 1), 0.0)


def _year_draws(seen: Seen, effect: Effect) -> Array:
    """A year's purchases: last year's times what some dealer's did in some past year, ladders taken out."""
    rng, ids = np.random.default_rng(0), seen.ladders.dealer_ids
    bought, top = seen.purchases.reindex(ids).fillna(0.0), seen.ladders.top.reindex(ids)
    ratios = []
    for year in [y for y in bought.columns[1:] if y < seen.now.year]:
        had = (bought[year - 1] > 0).to_numpy()
        moved = effect.log(top[year].to_numpy(float)) - effect.log(top[year - 1].to_numpy(float))
        ratios.append((bought[year] / bought[year - 1] / np.exp(moved)).to_numpy()[had])
    which = rng.integers(len(ratios), size=DRAWS)
    drawn = np.stack([rng.choice(ratios[k], len(ids)) for k in which], axis=1)
    return bought[seen.now.year - 1].to_numpy()[:, None] * drawn


def kept(seen: Seen) -> Array:
    """The planners' prices: as planned."""
    return np.ones(len(seen.keys))


def best_price(seen: Seen, elasticity: Array) -> Array:
    """The oracle's factor: earns most at the elasticity [n], within a step, not below cost + 10 %."""
    factor = FACTORS[:, None]
    price, cost = seen.price, seen.terms["unit_cost_amount"].to_numpy()
    gain = (price * factor - cost) * factor**elasticity
    gain = np.where((price * factor < 1.1 * cost) & (factor < 1), -np.inf, gain)
    return FACTORS[np.nanargmax(np.where(np.isfinite(price), gain, -np.abs(factor - 1)), axis=0)]


# ---- every month: orders


def in_packs(seen: Seen, level: Array) -> Array:
    """Orders up to a level [n]: whole packs, the least quantity when at least half of it is needed."""
    need = np.maximum(level - seen.position, 0.0) * seen.is_open
    pack, moq = (seen.terms[c].to_numpy(float) for c in ("pack_units", "moq_units"))
    packs = np.ceil(need / pack - 1e-9) * pack
    return np.where(need < moq, np.where(need >= moq / 2, moq, 0.0), packs)


@dataclass
class MeanCover:
    """12-month mean of sales for lead time, review and a safety cover."""

    safety_days: float = 0.0

    def orders(self, seen: Seen) -> Array:
        sold = seen.layer("sell_out", "qty_sell_out", 12)
        count = np.isfinite(sold).sum(axis=1)
        mean = np.nan_to_num(sold).sum(axis=1) / np.maximum(count, 1)
        of_product = (
            pd.Series(np.where(count > 0, mean, np.nan)).groupby(seen.keys["sku_id"]).transform("median")
        )
        mean = np.where(count > 0, mean, of_product)
        days = seen.terms["lead_time_days"] + seen.terms["review_days"] + self.safety_days
        return in_packs(seen, np.nan_to_num(mean) * days.to_numpy() * 12 / 365.25)


@dataclass
class FromDraws:
    """Order-up-to the critical ratio of demand until the next order arrives."""

    draw: Callable[[Seen], Draws]

    def orders(self, seen: Seen) -> Array:
        draws = self.draw(seen)
        row = pd.MultiIndex.from_frame(draws.keys).get_indexer(pd.MultiIndex.from_frame(seen.keys))
        level = np.zeros(len(seen.keys))
        rng = np.random.default_rng(int(seen.now.month))
        cost, price = seen.terms["unit_cost_amount"].to_numpy(), seen.price
        holding = price * seen.terms["holding_rate"].to_numpy() / 12
        ratio = np.clip((price - cost) / np.maximum(price - cost + holding, 1e-9), 0.5, 0.995)
        for _, mine in seen.terms.groupby("sku_id"):
            own = mine.index.to_numpy()
            own = own[row[own] >= 0]
            if not len(own):
                continue
            one = mine.iloc[0]
            lead = rng.normal(one["lead_time_days"], one["lead_time_spread_days"], draws.count)
            wanted = draws.take(row[own]).within(seen.now.days_in_month + np.maximum(lead, 1.0))
            level[own] = [
                np.quantile(w, q) for w, q in zip(wanted, np.nan_to_num(ratio[own], nan=0.5), strict=True)
            ]
        return in_packs(seen, level)


@dataclass
class Truth:
    """Draws of the true law of demand, as decided: for the oracle."""

    again: Rerun

    def __call__(self, seen: Seen) -> Draws:
        n, rng = self.again.nouns, np.random.default_rng(self.again.at)
        steps = range(self.again.at, min(self.again.at + 3, n.periods.count))
        mean = np.stack([self.again.mean(step) for step in steps], axis=1).astype(np.float32)
        drawn = [futures(n.world, mean, n.demand.buying, rng) for _ in range(DRAWS)]
        periods = pd.date_range(seen.now, periods=len(steps), freq="MS")
        return Draws(keys=self.again.keys(), periods=periods, units=np.stack(drawn, axis=2))
