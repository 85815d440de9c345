"""Trace: codes on single units that buyers and inspectors scan.

A share of all units sold is scanned, most in the territory of the dealer that bought them.
Noise: a buyer who travels scans at home what was bought away (see travel.py). Truth: diverted
units turn up in the receiver's territory, unless their codes were cut off.

>>> from features.simulator.channel import simulate
>>> simulate(World(scan_coverage_share=0.0)).tables["trace_scans"].empty
True
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.diversion import Diversion
from features.simulator.flow import Flow
from features.simulator.geography import Geography
from features.simulator.grid import Ints, stamps, texts
from features.simulator.travel import Travel
from features.simulator.world import World

_SHOP_RATE = 0.5  # of the scans are made in an outlet

_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Scans:
    """One entry a scan, [scans]."""

    row: Ints  # series the unit was shipped to
    step: Ints  # period
    territory: Ints  # where it was scanned
    outlet: Ints  # in which outlet; -1: none


def trace_scans(
    world: World, land: Geography, sold: Assortment, flow: Flow, diversion: Diversion
) -> pd.DataFrame:
    """Canonical table `trace_scans`."""
    travel = Travel.draw(world, land, sold.grid.periods)
    own = flow.sell_out - diversion.reported[:, : flow.sell_out.shape[1]]
    parts = [
        _at_home(world, land, sold, travel, own),
        _diverted(world, land, sold, travel, diversion),
    ]
    row, step, territory, outlet = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("row", "step", "territory", "outlet")
    )
    return _table(world, land, sold, Scans(row, step, territory, outlet))


def _at_home(
    world: World, land: Geography, sold: Assortment, travel: Travel, units: NDArray[np.float32]
) -> Scans:
    rng = world.rng("trace")
    counts = np.minimum(rng.poisson(travel.coverage[sold.grid.dealer] * units), units).astype(int)
    cells = np.nonzero(counts)
    row, step = (np.repeat(part, counts[cells]) for part in cells)
    home = land.territory[sold.grid.dealer[row]]
    travelled = rng.random(len(row)) < travel.rate[sold.grid.dealer[row], step]
    away = (np.cumsum(land.away_rates, axis=1)[home] < rng.random(len(row))[:, None]).sum(axis=1)
    territory = np.where(travelled, np.minimum(away, world.territories - 1), home)
    in_shop = ~travelled & (rng.random(len(row)) < _SHOP_RATE)
    outlet = _outlets(rng, land, sold, row, step, in_shop)
    territory, stays = _carried(world, travel, sold, Scans(row, step, territory, outlet))
    return Scans(row, step, territory, np.where(stays, outlet, -1))


def _carried(world: World, travel: Travel, sold: Assortment, scans: Scans) -> tuple[Ints, NDArray[np.bool_]]:
    """Where scans were made when commuters, tourists and excursions are taken into account."""
    rng = world.rng("carried scans")
    dealer, step, territory = sold.grid.dealer[scans.row], scans.step, scans.territory
    taken = rng.random((sold.grid.n, sold.grid.periods.observed)) < world.excursion_goods_share
    any_goods = np.ones(len(dealer), dtype=bool)
    stays = any_goods
    goods = (any_goods, any_goods, taken[scans.row, step])  # commuters, tourists, excursions
    for rate, to, fits in zip(travel.flow_rates, travel.flow_to, goods, strict=True):
        goes = fits & (rng.random(len(dealer)) < rate[dealer, step])
        territory = np.where(goes, to[dealer, step], territory)
        stays = stays & ~goes
    return territory, stays


def _outlets(
    rng: np.random.Generator,
    land: Geography,
    sold: Assortment,
    row: Ints,
    step: Ints,
    in_shop: NDArray[np.bool_],
) -> Ints:
    """An outlet of the dealer that is open by then, where there is one; else -1."""
    count = np.bincount(land.outlet_dealer, minlength=len(land.dealer_ids))
    first = np.cumsum(count) - count  # outlets are listed dealer by dealer
    dealer = sold.grid.dealer[row]
    pick = first[dealer] + np.floor(rng.random(len(row)) * count[dealer]).astype(int)
    opened = np.append(land.opened, np.datetime64("9999-01-01"))[np.where(count[dealer] > 0, pick, -1)]
    return np.where(in_shop & (opened <= sold.grid.periods.starts[step]), pick, -1)


def _diverted(world: World, land: Geography, sold: Assortment, travel: Travel, diversion: Diversion) -> Scans:
    """Scans of diverted units, whose codes are still on, in the receiver's territory."""
    rng = world.rng("diverted scans")
    row, step, territory = (
        [np.empty(0, dtype=np.int64)],
        [np.empty(0, dtype=np.int64)],
        [np.empty(0, dtype=np.int64)],
    )
    for e in diversion.episodes:
        coverage = travel.coverage[sold.grid.dealer[e.seller], e.first : e.first + len(e.units)]
        counts = rng.poisson(coverage * e.units * (1 - e.stripped_rate))
        step.append(e.first + np.repeat(np.arange(len(counts)), counts))
        row.append(np.full(counts.sum(), e.seller))
        territory.append(np.full(counts.sum(), land.territory[sold.grid.dealer[e.receiver]]))
    rows = np.concatenate(row)
    return Scans(rows, np.concatenate(step), np.concatenate(territory), np.full(len(rows), -1))


def _table(world: World, land: Geography, sold: Assortment, scans: Scans) -> pd.DataFrame:
    """In the order of time, so that nothing tells what made a scan."""
    rng = world.rng("scan times")
    periods = sold.grid.periods
    seconds = (periods.ends - periods.starts)[scans.step].astype(int) * _DAY_SECONDS
    at = stamps(periods.starts[scans.step]) + np.floor(rng.random(len(seconds)) * seconds).astype("m8[s]")
    order = np.argsort(at, kind="stable")
    at, row, count = at[order], scans.row[order], len(at)
    frame = sold.grid.keys(row).rename(columns={"dealer_id": "shipped_dealer_id"})
    serial = pd.Series(rng.permutation(count) + 10**8).astype("str")
    return frame.assign(
        scan_id=pd.Series(np.arange(1, count + 1) + 10**8).astype("str").str.replace("1", "C", n=1),
        code=frame["sku_id"] + serial,
        scanned_at=at,
        scanned_territory_id=texts(land.territory_ids, scans.territory[order]),
        outlet_id=texts(land.outlet_ids, scans.outlet[order]),
        event_at=at,
        known_at=at,
    )
