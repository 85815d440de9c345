"""Candidates: the simple forecasts that a planner could name, in one layer each.

Every learner of the room starts from these: the boosted trees take them as columns, the
recurrent network chooses between them. Where plans are known, each flat mean also comes
`planned`: demand with the plans' effect taken out, averaged, and the coming plans' effect
put in (see `elasticity`).

Out: [n series, h periods ahead, c candidates], units; NaN where a series is too short.
Limits: a candidate is no model; only their choice and correction is learned.

>>> from features.frequency import MONTHLY
>>> static = pd.DataFrame({"dealer_id": ["D"], "sku_id": ["S"]})
>>> y = np.arange(1.0, 25.0)[None]
>>> panel = Panel(static=static, first=pd.Timestamp("2023-01-01"), freq=MONTHLY, y=y)
>>> names, layers = candidates(panel, 1, groups=Groups.of(panel))
>>> names[:3], layers[0, 0, :3].round(1)
(('last', 'mean_3', 'mean_6'), array([24. , 23. , 21.5]))
"""

import numpy as np
import pandas as pd  # noqa: F401  (examples)
from numpy.typing import NDArray

from features.hierarchy import LEVELS, Groups
from features.panel import Panel, carry_forward
from features.seasonality import around_year_ago, year_ago
from features.windows import decayed_mean, window_mean
from models.demand.elasticity import Elasticity

Array = NDArray[np.float64]


def candidates(
    panel: Panel, horizon: int, *, groups: Groups, response: Elasticity | None = None
) -> tuple[tuple[str, ...], Array]:
    """Names [c] and forecasts [n, h, c]."""
    layers = _flat(panel.y, panel.freq.season) | _seasonal(panel, horizon, groups)
    if response is not None and response.names_:
        layers |= _planned(panel, horizon, groups, response)
    shape = (panel.n, horizon)
    return tuple(layers), np.stack([np.broadcast_to(v, shape) for v in layers.values()], axis=2)


def _flat(y: Array, season: int) -> dict[str, Array]:
    quarter = season // 4
    means = {"last": carry_forward(y)[:, -1], "mean_3": window_mean(y, quarter)}
    means |= {"mean_6": window_mean(y, season // 2), "mean_12": window_mean(y, season)}
    means["decayed"] = decayed_mean(y, season / 6)
    if season > 12:
        means["mean_1"] = window_mean(y, season // 12)
    return {name: values[:, None] for name, values in means.items()}


def _seasonal(panel: Panel, horizon: int, groups: Groups) -> dict[str, Array]:
    y, season = panel.y, panel.freq.season
    ago = year_ago(y, season=season, horizon=horizon)
    around = around_year_ago(y, season=season, horizon=horizon, spread=1)
    growth = _growth(y, season)
    out = {"year_ago": ago, "year_ago_growth": ago * growth, "around_growth": around * growth}
    mean = window_mean(y, season)[:, None]
    return out | {f"shape_{by}": mean * groups.shape(panel, by, horizon=horizon) for by in LEVELS}


def _planned(panel: Panel, horizon: int, groups: Groups, response: Elasticity) -> dict[str, Array]:
    uplift = response.uplift(panel, horizon)
    base, ahead = panel.y * np.exp(-uplift[:, : panel.t]), np.exp(uplift[:, panel.t :])
    flat = _flat(base, panel.freq.season)
    shaped = flat["mean_6"] * groups.shape(panel, "sku_id", horizon=horizon)
    ago = year_ago(base, season=panel.freq.season, horizon=horizon) * _growth(base, panel.freq.season)
    layers = flat | {"shape_sku_id": shaped, "year_ago_growth": ago}
    return {f"planned_{name}": values * ahead for name, values in layers.items()}


def _growth(y: Array, season: int) -> Array:
    """Last quarter against the same quarter a year earlier, halved in logs, within a factor of 2, [n, 1]."""
    quarter = season // 4
    now, then = window_mean(y, quarter), window_mean(y[:, : max(y.shape[1] - season, 0)], quarter)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.sqrt(np.clip(now / then, 0.25, 4.0))
    return np.where(np.isfinite(ratio), ratio, 1.0)[:, None]
