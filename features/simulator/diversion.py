"""Diversion (窜货): a dealer sells in another's territory.

In an episode the seller buys more of one product than its market wants and sends it to a
distant or a neighbouring territory, where a dealer of the same product loses exactly that
many sales. The seller reports the units as its own sell-out, so its books balance, or leaves
them on its books as stock that is not there. Part of the codes may be cut off the cases
(`stripped_rate`). A case may have several receivers: one episode each, with one `episode_id`.

Strength is a fraction of what the receiver's market wants, or the seller's, or a blend of
them (`diversion_seller_share`); never more than 60 % of what the receiver's market wants.

>>> from features.simulator.channel import simulate
>>> simulate(World(diversion_share=0.0)).truth["diversions"].empty
True
"""

from dataclasses import dataclass, replace
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
_ALONG_RATE = 0.6  # of the other products, in a wide case
_STORY_RATE = 0.55  # of the receiver's market
_STORY_MONTHS, _STORY_BEGINS = 6, 8  # so long, and so many months before the end


@dataclass(frozen=True)
class Episode:
    """One product moved from one dealer's market to another's."""

    seller: int  # series
    receiver: int  # series
    first: int  # period
    units: Array  # [periods of the episode]
    stripped_rate: float  # of the units lost their code
    case: int = 0  # the same for all receivers of one seller's case
    reported: bool = True  # as sell-out of the seller


@dataclass(frozen=True)
class Diversion:
    """Episodes, and the units that leave, are lost to others, and are reported as sold, [n, t]."""

    episodes: tuple[Episode, ...]
    sent: Array
    lost: Array
    reported: Array

    @classmethod
    def draw(cls, world: World, land: Geography, goods: Catalogue, sold: Assortment, demand: Demand) -> Self:
        """Episodes of a world: whole cases, by dealers who deal in them."""
        plot = _Plot(world, land, goods, sold, demand, np.zeros_like(demand.wanted))
        rng, disguise = world.rng("diversion"), world.rng("disguise")
        episodes: list[Episode] = []
        for seller in _sellers(rng, world, sold):
            case = episodes[-1].case + 1 if episodes else 0
            episodes += plot.case(rng, disguise, int(seller), case)
        episodes += plot.story(len(episodes)) if world.story else []
        sent, reported = np.zeros_like(demand.wanted), np.zeros_like(demand.wanted)
        for e in episodes:
            window = slice(e.first, e.first + len(e.units))
            sent[e.seller, window] += e.units
            reported[e.seller, window] += e.units * np.float32(e.reported)
        return cls(tuple(episodes), sent, plot.lost, reported)

    def truth(self, sold: Assortment, land: Geography) -> pd.DataFrame:
        """One row an episode and period: who, what, when, how much."""
        length = [len(e.units) for e in self.episodes]
        which = np.repeat(np.arange(len(length)), length)
        case = np.array([e.case for e in self.episodes], dtype=np.int64)[which]
        seller = np.array([e.seller for e in self.episodes], dtype=np.int64)[which]
        receiver = np.array([e.receiver for e in self.episodes], dtype=np.int64)[which]
        steps = [np.arange(e.first, e.first + len(e.units)) for e in self.episodes]
        step = np.concatenate([np.empty(0, dtype=np.int64), *steps])
        frame = sold.grid.keys(seller).rename(columns={"dealer_id": "seller_dealer_id"})
        frame["receiver_dealer_id"] = sold.grid.keys(receiver)["dealer_id"]
        frame["seller_territory_id"] = land.territory_ids[land.territory[sold.grid.dealer[seller]]]
        frame["receiver_territory_id"] = land.territory_ids[land.territory[sold.grid.dealer[receiver]]]
        return frame.assign(
            episode_id=case,
            period_start=stamps(sold.grid.periods.starts)[step],
            units=np.concatenate([np.empty(0), *(e.units for e in self.episodes)]),
            stripped_rate=np.array([e.stripped_rate for e in self.episodes], dtype=np.float64)[which],
        )


@dataclass(frozen=True)
class _Plot:
    """What a case is made from; `lost` [n, t] grows with every episode."""

    world: World
    land: Geography
    goods: Catalogue
    sold: Assortment
    demand: Demand
    lost: Array

    def case(
        self, rng: np.random.Generator, disguise: np.random.Generator, seller: int, case: int
    ) -> list[Episode]:
        """One seller's case: an episode for each receiver. `disguise` draws what older worlds do not have."""
        world = self.world
        shares = (world.diversion_far_share, world.diversion_several_share, world.unreported_share)
        far, several, hidden, wide = (
            bool(one) for one in disguise.random(4) < (*shares, world.diversion_wide_share)
        )
        many = int(disguise.integers(2, 4)) if several else 1
        receiver = self._receiver(rng, seller, far=far)
        window = self._window(rng, seller, receiver) if receiver >= 0 else slice(0, 0)
        drawn = self._units(rng, seller, receiver, window, many)
        stripped = rng.uniform(0.3, 1.0) * (rng.random() < world.stripping_share)
        made = [self._episode(seller, receiver, window, drawn)]
        others = [(seller, self._receiver(disguise, seller, far=far)) for _ in range(many - 1)]
        others += self._others(disguise, seller, receiver) if wide else []
        for source, target in others:
            open_there = self._both(source, target)
            shared = slice(max(window.start, open_there.start), min(window.stop, open_there.stop))
            drawn = self._units(disguise, source, target, shared, many)
            made.append(self._episode(source, target, shared, drawn))
        kept = [e for e in made if e.units.any()]
        return [replace(e, stripped_rate=float(stripped), case=case, reported=not hidden) for e in kept]

    def story(self, case: int) -> list[Episode]:
        """One strong, long, clean episode in the last year, between two dealers who sell to its end."""
        sold, t = self.sold, self.sold.grid.periods.observed
        month = sold.grid.periods.per_month
        start = max(0, t - round(_STORY_BEGINS * month))
        window = slice(start, min(t, start + round(_STORY_MONTHS * month)))
        mean = self.demand.mean[:, window].mean(axis=1) * ~sold.slow
        mean *= (sold.begins <= start) & (sold.ends >= t)
        where, product = self.land.territory[sold.grid.dealer], sold.grid.product
        fits = (where[:, None] != where) & (product[:, None] == product)
        both = np.minimum(mean[:, None], mean) * fits
        seller, receiver = (int(i) for i in np.unravel_index(both.argmax(), both.shape))
        if both.max() == 0:
            return []
        units = np.float32(_STORY_RATE) * self.demand.mean[receiver, window]
        return [replace(self._episode(seller, receiver, window, units), case=case)]

    def _episode(self, seller: int, receiver: int, window: slice, units: Array) -> Episode:
        """Whole cases, and never more than the receiver's market can lose."""
        if receiver < 0 or window.stop <= window.start:
            return Episode(seller, receiver, 0, np.zeros(0, dtype=np.float32), 0.0)
        case_units = int(self.goods.case_units[self.sold.grid.product[seller]])
        most = _MOST_RATE * (self.demand.wanted[receiver, window] - self.lost[receiver, window])
        units = np.floor(np.minimum(units, most) / case_units) * case_units
        self.lost[receiver, window] += units.astype(np.float32)
        return Episode(seller, receiver, window.start, np.asarray(units, dtype=np.float32), 0.0)

    def _units(self, rng: np.random.Generator, seller: int, receiver: int, window: slice, many: int) -> Array:
        """What is wanted for each period of the window, one of `many` receivers."""
        mean, blend = self.demand.mean[receiver, window], self.world.diversion_seller_share
        if blend > 0:
            mean = mean ** (1 - blend) * self.demand.mean[seller, window] ** blend
        least, most = self.world.diversion_least_rate, self.world.diversion_most_rate
        strength = rng.uniform(least, most) * np.exp(rng.normal(0, 0.3, len(mean)))
        return np.asarray(strength * mean / many)

    def _receiver(self, rng: np.random.Generator, seller: int, *, far: bool) -> int:
        """A series of the same product in another territory, near ones and large ones first; -1: none."""
        land, sold = self.land, self.sold
        rows = sold.row[:, sold.grid.product[seller]]
        rows = rows[rows >= 0]
        home = land.territory[sold.grid.dealer[seller]]
        there = land.territory[sold.grid.dealer[rows]]
        near = land.away_rates[home, there]
        pull = 1 / np.maximum(near, near[near > 0].min(initial=1)) if far else near
        weight = pull * sold.level[rows] * (there != home)
        if weight.sum() == 0:
            return -1
        return int(rng.choice(rows, p=weight / weight.sum()))

    def _others(self, rng: np.random.Generator, seller: int, receiver: int) -> list[tuple[int, int]]:
        """Some other products that both dealers carry: the series of the one and of the other."""
        if receiver < 0:
            return []
        grid, row = self.sold.grid, self.sold.row
        pairs = row[[grid.dealer[seller], grid.dealer[receiver]]]
        pairs = pairs[:, (pairs >= 0).all(axis=0) & (np.arange(row.shape[1]) != grid.product[seller])]
        chosen = pairs[:, rng.random(pairs.shape[1]) < _ALONG_RATE]
        return [(int(a), int(b)) for a, b in chosen.T]

    def _both(self, seller: int, receiver: int) -> slice:
        """The periods in which both sell the product; empty when there are none."""
        sold = self.sold
        first = int(max(sold.begins[seller], sold.begins[receiver]))
        return slice(first, int(min(sold.ends[seller], sold.ends[receiver], sold.grid.periods.observed)))

    def _window(self, rng: np.random.Generator, seller: int, receiver: int) -> slice:
        """Some months in which both sell the product; empty when there is no such time."""
        periods, both = self.sold.grid.periods, self._both(seller, receiver)
        start = both.start + int(rng.random() * max(0, both.stop - both.start))
        months = rng.integers(self.world.diversion_least_months, self.world.diversion_most_months + 1)
        return slice(start, max(start, min(both.stop, start + round(months * periods.per_month))))


def _sellers(rng: np.random.Generator, world: World, sold: Assortment) -> NDArray[np.int64]:
    """The selling series of each episode to be."""
    dealers = np.flatnonzero(rng.random(world.dealers) < world.diversion_share)
    often = rng.integers(1, world.diversion_episodes + 1, len(dealers))
    chosen = [rng.choice(np.flatnonzero(sold.grid.dealer == d)) for d in np.repeat(dealers, often)]
    return np.array(chosen, dtype=np.int64)
