"""Backtest: what models of past cutoffs forecast, beside the truth and the planners' methods.

A model of cutoff t learned from what was on record then: with a delay of d periods it
stops d periods before the moment of forecasting, and its first d steps are not judged.

Out: the long table `unique_id, ds, cutoff, y, mean, q05..q95`, one column per member and
per planner method, the history's error scales (`scale_mase`, `scale_rmsse`), `level` and
`zero_rate`. Rows without a truth (gaps, series that ended) are left out.
Limits: a plan that was not on record in a judged period is carried from the last one.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.intermittency import zero_rate
from features.panel import Panel
from features.windows import level
from models.demand.baselines import PLANNERS
from models.demand.model import DemandModel
from models.metrics import naive_scales

Array = NDArray[np.float64]


def backtest(
    panel: Panel, models: Mapping[int, DemandModel], *, horizon: int, delay: int = 0
) -> pd.DataFrame:
    """Forecasts of each model, by the periods it has seen."""
    frames = [_window(panel, model, t, horizon, delay) for t, model in models.items()]
    return pd.concat(frames, ignore_index=True)


def _window(panel: Panel, model: DemandModel, t: int, horizon: int, delay: int) -> pd.DataFrame:
    steps = horizon + delay
    rows = np.flatnonzero(panel.at(t).started())
    seen = panel.at(t, ahead=steps).take(rows)
    frame = model.predict(seen.carry_plans(steps)).frame()
    for name, method in PLANNERS[panel.freq.letter].items():
        frame[name] = method(seen.y, season=seen.freq.season, horizon=steps).ravel()
    truth = panel.y[rows, t : t + steps].copy()
    truth[:, :delay] = np.nan  # past at the moment of forecasting, though not on record
    frame.insert(3, "y", truth.ravel())
    frame = frame.assign(**_about(seen, steps), cutoff=panel.at(t + delay).cutoff)
    return frame[frame["y"].notna()].reset_index(drop=True)


def _about(seen: Panel, steps: int) -> dict[str, Array]:
    y, season = seen.y, seen.freq.season
    mase, rmsse = naive_scales(y, season if seen.t > season else 1)
    each = {
        "level": level(y, season),
        "zero_rate": zero_rate(y, season),
        "scale_mase": mase,
        "scale_rmsse": rmsse,
    }
    return {name: np.repeat(values, steps) for name, values in each.items()}
