"""Outlook: the demand forecast as the frame that scoring rooms read.

Columns: dealer_id, sku_id, period_start, mean, q50, q90, in units, for the coming periods.
Plans that are not known ahead are carried, as a planner would.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from serving.rooms.plans import ready
from serving.snapshot import Forecaster, panel_at

if TYPE_CHECKING:
    from features.lake import Lake
    from features.panel import Panel
    from models.registry import Registry

COLUMNS = ["dealer_id", "sku_id", "period_start", "mean", "q50", "q90"]


def outlook(lake: "Lake", registry: "Registry", moment: pd.Timestamp) -> pd.DataFrame | None:
    """What the demand champion expects from the moment on; None without a champion or sales."""
    from models.registry import NoChampion

    try:
        loaded = registry.load("demand")
    except NoChampion:
        return None
    panel = panel_at(lake, loaded.model, moment, loaded.card)
    return None if panel is None else forecast_frame(loaded.model, panel)


def forecast_frame(model: Forecaster, panel: "Panel") -> pd.DataFrame:
    """The forecast of every series of a panel, one row a series and period."""
    planned = ready(panel, model.plans_, model.horizon_, missing="carry")
    frame = model.predict(planned).frame()
    steps = len(frame) // max(panel.n, 1)
    for name in ("dealer_id", "sku_id"):
        frame[name] = np.repeat(panel.static[name].astype(str).to_numpy(), steps)
    return frame.rename(columns={"ds": "period_start"}).reindex(columns=COLUMNS)
