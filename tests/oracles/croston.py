"""Croston with the Syntetos-Boylan correction, TSB and IMAPA as the papers write them: one series, one
constant, one period after another; and the choice of the constant by brute force."""

import itertools
from collections.abc import Callable, Sequence

Path = list[float]  # the forecast made before each period, then the one after the last


def croston_path(y: Sequence[float], alpha: float) -> Path:
    size, wait, since, path = 0.0, 1.0, 0, []
    for value in y:
        path.append((1 - alpha / 2) * size / wait)
        since += 1
        if value > 0:
            first = size == 0
            size = value if first else size + alpha * (value - size)
            wait = since if first else wait + alpha * (since - wait)
            since = 0
    return [*path, (1 - alpha / 2) * size / wait]


def tsb_path(y: Sequence[float], alpha: float, beta: float) -> Path:
    size, chance, path = 0.0, float(y[0] > 0), []
    for value in y:
        path.append(chance * size)
        if value > 0:
            size = value if size == 0 else size + alpha * (value - size)
        chance += beta * ((value > 0) - chance)
    return [*path, chance * size]


def simple_path(y: Sequence[float], alpha: float) -> Path:
    level, path = y[0], []
    for value in y:
        path.append(level)
        level += alpha * (value - level)
    return [*path, level]


def picked(y: Sequence[float], path: Callable[..., Path], *grids: Sequence[float]) -> float:
    """The last forecast of the path with the least squared error."""
    paths = [path(y, *constants) for constants in itertools.product(*grids)]
    return min(paths, key=lambda p: sum((v - f) ** 2 for v, f in zip(y, p, strict=False)))[-1]


def imapa(y: Sequence[float], grid: Sequence[float]) -> float:
    sales = [i for i, value in enumerate(y) if value > 0]
    levels = round((sales[-1] + 1) / len(sales)) if sales else 1
    levels = max(1, min(levels, len(y) // 3))
    rates = []
    for level in range(1, levels + 1):
        kept = y[len(y) % level :]
        blocks = [sum(kept[i : i + level]) / level for i in range(0, len(kept), level)]
        rates.append(picked(blocks, simple_path, grid))
    return sum(rates) / levels
