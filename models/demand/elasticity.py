"""Elasticity: how demand answers a price or a promotion, and what it would have been without.

A log-log regression within series: the log of units against log prices and promotion
values, each as its distance from its own mean of about a year around the period, period
means taken out, so that size, trend and season do not speak for the price (a mean of few series is drawn
to zero: on one shelf the rivals' price is the period's mean less the own one). Each series'
coefficients are shrunk to those of its product, and the product's to those of all (ridge
towards the group; a pull counts as that many rows of evidence). How hard they are pulled,
and how far they are believed at all, stretches of time left out decide: the strength is
the slope of what happened there on what the others foretold, between 0 and 1.
Unlike a tree it extrapolates: a discount deeper than any seen still has an effect.

Shapes: n series, t periods, p plans, h periods ahead. Uplifts are log units.
Source: Blattberg and George (1991), Shrinkage estimation of price and promotional
        elasticities, JASA 86; Copas (1983), Regression, prediction and shrinkage, JRSS B 45
        (the slope on what was left out); two-way within estimator.
Limits: zero units say nothing in logs and are left out; effects are clipped to the square of the largest
        factor that plans on record had in the channel (at least 2, at most 20, either way), so that a price
        in another unit does not multiply a forecast; observational, so a plan that always
        coincides with something else takes its credit. Events common to all series are left to the
        calendar; where the net price is known, list price and discount are left out: they would
        tell it twice.

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

from features.panel import Panel, is_price
from features.windows import around_mean
from models.errors import NotFitted

Array = NDArray[np.float64]
_WIDEST = float(np.log(20.0))
_LEAST_WIDE = float(np.log(2.0))
_LEAST_SHARE = 1e-4  # of a plan's variance must be its own, or it is a calendar event common to all
_IN_NET_PRICE = frozenset({"list_price", "discount"})
_COMMON = 30.0  # series whose period is half their own, half the channel's
_STRETCHES = 8  # of time, each left out in turn
_PULLS = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)


@dataclass(kw_only=True)
class Elasticity:
    """Shrunk log-log response to plans; one of the pulls is chosen on periods left out."""

    pulls: tuple[float, ...] = _PULLS
    names_: tuple[str, ...] | None = field(default=None, init=False, repr=False)  # [p]
    pull_: float = field(default=0.0, init=False)
    strength_: float = field(default=1.0, init=False)  # 0 to 1, in all coefficients below
    series_: pd.DataFrame = field(init=False, repr=False)  # unique_id -> [p]
    group_: pd.DataFrame = field(init=False, repr=False)  # sku_id -> [p]
    overall_: Array = field(init=False, repr=False)  # [p]
    widest_: float = field(default=_WIDEST, init=False)  # log units, of any effect

    def fit(self, panel: Panel) -> Self:
        """Learn coefficients from the observed periods."""
        told_twice = _IN_NET_PRICE if "net_price" in panel.plans else frozenset[str]()
        self.names_ = tuple(sorted(panel.plans.keys() - told_twice))
        z, x = self._deviations(panel)
        product = panel.static["sku_id"].astype(str)
        self.pull_, self.strength_ = self._judged(z, x, product)
        overall, group, series, names = _shrunk(_moments(z, x), product, self.pull_)
        self.overall_ = overall * self.strength_
        self.group_ = pd.DataFrame(group * self.strength_, index=names)
        self.series_ = pd.DataFrame(series * self.strength_, index=pd.Index(panel.ids))
        seen = np.abs(np.einsum("ntp,np->nt", self.change(panel, 0), self.coefficients(panel)))
        self.widest_ = float(np.clip(2 * seen.max(initial=0.0), _LEAST_WIDE, _WIDEST))
        return self

    def coefficients(self, panel: Panel) -> Array:
        """Each series' response to each plan, [n, p]; its product's, or all's, where it is new."""
        if self.names_ is None:
            raise NotFitted(self)
        group = _rows(self.group_, pd.Index(panel.static["sku_id"].astype(str)))
        own = _rows(self.series_, pd.Index(panel.ids))
        return np.where(np.isfinite(own), own, np.where(np.isfinite(group), group, self.overall_))

    def uplift(self, panel: Panel, horizon: int) -> Array:
        """Log factor that plans put on units, against the series' usual last year, [n, t + h].

        A missing plan counts as the usual one; where none is usual, the plan has no effect.
        """
        beta, change = self.coefficients(panel), self.change(panel, horizon)
        return np.asarray(np.clip(np.einsum("ntp,np->nt", change, beta), -self.widest_, self.widest_))

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

    def _deviations(self, panel: Panel) -> tuple[Array, Array]:
        """Log units [n, t] and plans [n, t, p], less their own year's and the period's mean; 0 unused."""
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.log(np.where(panel.y > 0, panel.y, np.nan))[..., None]
        x = self._design(panel, panel.t)[:, : panel.t]
        used = np.isfinite(z) & np.isfinite(x).all(axis=2, keepdims=True)
        raw = np.where(used, x, 0.0)
        speaks = within(x, used).var(axis=(0, 1)) > raw.var(axis=(0, 1)) * _LEAST_SHARE  # [p]
        reach = panel.freq.season // 2
        z, x = (v - around_mean(np.where(used, v, np.nan), reach) for v in (z, x))
        z, x = (within(v, used, pull=_COMMON) for v in (z, x))
        return z[..., 0], np.where(speaks, x, 0.0)

    def _judged(self, z: Array, x: Array, product: "pd.Series[str]") -> tuple[float, float]:
        """The pull, and the strength with it, that foretold best the stretches left out in turn."""
        stretches = np.array_split(np.arange(z.shape[1]), max(min(_STRETCHES, z.shape[1] // 2), 2))
        moments = [_moments(z[:, s], x[:, s]) for s in stretches]
        whole = tuple(np.sum(part, axis=0) for part in zip(*moments, strict=True))
        best = (np.inf, self.pulls[0], 1.0)
        for pull in self.pulls:
            both = told = 0.0
            for s, own in zip(stretches, moments, strict=True):
                rest = (whole[0] - own[0], whole[1] - own[1], whole[2] - own[2])
                foretold = np.einsum("ntp,np->nt", x[:, s], _shrunk(rest, product, pull)[2])
                both += float((foretold * z[:, s]).sum())
                told += float((foretold**2).sum())
            strength = float(np.clip(both / told, 0.0, 1.0)) if told > 0 else 1.0
            best = min(best, (strength**2 * told - 2 * strength * both, pull, strength))
        return best[1], best[2]


def _moments(z: Array, x: Array) -> tuple[Array, Array, Array]:
    """Sums over time of x x' [n, p, p] and x z [n, p], and the number of rows that say something."""
    rows = np.asarray((x != 0).any(axis=2).sum())
    return np.einsum("ntp,ntq->npq", x, x), np.einsum("ntp,nt->np", x, z), rows


def _shrunk(
    moments: tuple[Array, Array, Array], product: "pd.Series[str]", pull: float
) -> tuple[Array, Array, Array, pd.Index]:
    """Coefficients of all [p], of each product [g, p] and of each series [n, p]; the products' names [g]."""
    xx, xz, rows = moments
    one_row = np.diag(np.diag(xx.sum(axis=0)) / max(int(rows), 1) + 1e-12)
    overall = np.linalg.solve(xx.sum(axis=0) + one_row, xz.sum(axis=0))
    number, names = pd.factorize(product, sort=True)
    group_xx, group_xz = np.zeros((len(names), *xx.shape[1:])), np.zeros((len(names), xz.shape[1]))
    np.add.at(group_xx, number, xx)
    np.add.at(group_xz, number, xz)
    group = _towards(group_xx, group_xz, np.tile(overall, (len(names), 1)), one_row * pull)
    return overall, group, _towards(xx, xz, group[number], one_row * pull), pd.Index(names)


def _towards(xx: Array, xz: Array, centre: Array, pull: Array) -> Array:
    """Ridge solutions around `centre`, one per row, [m, p]."""
    return np.asarray(np.linalg.solve(xx + pull, (xz + centre @ pull)[..., None])[..., 0])


def within(values: Array, used: NDArray[np.bool_], *, pull: float = 0.0) -> Array:
    """Values less their series mean and their period mean (three sweeps); zero where unused, [n, t, p].

    A period's mean is drawn to zero by as many series as `pull`: what few of them share is mostly their own.
    """
    out = np.where(used, values, 0.0)
    count = {axis: used.sum(axis=axis, keepdims=True) for axis in (0, 1)}
    for axis in (1, 0) * 3:
        drawn = np.maximum(count[axis] + (pull if axis == 0 else 0.0), 1)
        out = np.asarray(np.where(used, out - out.sum(axis=axis, keepdims=True) / drawn, 0.0))
    return out


def _observed_mean(x: Array) -> Array:
    seen = np.isfinite(x)
    count = seen.sum(axis=1, keepdims=True)
    total = np.where(seen, x, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def _rows(table: pd.DataFrame, names: pd.Index) -> Array:
    """The named rows, [n, p]; NaN where a name is unknown."""
    at = table.index.get_indexer(names)
    return np.where((at < 0)[:, None], np.nan, table.to_numpy(dtype=np.float64)[at])
