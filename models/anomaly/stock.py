"""Stock: too much, dead, or too little, dealer and product by product, at the last period on record.

excess   it lasts longer than the industry's upper bound at the pace of the last three periods
dead     for two months or longer there was stock and nothing was sold
short    it lasts less than the lower bound, and the product sells

The window starts when the present run above or below the bound began, so an alert keeps its name
while the run lasts. Amounts: the goods concerned at what the dealer pays, times the policy's rate.

In: Scene. Out: candidates (models.anomaly.candidates).
Limits: one pace for the coming weeks; a festival ahead makes honest stock look large (`x_season` tells
the learned belief how the same weeks of last year sold).

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01"))).empty
True
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ledger import Ledger
from features.stocking import days_of_stock, idle_periods, pace, usual
from models.anomaly.candidates import frame
from models.anomaly.scene import Evidence, Scene, point

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
KINDS = ("excess", "dead", "short")

_NEAR = 0.8  # of a bound: candidates begin here
_DEAD_MONTHS, _DEAD_STOCK_MONTHS = 2, 6
_YEAR_HABIT = 12
_SHOWN = 3
_FAR_DAYS = 3650.0


@dataclass(frozen=True)
class _View:
    """What the three kinds share: arrays [n, t], the last column is now."""

    books: Ledger
    days: Array
    rate: Array  # units a period
    own: Array  # usual days of the series itself
    idle: Array
    price: Array  # [n]

    @classmethod
    def of(cls, scene: Scene) -> "_View":
        books = scene.ledger
        days = np.minimum(
            days_of_stock(books.stock, books.sell_out, period_days=books.period_days), _FAR_DAYS
        )
        habit = usual(days, _YEAR_HABIT * scene.per_month)
        price = np.nan_to_num(books.price[:, -1])
        return cls(
            books,
            days,
            pace(books.sell_out),
            habit,
            idle_periods(np.nan_to_num(books.stock), books.sell_out),
            price,
        )


def candidates(scene: Scene) -> pd.DataFrame:
    """Every candidate of the three kinds."""
    if scene.ledger.n == 0 or scene.ledger.t == 0:
        return frame([])
    view = _View.of(scene)
    found = (_excess(scene, view), _dead(scene, view), _short(scene, view))
    return frame([row for one in found for row in one.rows(scene, view)])


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """The last stocks and sales of the series, as they stand in the tables."""
    books, i = scene.ledger, int(row["at"])
    rate = pace(books.sell_out)[i]
    bound_days = scene.industry.stock.min_days if row["kind"] == "short" else scene.industry.stock.max_days
    out = []
    for step in range(max(0, books.t - _SHOWN), books.t):
        bound = bound_days * np.nan_to_num(rate[step]) / books.period_days
        if np.isfinite(books.stock[i, step]):
            word = "at least" if row["kind"] == "short" else "at most"
            text = f"Stock at the end of the period; {word} {bound:,.0f} units would last {bound_days} days."
            out.append(point("stock.qty_on_hand", scene.month(step), books.stock[i, step], bound, text))
        if np.isfinite(books.sell_out[i, step]):
            expected = np.nan_to_num(rate[step - 1]) if step else np.nan_to_num(rate[step])
            text = "Sold in the period; expected: the mean of the three before."
            out.append(
                point("sell_out.qty_sell_out", scene.month(step), books.sell_out[i, step], expected, text)
            )
    return out


def _excess(scene: Scene, view: _View) -> "_Found":
    most = scene.industry.stock.max_days
    now = view.days[:, -1]
    with np.errstate(invalid="ignore"):
        ratio = np.log(np.maximum(now, 1) / most)
    picked = (now > _NEAR * most) & (view.idle[:, -1] < _DEAD_MONTHS * scene.per_month)
    surplus = view.books.stock - most / view.books.period_days * np.nan_to_num(view.rate)
    worth = np.maximum(np.nan_to_num(surplus), 0) * view.price[:, None]
    amount = worth * scene.rules.losses.excess_rate
    return _Found("excess", picked, _sigmoid(4 * ratio), amount, view.days > most)


def _dead(scene: Scene, view: _View) -> "_Found":
    least = _DEAD_MONTHS * scene.per_month
    ever = np.nan_to_num(view.books.sell_out).sum(axis=1) > 0
    picked = (view.idle[:, -1] >= least) & ever
    amount = np.nan_to_num(view.books.stock) * view.price[:, None] * scene.rules.losses.dead_rate
    year = np.nan_to_num(view.books.sell_out[:, -view.books.freq.season :]).mean(axis=1) * scene.per_month
    months = np.log(
        (np.nan_to_num(view.books.stock[:, -1]) + 1) / (year + 1)
    )  # that last year's sales would take
    raw = _sigmoid(months + 0.5 * (view.idle[:, -1] / scene.per_month - 2) - np.log(_DEAD_STOCK_MONTHS))
    return _Found("dead", picked, raw, amount, view.idle > 0)


def _short(scene: Scene, view: _View) -> "_Found":
    least = scene.industry.stock.min_days
    now, rate = view.days[:, -1], view.rate
    picked = (now < least / _NEAR) & (rate[:, -1] > 0)
    with np.errstate(invalid="ignore"):
        ratio = np.log(least / np.maximum(now, 0.5))
    missing = least / view.books.period_days * np.nan_to_num(rate) - np.nan_to_num(view.books.stock)
    amount = np.maximum(missing, 0) * view.price[:, None] * scene.rules.losses.short_rate
    return _Found("short", picked, _sigmoid(1.5 * ratio - 1), amount, view.days < least)


@dataclass(frozen=True)
class _Found:
    """One kind's suspicion: which series [n], how sure [n], the amount and the run [n, t]."""

    kind: str
    picked: Flags
    raw: Array
    amount: Array
    inside: Flags

    def rows(self, scene: Scene, view: _View) -> list[dict[str, Any]]:
        """A candidate for each picked series."""
        return [self._row(scene, view, int(i)) for i in np.flatnonzero(self.picked)]

    def _row(self, scene: Scene, view: _View, i: int) -> dict[str, Any]:
        books, last = view.books, view.books.t - 1
        first = last
        while first > 0 and self.inside[i, first - 1] and self.inside[i, last]:
            first -= 1
        level = self.amount[i, first:]
        grown = np.diff(level, prepend=0.0)
        return {
            "kind": self.kind,
            "type": "stock",
            "at": i,
            "dealer_id": books.dealer_ids[books.dealer[i]],
            "territory_id": books.territory[books.dealer[i]],
            "sku_id": books.sku_ids[books.sku[i]],
            "first_period": scene.date(first),
            "last_period": scene.date(last),
            "raw": float(self.raw[i]),
            "amount": float(level[-1]),
            "currency": books.currency,
            "trail": [(scene.date(first + k), float(part)) for k, part in enumerate(grown)],
            **_features(view, i, last - first),
        }


def _features(view: _View, i: int, run: int) -> dict[str, float]:
    books, year = view.books, view.books.freq.season
    rate, days = np.nan_to_num(view.rate[i]), view.days[i]
    ahead = np.nan_to_num(books.sell_out[i, -year : -year + 3]).sum() if books.t > year else np.nan
    then = np.nan_to_num(books.sell_out[i, -year - 3 : -year]).sum() if books.t > year + 3 else np.nan
    recent = np.nan_to_num(books.sell_out[i, -year:])
    return {
        "x_days": float(np.log1p(days[-1])),
        "x_days_before": float(np.log1p(days[-2])) if books.t > 1 else np.nan,
        "x_own": float(np.log1p(days[-1]) - np.log1p(view.own[i, -1])),
        "x_idle": float(view.idle[i, -1]),
        "x_run": float(run),
        "x_pace": float(np.log1p(rate[-1])),
        "x_trend": float(np.log1p(rate[-1]) - np.log1p(recent.mean())),
        "x_season": float(np.log1p(ahead) - np.log1p(then)),
        "x_lumpy": float(recent.std() / (recent.mean() + 1e-9)),
        "x_zero": float((recent == 0).mean()),
        "x_bought": float(np.log1p(np.nan_to_num(books.sell_in[i, -1])) - np.log1p(rate[-1])),
        "x_age": float(np.isfinite(books.sell_out[i]).sum()),
        "stock_units": float(np.nan_to_num(books.stock[i, -1])),
    }


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(np.nan_to_num(x), -20, 20))))
