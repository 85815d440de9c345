"""Geography: territories, the dealers in them, and the outlets they serve.

Sizes are heavy-tailed (log-normal, median 1). `quality` is latent, standard normal: a good
dealer grows, pays in time and seldom fails; no table shows it. Tier follows size with some
error, as tiers do. About one dealer in eight is a second-level dealer under a larger one of
the same territory.

>>> land = Geography.draw(World(dealers=3), Periods.of(World()))
>>> land.dealers_table()["dealer_id"].tolist()
['D001', 'D002', 'D003']
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.grid import numbered, stamps, texts
from features.simulator.periods import Days, Periods
from features.simulator.world import World

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

TIERS = np.array(["A", "B", "C", "D"])
_TIER_CUTS = np.array([0.1, 0.35, 0.7])  # A is the top tenth
DEALER_TYPES = np.array(["wholesale", "key_account", "traditional", "ecommerce"])
OUTLET_TYPES = np.array(["grocery", "supermarket", "convenience", "restaurant"])
_TYPE_RATES = np.array([0.45, 0.2, 0.25, 0.1])
_PLACES = np.array(["华兴", "金源", "长丰", "瑞达", "同庆", "万和", "嘉禾", "泰安", "恒通", "新盛"])
_FORMS = np.array(["商贸有限公司", "食品批发部", "供应链有限公司", "贸易行"])
_PARENT_RATE = 0.125
_NEW_DEALER_RATE = 0.1  # join during the observed periods


@dataclass(frozen=True)
class Geography:
    """Territories [k], dealers [d], outlets [o]."""

    territory_ids: NDArray[np.str_]  # [k]
    away_rates: Array  # [k, k] where a traveller from each territory turns up; 0 at home, rows sum to 1
    dealer_ids: NDArray[np.str_]  # [d]
    names: NDArray[np.str_]  # [d]
    territory: Ints  # [d]
    tier: Ints  # [d]
    dealer_type: Ints  # [d]
    parent: Ints  # [d], -1 when none
    size: Array  # [d], median 1
    quality: Array  # [d], latent, standard normal
    joins: Ints  # [d], period in which the dealer joins; negative: before the first
    joined: Days  # [d]
    outlet_dealer: Ints  # [o]
    outlet_type: Ints  # [o]
    opened: Days  # [o]

    @classmethod
    def draw(cls, world: World, periods: Periods) -> Self:
        """Territories, dealers and outlets of a world."""
        rng = world.rng("geography")
        d = world.dealers
        size = np.exp(rng.normal(0, world.size_spread, d))
        territory = rng.integers(world.territories, size=d)
        names = [f"{a}{b}" for a, b in zip(rng.choice(_PLACES, d), rng.choice(_FORMS, d), strict=True)]
        joins = _joins(rng, d, periods)
        joined = _joined(rng, joins, periods)
        outlet_dealer = np.repeat(np.arange(d), rng.poisson(world.outlets_per_dealer * np.sqrt(size)))
        later = outlet_dealer == np.roll(outlet_dealer, 1)  # a dealer's first outlet opens at once
        waited_days = (rng.integers(0, 400, len(outlet_dealer)) * later).astype("m8[D]")
        return cls(
            territory_ids=numbered("T", world.territories),
            away_rates=_away_rates(rng, world.territories),
            dealer_ids=numbered("D", d),
            names=np.array([f"{name}{i}" for i, name in enumerate(names, 1)]),
            territory=territory,
            tier=_tiers(size * np.exp(rng.normal(0, 0.3, d))),
            dealer_type=rng.choice(len(DEALER_TYPES), d, p=_TYPE_RATES),
            parent=_parents(rng, size, territory),
            size=size,
            quality=rng.standard_normal(d),
            joins=joins,
            joined=joined,
            outlet_dealer=outlet_dealer,
            outlet_type=rng.integers(len(OUTLET_TYPES), size=len(outlet_dealer)),
            opened=np.minimum(joined[outlet_dealer] + waited_days, periods.now - 1),
        )

    @property
    def outlet_ids(self) -> NDArray[np.str_]:
        """Ids of the outlets, [o]."""
        return numbered("O", len(self.outlet_dealer))

    def dealers_table(self) -> pd.DataFrame:
        """Canonical table `dealers`."""
        return pd.DataFrame(
            {
                "dealer_id": texts(self.dealer_ids, np.arange(len(self.dealer_ids))),
                "event_at": stamps(self.joined),
                "known_at": stamps(self.joined),
                "dealer_name": texts(self.names, np.arange(len(self.names))),
                "territory_id": texts(self.territory_ids, self.territory),
                "tier": texts(TIERS, self.tier),
                "dealer_type": texts(DEALER_TYPES, self.dealer_type),
                "parent_dealer_id": texts(self.dealer_ids, self.parent),
                "joined_at": stamps(self.joined),
            }
        )

    def outlets_table(self) -> pd.DataFrame:
        """Canonical table `outlets`."""
        return pd.DataFrame(
            {
                "outlet_id": texts(self.outlet_ids, np.arange(len(self.outlet_dealer))),
                "event_at": stamps(self.opened),
                "known_at": stamps(self.opened),
                "dealer_id": texts(self.dealer_ids, self.outlet_dealer),
                "territory_id": texts(self.territory_ids, self.territory[self.outlet_dealer]),
                "outlet_type": texts(OUTLET_TYPES, self.outlet_type),
                "opened_at": stamps(self.opened),
            }
        )


def _away_rates(rng: np.random.Generator, k: int) -> Array:
    """Near territories more often: weight 1 / (distance + 0.1); alone, a territory is its own neighbour."""
    place = rng.random((k, 2))
    distance = np.linalg.norm(place[:, None] - place[None], axis=-1)
    weight = 1 / (distance + 0.1)
    if k > 1:
        np.fill_diagonal(weight, 0)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _joins(rng: np.random.Generator, d: int, periods: Periods) -> Ints:
    late = rng.random(d) < _NEW_DEALER_RATE
    within = rng.integers(0, max(1, min(periods.observed * 3 // 4, periods.observed - 3)), d)
    return np.where(late, within, -1)


def _joined(rng: np.random.Generator, joins: Ints, periods: Periods) -> Days:
    earlier_days = rng.integers(200, 3000, len(joins)).astype("m8[D]")
    return np.where(joins >= 0, periods.starts[np.maximum(joins, 0)], periods.starts[0] - earlier_days)


def _tiers(size: Array) -> Ints:
    rank = np.argsort(np.argsort(-size)) / len(size)  # 0 is the largest
    return np.searchsorted(_TIER_CUTS, rank, side="right")


def _parents(rng: np.random.Generator, size: Array, territory: Ints) -> Ints:
    """The largest dealer of the territory, for some of the others."""
    largest = {t: int(np.flatnonzero(territory == t)[size[territory == t].argmax()]) for t in set(territory)}
    parent = np.array([largest[t] for t in territory])
    below = (rng.random(len(size)) < _PARENT_RATE) & (parent != np.arange(len(size)))
    return np.where(below, parent, -1)
