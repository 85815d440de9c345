"""Dimensions: five scores from 0 to 100 that say where a dealer is strong and where it is not.

In:   conditions [d, k] (features.condition) and, if there is one, the forecast's growth [d].
Out:  sales, stock, collections, coverage, growth, [d, 5]; NaN where nothing of a dimension is known.

Each column is put on a scale whose marks are quantiles (2, 25, 50, 75, 98 %) of the portfolio that
the model was fitted on, so 50 is a usual dealer of this portfolio, then and later; days of stock are
judged by the industry instead: 100 inside its band, falling to 0 at no stock and at three times the
upper end. A dimension is the weighted mean of its columns that are known. The index is the mean of
the dimensions that are known, weighted as the industry says.

Limits: 50 in a weak portfolio is still weak; nothing is compared with other companies.
Errors: models.errors.NotFitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.condition import COLUMNS
from features.industries import DIMENSIONS, Industry
from models.errors import NotFitted

Array = NDArray[np.float64]

LEVELS = (0.02, 0.25, 0.5, 0.75, 0.98)
POINTS = (0.0, 25.0, 50.0, 75.0, 100.0)
FORECAST = "forecast_growth"
PARTS: Mapping[str, Mapping[str, float]] = {  # column -> weight; below zero: less is better
    "sales": {"purchase_rate_6": 2, "overdue_ratio": -2, "volatility": -1, "skus_log": 1, "size_log": 1},
    "stock": {"stock_days": 2, "short_rate": -2, "loading": -1, "returns_rate": -1},
    "collections": {"late_days_log": -2, "late_days_lately_log": -2, "late_rate": -1, "overdue_rate": -3},
    "coverage": {"outlet_rate": 2, "outlet_change": 1},
    "growth": {"trend_3": 2, "trend_6": 1, "yoy_6": 2, "breadth_change": 1, FORECAST: 2},
}
_GAP = 1e-6  # between two marks of a scale
_GROWTH_MARKS = np.log([0.6, 0.9, 1.0, 1.1, 1.6])  # of a forecast, which no past portfolio shows


@dataclass
class Dimensions:
    """Scales of one portfolio."""

    industry: Industry = field(default_factory=Industry)
    marks_: dict[str, Array] = field(default_factory=dict, init=False)

    def fit(self, conditions: pd.DataFrame) -> Self:
        """Take the marks of each scale from a portfolio."""
        self.marks_ = {FORECAST: np.asarray(_GROWTH_MARKS)}
        for name in COLUMNS:
            values = conditions[name].to_numpy(float)
            seen = values[np.isfinite(values)]
            if len(seen):
                self.marks_[name] = np.quantile(seen, LEVELS)
        return self

    def scores(self, conditions: pd.DataFrame, growth: Array | None = None) -> pd.DataFrame:
        """One column a dimension, [d, 5], each 0 to 100."""
        if not self.marks_:
            raise NotFitted(self)
        seen = conditions if growth is None else conditions.assign(**{FORECAST: growth})
        return pd.DataFrame({name: self._dimension(seen, PARTS[name]) for name in DIMENSIONS})

    def index(self, scores: pd.DataFrame) -> Array:
        """The weighted mean of the dimensions that are known, [d]; 50 when none is."""
        weights = np.array([self.industry.health_weights[name] for name in DIMENSIONS])
        return _weighted(scores[list(DIMENSIONS)].to_numpy(float), weights, 50.0)

    def _dimension(self, seen: pd.DataFrame, parts: Mapping[str, float]) -> Array:
        names = [name for name in parts if name in seen.columns]
        columns = [self._points(name, seen[name].to_numpy(float), parts[name] > 0) for name in names]
        weights = np.abs([parts[name] for name in names]).astype(float)
        return _weighted(np.column_stack(columns), weights, np.nan)

    def _points(self, name: str, values: Array, is_good: bool) -> Array:
        if name == "stock_days":
            return _in_band(values, self.industry.stock.min_days, self.industry.stock.max_days)
        if name not in self.marks_:
            return np.full(len(values), np.nan)
        sign = 1.0 if is_good else -1.0
        points = np.interp(sign * values, _apart(np.sort(sign * self.marks_[name])), POINTS)
        return np.where(np.isfinite(values), points, np.nan)


def _apart(marks: Array) -> Array:
    """Marks that rise strictly, the last where it was: the best value of a tie has the most points."""
    apart: Array = marks - _GAP * np.arange(len(marks))[::-1]
    return apart


def _in_band(days: Array, least: float, most: float) -> Array:
    points = np.interp(days, [0.0, least, most, 3 * most], [0.0, 100.0, 100.0, 0.0])
    return np.where(np.isfinite(days), points, np.nan)


def _weighted(values: Array, weights: Array, otherwise: float) -> Array:
    share = np.where(np.isfinite(values), weights, 0.0)
    total = share.sum(axis=1)
    mean = (share * np.nan_to_num(values)).sum(axis=1) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, mean, otherwise)
