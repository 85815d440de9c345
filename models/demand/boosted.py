"""Boosted trees for demand: one LightGBM for every series and every step ahead, direct.

Each row is a series at a past cutoff and one period ahead (features.matrix), with the
simple candidates beside it (models.demand.candidates), everything over the series' level.
The Tweedie objective takes zeros, is never negative and forecasts a mean. Rows count by
their level, since an error on a large series costs more units.

Shapes: n series, h periods ahead, c columns; `predict` is [n, h], units.
Source: Makridakis et al. (2022), M5 accuracy competition, IJF 38 (pooled Tweedie trees);
        Geurts et al. (2006), Extremely randomized trees, Machine Learning 63 (where to cut).
Limits: a level or a price beyond training is reached only through the candidates.

>>> from features.frequency import MONTHLY
>>> y = np.tile(10.0 + 5 * np.sin(np.arange(48) * np.pi / 6), (6, 1))
>>> static = pd.DataFrame({"dealer_id": list("ABCDEF"), "sku_id": "S"})
>>> panel = Panel(static=static, first=pd.Timestamp("2020-01-01"), freq=MONTHLY, y=y)
>>> trees = Boosted(rounds=100, learning_rate=0.1, min_rows=5, l2=0.0)
>>> trees.fit(panel, 1).predict(panel)[0].round()
array([10.])
"""

from dataclasses import dataclass, field
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd  # noqa: F401  (the example)
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.matrix import Setting, matrix, targets
from features.panel import Panel
from models.demand.candidates import candidates
from models.demand.elasticity import Elasticity
from models.errors import NotFitted

Array = NDArray[np.float64]
_MAX_BIN = 127
_BAGGED_FROM = 100  # rows; a draw of fewer may hold none


@dataclass(kw_only=True)
class Boosted:
    """Pooled direct trees; rounds, rates and leaves are LightGBM's own."""

    rounds: int = 400
    learning_rate: float = 0.03
    leaves: int = 31
    min_rows: int = 60
    power: float = 1.1  # of the Tweedie variance: 1 Poisson, 2 gamma
    column_share: float = 0.3
    l2: float = 20.0
    max_rows: int = 400_000
    country: str | None = None
    seed: int = 0
    booster_: lgb.Booster | None = field(default=None, init=False, repr=False)
    names_: tuple[str, ...] = field(default=(), init=False, repr=False)  # [c]

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Learn from every past cutoff that leaves at least one observed period."""
        self.horizon_ = horizon
        self.setting_ = Setting.of(panel, country=self.country)
        self.response_ = Elasticity().fit(panel)
        x, y, level = self._training_rows(panel)
        binning = {"max_bin": _MAX_BIN, "num_threads": 1, "verbosity": -1}
        data = lgb.Dataset(x, y, weight=level / level.mean(), params=binning)
        objective = "tweedie" if y.any() else "regression"  # Tweedie refuses a channel that never sold
        self.booster_ = lgb.train(self._parameters(objective, len(y)), data, num_boost_round=self.rounds)
        return self

    def predict(self, panel: Panel) -> Array:
        """Mean units of the periods ahead, [n, h]."""
        if self.booster_ is None:
            raise NotFitted(self)
        x, level = self.rows(panel)
        share = np.asarray(self.booster_.predict(x, num_threads=1))
        return share.reshape(panel.n, -1) * _promised(panel, level)[:, None]

    def contributions(self, panel: Panel) -> tuple[Array, Array, bool]:
        """What each column adds (TreeSHAP), [n * h, c + 1], the expectation last; level [n]; whether in logs.

        Units are the level times their sum, or times its exponential where they add up in logs.
        """
        if self.booster_ is None:
            raise NotFitted(self)
        x, level = self.rows(panel)
        added = np.asarray(self.booster_.predict(x, pred_contrib=True, num_threads=1))
        share = np.asarray(self.booster_.predict(x, num_threads=1))
        return added, _promised(panel, level), bool(np.allclose(np.exp(added.sum(axis=1)), share))

    def rows(self, panel: Panel) -> tuple[NDArray[np.float32], Array]:
        """The columns `names_` of every series and step, [n * h, c], and each series' level, [n]."""
        own = matrix(panel, self.horizon_, setting=self.setting_)
        groups, response = self.setting_.groups, self.response_
        names, layers = candidates(panel, self.horizon_, groups=groups, response=response)
        self.names_ = own.names + tuple(f"candidates.{name}" for name in names)
        scaled = (layers / own.level[:, None, None]).reshape(-1, len(names)).astype(np.float32)
        return np.concatenate([own.values, scaled], axis=1), own.level

    def _training_rows(self, panel: Panel) -> tuple[NDArray[np.float32], Array, Array]:
        """Columns [r, c], units over level [r] and level [r] of past cutoffs, the newest first."""
        horizon, season = self.horizon_, panel.freq.season
        first = min(max(panel.t - 2 * season, season // 2), season)  # a year of cutoffs, where there is one
        cuts = range(panel.t - 1, min(first, panel.t - 2), -1)
        stride = max(1, -(-len(cuts) * panel.n * horizon // self.max_rows))
        parts: list[tuple[NDArray[np.float32], Array, Array]] = []
        for t in cuts[::stride]:
            seen = panel.at(t, ahead=horizon)
            x, level = self.rows(seen)
            y = targets(panel, t, horizon, level)
            keep = np.isfinite(y) & np.repeat(seen.started(), horizon)
            parts.append((x[keep], y[keep], np.repeat(level, horizon)[keep]))
        x, y, size = (np.concatenate(column) for column in zip(*parts, strict=True))
        if not len(y):
            raise TooFewRows("Learning from series with an earlier period", 1, 0)
        return x, y, size

    def _parameters(self, objective: str, n_rows: int) -> dict[str, Any]:
        return {
            "objective": objective,
            "tweedie_variance_power": self.power,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows,
            "feature_fraction": self.column_share,
            "bagging_fraction": 0.7,
            "bagging_freq": int(n_rows >= _BAGGED_FROM),
            "lambda_l2": self.l2,
            "extra_trees": True,  # cuts drawn at random: many columns say nearly the same
            "max_bin": _MAX_BIN,
            "num_threads": 1,
            "verbosity": -1,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
        }


def _promised(panel: Panel, level: Array) -> Array:
    """What a share is a share of, [n]: nothing, where a series never sold."""
    return np.where(np.nan_to_num(panel.y).any(axis=1), level, 0.0)
