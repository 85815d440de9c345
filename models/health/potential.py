"""Potential: what a dealer could sell, judged by the best of those like it.

In:   a Standing. Conditions of the frontier, logs: outlets known, the territory's other sales, years with
      us, products bought; where a table is absent its column is constant and drops out.
Out:  one row a dealer: attainable sales of a year (never below its own), the gap, and what the gap could
      be closed with (levers, amounts of a year, that together never exceed the gap):
        assortment   to the better quarter of dealers of its size, along the frontier's slope
        outlets      the same
        stock_outs   what its own pace would have sold while products were out of stock
        price        what a price as usual would sell, where the dealer pays more than usual

The frontier is a linear quantile regression (level .875) of log sales, slopes at zero or above, ridge
on standardised columns.

Source: Koenker and Bassett (1978), Regression quantiles; the check function is smoothed over .02 of a log.
Limits: it says what good peers reach, not what a market holds; with fewer than `LEAST` dealers there is
        no frontier and potential is NaN.

>>> import numpy as np
>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=(2000, 1))
>>> y = 1 + 0.5 * x[:, 0] + rng.normal(size=2000)
>>> slope, level = quantile_regression(x, y, 0.875)
>>> bool(abs((y <= level + x @ slope).mean() - 0.875) < 0.01), bool(abs(slope[0] - 0.5) < 0.1)
(True, True)
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from features.standing import Standing

Array = NDArray[np.float64]

LEVEL = 0.875
LEAST = 20
YEAR = 12
COLUMNS = ("outlets", "territory", "years", "assortment")
LEVERS = ("assortment", "outlets", "stock_outs", "price")
ELASTICITY = 1.5  # of what a dealer buys, where its own price differs from the usual
_SMOOTH = 0.02
_PULL = 1.0  # precision of slopes, in rows


@dataclass
class Potential:
    """The frontier of one portfolio."""

    slope_: Array | None = field(default=None, init=False)  # [k] per standard deviation
    level_: float = field(default=0.0, init=False)
    middle_: Array = field(default_factory=lambda: np.empty(0), init=False)
    scale_: Array = field(default_factory=lambda: np.empty(0), init=False)
    better_: Array = field(default_factory=lambda: np.empty(0), init=False)  # [k] third quartile

    def fit(self, standing: Standing) -> Self:
        """Learn the frontier from dealers who bought in the last year."""
        self.slope_ = None
        sales, x = _year(standing.layers["sales"]), _columns(standing)
        active = sales > 0
        if active.sum() < LEAST:
            return self
        self.middle_, spread = x[active].mean(axis=0), x[active].std(axis=0)
        self.scale_ = np.where(spread > 0, spread, np.inf)
        self.better_ = np.quantile(x[active], 0.75, axis=0)
        z = (x[active] - self.middle_) / self.scale_
        self.slope_, self.level_ = quantile_regression(z, np.log(sales[active]), LEVEL, least_slope=0.0)
        return self

    def predict(self, standing: Standing) -> pd.DataFrame:
        """attainable, gap and one column a lever, in the currency of sales, [d]."""
        sales, x = _year(standing.layers["sales"]), _columns(standing)
        if self.slope_ is None:
            return pd.DataFrame(np.nan, index=standing.dealer_ids, columns=["attainable", "gap", *LEVERS])
        z = (x - self.middle_) / self.scale_
        attainable = np.where(sales > 0, np.maximum(np.exp(self.level_ + z @ self.slope_), sales), np.nan)
        frame = pd.DataFrame({"attainable": attainable, "gap": attainable - sales}, index=standing.dealer_ids)
        levers = self._levers(standing, sales, x)
        total = np.maximum(levers.sum(axis=1).to_numpy(), 1e-9)
        fits = np.minimum(1.0, frame["gap"].to_numpy() / total)
        return frame.join(levers.mul(fits, axis=0))

    def _levers(self, standing: Standing, sales: Array, x: Array) -> pd.DataFrame:
        assert self.slope_ is not None  # noqa: S101 - predict has asked
        ahead = np.maximum(self.better_ - x, 0.0) * self.slope_ / self.scale_
        growth = np.expm1(ahead)
        short = np.clip(_short_rate(standing), 0.0, 0.8)
        above = np.clip(np.nan_to_num(standing.facts["price_premium"].to_numpy(float)), 0.0, 0.5)
        gains = {
            "assortment": growth[:, COLUMNS.index("assortment")],
            "outlets": growth[:, COLUMNS.index("outlets")],
            "stock_outs": short / (1 - short),
            "price": np.expm1(ELASTICITY * above),
        }
        return pd.DataFrame({name: gain * sales for name, gain in gains.items()}, index=standing.dealer_ids)


def quantile_regression(
    x: Array, y: Array, level: float, *, least_slope: float | None = None
) -> tuple[Array, float]:
    """Slopes [k] and level of the conditional quantile; slopes held at `least_slope` or above."""
    k = x.shape[1]
    start = np.append(np.zeros(k), np.quantile(y, level))
    bounds = [*[(least_slope, None)] * k, (None, None)]
    found = minimize(_check, start, args=(x, y, level), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:-1]), float(found.x[-1])


def _check(theta: Array, x: Array, y: Array, level: float) -> tuple[float, Array]:
    """Mean check loss, smoothed, and the pull of slopes to zero; with the gradient."""
    error = y - x @ theta[:-1] - theta[-1]
    bend = np.logaddexp(0.0, -error / _SMOOTH)
    below = np.exp(-np.logaddexp(0.0, error / _SMOOTH))  # share of the loss's kink, 0 to 1
    slope = -(level - below) / len(y)
    pull = _PULL / len(y) * 0.5
    loss = float(np.mean(level * error + _SMOOTH * bend)) + pull * float(theta[:-1] @ theta[:-1])
    gradient = np.append(x.T @ slope + 2 * pull * theta[:-1], slope.sum())
    return loss, gradient


def _year(layer: Array) -> Array:
    """Sum of the last 12 months, scaled up where there are fewer, [d]."""
    last = layer[:, -YEAR:]
    months = np.isfinite(last).sum(axis=1)
    year: Array = np.nansum(last, axis=1) * np.where(months > 0, YEAR / np.maximum(months, 1), 0.0)
    return year


def _columns(standing: Standing) -> Array:
    sales = _year(standing.layers["sales"])
    place: Any = standing.dealers["territory_id"].to_numpy()
    others = pd.Series(sales).groupby(place).transform("sum").to_numpy() - sales
    facts = standing.facts
    skus = np.nanmax(np.nan_to_num(standing.layers["skus"][:, -YEAR:]), axis=1)
    columns = [facts["outlets_known"], others, facts["years"], skus]
    logs: Array = np.log1p(np.nan_to_num(np.column_stack([np.asarray(c, dtype=float) for c in columns])))
    return logs


def _short_rate(standing: Standing) -> Array:
    short, stocked = (np.nansum(standing.layers[name][:, -YEAR:], axis=1) for name in ("short", "stocked"))
    rate: Array = np.divide(short, stocked, out=np.zeros(len(short)), where=stocked > 0)
    return rate
