"""Blend: the stack and the spread that a replay teaches, as one belief over what members say.

In:   what members said at past cutoffs and what then happened (`Replay`); then their forecasts of the
      future, layers [n, h, m].   Out: mean [n, h] and quantiles [n, h, k], units; probability of zero [n, h].

It knows nothing of how members are made: leave a layer out, and it is the model without that member.

Shapes: w past cutoffs, n series, h periods ahead, m members, k levels.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.intermittency import zero_rate
from features.panel import Panel
from features.windows import level, window_deviation
from models.demand.segments import Segments
from models.demand.spread import Clues, Spread
from models.demand.stack import Stack

Array = NDArray[np.float64]
Labels = NDArray[np.object_]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Forecasts that members made at past cutoffs, and what then happened."""

    names: tuple[str, ...]
    panels: list[Panel]  # [w] as they stood
    forecasts: list[Array]  # [w] of [n, h, m]
    truths: list[Array]  # [w] of [n, h]

    def only(self, names: tuple[str, ...]) -> "Replay":
        """The same told by some of the members."""
        layers = [self.names.index(name) for name in names]
        said = [forecast[..., layers] for forecast in self.forecasts]
        return Replay(names=names, panels=self.panels, forecasts=said, truths=self.truths)

    def parts(self, rows: Array) -> list[Array]:
        """Rows of all cutoffs, cutoff by cutoff."""
        return np.split(rows, np.cumsum([len(y) for y in self.truths])[:-1])


@dataclass(frozen=True)
class Blend:
    """What the segments, the stack and the spread learned."""

    segments: Segments
    stack: Stack
    spread: Spread

    @classmethod
    def learn(
        cls,
        panel: Panel,
        replay: Replay,
        levels: tuple[float, ...],
        *,
        stack: type[Stack] = Stack,
        spread: type[Spread] = Spread,
    ) -> Self:
        """From a replay; volume classes are those of `panel`."""
        segments = Segments().fit(panel.y, panel.freq.season)
        segment = np.concatenate([segments.names(p.y, p.freq.season) for p in replay.panels])
        layers, y = np.concatenate(replay.forecasts), np.concatenate(replay.truths)
        record = np.concatenate([np.full(p.n, p.t) for p in replay.panels])
        blended = stack(names=replay.names).fit(layers, y, segment, record=record)
        means = replay.parts(blended.combine(layers, segment))
        found = joined(*map(clues, replay.panels, replay.forecasts, means))
        return cls(segments, blended, spread(levels=levels).fit(found, y, segment))

    def answer(self, panel: Panel, layers: Array) -> tuple[Array, Array, Array]:
        """Mean [n, h], quantiles [n, h, k] and probability of zero [n, h] of the periods after the cutoff."""
        segment = self.segments.names(panel.y, panel.freq.season)
        mean = self.stack.combine(layers, segment)
        return mean, *self.spread.told(clues(panel, layers, mean), segment)


def clues(panel: Panel, layers: Array, mean: Array) -> Clues:
    """What tells how far the blend may miss."""
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


def joined(*parts: Clues) -> Clues:
    """Clues of several cutoffs, one after the other."""
    names = ("mean", "level", "deviation", "disagreement", "zero_rate")
    return Clues(**{name: np.concatenate([getattr(c, name) for c in parts]) for name in names})
