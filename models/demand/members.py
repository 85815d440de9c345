"""Members: what every single forecaster of the room can do.

`fit(panel, horizon)` learns from a panel up to its cutoff; `predict(panel)` gives mean
units of the periods ahead, [n, h]. A `Local` member looks at one series at a time, at its demand
as it would have been without plans: their effect (models.demand.elasticity), which is all that is
learned across series, is taken out of the past and that of the coming plans put in.

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
from models.demand.elasticity import Elasticity
from models.errors import NotFitted

Array = NDArray[np.float64]


class Member(Protocol):
    """One forecaster."""

    def fit(self, panel: Panel, horizon: int) -> Self: ...

    def predict(self, panel: Panel) -> Array: ...


@dataclass
class Local:
    """A function of one series' history, run over the panel without its plans' effect."""

    function: Forecaster
    horizon_: int | None = field(default=None, init=False)
    response_: Elasticity = field(init=False, repr=False)

    def fit(self, panel: Panel, horizon: int) -> Self:
        """Learn how demand answers plans; the function itself learns when it predicts."""
        self.horizon_, self.response_ = horizon, Elasticity().fit(panel)
        return self

    def predict(self, panel: Panel) -> Array:
        """Mean units, [n, h]."""
        if self.horizon_ is None:
            raise NotFitted(self)
        effect = np.exp(self.response_.uplift(panel, self.horizon_))  # [n, t + h]
        usual = panel.y / effect[:, : panel.t]
        return self.function(usual, season=panel.freq.season, horizon=self.horizon_) * effect[:, panel.t :]
