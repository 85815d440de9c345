"""World: everything that can be chosen about a simulated channel.

A share or a rate is a fraction in [0, 1]; a spread is the standard deviation of a logarithm;
units are consumer units; sizes are counts. The world alone decides the channel: two equal
worlds give the same bytes.

Each noun (dealers, prices, payments ...) draws from its own generator, seeded by the world's
seed and the noun's name. So a noun that is added later, or that draws more, moves no other.

Errors: ImpossibleWorld (all faults at once).

>>> World().rng("prices").integers(100) == World().rng("prices").integers(100)
np.True_
>>> World(dealers=0, slow_share=2)
Traceback (most recent call last):
    ...
features.simulator.world.ImpossibleWorld: dealers is at least 1; got 0. slow_share is a fraction ...
"""

import zlib
from dataclasses import dataclass, fields
from typing import Literal, Self

import numpy as np

from features.errors import ChannelError
from features.simulator.mixture import diversion_mixture


class ImpossibleWorld(ChannelError):
    """A parameter that no channel can have."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Sizes, strengths and shares of a channel."""

    # sizes
    seed: int = 7
    dealers: int = 20
    products: int = 8
    territories: int = 5
    months: int = 48  # observed
    plan_months: int = 3  # prices and promotions reach this far beyond `end`
    end: str = "2025-12"  # last observed month
    freq: Literal["M", "W"] = "M"
    # demand
    units_per_month: float = 120.0  # of a median dealer and product
    size_spread: float = 1.0  # of dealers: heavy-tailed
    noise_spread: float = 0.12
    assortment_share: float = 0.8  # of the products does a dealer carry
    slow_share: float = 0.2  # of the products sell now and then
    late_share: float = 0.15  # of the series begin after the first period
    ended_share: float = 0.05  # of the series are delisted before the last
    # plans and the response to them
    elasticity_spread: float = 0.1  # of dealers, around the category's own-price elasticity
    promotion_share: float = 0.15  # of product x month is under a campaign
    uplift_median_rate: float = 0.55  # more demand when featured
    uplift_spread: float = 0.45  # of dealers; the uplift stays in [.2, 1.5]
    rebate_uplift_rate: float = 0.12  # more effort at a generous ladder, median dealer
    # trouble
    shock_share: float = 0.15  # of the series shift in level once
    loading_share: float = 0.4  # of the dealers load up at the end of a quarter
    shortage_share: float = 0.03  # of product x period is short at the brand
    default_share: float = 0.1  # of the dealers stop paying for good
    diversion_share: float = 0.2  # of the dealers sell into another territory once or more
    breach_share: float = 0.2  # of the dealers undercut the price once or more
    attacks_per_year: float = 0.12  # of a competitor, for each territory and category
    wars_per_year: float = 0.0  # price wars, for each territory and category
    decoys_per_year: float = 0.0  # street prices that drop for no reason, for each territory and product
    project_rate: float = 0.003  # of series x month: a one-off order
    abroad_share: float = 0.0  # of the territories have a currency of their own
    story: bool = False  # one strong diversion and one default happen for certain in the last year
    # how goods are diverted
    diversion_episodes: int = 3  # a seller has one to so many
    diversion_least_months: int = 2
    diversion_most_months: int = 8
    diversion_least_rate: float = 0.15  # of the market that pays for it: the receiver's
    diversion_most_rate: float = 0.8
    diversion_seller_share: float = 0.0  # 1: the strength is of the seller's own market; between: a blend
    diversion_far_share: float = 0.0  # of the episodes go far instead of near
    diversion_several_share: float = 0.0  # of the episodes have two or three receivers
    diversion_wide_share: float = 0.0  # of the episodes take along the dealer's other products, each or not
    diversion_price_rate: float = 0.0  # off the street price, for each share of the market that was diverted
    stripping_share: float = 0.4  # of the episodes cut codes off
    unreported_share: float = 0.0  # of the episodes stay on the seller's books as stock
    # where and how often codes are scanned
    travel_rate: float = 0.02  # of the scans
    travel_spread: float = 0.0  # of dealers
    commuter_share: float = 0.0  # of the dealers always sell to buyers of one other territory
    tourist_share: float = 0.0  # of territory x month: many buyers come from one other territory
    excursion_share: float = 0.0  # of dealer x month: a fair, a wedding: one place scans for a month
    excursion_goods_share: float = 1.0  # of the dealer's products are in it
    scan_spread: float = 0.0  # of coverage, over dealers and over territory x month
    scanless_share: float = 0.0  # of the dealers have no scans
    # records of single transactions
    outlets_per_dealer: float = 6.0
    outlet_reporting_share: float = 0.25  # of the dealers report sell-out by outlet
    scan_coverage_share: float = 0.01  # of the units sold is scanned by somebody
    survey_share: float = 0.3  # of the series x period has a surveyed street price
    contract_share: float = 1.0  # of the dealers have their contract on file
    english_share: float = 0.3  # of the contracts are in English

    def __post_init__(self) -> None:
        if faults := [*self._small(), *self._not_fractions(), *self._unreadable()]:
            raise ImpossibleWorld(" ".join(faults))

    @classmethod
    def load_test(cls) -> Self:
        """5,000 dealers x 200 products, half of them carried; no record of single transactions."""
        return cls(
            dealers=5000,
            products=200,
            territories=30,
            months=36,
            assortment_share=0.5,
            outlets_per_dealer=1.0,
            outlet_reporting_share=0.0,
            scan_coverage_share=0.0,
            survey_share=0.0,
            contract_share=0.02,
        )

    @classmethod
    def diversion_test(cls, seed: int, *, dealers: int = 480, months: int = 24) -> Self:
        """A world to learn or to judge detectors of diversion on: every trouble and disguise, mixed by seed.

        About 1.1 % of the dealer-months are diverted. No contracts, outlets or plans: detectors need none.
        """
        mixed = diversion_mixture(np.random.default_rng([seed, zlib.crc32(b"mixture")]))
        return cls(seed=seed, dealers=dealers, months=months, **mixed)  # type: ignore[arg-type]

    def rng(self, noun: str) -> np.random.Generator:
        """The generator of one noun: seeded by the world's seed and the noun's name only."""
        child = np.random.SeedSequence(self.seed, spawn_key=(zlib.crc32(noun.encode()),))
        return np.random.Generator(np.random.PCG64(child))

    def _small(self) -> list[str]:
        least = {"seed": 0, "dealers": 1, "products": 1, "territories": 1, "months": 1, "plan_months": 0}
        least |= {"diversion_episodes": 1, "diversion_least_months": 1}
        least |= {"diversion_most_months": self.diversion_least_months}
        least |= {
            f.name: 0 for f in fields(self) if f.name.endswith(("_spread", "_rate")) or "_per_" in f.name
        }
        found = {name: getattr(self, name) for name in least}
        return [f"{k} is at least {least[k]}; got {v}." for k, v in found.items() if v < least[k]]

    def _not_fractions(self) -> list[str]:
        found = {f.name: getattr(self, f.name) for f in fields(self) if f.name.endswith("_share")}
        return [f"{k} is a fraction in [0, 1]; got {v}." for k, v in found.items() if not 0 <= v <= 1]

    def _unreadable(self) -> list[str]:
        faults = [] if self.freq in ("M", "W") else [f"freq is M or W; got {self.freq!r}."]
        try:
            np.datetime64(self.end, "M")
        except ValueError:
            faults.append(f"end is a month such as 2025-12; got {self.end!r}.")
        return faults


def sample_world(seed: int = 7) -> World:
    """The channel that the demonstration loads: 40 dealers x 12 products, four years."""
    return World(seed=seed, dealers=40, products=12, territories=8)


def story_world(seed: int = 7) -> World:
    """A small channel in which one dealer diverts and another defaults for certain in the last year.

    Nobody else diverts; a few others default earlier or later, so that there is something to learn from.
    """
    return World(
        seed=seed,
        dealers=30,
        products=6,
        months=36,
        story=True,
        diversion_share=0.0,
        diversion_price_rate=0.3,
        scan_coverage_share=0.05,
        default_share=0.15,
    )
