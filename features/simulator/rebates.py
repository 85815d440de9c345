"""Rebates: yearly ladders for each dealer, and how much harder dealers work for them.

A ladder has three tiers around what the dealer would sell anyway in a year. Its top rate
varies by dealer and year as if by experiment, so that the response can be learned:

    uplift(rate) = max_uplift x rate / (rate + half_rate)

with max_uplift and half_rate of the dealer's own: rising, and ever flatter. Demand of the
whole year moves by log(1 + uplift(top rate)).

Limits: effort does not depend on how near the dealer is to the next tier.

>>> round(float(uplift(np.float32(0.03), np.float32(0.2), np.float32(0.03))), 3)
0.1
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.assortment import Assortment
from features.simulator.grid import stamps, texts
from features.simulator.periods import Array
from features.simulator.prices import CURRENCY, Prices
from features.simulator.world import World

_TIER_AMOUNTS = np.array([0.85, 1.0, 1.2])  # of a usual year
_TIER_RATES = np.array([0.4, 0.7, 1.0])  # of the top rate
_PUBLISHED_DAYS = np.timedelta64(30, "D")  # before the year begins
RULES = np.array(["marginal", "retroactive"])


@dataclass(frozen=True)
class Rebates:
    """Ladders of each dealer and year [d, y], and the true response of each dealer [d]."""

    first_year: np.datetime64
    top_rate: Array  # [d, y]
    usual_amount: NDArray[np.float64]  # [d], CNY a year
    rule: NDArray[np.int64]  # [y], position in RULES
    max_uplift: Array  # [d]
    half_rate: Array  # [d]

    @classmethod
    def draw(cls, world: World, sold: Assortment, prices: Prices) -> Self:
        """Ladders of a world."""
        rng = world.rng("rebates")
        d, year = world.dealers, sold.grid.periods.starts.astype("M8[Y]")
        years = int((year[-1] - year[0]).astype(int)) + 1
        amount = np.bincount(sold.grid.dealer, sold.level * prices.net_price[:, 0], minlength=d) * 12
        max_uplift = 2 * world.rebate_uplift_rate * np.exp(rng.normal(0, 0.4, d))
        return cls(
            first_year=year[0],
            top_rate=rng.uniform(0.005, 0.08, (d, years)).round(4).astype(np.float32),
            usual_amount=np.asarray(amount * np.exp(rng.normal(0, 0.1, d))),
            rule=rng.integers(len(RULES), size=years),
            max_uplift=max_uplift.astype(np.float32),
            half_rate=rng.uniform(0.015, 0.05, d).astype(np.float32),
        )

    def response(self, sold: Assortment) -> Array:
        """Log demand moved by the year's ladder, [d, t]."""
        year = (sold.grid.periods.starts.astype("M8[Y]") - self.first_year).astype(int)
        moved = np.log1p(uplift(self.top_rate, self.max_uplift[:, None], self.half_rate[:, None]))
        return np.asarray(moved[:, year])

    def table(self, sold: Assortment) -> pd.DataFrame:
        """Canonical table `rebate_programmes`: the ladders published by now."""
        d, years = self.top_rate.shape
        dealer, year, tier = (x.ravel() for x in np.indices((d, years, len(_TIER_RATES))))
        starts = stamps(self.first_year + np.arange(years))
        frame = pd.DataFrame(
            {
                "programme_id": texts(np.datetime_as_string(starts, unit="Y"), year),
                "dealer_id": texts(sold.grid.dealer_ids, dealer),
                "tier_no": tier + 1,
                "threshold_amount": np.round(self.usual_amount[dealer] * _TIER_AMOUNTS[tier], -2),
                "rebate_rate": np.round(self.top_rate[dealer, year] * _TIER_RATES[tier], 4).astype(float),
                "tier_rule": texts(RULES, self.rule[year]),
                "starts_at": starts[year],
                "ends_at": stamps(self.first_year + np.arange(years) + 1)[year] - np.timedelta64(1, "D"),
                "currency": CURRENCY,
                "event_at": starts[year],
                "known_at": starts[year] - _PUBLISHED_DAYS,
            }
        )
        published = frame["known_at"] <= pd.Timestamp(sold.grid.periods.now)
        return frame.assign(programme_id="R" + frame["programme_id"])[published]

    def paid(self, year: int, amount: NDArray[np.float64]) -> NDArray[np.float64]:
        """Exact rebate of each dealer for what it bought in a year, [d], CNY in cents.

        Whole numbers all the way: cents times ten-thousandths, half a cent rounded up.
        """
        cents = np.round(amount * 100).astype(np.int64)
        thresholds = np.round(self.usual_amount[:, None] * _TIER_AMOUNTS, -2) * 100
        rates = np.round(np.round(self.top_rate[:, year, None] * _TIER_RATES, 4) * 10_000).astype(np.int64)
        above = cents[:, None] - thresholds.astype(np.int64)  # [d, tiers]
        if RULES[self.rule[year]] == "marginal":
            steps = np.diff(rates, axis=1, prepend=0)  # what each threshold adds to the rate
            owed = (np.maximum(above, 0) * steps).sum(axis=1)
        else:
            owed = cents * (rates * (above >= 0)).max(axis=1)
        return np.asarray((owed + 5_000) // 10_000 / 100)

    def truth(self, sold: Assortment) -> pd.DataFrame:
        """The response curve of each dealer."""
        ids = texts(sold.grid.dealer_ids, np.arange(len(self.max_uplift)))
        return pd.DataFrame({"dealer_id": ids, "max_uplift": self.max_uplift, "half_rate": self.half_rate})


def uplift(rate: Array | np.float32, max_uplift: Array | np.float32, half_rate: Array | np.float32) -> Array:
    """More demand, a fraction, for a top rate; half of the most at `half_rate`."""
    return np.asarray(max_uplift * rate / (rate + half_rate))
