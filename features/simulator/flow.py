"""Flow: goods from the brand through the dealer's stock to the buyers.

In each period a dealer reviews its stock (not always), expects demand from what it has sold
and from the season and promotions it knows of, and orders whole cases up to its cover. Some
dealers load up at the end of a quarter; sometimes the brand is short. Buyers take what is
there; the rest is lost:

    stock[t] = stock[t-1] + sell_in[t] - sell_out[t],    sell_out[t] <= stock[t-1] + sell_in[t]

to the unit. Diverted units pass through on top: bought and sold in the same period (or, when
the seller does not report them, bought and kept on the books).
Deliveries arrive within the period; nothing is in transit when it ends.

Errors: none. All arrays are [n, observed periods], in units.

>>> from features.simulator.channel import simulate
>>> stock = simulate(World(months=12)).tables["stock"]
>>> bool((stock["qty_on_hand"] >= 0).all())
True
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.catalogue import Catalogue
from features.simulator.demand import Demand
from features.simulator.diversion import Diversion
from features.simulator.geography import Geography
from features.simulator.grid import Cells, texts
from features.simulator.periods import Array
from features.simulator.world import World

_LEARNING_RATE = np.float32(0.2)  # of the dealer's exponential smoothing
_MISJUDGED_SPREAD = np.float32(0.15)
_ROUND_UP = np.float32(0.4)  # of a case: less than this is not ordered


@dataclass(frozen=True)
class Policy:
    """How dealers order."""

    cover: Array  # [n], periods of expected demand held above the coming one
    misjudged: Array  # [n, t], factor on what the dealer expects
    reviewed: Array  # [n, t], 0 when the dealer does not look
    loaded: Array  # [n, t], factor at the end of a quarter
    filled: Array  # [n, t], share of an order that the brand can deliver

    @classmethod
    def draw(cls, world: World, sold: Assortment) -> Self:
        """Ordering habits of a world."""
        rng = world.rng("flow")
        grid, t = sold.grid, sold.grid.periods.observed
        cover_months = np.clip(np.exp(rng.normal(0, 0.35, world.dealers)), 0.5, 2.5)
        habit = rng.uniform(0.85, 1.0, world.dealers)
        loads = (rng.random(world.dealers) < world.loading_share) * rng.uniform(0.3, 1.2, world.dealers)
        short = rng.random((world.products, t)) < world.shortage_share
        filled = np.where(short, rng.uniform(0, 0.6, short.shape), 1)
        reviewed = rng.random((world.dealers, t)) < habit[:, None]
        misjudged = np.exp(_MISJUDGED_SPREAD * rng.standard_normal((grid.n, t), dtype=np.float32))
        loaded = 1 + loads[:, None] * grid.periods.quarter_ends()[:t]
        of_dealer = [x.astype(np.float32)[grid.dealer] for x in (cover_months, reviewed, loaded)]
        cover, reviews, load = of_dealer[0] * np.float32(grid.periods.per_month), *of_dealer[1:]
        reviews[np.arange(grid.n), sold.begins] = 1  # a new product is ordered at once
        return cls(cover, misjudged, reviews, load, filled.astype(np.float32)[grid.product])


@dataclass(frozen=True)
class Flow:
    """Units bought, sold, left and missed, [n, observed periods]."""

    sell_in: Array
    sell_out: Array
    stock: Array
    missed: Array

    @classmethod
    def draw(
        cls,
        world: World,
        goods: Catalogue,
        sold: Assortment,
        demand: Demand,
        diversion: Diversion,
        known: Array,
    ) -> Self:
        """Flow of a world; `known` [n, t] is log demand moved by what dealers see coming."""
        t = sold.grid.periods.observed
        asked = (demand.wanted - diversion.lost)[:, :t]
        foreseen = np.exp(known[:, :t]) * sold.grid.periods.months[:t] * sold.observed[:, :t]
        guess = world.rng("first guess").normal(0, 0.3, sold.grid.n)
        base = sold.level * np.exp(guess).astype(np.float32)
        case_units = goods.case_units.astype(np.float32)[sold.grid.product]
        flow = _run(Policy.draw(world, sold), asked, foreseen, base, case_units)
        sent, reported = diversion.sent[:, :t], diversion.reported[:, :t]
        kept = np.cumsum(sent - reported, axis=1)  # on the books only
        return cls(flow.sell_in + sent, flow.sell_out + reported, flow.stock + kept, flow.missed)

    def stock_table(self, sold: Assortment) -> pd.DataFrame:
        """Canonical table `stock`."""
        cells = _cells(sold)
        left = self.stock[cells]
        return sold.grid.facts(cells, qty_on_hand=left, qty_in_transit=left * 0, is_stockout=left == 0)

    def sell_out_table(self, world: World, land: Geography, sold: Assortment) -> pd.DataFrame:
        """Canonical table `sell_out`; some dealers report it by outlet."""
        cells = _cells(sold)
        by_outlet = _by_outlet(world, land)[sold.grid.dealer[cells[0]]]
        whole = tuple(part[~by_outlet] for part in cells)
        plain = sold.grid.facts(whole, qty_sell_out=self.sell_out[whole]).assign(outlet_id="")
        if not by_outlet.any():
            return plain
        split = self._by_outlet(world, land, sold, tuple(part[by_outlet] for part in cells))
        return pd.concat([plain, split], ignore_index=True)

    def _by_outlet(self, world: World, land: Geography, sold: Assortment, cells: Cells) -> pd.DataFrame:
        """Each cell's units, dealt out over the dealer's outlets that are open."""
        rng = world.rng("outlets")
        frames = []
        for d in np.unique(sold.grid.dealer[cells[0]]):
            outlets = np.flatnonzero(land.outlet_dealer == d)
            mine = tuple(part[sold.grid.dealer[cells[0]] == d] for part in cells)
            is_open = land.opened[outlets] <= sold.grid.periods.starts[mine[1]][:, None]
            is_open[:, 0] = True
            share = rng.dirichlet(np.full(len(outlets), 2.0)) * is_open
            units = rng.multinomial(self.sell_out[mine].astype(int), share / share.sum(axis=1, keepdims=True))
            cell, which = np.nonzero(is_open)
            frame = sold.grid.facts(tuple(part[cell] for part in mine), qty_sell_out=units[cell, which])
            frames.append(frame.assign(outlet_id=texts(land.outlet_ids, outlets[which])))
        return pd.concat(frames, ignore_index=True)


def _run(policy: Policy, asked: Array, foreseen: Array, base: Array, case_units: Array) -> Flow:
    """Period by period; `base` [n] is what a dealer expects in a plain month."""
    sell_in, sell_out, stock = np.zeros_like(asked), np.zeros_like(asked), np.zeros_like(asked)
    left = np.zeros(len(asked), dtype=np.float32)
    for t in range(asked.shape[1]):
        sells = foreseen[:, t] > 0
        left = np.where(sells, left, 0)
        expected = base * foreseen[:, t] * policy.misjudged[:, t]
        target = expected * (1 + policy.cover) * policy.loaded[:, t]
        need = np.maximum(target - left, 0) * policy.reviewed[:, t] * policy.filled[:, t]
        sell_in[:, t] = np.ceil(need / case_units - _ROUND_UP) * case_units
        sell_out[:, t] = np.minimum(asked[:, t], left + sell_in[:, t])
        stock[:, t] = left = left + sell_in[:, t] - sell_out[:, t]
        seen = sell_out[:, t] / np.where(sells, foreseen[:, t], 1)
        base = np.where(sells, base + _LEARNING_RATE * (seen - base), base)
    return Flow(sell_in, sell_out, stock, asked - sell_out)


def _cells(sold: Assortment) -> Cells:
    """The observed cells: every period from the beginning to the end of each series."""
    return np.nonzero(sold.observed)


def _by_outlet(world: World, land: Geography) -> NDArray[np.bool_]:
    """Which dealers report by outlet, [d]: those chosen who have outlets."""
    chosen = world.rng("outlet reporting").random(world.dealers) < world.outlet_reporting_share
    return chosen & (np.bincount(land.outlet_dealer, minlength=world.dealers) > 0)
