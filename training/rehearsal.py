"""Rehearsal: members at past cutoffs, each fitted on what was known then, and what they said.

A rehearsal at t saw periods 0..t-1 and nothing else. It serves twice: the blend learned at
a later cutoff is judged by it, and the model of cutoff t itself is made of its members. So a
backtest over several cutoffs fits each cutoff once.

`Rehearsals` keeps them by cutoff; `prepare` runs several at once, one process and one thread
each, with the same result as one after the other.

Errors: TooFewRows (too little history to rehearse even once).
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.panel import Panel
from models.demand.members import Member
from models.demand.model import DemandModel, Replay
from training.progress import Tick, silent
from training.split import rolling

Array = NDArray[np.float64]
LEAST_PERIODS = 4
Make = Callable[[], Mapping[str, Member]]


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Fitted members and their forecasts at one cutoff."""

    panel: Panel  # as it stood
    members: Mapping[str, Member]
    layers: Array  # [n, h, m] units


@dataclass(kw_only=True)
class Rehearsals:
    """Rehearsals of one panel, by observed periods."""

    panel: Panel
    horizon: int
    make: Make  # fresh members
    windows: int
    kept: dict[int, Rehearsal] = field(default_factory=dict)

    def cutoffs(self, t: int) -> list[int]:
        """The earlier cutoffs that the model of cutoff t learns its blend from."""
        return rolling(t, horizon=self.horizon, windows=self.windows, least=LEAST_PERIODS)

    def needed(self, ends: Iterable[int]) -> list[int]:
        """Every cutoff that models at `ends` need, and that is not there yet."""
        ends = list(ends)
        return sorted({*ends, *(c for t in ends for c in self.cutoffs(t))} - self.kept.keys())

    def prepare(self, ends: Iterable[int], *, workers: int = 1, tick: Tick = silent) -> None:
        """Rehearse for models at `ends`, in `workers` processes."""
        todo = self.needed(ends)
        if workers < 2 or len(todo) < 2:
            for t in todo:
                tick(f"{self._then(t).cutoff:%Y-%m-%d}")
                self.kept[t] = rehearse(self._then(t), self.horizon, self.make)
            return
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            min(workers, len(todo)), mp_context=context, initializer=_watch_parent
        ) as pool:
            running = {pool.submit(rehearse, self._then(t), self.horizon, self.make): t for t in todo}
            for done in as_completed(running):
                tick(f"{self._then(running[done]).cutoff:%Y-%m-%d}")
                self.kept[running[done]] = done.result()

    def model(self, t: int) -> DemandModel:
        """The whole model as of cutoff t; its blend learned from earlier cutoffs alone."""
        self.prepare([t])
        return DemandModel().fit(self.kept[t].panel, self.kept[t].members, self.replay(t))

    def replay(self, t: int) -> Replay:
        """What members said at the earlier cutoffs of t, once prepared, and what then happened."""
        earlier = [self.kept[c] for c in self.cutoffs(t)]
        return Replay(
            names=tuple(earlier[0].members),
            panels=[r.panel for r in earlier],
            forecasts=[r.layers for r in earlier],
            truths=[self._truth(r.panel.t) for r in earlier],
        )

    def _then(self, t: int) -> Panel:
        """What was known at t, of the series that had begun."""
        panel = self.panel.at(t, ahead=self.horizon)
        return panel.take(panel.started())

    def _truth(self, t: int) -> Array:
        return self.panel.y[self.panel.at(t).started(), t : t + self.horizon]


def rehearse(panel: Panel, horizon: int, make: Make) -> Rehearsal:
    """Fit fresh members on a panel and ask them for the periods after it."""
    ready = panel.carry_plans(horizon)  # as a forecast will be asked for
    members = {name: member.fit(ready, horizon) for name, member in make().items()}
    layers = np.stack([m.predict(ready) for m in members.values()], axis=2)
    return Rehearsal(panel=panel, members=members, layers=layers)


def _watch_parent() -> None:
    """A worker ends when its training was killed; it would wait for work for ever."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
