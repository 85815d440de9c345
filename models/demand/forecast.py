"""Forecast: what a model believes about the next periods, as one distribution.

Shapes: n series, h periods ahead, k quantile levels, ascending. Units are those of demand.
`mean` is the expectation (sums of means are means of sums); `quantiles` never cross and
are never negative; `zero_probability` is how likely nothing sells, and quantiles up to that level are
zero; `members` are the single forecasts that were blended.

>>> f = Forecast(ids=np.array(["D1/S1"], dtype=object), cutoff=pd.Timestamp("2017-09-01"),
...     periods=pd.to_datetime(["2017-10-01"]), mean=np.array([[5.0]]), levels=(0.1, 0.5, 0.9),
...     quantiles=np.array([[[0.0, 4.0, 9.0]]]), zero_probability=np.array([[0.2]]), members={},
...     notes=np.array([""], dtype=object))
>>> f.quantile(0.7), f.quantile(0.35), f.quantile(0.2)
(array([[6.5]]), array([[2.]]), array([[0.]]))
>>> f.frame().columns.tolist()
['unique_id', 'ds', 'cutoff', 'mean', 'zero_probability', 'q10', 'q50', 'q90', 'note']
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import UnknownLevel

Array = NDArray[np.float64]
LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


@dataclass(frozen=True)
class Likeness:
    """A known series that spoke for a new one, and why."""

    unique_id: str
    shared: tuple[str, ...]  # attributes that both have: "sku_id", "territory_id" ...
    units: float  # it usually sells a period


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Mean, quantiles and members of n series over h periods."""

    ids: NDArray[np.object_]  # [n]
    cutoff: pd.Timestamp
    periods: pd.DatetimeIndex  # [h]
    mean: Array  # [n, h]
    levels: tuple[float, ...]  # [k]
    quantiles: Array  # [n, h, k]
    zero_probability: Array  # [n, h] fraction; NaN where it was not learned
    members: Mapping[str, Array]  # name -> [n, h]
    notes: NDArray[np.object_]  # [n] "" or why a fallback answered
    analogues: Mapping[int, tuple[Likeness, ...]] = field(default_factory=dict)  # row -> who spoke for it

    def quantile(self, level: float) -> Array:
        """Units not exceeded with probability `level`, [n, h].

        Zero up to the probability of zero, from there linear between the stated levels.
        """
        low, high = self.levels[0], self.levels[-1]
        if not low <= level <= high:
            raise UnknownLevel([level], low, high)
        right = int(np.clip(np.searchsorted(self.levels, level), 1, len(self.levels) - 1))
        left = right - 1
        start = np.fmax(self.zero_probability, self.levels[left])
        share = np.maximum(level - start, 0) / np.maximum(self.levels[right] - start, 1e-9)
        mixed: Array = (1 - share) * self.quantiles[..., left] + share * self.quantiles[..., right]
        return mixed

    def frame(self) -> pd.DataFrame:
        """The long table: one row a series and period, Nixtla's names, one column a level and a member."""
        n, h = self.mean.shape
        columns: dict[str, object] = {
            "unique_id": np.repeat(self.ids, h),
            "ds": np.tile(self.periods.to_numpy(), n),
            "cutoff": np.repeat(np.datetime64(self.cutoff, "us"), n * h),
            "mean": self.mean.ravel(),
            "zero_probability": self.zero_probability.ravel(),
        }
        columns |= {column(p): self.quantiles[..., j].ravel() for j, p in enumerate(self.levels)}
        columns |= {name: values.ravel() for name, values in self.members.items()}
        return pd.DataFrame(columns | {"note": np.repeat(self.notes, h)})


def column(level: float) -> str:
    """The column that holds a quantile level.

    >>> column(0.05), column(0.5), column(0.975)
    ('q05', 'q50', 'q97.5')
    """
    percent = round(level * 100, 6)
    return f"q{percent:02.0f}" if percent == int(percent) else f"q{percent:g}"
