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
from features.panel import Panel
from models.demand.analogues import Analogues
from models.demand.blend import Blend
from models.demand.blend import Replay as Replay
from models.demand.forecast import LEVELS, Forecast, Likeness
from models.demand.members import Member
from models.demand.paths import Paths
from models.demand.segments import Segments
from models.demand.spread import Spread
from models.demand.stack import Stack
from models.errors import HorizonTooLong, NotFitted

Array = NDArray[np.float64]
LEAST_PERIODS = 4


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
        self.analogues_ = Analogues().fit(panel)
        blend = Blend.learn(panel, replay, self.levels_)
        self.segments_, self.stack_, self.spread_ = blend.segments, blend.stack, blend.spread
        told = zip(replay.panels, replay.forecasts, strict=True)
        bands = [blend.answer(panel, layers)[1] for panel, layers in told]
        series = [p.static for p in replay.panels]
        self.paths_ = Paths(levels=self.levels_).fit(bands, replay.truths, series)
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
        told = Blend(self.segments_, self.stack_, self.spread_).answer(panel, layers)
        (mean, quantiles, zero), notes, named = self._honest(panel, *told)
        return Forecast(
            ids=panel.ids,
            cutoff=panel.cutoff,
            periods=panel.ahead(steps),
            mean=mean[:, :steps],
            levels=self.levels_,
            quantiles=quantiles[:, :steps],
            zero_probability=zero[:, :steps],
            members={name: layers[:, :steps, j] for j, name in enumerate(self.members_)},
            notes=notes,
            analogues=named,
        )

    def draws(self, panel: Panel, *, count: int = 200, horizon: int | None = None, seed: int = 0) -> Draws:
        """Equally likely futures of the periods after the panel's cutoff, as `predict` sees them."""
        forecast = self.predict(panel, horizon=horizon)
        units = self.paths_.draw(
            forecast.quantiles,
            forecast.mean,
            panel.static,
            count=count,
            seed=seed,
            zero_probability=forecast.zero_probability,
        )
        return Draws(keys=panel.static, periods=forecast.periods, units=units)

    def ready(self, panel: Panel, steps: int) -> Panel:
        """The panel with the plans and signals of training; plans complete for the steps asked."""
        absent = np.full((panel.n, panel.t + self.horizon_), np.nan)
        plans = {name: panel.plans.get(name, absent) for name in self.plans_}
        signals = {name: panel.signals.get(name, absent[:, : panel.t]) for name in self.signals_}
        known = replace(panel, plans=plans, signals=signals)
        return known.require_plans(steps).carry_plans(self.horizon_)

    def _honest(
        self, panel: Panel, mean: Array, quantiles: Array, zero: Array
    ) -> tuple[tuple[Array, Array, Array], NDArray[np.object_], dict[int, tuple[Likeness, ...]]]:
        """Rows with too little history answered by analogues, labelled, and by whom."""
        count = np.isfinite(panel.y).sum(axis=1)
        short = (count < LEAST_PERIODS) | ~np.isfinite(mean).all(axis=1)
        notes = np.where(count == 0, "no_history", np.where(short, "short_history", "")).astype(object)
        rows = np.flatnonzero(short)
        guess = self.analogues_.answer(panel.take(rows), mean.shape[1])
        told = mean.copy(), quantiles.copy(), zero.copy()
        for whole, part in zip(told, (guess.mean, guess.quantiles, guess.zero_probability), strict=True):
            whole[rows] = part
        return told, notes, dict(zip(rows.tolist(), guess.named, strict=True))
