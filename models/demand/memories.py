"""Memories: exponential smoothing at fixed half-lives, and how each would have done lately.

The year's profile is taken out, what is left is smoothed with a short, a middling and a long
memory and carried on by half the proven slope (as Theta does); the straight line and the latest
turn stand beside them; the profile is put back. A network that picks a memory for each series and
step does what fitting a smoothing constant does, at a hundredth of the cost. To pick, it is told
each memory's misses: mean absolute error one period ahead over the last year.

Shapes: y [n, t], units; NaN before a series began and in gaps. `forecast` [n, h, 5], units;
`misses` [n, 3], over the size of the series; NaN where nothing was seen.
Source: Brown (1959), exponential smoothing; Hyndman and Billah (2003), Unmasking the Theta method, IJF 19.
Limits: means, no intervals; under two years of values there is no season.

>>> line = Memories.of(np.arange(1.0, 13.0)[None], season=12)
>>> line.forecast(2)[0, :, 3].round(6).tolist(), line.misses().shape
([13.0, 14.0], (1, 3))
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.demand.seasonality import shrunk_profile
from models.demand.slope import proven_line

Array = NDArray[np.float64]
HALF_LIVES = {"short": 1.0, "middling": 3.0, "long": 8.0}  # months
NAMES = (*(f"{name}_memory" for name in HALF_LIVES), "line", "turn")
_LOWEST_INDEX = 0.01
_HIGHEST = 2.0  # forecast, of the highest value seen
_TURN_FADES = 0.8  # a month


@dataclass(frozen=True, kw_only=True)
class Memories:
    """Series without their size and their year's profile."""

    rest: Array  # [n, t] near 1
    index: Array  # [n, season], column j for the j-th period ahead; multiplies, or is added
    multiplies: NDArray[np.bool_]  # [n]
    size: Array  # [n] units
    highest: Array  # [n] units; NaN where nothing was seen
    season: int

    @classmethod
    def of(cls, y: Array, *, season: int) -> Self:
        """Take size and profile out."""
        seen = np.isfinite(y)
        size = np.where(seen, y, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
        scaled = y / np.where(size > 0, size, 1.0)[:, None]
        multiplies = np.asarray((~seen | (y > 0)).all(axis=1))
        rest, index = scaled.copy(), np.repeat(multiplies[:, None].astype(float), season, axis=1)
        phase = np.arange(-y.shape[1], 0) % season
        for rows in (np.flatnonzero(multiplies), np.flatnonzero(~multiplies)):
            if len(rows):
                way = bool(multiplies[rows[0]])
                index[rows] = shrunk_profile(scaled[rows], season=season, multiplicative=way)
                past = index[rows][:, phase]
                rest[rows] = scaled[rows] / np.maximum(past, _LOWEST_INDEX) if way else scaled[rows] - past
        highest = np.where(seen.any(axis=1), np.where(seen, y, 0.0).max(axis=1, initial=0.0), np.nan)
        return cls(rest=rest, index=index, multiplies=multiplies, size=size, highest=highest, season=season)

    def forecast(self, horizon: int) -> Array:
        """Units by each of NAMES, [n, h, 5]."""
        step = np.arange(1, horizon + 1)
        last, slope = proven_line(self.rest)
        means, ages = zip(*(_remembered(self.rest, life) for life in self._lives()), strict=True)
        half = [
            m[:, None] + slope[:, None] / 2 * (step + a[:, None]) for m, a in zip(means, ages, strict=True)
        ]
        line = last[:, None] + slope[:, None] * step
        turn = (means[0] - means[1]) / np.maximum(ages[1] - ages[0], 1.0)  # a period, lately
        faded = np.cumsum(_TURN_FADES ** (step * 12 / self.season))
        carried = np.stack([*half, line, means[0][:, None] + turn[:, None] * faded], axis=2)
        index = self.index[:, np.arange(horizon) % self.season, None]
        back = np.where(self.multiplies[:, None, None], carried * index, carried + index)
        return np.clip(back * self.size[:, None, None], 0.0, _HIGHEST * self.highest[:, None, None])

    def misses(self) -> Array:
        """Mean absolute error one period ahead over the last year, by memory, [n, 3]."""
        fade = 0.5 ** (1 / np.array(self._lives()))[:, None]  # [3, 1]
        total, weight = np.zeros((2, len(fade), len(self.rest)))
        error, count = np.zeros_like(total), np.zeros_like(total)
        start = self.rest.shape[1] - self.season
        for t, now in enumerate(self.rest.T):
            seen = np.isfinite(now)
            if t >= start:
                judged = seen & (weight > 0)
                said = total / np.where(weight > 0, weight, 1.0)
                error += np.where(judged, np.abs(np.nan_to_num(now) - said), 0.0)
                count += judged
            total, weight = fade * total + np.nan_to_num(now), fade * weight + seen
        return np.asarray(np.where(count > 0, error / np.maximum(count, 1), np.nan).T)

    def _lives(self) -> list[float]:
        """Half-lives in periods."""
        return [months * self.season / 12 for months in HALF_LIVES.values()]


def _remembered(rest: Array, half_life: float) -> tuple[Array, Array]:
    """The mean of the past with weights that halve, and its mean age in periods, both [n]."""
    age = np.arange(rest.shape[1] - 1, -1, -1.0)
    weight = np.where(np.isfinite(rest), 0.5 ** (age / half_life), 0.0)
    total = np.maximum(weight.sum(axis=1), 1e-12)
    return (weight * np.nan_to_num(rest)).sum(axis=1) / total, weight @ age / total
