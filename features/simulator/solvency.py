"""Solvency: which dealers fail, when, and how their trouble shows before.

A weak dealer (low latent quality) is more likely to default. Distress rises from 0 to 1
over the eight months before the default: demand fades, payments come later. From the
default on nothing is paid and nothing is ordered.

>>> land = Geography.draw(World(default_share=0.0), Periods.of(World()))
>>> Solvency.draw(World(default_share=0.0), Periods.of(World()), land).truth(land.dealer_ids).shape
(20, 4)
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.geography import Geography
from features.simulator.grid import stamps, texts
from features.simulator.periods import Array, Days, Periods
from features.simulator.world import World

DISTRESS_MONTHS = 8
_STORY_ENDS = 4  # months before the end, the default that the story needs


@dataclass(frozen=True)
class Solvency:
    """Default of each dealer [d] and distress over time [d, t]."""

    quality: NDArray[np.float64]  # [d]
    fails: NDArray[np.int64]  # [d], period of the default; t: never
    failed: Days  # [d], day of the default; NaT: never
    distress: Array  # [d, t], 0 to 1

    @classmethod
    def draw(cls, world: World, periods: Periods, land: Geography) -> Self:
        """The weakest by quality and luck fail, `default_share` of all."""
        rng = world.rng("solvency")
        d, t = world.dealers, periods.observed
        luck = land.quality + rng.standard_normal(d)
        failing = np.argsort(np.argsort(luck)) < round(world.default_share * d)
        earliest = np.minimum(np.maximum(land.joins, 0) + min(12, t // 2), t - 1)
        period = earliest + np.floor(rng.random(d) * (t - earliest)).astype(int)
        if world.story:
            one = int(np.argmin(np.where(land.joins < 0, luck, np.inf)))
            failing[one], period[one] = True, max(0, t - round(_STORY_ENDS * periods.per_month))
        fails = np.where(failing, period, periods.count)
        within_days = (rng.random(d) * 28 / max(1, periods.per_month)).astype("m8[D]")
        day = periods.starts[np.minimum(fails, t - 1)] + within_days
        before = (fails[:, None] - np.arange(periods.count)) / (DISTRESS_MONTHS * periods.per_month)
        return cls(
            quality=land.quality,
            fails=fails,
            failed=np.where(failing, day, np.datetime64("NaT")),
            distress=np.clip(1 - before, 0, 1).astype(np.float32) * failing[:, None],
        )

    def truth(self, dealer_ids: NDArray[np.str_]) -> pd.DataFrame:
        """Latent quality and default of each dealer."""
        return pd.DataFrame(
            {
                "dealer_id": texts(dealer_ids, np.arange(len(dealer_ids))),
                "quality": self.quality,
                "defaulted": ~np.isnat(self.failed),
                "defaulted_at": stamps(self.failed),
            }
        )
