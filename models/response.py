"""Response: how many units a price, a discount or a rebate brings, and how sure that is.

In:   rows, one a series and period:
        unique_id, group     the series, and whose likes it learns from (a product)
        step                 the period's number, an integer that grows with time
        y                    units
        and one column a `Driver`; the first driver is the one that is asked about (log price, depth)
Out:  mean units with quantiles; the main coefficient with its error; what was seen of the main driver.

Two beliefs, `Pooled` (log-linear, shrunk) and `Monotone` (trees), both of the mean, are blended as a
geometric mean. What the blend loses in the total by that is given back (smearing): the total of the
members over that of the blend. The weight and the spread of the truth around the blend come from later
periods judged by fits of earlier ones. The smearing does not: the ratio of true to forecast totals there
says more of those periods' shocks than of the blend (docs/rooms/price.md).

Source: Duan (1983), Smearing estimate, JASA 78, as a ratio of totals; Blattberg and George (1991).
Limits: observational. It refuses a price or depth beyond what the series, else its group, has seen.
Errors: models.errors.NotFitted, OutsideSeen, features.errors.TooFewRows.

>>> rng = np.random.default_rng(0)
>>> rows = pd.DataFrame({"unique_id": np.repeat(np.arange(20), 40), "group": "S"})
>>> rows["step"] = np.tile(np.arange(40), 20)
>>> rows["log_price"] = rng.normal(0, 0.15, 800)
>>> rows["y"] = rng.poisson(50 * np.exp(-2 * rows["log_price"])).astype(float)
>>> response = Response(drivers=(Driver("log_price", -1),)).fit(rows)
>>> response.slopes(rows.head(1))["slope"].round(1).tolist()
[-2.0]
>>> response.check(rows.head(1).assign(log_price=5.0))
Traceback (most recent call last):
    ...
models.response.OutsideSeen: 1 of 1 rows ask for log_price beyond what was seen; ...
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from features.errors import TooFewRows
from models.errors import ModelError, NotFitted
from models.monotone import Monotone
from models.pooled import Driver as Driver
from models.pooled import Pooled

Array = NDArray[np.float64]
LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_WINDOWS = 3  # later periods that earlier fits are judged on
_LEAST_STEPS = 12
_SHARES = np.linspace(0, 1, 11)
_SIZES = 3  # classes of expected units, each with its own spread
_LEAST_UNITS = 1e-6
_LEAST_SERIES_ROWS = 6  # below, a series has seen what its group has


class OutsideSeen(ModelError):
    def __init__(self, name: str, rows: int, asked: int) -> None:
        super().__init__(
            f"{rows} of {asked} rows ask for {name} beyond what was seen; "
            "ask inside the range that `seen` gives, or collect periods at such values first."
        )


@dataclass(kw_only=True)
class Response:
    """The blend of a pooled curve and monotone trees."""

    drivers: Sequence[Driver]
    half_life: float = np.inf  # of what past periods say of a series' level, in periods
    seed: int = 0
    pooled_: Pooled | None = field(default=None, init=False, repr=False)
    trees_: Monotone = field(init=False, repr=False)
    share_: float = field(default=0.5, init=False)  # of the pooled curve in the blend
    factor_: float = field(default=1.0, init=False)  # smearing
    spread_: Array = field(init=False, repr=False)  # [sizes, levels] truth over mean
    edges_: Array = field(init=False, repr=False)  # [sizes - 1] of expected units
    seen_: pd.DataFrame = field(init=False, repr=False)  # unique_id -> low, high of the main driver
    group_seen_: pd.DataFrame = field(init=False, repr=False)

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn from rows of any order; rows without units or drivers are left out."""
        main = self.drivers[0].name
        rows = rows[rows[["y", *(d.name for d in self.drivers)]].notna().all(axis=1)]
        if rows["step"].nunique() < 3:
            raise TooFewRows("A response (periods)", 3, int(rows["step"].nunique()))
        y, first, second = self._judged(rows)
        self.share_ = _share(y, first, second)
        blend = _blended(first, second, self.share_)
        self.factor_ = _smearing(first, second, self.share_)
        self.edges_, self.spread_ = _spread(y, blend * self.factor_)
        self.pooled_, self.trees_ = self._members(rows)
        ends = {"low": (main, "min"), "high": (main, "max"), "rows": (main, "size")}
        self.seen_ = rows.groupby("unique_id")[[main]].agg(**ends)
        self.group_seen_ = rows.groupby("group")[[main]].agg(**ends)
        return self

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Mean units and quantiles of each row: mean, q05 ... q95."""
        mean = self.means(rows)
        size = np.searchsorted(self.edges_, mean)
        units = mean[:, None] * self.spread_[size]
        told = pd.DataFrame(units, columns=[f"q{round(100 * p):02}" for p in LEVELS], index=rows.index)
        told.insert(0, "mean", mean)
        return told

    def means(self, rows: pd.DataFrame) -> Array:
        """Mean units of each row, [r]."""
        if self.pooled_ is None:
            raise NotFitted(self)
        both = self.pooled_.predict(rows), self.trees_.predict(rows)
        return _blended(*both, self.share_) * self.factor_

    def slopes(self, rows: pd.DataFrame, *, level: float = 0.9) -> pd.DataFrame:
        """The pooled curve's main coefficient: slope, slope_sd, low, high, whose ("series", "group", "all").

        The interval is that of a normal cut off where the sign would change.
        """
        if self.pooled_ is None:
            raise NotFitted(self)
        told = self.pooled_.slopes(rows)
        low, high = self.drivers[0].bounds
        for name, p in (("low", (1 - level) / 2), ("high", (1 + level) / 2)):
            told[name] = cut_normal(told["slope"].to_numpy(), told["slope_sd"].to_numpy(), p, low, high)
        return told

    def seen(self, rows: pd.DataFrame, *, wide: bool = False) -> pd.DataFrame:
        """Lowest and highest main driver that each row's series, else its group, has seen: low, high.

        With `wide`, what any series of the group has seen.
        """
        if self.pooled_ is None:
            raise NotFitted(self)
        own = self.seen_.reindex(rows["unique_id"]).set_axis(rows.index)
        group = self.group_seen_.reindex(rows["group"]).set_axis(rows.index)
        enough = (own["rows"] >= _LEAST_SERIES_ROWS) & ~(wide & group["rows"].notna())
        return own[["low", "high"]].where(enough, group[["low", "high"]])

    def check(self, rows: pd.DataFrame, *, room: float = 1e-9) -> None:
        """Refuse rows whose main driver lies beyond what was seen by more than `room`."""
        seen, asked = self.seen(rows), rows[self.drivers[0].name]
        outside = ~((asked >= seen["low"] - room) & (asked <= seen["high"] + room))
        if outside.any():
            raise OutsideSeen(self.drivers[0].name, int(outside.sum()), len(rows))

    def _members(self, rows: pd.DataFrame) -> tuple[Pooled, Monotone]:
        pooled = Pooled(drivers=self.drivers, half_life=self.half_life).fit(rows)
        return pooled, Monotone(drivers=self.drivers, seed=self.seed).fit(rows)

    def _judged(self, rows: pd.DataFrame) -> tuple[Array, Array, Array]:
        """Truth and both members' means in later periods, by fits of earlier ones."""
        steps = np.sort(rows["step"].unique())
        if len(steps) < _LEAST_STEPS:
            return np.empty(0), np.empty(0), np.empty(0)
        ends = steps[-1 - (len(steps) // (2 * _WINDOWS)) * np.arange(_WINDOWS, -1, -1)]
        parts = []
        for start, end in pairwise(ends):
            earlier = rows[rows["step"] <= start]
            asked = rows[(rows["step"] > start) & (rows["step"] <= end)]
            asked = asked[asked["unique_id"].isin(earlier["unique_id"].unique())]
            if len(asked):
                members = self._members(earlier)
                parts.append((asked["y"].to_numpy(float), *(m.predict(asked) for m in members)))
        y, first, second = (np.concatenate(part) for part in zip(*parts, strict=True))
        return y, first, second


def cut_normal(mean: Array, sd: Array, p: float | Array, low: float, high: float) -> Array:
    """Quantile p of a normal that is known to lie between two bounds.

    >>> cut_normal(np.array([-2.0]), np.array([0.5]), 0.5, -20.0, 0.0).round(2)
    array([-2.])
    """
    sd = np.maximum(sd, 1e-9)
    below, above = ndtr((low - mean) / sd), ndtr((high - mean) / sd)
    return np.asarray(np.clip(mean + sd * ndtri(below + p * (above - below)), low, high))


def concave(x: Array, gain: Array) -> Array:
    """The least concave curve above a gain at increasing x, [n, k]: what a budget may reckon with.

    Along it every further step brings less, so that spending by marginal gain is optimal.
    Source: upper hull by monotone chain (Andrew 1979).

    >>> concave(np.array([0.0, 1.0, 2.0, 3.0]), np.array([[0.0, 0.0, 4.0, 5.0]])).tolist()
    [[0.0, 2.0, 4.0, 5.0]]
    """
    return np.array([np.interp(x, *_hull(x, row)) for row in np.atleast_2d(gain)])


def _hull(x: Array, y: Array) -> tuple[Array, Array]:
    kept: list[int] = []
    for i in range(len(x)):
        while len(kept) > 1 and _below(x, y, kept[-2], kept[-1], i):
            kept.pop()
        kept.append(i)
    return x[kept], y[kept]


def _below(x: Array, y: Array, a: int, b: int, c: int) -> bool:
    """Whether point b lies on or below the line from a to c."""
    return bool((y[b] - y[a]) * (x[c] - x[a]) <= (y[c] - y[a]) * (x[b] - x[a]))


def _blended(first: Array, second: Array, share: float) -> Array:
    logs = share * np.log(np.maximum(first, _LEAST_UNITS))
    return np.asarray(np.exp(logs + (1 - share) * np.log(np.maximum(second, _LEAST_UNITS))))


def _smearing(first: Array, second: Array, share: float) -> float:
    """What the total of a geometric mean lacks: that of its members' totals, over its own."""
    total = float(_blended(first, second, share).sum())
    if not total:
        return 1.0
    return float(_blended(first.sum(keepdims=True), second.sum(keepdims=True), share)[0]) / total


def _share(y: Array, first: Array, second: Array) -> float:
    """The share of the first with the least absolute error, each blend at its own right total."""
    if not y.sum():
        return 0.5
    losses = []
    for share in _SHARES:
        blend = _blended(first, second, float(share))
        losses.append(np.abs(y - blend * y.sum() / blend.sum()).sum())
    return float(_SHARES[int(np.argmin(losses))])


def _spread(y: Array, mean: Array) -> tuple[Array, Array]:
    """Quantiles of truth over mean by class of size: edges [sizes - 1], ratios [sizes, levels]."""
    if not len(y):
        return np.empty(0), np.ones((1, len(LEVELS)))
    edges = np.quantile(mean, np.arange(1, _SIZES) / _SIZES)
    size, ratio = np.searchsorted(edges, mean), y / np.maximum(mean, _LEAST_UNITS)
    every = np.quantile(ratio, LEVELS)
    rows = [np.quantile(ratio[size == k], LEVELS) if (size == k).any() else every for k in range(_SIZES)]
    return edges, np.array(rows)
