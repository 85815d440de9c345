"""DemandModel: the room's belief, whole: members, their blend, and how far it may miss.

It is put together from forecasts that members made at past cutoffs without seeing the
answer (`Replay`): the stack learns its weights from them, the spread its quantiles. Then
the members are fitted on everything and answer for the future.

Shapes: w past cutoffs, n series, h periods ahead, m members, k levels; units.
Limits: `note` says when a fallback answered: "no_history" (nothing observed),
        "short_history" (fewer than `LEAST_PERIODS` observed).

Errors: NotFitted, HorizonTooLong, MissingPlans (a plan used in training does not reach).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.draws import Draws
from features.intermittency import zero_rate
from features.panel import Panel
from features.windows import level, window_deviation
from models.demand.analogues import Analogues
from models.demand.forecast import LEVELS, Forecast, Likeness
from models.demand.members import Member
from models.demand.paths import Paths
from models.demand.segments import Segments
from models.demand.spread import Clues, Spread
from models.demand.stack import Stack
from models.errors import HorizonTooLong, NotFitted

Array = NDArray[np.float64]
LEAST_PERIODS = 4


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Forecasts that members made at past cutoffs, and what then happened."""

    names: tuple[str, ...]
    panels: list[Panel]  # [w] as they stood
    forecasts: list[Array]  # [w] of [n, h, m]
    truths: list[Array]  # [w] of [n, h]


@dataclass(kw_only=True)
class DemandModel:
    """Fitted members, stack and spread for one panel's rhythm."""

    members_: Mapping[str, Member] | None = field(default=None, init=False, repr=False)
    freq_: str = field(default="", init=False)
    horizon_: int = field(default=0, init=False)
    levels_: tuple[float, ...] = field(default=LEVELS, init=False)
    plans_: tuple[str, ...] = field(default=(), init=False)
    signals_: tuple[str, ...] = field(default=(), init=False)
    cutoff_: pd.Timestamp = field(init=False)
    stack_: Stack = field(init=False, repr=False)
    spread_: Spread = field(init=False, repr=False)
    segments_: Segments = field(init=False, repr=False)
    analogues_: Analogues = field(init=False, repr=False)
    paths_: Paths = field(init=False, repr=False)

    def fit(self, panel: Panel, members: Mapping[str, Member], replay: Replay) -> Self:
        """Take members fitted on `panel`; learn their blend and its error from `replay`."""
        self.members_, self.freq_, self.cutoff_ = dict(members), panel.freq.letter, panel.cutoff
        self.horizon_ = replay.truths[0].shape[1]
        self.plans_, self.signals_ = tuple(panel.plans), tuple(panel.signals)
        self.segments_ = Segments().fit(panel.y, panel.freq.season)
        self.analogues_ = Analogues().fit(panel)
        season = panel.freq.season
        segment = np.concatenate([self.segments_.names(p.y, season) for p in replay.panels])
        layers, y = np.concatenate(replay.forecasts), np.concatenate(replay.truths)
        window = np.repeat(np.arange(len(replay.truths)), [len(truth) for truth in replay.truths])
        self.stack_ = Stack(names=replay.names).fit(
            layers.reshape(-1, len(replay.names)),
            y.ravel(),
            np.repeat(segment, self.horizon_),
            window=np.repeat(window, self.horizon_),
        )
        mean = self.stack_.combine(layers, segment)
        clues = [
            _clues(p, f, m)
            for p, f, m in zip(replay.panels, replay.forecasts, _parts(mean, replay), strict=True)
        ]
        self.spread_ = Spread(levels=self.levels_).fit(_joined(clues), y, segment)
        bands = self.spread_.quantiles(_joined(clues), segment)
        series = [p.static for p in replay.panels]
        self.paths_ = Paths(levels=self.levels_).fit(_parts(bands, replay), replay.truths, series)
        return self

    @property
    def member_names_(self) -> tuple[str, ...]:
        """Names of the blended members."""
        return tuple(self.members_ or ())

    def predict(self, panel: Panel, *, horizon: int | None = None) -> Forecast:
        """Mean, quantiles and members of the periods after the panel's cutoff."""
        if self.members_ is None:
            raise NotFitted(self)
        steps = self.horizon_ if horizon is None else horizon
        if not 1 <= steps <= self.horizon_:
            raise HorizonTooLong(steps, self.horizon_)
        panel = self.ready(panel, steps)
        layers = np.stack([m.predict(panel) for m in self.members_.values()], axis=2)  # [n, h, m]
        segment = self.segments_.names(panel.y, panel.freq.season)
        mean = self.stack_.combine(layers, segment)
        quantiles = self.spread_.quantiles(_clues(panel, layers, mean), segment)
        mean, quantiles, notes, named = self._honest(panel, mean, quantiles)
        return Forecast(
            ids=panel.ids,
            cutoff=panel.cutoff,
            periods=panel.ahead(steps),
            mean=mean[:, :steps],
            levels=self.levels_,
            quantiles=quantiles[:, :steps],
            members={name: layers[:, :steps, j] for j, name in enumerate(self.members_)},
            notes=notes,
            analogues=named,
        )

    def draws(self, panel: Panel, *, count: int = 200, horizon: int | None = None, seed: int = 0) -> Draws:
        """Equally likely futures of the periods after the panel's cutoff, as `predict` sees them."""
        forecast = self.predict(panel, horizon=horizon)
        units = self.paths_.draw(forecast.quantiles, forecast.mean, panel.static, count=count, seed=seed)
        return Draws(keys=panel.static, periods=forecast.periods, units=units)

    def ready(self, panel: Panel, steps: int) -> Panel:
        """The panel with the plans and signals of training; plans complete for the steps asked."""
        absent = np.full((panel.n, panel.t + self.horizon_), np.nan)
        plans = {name: panel.plans.get(name, absent) for name in self.plans_}
        signals = {name: panel.signals.get(name, absent[:, : panel.t]) for name in self.signals_}
        known = replace(panel, plans=plans, signals=signals)
        return known.require_plans(steps).carry_plans(self.horizon_)

    def _honest(
        self, panel: Panel, mean: Array, quantiles: Array
    ) -> tuple[Array, Array, NDArray[np.object_], dict[int, tuple[Likeness, ...]]]:
        """Rows with too little history answered by analogues, labelled, and by whom."""
        count = np.isfinite(panel.y).sum(axis=1)
        short = (count < LEAST_PERIODS) | ~np.isfinite(mean).all(axis=1)
        notes = np.where(count == 0, "no_history", np.where(short, "short_history", "")).astype(object)
        rows = np.flatnonzero(short)
        guess = self.analogues_.answer(panel.take(rows), mean.shape[1])
        mean, quantiles = mean.copy(), quantiles.copy()
        mean[rows], quantiles[rows] = guess.mean, guess.quantiles
        return mean, quantiles, notes, dict(zip(rows.tolist(), guess.named, strict=True))


def _clues(panel: Panel, layers: Array, mean: Array) -> Clues:
    y, season = panel.y, panel.freq.season
    seen = np.isfinite(layers)
    centre = np.where(seen, layers, 0).sum(axis=2) / np.maximum(seen.sum(axis=2), 1)
    gap = np.where(seen, np.abs(layers - centre[..., None]), 0).sum(axis=2) / np.maximum(seen.sum(axis=2), 1)
    return Clues(
        mean=mean,
        level=level(y, season),
        deviation=np.nan_to_num(window_deviation(y, season)),
        disagreement=gap,
        zero_rate=np.nan_to_num(zero_rate(y, season)),
    )


def _parts(mean: Array, replay: Replay) -> list[Array]:
    ends = np.cumsum([len(y) for y in replay.truths])[:-1]
    return np.split(mean, ends)


def _joined(clues: list[Clues]) -> Clues:
    names = ("mean", "level", "deviation", "disagreement", "zero_rate")
    return Clues(**{name: np.concatenate([getattr(c, name) for c in clues]) for name in names})
