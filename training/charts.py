"""Charts: small drawings as inline SVG, coloured by the page's style sheet, without a library.

Every drawing is 400 units wide and scales with its box; classes (`truth`, `mean`, `band` ...)
carry the colours, so that one page serves light, dark and print. Every text is escaped.

>>> svg = lines({"ours": [0.1, 0.2]}, ["1", "2"], title="Error <by> month")
>>> svg.startswith("<svg"), "Error &lt;by&gt; month" in svg
(True, True)
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from numpy.typing import NDArray

Array = NDArray[np.float64]
WIDTH, HEIGHT = 400, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 12, 12, 28
_FEW = 7  # points, or date labels, that fit with their text
_HEADROOM = 1.6  # a band may rise so far above truths and forecasts before it is cut


@dataclass(frozen=True, kw_only=True)
class Window:
    """One forecast of a fan: where it begins, its mean, and its bands, widest first."""

    start: int  # position of its first period
    mean: Array  # [h]
    bands: list[tuple[Array, Array]]  # lower, upper, each [h]


@dataclass(frozen=True)
class _Plot:
    """Where a value lies in the drawing."""

    n: int  # positions along x
    top: float  # value at the upper edge

    def x(self, position: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * position / max(self.n - 1, 1), 1)

    def y(self, value: float) -> float:
        inside = min(max(value / self.top, 0.0), 1.0)
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * inside, 1)

    def points(self, start: int, values: Array) -> list[str]:
        return [f"{self.x(start + i)},{self.y(v)}" for i, v in enumerate(values)]


def fan(days: pd.DatetimeIndex, truth: Array, windows: Sequence[Window], *, title: str) -> Markup:
    """Truth as a line, each window's mean and bands where they were forecast, units upward."""
    plot = _Plot(len(days), _ceiling(truth, windows))
    parts = [*_grid(plot, compact), *_dates(plot, days)]
    for window in windows:
        parts += [_area(plot, window.start, *band) for band in window.bands]
        edge = plot.x(window.start - 0.5)
        parts.append(f'<line class="cut" x1="{edge}" x2="{edge}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/>')
    parts += _strokes(plot, 0, truth, "truth")
    for window in windows:
        parts += _strokes(plot, window.start, window.mean, "mean")
    return _svg(parts, title)


def lines(series: Mapping[str, Sequence[float | None]], ticks: Sequence[str], *, title: str) -> Markup:
    """One line a method over `ticks`; shares upward, the first method in front."""
    values = {name: np.array([np.nan if v is None else v for v in row]) for name, row in series.items()}
    known = [v[np.isfinite(v)] for v in values.values()]
    plot = _Plot(len(ticks), _rounded_up(max((v.max() for v in known if len(v)), default=1.0)))
    parts = _grid(plot, lambda v: f"{v * 100:.0f} %")
    every = math.ceil(len(ticks) / 13)
    parts += [_below(plot, i, tick) for i, tick in enumerate(ticks) if i % every == 0]
    for rank, row in reversed(list(enumerate(values.values()))):
        parts += _strokes(plot, 0, row, f"line{rank}")
    if len(ticks) <= _FEW and values:
        parts += _values(plot, next(iter(values.values())))
    return _svg(parts, title)


def compact(value: float) -> str:
    """A number short enough for an axis.

    >>> compact(0), compact(2500), compact(1_200_000), compact(0.25)
    ('0', '2.5k', '1.2M', '0.25')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _svg(parts: Sequence[str], title: str) -> Markup:
    name = escape(title)
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}"><title>{name}</title>'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - numbers of ours, texts escaped


def _ceiling(truth: Array, windows: Sequence[Window]) -> float:
    points = np.concatenate([truth, *(w.mean for w in windows)])
    uppers = np.concatenate([np.zeros(1), *(upper for w in windows for _, upper in w.bands)])
    seen = points[np.isfinite(points)]
    most = float(seen.max()) if len(seen) else 0.0
    wide = float(np.nanmax(uppers)) if np.isfinite(uppers).any() else 0.0
    return _rounded_up(max(most * 1.05, min(wide, most * _HEADROOM)))


def _rounded_up(value: float) -> float:
    """The next number that an axis can end with."""
    if not value > 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10) if step * size >= value)


def _grid(plot: _Plot, written: Callable[[float], str]) -> list[str]:
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = plot.y(plot.top * share)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        text = escape(written(plot.top * share))
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 3.5}" text-anchor="end">{text}</text>')
    return parts


def _dates(plot: _Plot, days: pd.DatetimeIndex) -> list[str]:
    """The first period of every half year, or of every quarter when there are few."""
    quarter = (days.year * 4 + days.quarter).to_numpy()
    first = [0, *(np.flatnonzero(np.diff(quarter)) + 1).tolist()]
    halves = [i for i in first if quarter[i] % 2]
    chosen = first if len(first) <= _FEW else halves[:: math.ceil(len(halves) / _FEW)]
    return [_below(plot, i, text) for i, text in enumerate(days.strftime("%Y-%m")) if i in chosen]


def _values(plot: _Plot, row: Array) -> list[str]:
    """The first method's shares in figures, under its points."""
    points = [(plot.x(i), plot.y(v) + 15, v) for i, v in enumerate(row) if np.isfinite(v)]
    return [
        f'<text class="value" x="{x}" y="{round(y, 1)}" text-anchor="{_anchor(x)}">{v * 100:.1f}</text>'
        for x, y, v in points
    ]


def _anchor(x: float) -> str:
    """Texts at the edges stay inside the drawing."""
    return "start" if x < _LEFT + 8 else "end" if x > WIDTH - _RIGHT - 8 else "middle"


def _below(plot: _Plot, position: int, text: str) -> str:
    x = plot.x(position)
    at = f'x="{x}" y="{HEIGHT - 9}" text-anchor="{_anchor(x)}"'
    return f'<text class="tick" {at}>{escape(text)}</text>'


def _area(plot: _Plot, start: int, lower: Array, upper: Array) -> str:
    """A band, broken where a bound is missing."""
    return "".join(
        _block(plot, start + run[0], lower[run], upper[run])
        for run in _runs(np.isfinite(lower) & np.isfinite(upper))
    )


def _block(plot: _Plot, start: int, lower: Array, upper: Array) -> str:
    if len(lower) == 1:  # one period is a bar, not an area
        x, top, bottom = plot.x(start), plot.y(upper[0]), plot.y(lower[0])
        return f'<rect class="band" x="{x - 3}" width="6" y="{top}" height="{round(bottom - top, 1)}"/>'
    outline = plot.points(start, upper) + plot.points(start, lower)[::-1]
    return f'<polygon class="band" points="{" ".join(outline)}"/>'


def _strokes(plot: _Plot, start: int, values: Array, kind: str) -> list[str]:
    """A line, broken where a value is missing; a lone value is a dot."""
    return [_stroke(plot, start + run[0], values[run], kind) for run in _runs(np.isfinite(values))]


def _stroke(plot: _Plot, start: int, values: Array, kind: str) -> str:
    if len(values) == 1:
        return f'<circle class="{kind} dot" cx="{plot.x(start)}" cy="{plot.y(values[0])}" r="2"/>'
    return f'<polyline class="{kind}" points="{" ".join(plot.points(start, values))}"/>'


def _runs(seen: NDArray[np.bool_]) -> list[list[int]]:
    """Positions of the unbroken stretches."""
    positions = np.flatnonzero(seen)
    stretches = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
    return [stretch.tolist() for stretch in stretches if len(stretch)]
