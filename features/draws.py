"""Draws: sample paths of demand, the one distribution that every decision is made from.

`units` [n, h, s]: s equally likely futures of n series over h periods. One draw is one world: the same
s in two series or two periods belongs together, so totals of series, dealers and periods are summed
draw by draw, and quantiles are taken last. (Quantiles may not be added up.)

As a frame: one row a series and period (dealer_id, sku_id, period_start), one column a draw, "s0000" ...

Errors: ValueError (shapes that disagree).

>>> keys = pd.DataFrame({"dealer_id": ["D1", "D1"], "sku_id": ["S1", "S2"]})
>>> units = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
>>> draws = Draws(keys=keys, periods=pd.date_range("2025-01-01", periods=2, freq="MS"), units=units)
>>> draws.within(np.array([31.0 + 14.0])).tolist()     # January and half of February
[[1.0, 2.5], [7.0, 8.5]]
>>> draws.of_dealers().tolist()                        # [dealers, h, s]
[[[4.0, 6.0], [8.0, 10.0]]]
>>> bool((Draws.of(draws.frame()).units == units).all())
True
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Units = NDArray[np.float32]
KEYS = ["dealer_id", "sku_id"]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Equally likely futures."""

    keys: pd.DataFrame  # [n] dealer_id, sku_id
    periods: pd.DatetimeIndex  # [h] starts
    units: Units  # [n, h, s]

    def __post_init__(self) -> None:
        if self.units.shape[:2] != (len(self.keys), len(self.periods)):
            raise ValueError(f"units is {self.units.shape} for {len(self.keys)} keys, {len(self.periods)} h.")
        object.__setattr__(self, "keys", self.keys[KEYS].astype(str).reset_index(drop=True))

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """From the frame; rows in any order, every series with the same periods."""
        ordered = frame.sort_values([*KEYS, "period_start"], kind="stable")
        keys = ordered[KEYS].drop_duplicates()
        periods = pd.DatetimeIndex(np.sort(ordered["period_start"].unique()))
        columns = [name for name in ordered.columns if name not in (*KEYS, "period_start")]
        units = ordered[columns].to_numpy(np.float32)
        return cls(keys=keys, periods=periods, units=units.reshape(len(keys), len(periods), len(columns)))

    @property
    def count(self) -> int:
        """Number of draws."""
        return int(self.units.shape[2])

    def frame(self) -> pd.DataFrame:
        """One row a series and period, one column a draw."""
        n, h, s = self.units.shape
        told = self.keys.loc[np.repeat(np.arange(n), h)].reset_index(drop=True)
        told["period_start"] = np.tile(self.periods.to_numpy(), n)
        draws = pd.DataFrame(self.units.reshape(n * h, s), columns=[f"s{i:04}" for i in range(s)])
        return pd.concat([told, draws], axis=1)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Some of the series."""
        return replace(self, keys=self.keys.loc[rows], units=self.units[rows])

    def within(self, days: Array) -> Array:
        """Units wanted in the first days from the start of the first period, [n, s]; `days` [s] or [1].

        Days of a period share its units evenly; days beyond the last period get its daily rate.
        """
        edges = np.append(0.0, np.cumsum(self._lengths()))  # [h + 1] days
        reached = np.concatenate([np.zeros_like(self.units[:, :1]), np.cumsum(self.units, axis=1)], axis=1)
        wanted = np.broadcast_to(np.asarray(days, float), (self.count,))
        step = np.clip(np.searchsorted(edges, wanted, "right") - 1, 0, len(edges) - 2)  # [s]
        share = (wanted - edges[step]) / (edges[step + 1] - edges[step])
        draw = np.arange(self.count)
        low, high = reached[:, step, draw], reached[:, step + 1, draw]
        return np.asarray(low + share * (high - low), dtype=float)

    def of_dealers(self) -> Array:
        """Units of each dealer, all products together, in the order of `dealer_ids`, [d, h, s]."""
        code = pd.Categorical(self.keys["dealer_id"], categories=self.dealer_ids).codes
        out = np.zeros((len(self.dealer_ids), *self.units.shape[1:]))
        np.add.at(out, code, self.units)
        return out

    @property
    def dealer_ids(self) -> list[str]:
        """The dealers, in order of their ids."""
        return sorted(self.keys["dealer_id"].unique())

    def _lengths(self) -> Array:
        """Days of each period; the last one as long as its calendar says, [h]."""
        if len(self.periods) == 1 or np.diff(self.periods).min() > pd.Timedelta(days=20):
            return np.asarray(self.periods.days_in_month, dtype=float)
        days = np.diff(self.periods) / pd.Timedelta(days=1)
        return np.append(days, days[-1]).astype(float)
