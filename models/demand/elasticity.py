"""Elasticity: how demand answers a price or a promotion, and what it would have been without.

A log-log regression within series: the log of units against log prices and promotion
values, series and period means taken out of both, so that size, season and trend do not
speak for the price. Each series' coefficients are shrunk to those of its product, and the
product's to those of all (ridge towards the group, in units of the evidence of one row).
Unlike a tree it extrapolates: a discount deeper than any seen still has an effect.

Shapes: n series, t periods, p plans, h periods ahead. Uplifts are log units.
Source: Blattberg and George (1991), Shrinkage estimation of price and promotional
        elasticities, JASA 86; two-way within estimator.
Limits: zero units say nothing in logs and are left out; effects are clipped to a factor of
        20 either way; observational, so a plan that always coincides with something else
        takes its credit. Events common to all series are left to the calendar.

>>> rng = np.random.default_rng(0)
>>> price = np.exp(rng.normal(0, 0.2, size=(30, 60)))
>>> y = 100 * price**-2.0 * np.exp(rng.normal(0, 0.1, size=price.shape))
>>> static = pd.DataFrame({"dealer_id": [f"D{i}" for i in range(30)], "sku_id": "S"})
>>> from features.frequency import MONTHLY
>>> first = pd.Timestamp("2020-01-01")
>>> panel = Panel(static=static, first=first, freq=MONTHLY, y=y, plans={"net_price": price})
>>> Elasticity().fit(panel).coefficients(panel).mean(axis=0).round(1)
array([-2.])
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.hierarchy import codes, vocabulary
from features.panel import Panel, is_price
from models.errors import NotFitted

Array = NDArray[np.float64]
_WIDEST = np.log(20.0)
_LEAST_SHARE = 1e-4  # of a plan's variance must be its own, or it is a calendar event common to all


@dataclass(kw_only=True)
class Elasticity:
    """Shrunk log-log response to plans; a pull counts as that many rows of evidence."""

    group_pull: float = 50.0
    series_pull: float = 30.0
    names_: tuple[str, ...] | None = field(default=None, init=False, repr=False)  # [p]
    series_: pd.DataFrame = field(init=False, repr=False)  # unique_id -> [p]
    group_: pd.DataFrame = field(init=False, repr=False)  # sku_id -> [p]
    overall_: Array = field(init=False, repr=False)  # [p]

    def fit(self, panel: Panel) -> Self:
        """Learn coefficients from the observed periods."""
        self.names_ = tuple(sorted(panel.plans))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.log(np.where(panel.y > 0, panel.y, np.nan))
        x = self._design(panel, panel.t)[:, : panel.t]
        used = np.isfinite(z) & np.isfinite(x).all(axis=2)
        own = within(x, used[..., None])
        raw = np.where(used[..., None], x, 0.0)
        speaks = own.var(axis=(0, 1)) > raw.var(axis=(0, 1)) * _LEAST_SHARE  # [p]
        self._shrink(panel, within(z[..., None], used[..., None])[..., 0], np.where(speaks, own, 0.0))
        return self

    def coefficients(self, panel: Panel) -> Array:
        """Each series' response to each plan, [n, p]; its product's, or all's, where it is new."""
        if self.names_ is None:
            raise NotFitted(self)
        rows = self.group_.reindex(panel.static["sku_id"].astype(str)).fillna(dict(enumerate(self.overall_)))
        own = self.series_.reindex(pd.Index(panel.ids)).to_numpy()
        return np.where(np.isfinite(own), own, rows.to_numpy())

    def uplift(self, panel: Panel, horizon: int) -> Array:
        """Log factor that plans put on units, against the series' usual last year, [n, t + h].

        A missing plan counts as the usual one; where none is usual, the plan has no effect.
        """
        beta, change = self.coefficients(panel), self.change(panel, horizon)
        return np.asarray(np.clip(np.einsum("ntp,np->nt", change, beta), -_WIDEST, _WIDEST))

    def change(self, panel: Panel, horizon: int) -> Array:
        """Each plan (a price in logs) against its usual last year, [n, t + h, p]."""
        x = self._design(panel, panel.t + horizon)
        usual = _observed_mean(x[:, max(panel.t - panel.freq.season, 0) : panel.t])
        return np.nan_to_num(x - usual)

    def _design(self, panel: Panel, width: int) -> Array:
        layers = np.full((panel.n, width, len(self.names_ or ())), np.nan)
        for j, name in enumerate(self.names_ or ()):
            if name in panel.plans:
                values = panel.plans[name][:, :width]
                with np.errstate(divide="ignore", invalid="ignore"):
                    layers[:, : values.shape[1], j] = np.log(values) if is_price(name) else values
        return np.where(np.isfinite(layers), layers, np.nan)

    def _shrink(self, panel: Panel, z: Array, x: Array) -> None:
        xx, xz = np.einsum("ntp,ntq->npq", x, x), np.einsum("ntp,nt->np", x, z)
        rows = max(int((x != 0).any(axis=2).sum()), 1)
        one_row = np.diag(np.diag(xx.sum(axis=0)) / rows + 1e-12)
        self.overall_ = np.linalg.solve(xx.sum(axis=0) + one_row, xz.sum(axis=0))
        names = vocabulary(panel.static[["sku_id"]].astype(str))
        group = codes(panel.static.astype(str), "sku_id", names)
        group_xx = np.zeros((len(names["sku_id"]), *xx.shape[1:]))
        group_xz = np.zeros(group_xx.shape[:2])
        np.add.at(group_xx, group, xx)
        np.add.at(group_xz, group, xz)
        centre = np.tile(self.overall_, (len(group_xx), 1))
        grouped = _towards(group_xx, group_xz, centre, one_row * self.group_pull)
        self.group_ = pd.DataFrame(grouped, index=names["sku_id"])
        own = _towards(xx, xz, grouped[group], one_row * self.series_pull)
        self.series_ = pd.DataFrame(own, index=pd.Index(panel.ids))


def _towards(xx: Array, xz: Array, centre: Array, pull: Array) -> Array:
    """Ridge solutions around `centre`, one per row, [m, p]."""
    return np.asarray(np.linalg.solve(xx + pull, (xz + centre @ pull)[..., None])[..., 0])


def within(values: Array, used: NDArray[np.bool_]) -> Array:
    """Values less their series mean and their period mean (three sweeps); zero where unused, [n, t, p]."""
    out = np.where(used, values, 0.0)
    for axis in (1, 0) * 3:
        mean = out.sum(axis=axis, keepdims=True) / np.maximum(used.sum(axis=axis, keepdims=True), 1)
        out = np.asarray(np.where(used, out - mean, 0.0))
    return out


def _observed_mean(x: Array) -> Array:
    seen = np.isfinite(x)
    count = seen.sum(axis=1, keepdims=True)
    total = np.where(seen, x, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
