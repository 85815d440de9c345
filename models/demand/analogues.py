"""Analogues: an honest answer for a series with little history, or none.

A new series is expected to sell what its product, and its dealer, usually sell per series
(a multiplicative blend), moved towards its own mean as months arrive: k own observations
in the last year count k against `pull_periods`. The quantiles are those of known series around the same
guess, so they are as wide as ignorance deserves.

Shapes: n series, h periods ahead, k levels; units.
Source: empirical Bayes shrinkage, Efron and Morris (1975).
Limits: needs known series; with a product and a dealer both unknown it is the channel's median.

>>> from features.frequency import MONTHLY
>>> static = pd.DataFrame({"dealer_id": ["A", "B", "C"], "sku_id": ["x", "x", "y"]})
>>> y = np.array([[10.0] * 12, [20.0] * 12, [5.0] * 12])
>>> first = pd.Timestamp("2024-01-01")
>>> known = Panel(static=static, first=first, freq=MONTHLY, y=y)
>>> newcomer = pd.DataFrame({"dealer_id": ["D"], "sku_id": ["x"]})
>>> asked = Panel(static=newcomer, first=first, freq=MONTHLY, y=np.full((1, 12), np.nan))
>>> Analogues().fit(known).mean(asked, 2).round(1)
array([[14.1, 14.1]])
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import Panel
from features.windows import level, window_mean
from models.demand.forecast import LEVELS
from models.errors import NotFitted

Array = NDArray[np.float64]


@dataclass(kw_only=True)
class Analogues:
    """Usual units per period of a product's and a dealer's series."""

    pull_periods: float = 3.0
    overall_: float | None = field(default=None, init=False)  # log units
    product_: "pd.Series[float]" = field(init=False, repr=False)  # sku_id -> log units
    dealer_: "pd.Series[float]" = field(init=False, repr=False)  # dealer_id -> log factor
    ratios_: Array = field(init=False, repr=False)  # [k] truth over guess at LEVELS

    def fit(self, panel: Panel) -> Self:
        """Learn usual sizes from the series that have a history."""
        known = panel.take(panel.started() & (np.nan_to_num(panel.y).sum(axis=1) > 0))
        size = pd.Series(np.log(level(known.y, known.freq.season)))
        self.overall_ = float(size.median()) if len(size) else 0.0
        self.product_ = size.groupby(known.static["sku_id"].astype(str)).median()
        rest = size - _told(known, "sku_id", self.product_)
        self.dealer_ = rest.groupby(known.static["dealer_id"].astype(str)).median()
        last = known.y[:, -known.freq.season :]
        ratio = last / np.exp(self._log_size(known))[:, None]
        seen = ratio[np.isfinite(ratio)]
        self.ratios_ = np.quantile(seen, LEVELS) if seen.size else np.ones(len(LEVELS))
        return self

    def mean(self, panel: Panel, horizon: int) -> Array:
        """Expected units, [n, h], flat."""
        if self.overall_ is None:
            raise NotFitted(self)
        lately = panel.y[:, -panel.freq.season :]
        count, own = np.isfinite(lately).sum(axis=1), np.nan_to_num(window_mean(lately, lately.shape[1]))
        share = count / (count + self.pull_periods)
        guess = share * own + (1 - share) * np.exp(self._log_size(panel))
        return np.asarray(np.repeat(guess[:, None], horizon, axis=1))

    def quantiles(self, mean: Array) -> Array:
        """Units at LEVELS around a guess, [n, h, k]."""
        return np.asarray(mean[..., None] * self.ratios_)

    def _log_size(self, panel: Panel) -> Array:
        product = _told(panel, "sku_id", self.product_).fillna(self.overall_)
        dealer = _told(panel, "dealer_id", self.dealer_).fillna(0.0)
        return np.asarray((product + dealer).to_numpy(), dtype=np.float64)


def _told(panel: Panel, column: str, values: "pd.Series[float]") -> "pd.Series[float]":
    """What is known by name of each series, [n]; NaN where the name is unknown."""
    return panel.static[column].astype(str).map(values).astype(float)
