"""Travel: honest reasons for a code to be scanned far from where it was sold.

Everybody's buyers travel a little, some dealers' more than others'. On top there are three
flows to one place each: commuters (a dealer at a border always sells to buyers of one other
territory), tourists (for a month many buyers of a whole territory come from one other), and
excursions (one dealer's goods turn up in one place for a month: a fair, a wedding). Dealers
and territories also differ in how much is scanned at all.

>>> from features.simulator.world import World
>>> from features.simulator.periods import Periods
>>> world = World(scanless_share=1.0)
>>> land = Geography.draw(world, Periods.of(world))
>>> Travel.draw(world, land, Periods.of(world)).coverage.max()
np.float64(0.0)
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.simulator.geography import Geography
from features.simulator.grid import Ints
from features.simulator.periods import Periods
from features.simulator.world import World

Floats = NDArray[np.float64]

_MOST_TRAVEL_RATE = 0.3
_COMMUTER_RATES = (0.03, 0.2)
_TOURIST_RATES = (0.03, 0.15)
_EXCURSION_RATES = (0.1, 0.5)


@dataclass(frozen=True)
class Travel:
    """Coverage and honest scans away from home, [d, t]."""

    coverage: Floats  # share of the units sold that is scanned
    rate: Floats  # of the scans: anywhere
    flow_rates: tuple[Floats, ...]  # of the scans: to one place, for each kind of flow
    flow_to: tuple[Ints, ...]  # territory

    @classmethod
    def draw(cls, world: World, land: Geography, periods: Periods) -> Self:
        """Travel of a world."""
        rng = world.rng("travel")
        shape = (world.dealers, periods.observed)
        rate = world.travel_rate * np.exp(rng.normal(0, world.travel_spread, (world.dealers, 1)))
        where = land.territory
        commuters = _flow(rng, (world.dealers, 1), world.commuter_share, _COMMUTER_RATES)
        tourists = _flow(rng, (world.territories, shape[1]), world.tourist_share, _TOURIST_RATES)
        excursions = _flow(rng, shape, world.excursion_share, _EXCURSION_RATES)
        places = [
            _place(rng, land, where[:, None] + np.zeros(1, dtype=np.int64)),
            _place(rng, land, np.repeat(np.arange(world.territories)[:, None], shape[1], axis=1))[where],
            _place(rng, land, np.repeat(where[:, None], shape[1], axis=1)),
        ]
        return cls(
            coverage=_coverage(rng, world, land, shape),
            rate=np.minimum(np.broadcast_to(rate, shape), _MOST_TRAVEL_RATE),
            flow_rates=tuple(np.broadcast_to(r, shape) for r in (commuters, tourists[where], excursions)),
            flow_to=tuple(np.broadcast_to(p, shape) for p in places),
        )


def _coverage(rng: np.random.Generator, world: World, land: Geography, shape: tuple[int, int]) -> Floats:
    """Share of the units that is scanned, [d, t]."""
    of_dealer = np.exp(rng.normal(0, world.scan_spread, (shape[0], 1)))
    of_dealer *= rng.random((shape[0], 1)) >= world.scanless_share
    of_place = np.exp(rng.normal(0, world.scan_spread / 3, (world.territories, shape[1])))
    return np.asarray(np.minimum(world.scan_coverage_share * of_dealer * of_place[land.territory], 1))


def _flow(
    rng: np.random.Generator, shape: tuple[int, int], share: float, rates: tuple[float, float]
) -> Floats:
    """Rate of the scans in a `share` of the cells, 0 in the others."""
    return np.asarray((rng.random(shape) < share) * rng.uniform(*rates, shape))


def _place(rng: np.random.Generator, land: Geography, home: Ints) -> Ints:
    """Where to, near places first; [*home]."""
    reach = np.cumsum(land.away_rates, axis=1)[home]
    to = (reach < rng.random(home.shape)[..., None]).sum(axis=-1)
    return np.asarray(np.minimum(to, len(land.away_rates) - 1))
