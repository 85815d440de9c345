"""Members: what every single forecaster of the room can do.

`fit(panel, horizon)` learns from a panel up to its cutoff; `predict(panel)` gives mean
units of the periods ahead, [n, h]. A `Local` member looks at one series at a time and has
nothing to learn across them.

>>> from features.frequency import MONTHLY
>>> from models.demand.baselines import last_value
>>> static = pd.DataFrame({"dealer_id": ["A"], "sku_id": ["x"]})
>>> panel = Panel(static=static, first=pd.Timestamp("2024-01-01"), freq=MONTHLY, y=np.array([[3.0, 7.0]]))
>>> Local(last_value).fit(panel, 2).predict(panel)
array([[7., 7.]])
"""

from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
import pandas as pd  # noqa: F401  (the example)
from numpy.typing import NDArray

from features.panel import Panel
from models.demand.baselines import Forecaster
from models.errors import NotFitted

Array = NDArray[np.float64]


class Member(Protocol):
    """One forecaster."""

    def fit(self, panel: Panel, horizon: int) -> Self: ...

    def predict(self, panel: Panel) -> Array: ...


@dataclass
class Local:
    """A function of one series' history, run over the panel."""

    function: Forecaster
    horizon_: int | None = field(default=None, init=False)

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Remember the horizon; a local method learns when it predicts."""
        self.horizon_ = horizon
        return self

    def predict(self, panel: Panel) -> Array:
        """Mean units, [n, h]."""
        if self.horizon_ is None:
            raise NotFitted(self)
        return self.function(panel.y, season=panel.freq.season, horizon=self.horizon_)
