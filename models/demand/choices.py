"""Choices: what the recurrent network chooses between, always the same names in the same order.

The candidates, and exponential smoothing with a short, a middling and a long memory (see
`memories`), as it is and `planned`: with the plans' effect taken out of the past and put in for
the periods ahead. A name that a panel has no use for (a month's mean of monthly series, planned
ones without plans) is NaN. Beside them stand the misses of some: how far the last period, the
year ago and each memory were off lately, so that the choice can follow what works.

Out: forecasts [n series, h periods ahead, c names], units; misses [n, m], logs.
"""

import numpy as np
from numpy.typing import NDArray

from features.hierarchy import Groups
from features.panel import Panel
from features.windows import level, window_mean
from models.demand import memories
from models.demand.candidates import candidates
from models.demand.elasticity import Elasticity
from models.demand.memories import Memories

Array = NDArray[np.float64]
_FLAT = ("last", "mean_3", "mean_6", "mean_12", "decayed", "mean_1")
_SEASONAL = ("year_ago", "year_ago_growth", "around_growth", "shape_dealer_id", "shape_sku_id", "shape_all")
_PLANNED = (*_FLAT, "shape_sku_id", "year_ago_growth", *memories.NAMES)
NAMES = (*_FLAT, *_SEASONAL, *memories.NAMES, *(f"planned_{name}" for name in _PLANNED))
MISSES = ("last", "year_ago", *memories.HALF_LIVES, *(f"planned_{name}" for name in memories.HALF_LIVES))
_LEAST_MISS = 0.02  # over the size of a series
_MOST_MISS = 5.0


def choices(panel: Panel, horizon: int, *, groups: Groups, response: Elasticity) -> tuple[Array, Array]:
    """Forecasts in the order of NAMES, misses in the order of MISSES."""
    names, layers = candidates(panel, horizon, groups=groups, response=response)
    said = {name: layers[:, :, j] for j, name in enumerate(names)}
    smooth = Memories.of(panel.y, season=panel.freq.season)
    said |= _by_name("", smooth.forecast(horizon))
    missed = [_differences(panel), smooth.misses()]
    if response.names_:
        uplift = response.uplift(panel, horizon)
        base, ahead = panel.y * np.exp(-uplift[:, : panel.t]), np.exp(uplift[:, panel.t :])
        smooth = Memories.of(base, season=panel.freq.season)
        said |= _by_name("planned_", smooth.forecast(horizon) * ahead[:, :, None])
    missed.append(smooth.misses())
    silent = np.full((panel.n, horizon), np.nan)
    each = np.concatenate(missed, axis=1)
    logs = np.log(np.clip(np.where(np.isfinite(each), each, 1.0), _LEAST_MISS, _MOST_MISS))
    return np.stack([said.get(name, silent) for name in NAMES], axis=2), logs


def _by_name(prefix: str, layers: Array) -> dict[str, Array]:
    return {f"{prefix}{name}": layers[:, :, j] for j, name in enumerate(memories.NAMES)}


def _differences(panel: Panel) -> Array:
    """How far the last period and the year ago were off over the last year, over the level, [n, 2]."""
    y, season, size = panel.y, panel.freq.season, level(panel.y, panel.freq.season)
    lags = [min(lag, y.shape[1]) for lag in (1, season)]
    return np.stack([window_mean(np.abs(_ago(y, lag)), season) / size for lag in lags], axis=1)


def _ago(y: Array, lag: int) -> Array:
    """Each value less that of `lag` periods ago; NaN where there is none."""
    return np.asarray(y - np.hstack([np.full((len(y), lag), np.nan), y[:, : y.shape[1] - lag]]))
