"""Diversion (窜货): a dealer sells in another's territory.

In an episode the seller buys more of one product than its market wants and sends it to a
distant or a neighbouring territory, where a dealer of the same product loses exactly that
many sales. The seller reports the units as its own sell-out, so its books balance. Part of
the codes may be cut off the cases (`stripped_rate`).

Strength is a fraction of what the receiver's market wants; never more than 60 % of it.

>>> from features.simulator.channel import simulate
>>> simulate(World(diversion_share=0.0)).truth["diversions"].empty
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
from features.simulator.geography import Geography
from features.simulator.grid import stamps
from features.simulator.periods import Array
from features.simulator.world import World

_MOST_RATE = 0.6  # of what the receiver's market wants
_EPISODES = 3  # a seller has one to three
_STRIPPING_RATE = 0.4  # of the episodes cut codes


@dataclass(frozen=True)
class Episode:
    """One product moved from one dealer's market to another's."""

    seller: int  # series
    receiver: int  # series
    first: int  # period
    units: Array  # [periods of the episode]
    stripped_rate: float  # of the units lost their code


@dataclass(frozen=True)
class Diversion:
    """Episodes, and the units that leave [n, t] and that are lost to others [n, t]."""

    episodes: tuple[Episode, ...]
    sent: Array
    lost: Array

    @classmethod
    def draw(cls, world: World, land: Geography, goods: Catalogue, sold: Assortment, demand: Demand) -> Self:
        """Episodes of a world: whole cases, by dealers who deal in them."""
        rng = world.rng("diversion")
        sent, lost = np.zeros_like(demand.wanted), np.zeros_like(demand.wanted)
        episodes = []
        for seller in _sellers(rng, world, sold):
            receiver = _receiver(rng, land, sold, seller)
            case_units = int(goods.case_units[sold.grid.product[seller]])
            window = _window(rng, sold, seller, receiver) if receiver >= 0 else slice(0, 0)
            wanted = demand.wanted[receiver, window] - lost[receiver, window]
            units = _units(rng, demand.mean[receiver, window], wanted, case_units)
            stripped = rng.uniform(0.3, 1.0) * (rng.random() < _STRIPPING_RATE)
            if units.any():
                sent[seller, window] += units
                lost[receiver, window] += units
                episodes.append(Episode(int(seller), int(receiver), window.start, units, float(stripped)))
        return cls(tuple(episodes), sent, lost)

    def truth(self, sold: Assortment, land: Geography) -> pd.DataFrame:
        """One row an episode and period: who, what, when, how much."""
        length = [len(e.units) for e in self.episodes]
        which = np.repeat(np.arange(len(length)), length)
        seller = np.array([e.seller for e in self.episodes], dtype=np.int64)[which]
        receiver = np.array([e.receiver for e in self.episodes], dtype=np.int64)[which]
        steps = [np.arange(e.first, e.first + len(e.units)) for e in self.episodes]
        step = np.concatenate([np.empty(0, dtype=np.int64), *steps])
        frame = sold.grid.keys(seller).rename(columns={"dealer_id": "seller_dealer_id"})
        frame["receiver_dealer_id"] = sold.grid.keys(receiver)["dealer_id"]
        frame["seller_territory_id"] = land.territory_ids[land.territory[sold.grid.dealer[seller]]]
        frame["receiver_territory_id"] = land.territory_ids[land.territory[sold.grid.dealer[receiver]]]
        return frame.assign(
            episode_id=which,
            period_start=stamps(sold.grid.periods.starts)[step],
            units=np.concatenate([np.empty(0), *(e.units for e in self.episodes)]),
            stripped_rate=np.array([e.stripped_rate for e in self.episodes], dtype=np.float64)[which],
        )


def _sellers(rng: np.random.Generator, world: World, sold: Assortment) -> NDArray[np.int64]:
    """The selling series of each episode to be."""
    dealers = np.flatnonzero(rng.random(world.dealers) < world.diversion_share)
    often = rng.integers(1, _EPISODES + 1, len(dealers))
    chosen = [rng.choice(np.flatnonzero(sold.grid.dealer == d)) for d in np.repeat(dealers, often)]
    return np.array(chosen, dtype=np.int64)


def _receiver(rng: np.random.Generator, land: Geography, sold: Assortment, seller: int) -> int:
    """A series of the same product in another territory, near ones and large ones first; -1: none."""
    grid = sold.grid
    rows = sold.row[:, grid.product[seller]]
    rows = rows[rows >= 0]
    home = land.territory[grid.dealer[seller]]
    there = land.territory[grid.dealer[rows]]
    weight = land.away_rates[home, there] * sold.level[rows] * (there != home)
    if weight.sum() == 0:
        return -1
    return int(rng.choice(rows, p=weight / weight.sum()))


def _window(rng: np.random.Generator, sold: Assortment, seller: int, receiver: int) -> slice:
    """Two to eight months in which both sell the product; empty when there is no such time."""
    periods = sold.grid.periods
    first = int(max(sold.begins[seller], sold.begins[receiver]))
    after = int(min(sold.ends[seller], sold.ends[receiver], periods.observed))
    start = first + int(rng.random() * max(0, after - first))
    return slice(start, max(start, min(after, start + round(rng.integers(2, 9) * periods.per_month))))


def _units(rng: np.random.Generator, mean: Array, wanted: Array, case_units: int) -> Array:
    """Whole cases for each period of the window."""
    strength = rng.uniform(0.15, 0.8) * np.exp(rng.normal(0, 0.3, len(mean)))
    units = np.minimum(strength * mean, _MOST_RATE * wanted)
    return np.asarray(np.floor(units / case_units) * case_units, dtype=np.float32)
