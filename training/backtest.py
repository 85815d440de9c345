"""Backtest: what the whole recipe would have forecast, had it run at past cutoffs.

At each cutoff everything is learned afresh from what was on record then: the last `delay`
periods had not arrived. Planners' methods answer the same question beside it.

Out: the long table `unique_id, ds, cutoff, y, mean, q05..q95`, one column per member and
per planner method, and the history's error scales (`scale_mase`, `scale_rmsse`) and `level`.
Limits: rows without a truth (gaps, series that ended) are left out.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.intermittency import zero_rate
from features.panel import Panel
from features.windows import level
from models.demand.baselines import PLANNERS
from models.demand.model import DemandModel

Array = NDArray[np.float64]
Fit = Callable[[Panel, int], DemandModel]


def backtest(panel: Panel, fit: Fit, cutoffs: list[int], *, horizon: int, delay: int = 0) -> pd.DataFrame:
    """Forecasts of `fit` at each cutoff (observed periods), beside the truth."""
    frames = [_window(panel, fit, t, horizon, delay) for t in cutoffs]
    return pd.concat(frames, ignore_index=True)


def _window(panel: Panel, fit: Fit, t: int, horizon: int, delay: int) -> pd.DataFrame:
    steps = horizon + delay
    seen = panel.at(t, ahead=horizon).delayed(delay)
    seen = seen.take(seen.started())
    frame = fit(seen, steps).predict(seen).frame()
    planners = PLANNERS[panel.freq.letter]
    for name, method in planners.items():
        frame[name] = method(seen.y, season=seen.freq.season, horizon=steps).ravel()
    frame = frame.assign(**_about(seen, steps), cutoff=panel.at(t).cutoff)
    rows = pd.Index(panel.ids).get_indexer(pd.Index(seen.ids))
    frame.insert(3, "y", _truth(panel, rows, t, horizon, delay).ravel())
    return frame[frame["y"].notna()].reset_index(drop=True)


def _truth(panel: Panel, rows: NDArray[np.intp], t: int, horizon: int, delay: int) -> Array:
    """Units after the cutoff; NaN in the periods that were past but not on record."""
    out = np.full((len(rows), horizon + delay), np.nan)
    out[:, delay:] = panel.y[rows, t : t + horizon]
    return out


def _about(seen: Panel, steps: int) -> dict[str, Array]:
    y, season = seen.y, seen.freq.season
    jump = y[:, season:] - y[:, :-season] if seen.t > season else np.diff(y, axis=1)
    each = {
        "level": level(y, season),
        "zero_rate": zero_rate(y, season),
        "scale_mase": _observed_mean(np.abs(jump)),
        "scale_rmsse": np.sqrt(_observed_mean(jump**2)),
    }
    return {name: np.repeat(values, steps) for name, values in each.items()}


def _observed_mean(values: Array) -> Array:
    seen = np.isfinite(values)
    count = seen.sum(axis=1)
    total = np.where(seen, values, 0.0).sum(axis=1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
