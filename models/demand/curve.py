"""Curve: demand as one function of prices and promotions, times what each series sold of late.

    mean units = level of the series x curve(own price, rivals' price, promotions, time of the year)

Two beliefs of the curve, learned from all series at once: `Pooled` (log-linear, each series' coefficients
drawn to its product's) and `Monotone` (trees that know the sign of every driver), as their geometric mean,
the first within a factor of `_FARTHEST` of the second, which does not extrapolate. The level is not learned
but read off the panel that is asked: units over the curve's, the last quarter of a year counting most. It
serves channels where prices and campaigns move demand more than seasons do.

Drivers, besides the price and the rivals' price: each promotion, and how deep the price lies under the usual
one while it runs; two waves of the year and years gone by, where two years are on record. All are of the
series itself, so that its answer does not depend on who else is asked about.

Shapes: n series, t periods, h periods ahead; units.
Source: models.pooled, models.monotone.
Limits: needs a price (`net_price`, else `list_price`). NaN for a series without any, for one that never
        changed, and for all where nothing sold at a known price. No season beyond the two waves.

>>> rng = np.random.default_rng(0)
>>> price = np.exp(rng.normal(0, 0.2, size=(30, 43)))
>>> y = 100 * price[:, :40] ** -2.0
>>> static = pd.DataFrame({"dealer_id": [f"D{i}" for i in range(30)], "sku_id": "S"})
>>> from features.frequency import MONTHLY
>>> first = pd.Timestamp("2020-01-01")
>>> panel = Panel(static=static, first=first, freq=MONTHLY, y=y, plans={"net_price": price})
>>> told = Curve().fit(panel, 3).predict(panel)
>>> bool(np.abs(told / (100 * price[:, 40:] ** -2.0) - 1).mean() < 0.15)
True
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import RIVAL_PRICE, Panel, is_price
from features.promotions import planned
from features.rivals import own_price
from models.errors import NotFitted
from models.monotone import Monotone
from models.pooled import Driver, Pooled

Array = NDArray[np.float64]
_IN_PRICE = "discount"
_USUAL_PLACE = 0.75  # a quarter of a year's prices: three quarters of the way up, so that a deal is not usual
_NOISE = -0.5  # power of the curve by which a period says less of the level, as in models.pooled
_LEAST_VARIES = 1e-9
_FARTHEST = 3.0
_LEAST_STILL = 6  # periods without a change that are no chance


def priced(panel: Panel) -> bool:
    """Whether there is a price to draw a curve over."""
    return own_price(panel) is not None


@dataclass(kw_only=True)
class Curve:
    """A member of the stack."""

    half_life: float = 0.25  # of what past periods say of a series' level, in years
    seed: int = 0
    horizon_: int | None = field(default=None, init=False)
    drivers_: tuple[Driver, ...] = field(default=(), init=False)
    campaigns_: tuple[str, ...] = field(default=(), init=False)
    knows_: bool = field(default=False, init=False)  # whether anything sold at a known price
    pooled_: Pooled = field(init=False, repr=False)
    trees_: Monotone = field(init=False, repr=False)

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Learn the curve from the observed periods."""
        self.horizon_ = horizon
        self.campaigns_ = tuple(_campaigns(panel))
        self.drivers_ = tuple(_drivers(panel, self.campaigns_))
        rows = self._rows(panel)
        seen = rows[rows["y"].notna()]
        periods = self.half_life * panel.freq.season
        self.knows_ = len(seen) > 0
        if self.knows_:
            self.pooled_ = Pooled(drivers=self.drivers_, half_life=periods).fit(seen)
            self.trees_ = Monotone(drivers=self.drivers_, seed=self.seed).fit(seen)
        return self

    def predict(self, panel: Panel) -> Array:
        """Mean units, [n, h]; NaN where no price is known."""
        curve = self._curve(panel)  # [n, t + h]
        past, y = curve[:, : panel.t], panel.y
        seen = np.isfinite(past) & np.isfinite(y)
        usual = (
            np.where(seen, past, 0.0).sum(axis=1, keepdims=True) / np.maximum(seen.sum(axis=1), 1)[:, None]
        )
        age = np.arange(panel.t)[::-1] / (self.half_life * panel.freq.season)
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = np.where(seen, 0.5**age * (past / usual) ** _NOISE, 0.0)
            wanted, given = (weight * np.nan_to_num(v) for v in (y, past))
            level = wanted.sum(axis=1) / given.sum(axis=1)
        level = np.where(_still(np.where(seen, y, np.nan)), np.nan, level)
        return np.asarray(curve[:, panel.t :] * level[:, None])

    def _curve(self, panel: Panel) -> Array:
        """Units that the curve expects at the level of training, [n, t + h]."""
        if self.horizon_ is None:
            raise NotFitted(self)
        rows = self._rows(panel)
        out = np.full((panel.n, panel.t + self.horizon_), np.nan)
        if self.knows_ and len(rows):
            trees = self.trees_.predict(rows)
            with np.errstate(over="ignore"):  # a price of another unit
                pooled = np.clip(self.pooled_.predict(rows), trees / _FARTHEST, trees * _FARTHEST)
            out[rows["row"].to_numpy(), rows["step"].to_numpy()] = np.sqrt(pooled * trees)
        return out

    def _rows(self, panel: Panel) -> pd.DataFrame:
        """One row a series and period with a price: unique_id, group, row, step, y and the drivers."""
        width = panel.t + (self.horizon_ or 0)
        known = _columns(panel, width, self.campaigns_)
        row, step = np.nonzero(np.isfinite(known["log_price"]))
        y = planned(panel.y, t=0, horizon=width)
        rows = pd.DataFrame({"unique_id": panel.ids[row], "row": row, "step": step, "y": y[row, step]})
        rows["group"] = panel.static["sku_id"].astype(str).to_numpy()[row]
        return rows.assign(**{d.name: known[d.name][row, step] for d in self.drivers_})


def _still(y: Array) -> NDArray[np.bool_]:
    """Series that sold the same in every period: they answer no price, [n]."""
    known = np.isfinite(y)
    most, least = (
        how(np.where(known, y, fill), axis=1) for how, fill in ((np.max, -np.inf), (np.min, np.inf))
    )
    return np.asarray((known.sum(axis=1) >= _LEAST_STILL) & (most == least) & (most > 0))


def _drivers(panel: Panel, campaigns: Sequence[str]) -> list[Driver]:
    """What moves demand in a panel, the own price first."""
    out = [Driver("log_price", -1)]
    if RIVAL_PRICE in panel.plans:
        out.append(Driver("log_rival_price", 1))
    for name in campaigns:
        out += [Driver(name, 1), Driver(f"{name}_depth", 1)]
    waves = [Driver(name) for name in _calendar(panel, panel.t)]
    return out + waves if panel.t >= 2 * panel.freq.season else out


def _campaigns(panel: Panel) -> list[str]:
    """Promotions that are not in the price and differ between series: others are the calendar's."""
    names = [name for name in panel.plans if not is_price(name) and name != _IN_PRICE]
    return [name for name in sorted(names) if _varies(panel.plans[name][:, : panel.t])]


def _varies(plan: Array) -> bool:
    known = np.isfinite(plan)
    mean = np.where(known, plan, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return bool((np.where(known, plan - mean, 0.0) ** 2).sum() > _LEAST_VARIES)


def _columns(panel: Panel, width: int, campaigns: Sequence[str]) -> dict[str, Array]:
    """Every driver there may be, [n, width] each; the log price is NaN where no price is known."""
    price = own_price(panel)
    price = np.full(panel.y.shape, np.nan) if price is None else price
    with np.errstate(divide="ignore", invalid="ignore"):
        log_price = np.log(planned(price, t=0, horizon=width))
        rivals = panel.plans.get(RIVAL_PRICE, np.full_like(price, np.nan))
        rival = np.log(planned(rivals, t=0, horizon=width))
    log_price = np.where(np.isfinite(log_price), log_price, np.nan)
    out = {"log_price": log_price, "log_rival_price": _against_mean(rival, panel.t)}
    usual = _usual(log_price, panel.freq.season // 4)
    depth = np.nan_to_num(np.maximum(usual - log_price, 0.0))
    for name in campaigns:
        plan = np.nan_to_num(planned(panel.plans[name], t=0, horizon=width))
        out |= {name: plan, f"{name}_depth": depth * plan}
    return out | {k: np.broadcast_to(v, log_price.shape) for k, v in _calendar(panel, width).items()}


def _against_mean(values: Array, t: int) -> Array:
    """Each value less the mean of its row's first t; what is not known is usual, [n, w]."""
    seen = np.isfinite(values[:, :t])
    mean = np.where(seen, values[:, :t], 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.asarray(np.nan_to_num(values - mean[:, None]))


def _usual(log_price: Array, periods: int) -> Array:
    """The price three quarters of the way up those of the periods before, [n, w]; NaN where none is known."""
    before = np.pad(log_price, ((0, 0), (periods, 0)), constant_values=np.nan)[:, :-1]
    sorted_ = np.sort(np.lib.stride_tricks.sliding_window_view(before, periods, axis=1), axis=2)  # NaN last
    place = np.rint(_USUAL_PLACE * np.maximum(np.isfinite(sorted_).sum(axis=2) - 1, 0)).astype(np.intp)
    return np.asarray(np.take_along_axis(sorted_, place[..., None], axis=2)[..., 0])


def _calendar(panel: Panel, width: int) -> dict[str, Array]:
    years = np.arange(width) / panel.freq.season
    angle = 2 * np.pi * (years + panel.first.day_of_year / 365.25)
    waves = {"year_cos": np.cos(angle), "year_sin": np.sin(angle)}
    return waves | {"half_year_cos": np.cos(2 * angle), "half_year_sin": np.sin(2 * angle), "years": years}
