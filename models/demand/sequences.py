"""Sequences: a panel's last periods and planned periods as the tensors a recurrent network reads.

Everything is over the series' level, or a difference from what was usual, so that one
network reads a corner shop and a wholesaler alike. Promotions are over their usual size
at training, so that amounts and flags compare, whoever else is asked about.

Out (float32): `past` [n, l, f], `ahead` [n, h, g] and `candidates` [n, h, c] (NaN where one
cannot speak) are the same for every panel, so that a network can bring its weights along;
`past_plans` [n, l, p], `ahead_plans` [n, h, q] and `static` [n, s] (numbers from 1; 0 for a
name unseen at training) are this panel's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from features.calendar import spring_festival_share
from features.hierarchy import codes
from features.lags import latest
from features.matrix import Setting
from features.panel import Panel, is_price
from features.promotions import against_usual, planned
from features.windows import level, window_mean
from models.demand.choices import MISSES, choices
from models.demand.elasticity import Elasticity
from models.demand.network import GateNetwork, area

Array = NDArray[np.float64]
Tensors = dict[str, NDArray[np.float32] | NDArray[np.int64]]
_WAVES = ("sin", "cos", "sin_2", "cos_2")
PAST = ("units", "seen", "uplift", *_WAVES, "festival")
AHEAD = ("step", "weekly", "uplift", *_WAVES, "festival", *(f"miss_{name}" for name in MISSES))
OWN = ("past_plans", "ahead_plans", "static")  # tensors of one panel alone
LUNAR = ("CN", "HK", "KR", "MO", "MY", "SG", "TW", "VN")  # countries that stop for the lunar new year
_WIDEST = 20.0  # units over level
_MOST_UPLIFT = 2.0  # logs
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
    teacher: GateNetwork | None = None  # its forecast is one more candidate

    @classmethod
    def of(
        cls,
        panel: Panel,
        horizon: int,
        *,
        years_back: float,
        country: str | None = None,
        teacher: GateNetwork | None = None,
    ) -> Self:
        """The reader of a panel, up to its cutoff."""
        return cls(
            setting=Setting.of(panel, country=country),
            response=Elasticity().fit(panel),
            plans=plan_sizes(panel),
            back=max(int(panel.freq.season * years_back), horizon),
            horizon=horizon,
            teacher=teacher,
        )

    def without(self, panel: Panel, start: int, end: int) -> Self:
        """The same, but its response to plans has not seen what they did in periods start to end.

        Windows that a network learns from are read so: else it would learn to believe a response
        more than it may for periods to come.
        """
        if not panel.plans:
            return self
        hidden = panel.y.copy()
        hidden[:, start:end] = np.nan
        return replace(self, response=Elasticity().fit(replace(panel, y=hidden)))

    def read(self, panel: Panel) -> tuple[Tensors, Array]:
        """Tensors of every series, and each series' level [n]."""
        size = level(panel.y, panel.freq.season)
        uplift = np.clip(self.response.uplift(panel, self.horizon), -_MOST_UPLIFT, _MOST_UPLIFT)
        said, missed = choices(panel, self.horizon, groups=self.setting.groups, response=self.response)
        tensors: Tensors = {
            "past": self._past(panel, size, uplift[:, : panel.t]),
            "past_plans": self._past_plans(panel),
            "ahead": self._ahead(panel, uplift[:, panel.t :], missed),
            "ahead_plans": self._ahead_plans(panel),
            "candidates": np.minimum(said / size[:, None, None], _WIDEST).astype(np.float32),
            "static": self._static(panel),
        }
        if self.teacher is not None:
            taught = _taught(self.teacher, tensors)
            tensors["candidates"] = np.concatenate([tensors["candidates"], taught], axis=2)
        return tensors, size

    def _past(self, panel: Panel, size: Array, uplift: Array) -> NDArray[np.float32]:
        y = latest(panel.y, self.back)
        scaled = np.minimum(np.nan_to_num(y) / size[:, None], _WIDEST)
        days = panel.freq.range(panel.freq.shift(panel.cutoff, 1 - self.back), self.back + 1)
        layers = [np.log1p(scaled), np.isfinite(y).astype(float), latest(uplift, self.back)]
        return _stacked([*layers, *self._season(days)], (panel.n, self.back))

    def _ahead(self, panel: Panel, uplift: Array, missed: Array) -> NDArray[np.float32]:
        h, season = self.horizon, panel.freq.season
        step, weekly = np.arange(1, h + 1) / h, np.full(h, float(season > 12))
        layers = [step, weekly, uplift, *self._season(panel.ahead(h + 1)), *missed.T[:, :, None]]
        return _stacked(layers, (panel.n, h))

    def _season(self, edges: pd.DatetimeIndex) -> list[Array]:
        """What the calendar says of each period, known for ever: the year's waves, the moving festival."""
        days = edges[:-1].day_of_year.to_numpy()
        moving = self.setting.country in LUNAR
        return [*_waves(days), spring_festival_share(edges) if moving else np.zeros(len(days))]

    def _past_plans(self, panel: Panel) -> NDArray[np.float32]:
        layers = []
        for name, size in self.plans.items():
            change = _deviation(panel.plans[name][:, : panel.t], panel.freq.season, ratio=is_price(name))
            layers.append(latest(change / size, self.back))
        return _stacked(layers, (panel.n, self.back))

    def _ahead_plans(self, panel: Panel) -> NDArray[np.float32]:
        t, h, season = panel.t, self.horizon, panel.freq.season
        layers = []
        for name, size in self.plans.items():
            plan, ratio = panel.plans[name], is_price(name)
            layers.append(against_usual(plan, t=t, horizon=h, k=season, ratio=ratio))
            if not ratio:
                layers.append(planned(plan, t=t, horizon=h) / size)
        return _stacked([np.clip(layer, -5, 5) for layer in layers], (panel.n, h))

    def _static(self, panel: Panel) -> NDArray[np.int64]:
        columns = [codes(panel.static, c, self.setting.vocabulary) + 1 for c in self.setting.vocabulary]
        return np.stack(columns, axis=1).astype(np.int64)


def _taught(teacher: GateNetwork, tensors: Tensors) -> NDArray[np.float32]:
    """What a network says that knows nothing of this panel's own, over the level, [n, h, 1]."""
    common = {name: torch.from_numpy(tensors[name]).double() for name in ("past", "ahead", "candidates")}
    nothing = {name: torch.from_numpy(tensors[name][..., :0]) for name in OWN}
    with torch.inference_mode():
        quantiles = teacher(common | nothing).numpy()
    return area(quantiles, teacher.levels)[:, :, None].astype(np.float32)


def _stacked(layers: list[Array], shape: tuple[int, int]) -> NDArray[np.float32]:
    out = np.zeros((*shape, len(layers)), dtype=np.float32)
    for j, layer in enumerate(layers):
        out[:, :, j] = np.nan_to_num(layer)
    return out


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
