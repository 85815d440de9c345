"""Sequences: a panel's last periods and planned periods as the tensors a recurrent network reads.

Everything is over the series' level, or a difference from what was usual, so that one
network reads a corner shop and a wholesaler alike. Promotions are over their usual size
at training, so that amounts and flags compare, whoever else is asked about.

Out (float32): `past` [n, l, f], `ahead` [n, h, g], `candidates` [n, h, c] (NaN where one
cannot speak), `static` [n, s] (numbers from 1; 0 for a name unseen at training).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.hierarchy import codes
from features.lags import latest
from features.matrix import Setting
from features.panel import Panel, is_price
from features.promotions import against_usual, planned
from features.windows import level, window_mean
from models.demand.candidates import candidates
from models.demand.elasticity import Elasticity

Array = NDArray[np.float64]
Tensors = dict[str, NDArray[np.float32] | NDArray[np.int64]]
_WIDEST = 20.0  # units over level
_LEAST_SIZE = 1e-6  # below it, a promotion never varied


def plan_sizes(panel: Panel) -> dict[str, float]:
    """The standard deviation of each promotion up to the cutoff; 1 for a price, whose changes are ratios."""
    return {name: 1.0 if is_price(name) else _size(plan[:, : panel.t]) for name, plan in panel.plans.items()}


def _size(plan: Array) -> float:
    seen = plan[np.isfinite(plan)]
    spread = float(seen.std()) if seen.size else 0.0
    return spread if spread > _LEAST_SIZE else 1.0


@dataclass(frozen=True, kw_only=True)
class Reader:
    """What the network was told at training: names, totals, responses, plans, how far back to read."""

    setting: Setting
    response: Elasticity
    plans: Mapping[str, float]  # name -> usual size (see plan_sizes)
    back: int
    horizon: int

    def read(self, panel: Panel) -> tuple[Tensors, Array]:
        """Tensors of every series, and each series' level [n]."""
        size = level(panel.y, panel.freq.season)
        _, layers = candidates(panel, self.horizon, groups=self.setting.groups, response=self.response)
        tensors: Tensors = {
            "past": self._past(panel, size).astype(np.float32),
            "ahead": self._ahead(panel).astype(np.float32),
            "candidates": np.minimum(layers / size[:, None, None], _WIDEST).astype(np.float32),
            "static": self._static(panel),
        }
        return tensors, size

    def _past(self, panel: Panel, size: Array) -> Array:
        y = latest(panel.y, self.back)
        scaled = np.minimum(np.nan_to_num(y) / size[:, None], _WIDEST)
        days = panel.freq.range(panel.freq.shift(panel.cutoff, 1 - self.back), self.back)
        layers = [np.log1p(scaled), np.isfinite(y).astype(float)]
        layers += [np.broadcast_to(wave, y.shape) for wave in _waves(days.day_of_year.to_numpy())]
        for name, size_of_plan in self.plans.items():
            change = _deviation(panel.plans[name][:, : panel.t], panel.freq.season, ratio=is_price(name))
            layers.append(latest(change / size_of_plan, self.back))
        return np.stack([np.nan_to_num(layer) for layer in layers], axis=2)

    def _ahead(self, panel: Panel) -> Array:
        t, h, season = panel.t, self.horizon, panel.freq.season
        shape = (panel.n, h)
        layers = [np.broadcast_to(w, shape) for w in _waves(panel.ahead(h).day_of_year.to_numpy())]
        layers.append(np.broadcast_to(np.arange(1, h + 1) / h, shape))
        for name, size_of_plan in self.plans.items():
            plan, ratio = panel.plans[name], is_price(name)
            layers.append(against_usual(plan, t=t, horizon=h, k=season, ratio=ratio))
            if not ratio:
                layers.append(planned(plan, t=t, horizon=h) / size_of_plan)
        return np.stack([np.clip(np.nan_to_num(layer), -5, 5) for layer in layers], axis=2)

    def _static(self, panel: Panel) -> NDArray[np.int64]:
        columns = [codes(panel.static, c, self.setting.vocabulary) + 1 for c in self.setting.vocabulary]
        return np.stack(columns, axis=1).astype(np.int64)


def _deviation(values: Array, k: int, *, ratio: bool) -> Array:
    usual = window_mean(values, k)[:, None]
    if not ratio:
        return values - usual
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.log(values) - np.log(usual)
    return np.where(np.isfinite(change), change, np.nan)


def _waves(day_of_year: NDArray[np.int32]) -> list[Array]:
    angle = 2 * np.pi * day_of_year / 365.25
    return [np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
