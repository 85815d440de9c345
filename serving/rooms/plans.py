"""Plans of a panel, as the model that is asked wants them.

>>> from features.frequency import MONTHLY
>>> static, first = pd.DataFrame({"dealer_id": ["A"], "sku_id": ["x"]}), pd.Timestamp("2024-01-01")
>>> plans = {"net_price": np.full((1, 2), 9.0), "deal": np.zeros((1, 2))}
>>> panel = Panel(static=static, first=first, freq=MONTHLY, y=np.ones((1, 2)), plans=plans)
>>> ready(panel, ("net_price",), 1, missing="carry").plans
{'net_price': array([[9., 9., 9.]])}
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd  # noqa: F401  (the example)

from features.panel import Panel

Missing = Literal["refuse", "carry"]


def ready(panel: Panel, names: Sequence[str], horizon: int, *, missing: Missing) -> Panel:
    """The panel with exactly these plans, complete for the horizon; raises MissingPlans."""
    absent = np.full((panel.n, panel.t + horizon), np.nan)
    chosen = replace(panel, plans={name: panel.plans.get(name, absent) for name in names})
    return chosen.carry_plans(horizon) if missing == "carry" else chosen.require_plans(horizon)
