"""Outlook: the demand forecast as the frames that the other rooms read.

"forecast"  dealer_id, sku_id, period_start, mean, q05 ... q95, in units, for the coming periods
"draws"     the same distribution as equally likely futures (features.draws): what totals, lead times and
            ladders are computed from, so that no two rooms contradict each other

Plans that are not known ahead are carried, as a planner would.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.frequency import frequency
from features.gather import gather
from features.known import Tables, known
from models.demand.forecast import column
from serving.rooms.plans import ready
from serving.snapshot import Forecaster

KEYS = ["dealer_id", "sku_id"]
DRAWS = 200
SEED = 0


def outlook(
    model: Forecaster, card: Mapping[str, Any], tables: Tables, moment: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """What a demand model expects from the moment on; nothing without sales known by then."""
    seen = known(tables, moment)
    if "sell_in" not in seen or seen["sell_in"].empty:
        return {}
    panel = gather(seen, frequency(model.freq_), gaps=card.get("gaps", "missing"))
    planned = ready(panel, model.plans_, model.horizon_, missing="carry")
    forecast = model.predict(planned)
    frame = forecast.frame().rename(columns={"ds": "period_start"})
    steps = len(frame) // max(panel.n, 1)
    for name in KEYS:
        frame[name] = np.repeat(panel.static[name].astype(str).to_numpy(), steps)
    told = [*KEYS, "period_start", "mean", *map(column, model.levels_)]
    draws = model.draws(planned, count=DRAWS, seed=SEED)
    return {"forecast": frame.reindex(columns=told), "draws": draws.frame()}
