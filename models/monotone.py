"""Monotone: boosted trees whose mean units only fall with a price and only rise with a depth.

In:   rows of series and periods, drivers with their signs (models.response says the columns).
Out:  mean units.

Each series is seen against its own mean, with the Poisson loss, so that a total is not understated.
Source: LightGBM's monotone constraints (Auguste, Malory and Smirnov 2020, "intermediate").
Limits: flat beyond what was seen; steps, not a curve.
Errors: models.errors.NotFitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotFitted
from models.pooled import Driver

Array = NDArray[np.float64]
_ROUNDS = 200
_LEAST_UNITS = 1e-3
_SETTINGS = {
    "objective": "poisson",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "monotone_constraints_method": "intermediate",
    "num_threads": 1,
    "deterministic": True,
    "verbose": -1,
}


@dataclass(kw_only=True)
class Monotone:
    """Boosted response with signs."""

    drivers: Sequence[Driver]
    seed: int = 0
    booster_: lgb.Booster | None = field(default=None, init=False, repr=False)
    level_: "pd.Series[Any]" = field(init=False, repr=False)  # unique_id -> mean units
    groups_: "pd.Index[Any]" = field(init=False, repr=False)
    group_level_: "pd.Series[Any]" = field(init=False, repr=False)

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn from rows of any order."""
        rows = rows.sort_values(["unique_id", "step"], kind="stable")
        self.level_ = rows.groupby("unique_id")["y"].mean().clip(lower=_LEAST_UNITS)
        self.group_level_ = rows.groupby("group")["y"].mean().clip(lower=_LEAST_UNITS)
        self.groups_ = pd.Index(np.sort(rows["group"].unique()))
        level = self._levels(rows)
        settings = _SETTINGS | {
            "seed": self.seed,
            "monotone_constraints": [0, 0, *(d.sign for d in self.drivers)],
        }
        data = lgb.Dataset(
            self._design(rows, level), rows["y"].to_numpy(float) / level, weight=level / level.mean(),
            categorical_feature=[0], free_raw_data=True,
        )  # fmt: skip
        self.booster_ = lgb.train(settings, data, _ROUNDS)
        return self

    def predict(self, rows: pd.DataFrame) -> Array:
        """Mean units of each row, [r]."""
        if self.booster_ is None:
            raise NotFitted(self)
        level = self._levels(rows)
        return np.asarray(self.booster_.predict(self._design(rows, level), num_threads=1)) * level

    def _levels(self, rows: pd.DataFrame) -> Array:
        of_group = rows["group"].map(self.group_level_).fillna(self.group_level_.mean())
        return rows["unique_id"].map(self.level_).fillna(of_group).to_numpy(float)

    def _design(self, rows: pd.DataFrame, level: Array) -> Array:
        code = self.groups_.get_indexer(pd.Index(rows["group"])).astype(float)
        X = rows[[driver.name for driver in self.drivers]].to_numpy(float)
        return np.column_stack([np.where(code >= 0, code, np.nan), np.log(level), X])
