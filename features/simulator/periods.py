"""Periods: the time axis of a simulated channel.

`starts` and `ends` are [t] days: first the observed periods, then the planned ones. A period
is a month, or a week from Monday to Sunday that lies wholly inside the observed months.
`now` is the moment of the simulation: everything observed was known by then.

>>> p = Periods.of(World(months=2, plan_months=1, end="2025-12"))
>>> p.starts.astype(str).tolist(), p.observed, str(p.now)
(['2025-11-01', '2025-12-01', '2026-01-01'], 2, '2026-01-01')
>>> Periods.of(World(months=1, plan_months=0, end="2025-12", freq="W")).starts.astype(str).tolist()
['2025-12-01', '2025-12-08', '2025-12-15', '2025-12-22']
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.simulator.world import World

Array = NDArray[np.float32]
Days = NDArray[np.datetime64]

DAYS_PER_MONTH = 365.25 / 12
PLAN_LEAD_DAYS = 95  # a plan is published this long before its period: a horizon of 3 months is covered
_WEEK = np.timedelta64(7, "D")


@dataclass(frozen=True)
class Periods:
    """Observed periods, then planned ones."""

    starts: Days  # [t]
    ends: Days  # [t], the day after the last
    observed: int

    @classmethod
    def of(cls, world: World) -> Self:
        """The periods of a world."""
        last = np.datetime64(world.end, "M")
        first, after = last - world.months + 1, last + 1
        if world.freq == "M":
            months = np.arange(first, after + world.plan_months)
            return cls(months.astype("M8[D]"), (months + 1).astype("M8[D]"), world.months)
        monday = np.busday_offset(first.astype("M8[D]"), 0, roll="forward", weekmask="1000000")
        weeks = int((after.astype("M8[D]") - monday) // _WEEK)
        starts = monday + np.arange(weeks + round(world.plan_months * 13 / 3)) * _WEEK
        return cls(starts, starts + _WEEK, weeks)

    @property
    def count(self) -> int:
        """Observed and planned periods."""
        return len(self.starts)

    @property
    def now(self) -> np.datetime64:
        """The day after the last observed period."""
        day: np.datetime64 = self.ends[self.observed - 1]
        return day

    @property
    def months(self) -> Array:
        """Length of each period in months, [t]."""
        return np.asarray((self.ends - self.starts).astype(int) / DAYS_PER_MONTH, dtype=np.float32)

    @property
    def per_month(self) -> float:
        """Periods in a month: 1, or about 4.35."""
        return 1.0 if (self.ends - self.starts).max() > _WEEK else DAYS_PER_MONTH / 7

    @property
    def years(self) -> Array:
        """Years since the first period began, [t]."""
        return np.asarray((self.starts - self.starts[0]).astype(int) / 365.25, dtype=np.float32)

    def quarter_ends(self) -> NDArray[np.bool_]:
        """Periods in which a quarter ends, [t]."""
        return np.asarray(self._quarter(self.starts) != self._quarter(self.ends))

    def known_plans(self) -> Days:
        """When the plan of each period was published, [t]: before the period, and by now."""
        return np.minimum(self.starts - np.timedelta64(PLAN_LEAD_DAYS, "D"), self.now)

    @staticmethod
    def _quarter(days: Days) -> NDArray[np.int64]:
        return days.astype("M8[M]").astype(np.int64) // 3
