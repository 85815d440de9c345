"""Outlook: the demand forecast as the frame that scoring rooms read.

Columns: dealer_id, sku_id, period_start, mean, q50, q90, in units, for the coming periods.
Plans that are not known ahead are carried, as a planner would.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.frequency import frequency
from features.gather import gather
from features.known import Tables, known
from serving.rooms.plans import ready
from serving.snapshot import Forecaster

COLUMNS = ["dealer_id", "sku_id", "period_start", "mean", "q50", "q90"]


def outlook(
    model: Forecaster, card: Mapping[str, Any], tables: Tables, moment: pd.Timestamp
) -> pd.DataFrame | None:
    """What a demand model expects from the moment on; None without sales known by then."""
    seen = known(tables, moment)
    if "sell_in" not in seen or seen["sell_in"].empty:
        return None
    panel = gather(seen, frequency(model.freq_), gaps=card.get("gaps", "missing"))
    planned = ready(panel, model.plans_, model.horizon_, missing="carry")
    frame = model.predict(planned).frame()
    steps = len(frame) // max(panel.n, 1)
    for name in ("dealer_id", "sku_id"):
        frame[name] = np.repeat(panel.static[name].astype(str).to_numpy(), steps)
    return frame.rename(columns={"ds": "period_start"}).reindex(columns=COLUMNS)
