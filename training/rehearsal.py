"""Rehearsal: members at past cutoffs, each fitted on what was known then, and what they said.

A rehearsal at t saw periods 0..t-1 and nothing else: members are fitted, and asked. The model of
cutoff t is made of its members. Its blend learns from earlier cutoffs: members are fitted at the oldest
of them and asked again at the others, as they will be asked when they serve. While three years are not
yet on record they are fitted at each; once four of the cutoffs can be told by one fit, older ones are left
out. So from four years on a model costs two fits, not one for each replay.

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
_YEARS = 3  # on record, for a fit that speaks at later cutoffs
_ENOUGH = 4  # cutoffs told by one fit, to do without older ones
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
    asked: dict[tuple[int, int], Array] = field(default_factory=dict, repr=False)  # fitted, asked -> layers

    def cutoffs(self, t: int) -> list[int]:
        """The earlier cutoffs that the model of cutoff t learns its blend from."""
        cuts = rolling(t, horizon=self.horizon, windows=self.windows, least=LEAST_PERIODS)
        late = self._late(cuts)
        return late if len(late) >= _ENOUGH else cuts

    def fitted(self, t: int) -> dict[int, int]:
        """Where the members were fitted that speak at each earlier cutoff of t."""
        cuts = self.cutoffs(t)
        oldest = min(self._late(cuts), default=t)
        return {c: min(c, oldest) for c in cuts}

    def needed(self, ends: Iterable[int]) -> list[int]:
        """Every cutoff that models at `ends` need, and that is not there yet."""
        ends = list(ends)
        return sorted({*ends, *(c for t in ends for c in self.fitted(t).values())} - self.kept.keys())

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
        told = self.fitted(t)
        return Replay(
            names=tuple(self.kept[t].members),
            panels=[self._then(c) for c in told],
            forecasts=[self._said(fitted, c) for c, fitted in told.items()],
            truths=[self._truth(c) for c in told],
        )

    def _late(self, cuts: list[int]) -> list[int]:
        """Those with enough years on record for a fit that speaks at later ones too."""
        return [c for c in cuts if c >= _YEARS * self.panel.freq.season]

    def _said(self, fitted: int, t: int) -> Array:
        """What the members fitted at one cutoff say at another, [n, h, m]."""
        if fitted == t:
            return self.kept[t].layers
        if (fitted, t) not in self.asked:
            members = self.kept[fitted].members
            self.asked[fitted, t] = ask(members, self._then(t).carry_plans(self.horizon))
        return self.asked[fitted, t]

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
    return Rehearsal(panel=panel, members=members, layers=ask(members, ready))


def ask(members: Mapping[str, Member], ready: Panel) -> Array:
    """What fitted members say of the periods after a panel's cutoff, [n, h, m]."""
    return np.stack([member.predict(ready) for member in members.values()], axis=2)


def _watch_parent() -> None:
    """A worker ends when its training was killed; it would wait for work for ever."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
