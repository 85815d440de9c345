"""Worlds: which simulated channels the detectors of diversion learn from and are judged on.

Seeds are told apart by use: `LEARNED` to fit and calibrate, `TRIED` to choose features and settings,
`JUDGED` for nothing but the published numbers. Learned worlds are smaller than judged ones and differ
more among themselves (sizes, scans, products, length), so that what is learned holds in channels of
another kind. They hold more diversion than real channels; `Diversion.fit` weighs that back.

Worlds are cached for the life of the process: drawing one takes well under a second.

>>> [len(seeds) for seeds in (LEARNED, TRIED, JUDGED)], set(LEARNED) & set(TRIED) & set(JUDGED)
([20, 6, 6], set())
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from features.simulator import World, simulate

LEARNED = tuple(range(1, 21))
TRIED = tuple(range(201, 207))
JUDGED = tuple(range(9001, 9007))

_DETECTORS_TABLES = (
    "dealers",
    "sell_in",
    "sell_out",
    "stock",
    "signals",
    "promotions",
    "prices",
    "trace_scans",
)
_DEALERS = (80, 120, 200, 240)
_PRODUCTS = (3, 5, 8)
_UNITS_PER_MONTH = (20.0, 120.0, 800.0)
_MONTHS = (18, 24, 30)

Labelled = tuple[dict[str, pd.DataFrame], pd.DataFrame]


def learned_world(seed: int) -> World:
    """A world to learn from: the mixture of `World.diversion_test`, and sizes that vary too."""
    rng = np.random.default_rng([seed, 77])
    world = World.diversion_test(seed, dealers=int(rng.choice(_DEALERS)), months=int(rng.choice(_MONTHS)))
    units = float(rng.choice(_UNITS_PER_MONTH))
    return replace(
        world,
        products=int(rng.choice(_PRODUCTS)),
        territories=int(rng.integers(5, 21)),
        units_per_month=units,
        scan_coverage_share=min(
            0.5, world.scan_coverage_share * 120 / units * float(rng.choice([0.5, 1, 2, 6]))
        ),
        diversion_share=2 * world.diversion_share,
    )


@lru_cache(maxsize=64)
def labelled(world: World) -> Labelled:
    """The tables of a world that detectors read, and the truth of its diversions."""
    channel = simulate(world)
    return {name: channel.tables[name] for name in _DETECTORS_TABLES}, channel.truth["diversions"]


def learned_worlds(seeds: Iterable[int] = LEARNED) -> list[Labelled]:
    """What `Diversion.fit` takes."""
    return [labelled(learned_world(seed)) for seed in seeds]


def judged_worlds(seeds: Iterable[int] = JUDGED) -> list[Labelled]:
    """Worlds of 480 dealers and 24 months, 1.1 % of the dealer-months diverted."""
    return [labelled(World.diversion_test(seed)) for seed in seeds]
