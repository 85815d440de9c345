"""The metrics a second time: slow loops over plain numbers, straight from the formulas."""

import math
from collections import defaultdict


def _pairs(y, f):
    return [(a, b) for a, b in zip(y, f, strict=True) if not math.isnan(a)]


def wape(y, f):
    pairs = _pairs(y, f)
    return sum(abs(b - a) for a, b in pairs) / sum(abs(a) for a, _ in pairs)


def bias(y, f):
    pairs = _pairs(y, f)
    return sum(b - a for a, b in pairs) / sum(a for a, _ in pairs)


def aggregate_wape(y, f, groups):
    truth, forecast = defaultdict(float), defaultdict(float)
    for a, b, g in zip(y, f, groups, strict=True):
        if not math.isnan(a):
            truth[g] += a
            forecast[g] += b
    return sum(abs(forecast[g] - truth[g]) for g in truth) / sum(abs(truth[g]) for g in truth)


def mase(y, f, scale):
    rows = [abs(b - a) / s for a, b, s in zip(y, f, scale, strict=True) if not math.isnan(a) and s > 0]
    return sum(rows) / len(rows)


def rmsse(y, f, scale, groups):
    squares = defaultdict(list)
    for a, b, s, g in zip(y, f, scale, groups, strict=True):
        if not math.isnan(a) and s > 0:
            squares[g].append((b - a) ** 2 / s**2)
    return sum(math.sqrt(sum(v) / len(v)) for v in squares.values()) / len(squares)


def pinball(y, q, level):
    losses = [level * (a - b) if a > b else (1 - level) * (b - a) for a, b in _pairs(y, q)]
    return sum(losses) / len(losses)


def coverage(y, lower, upper):
    rows = [low <= a <= high for a, low, high in zip(y, lower, upper, strict=True) if not math.isnan(a)]
    return sum(rows) / len(rows)


def naive_scales(row, season):
    """Of one history: mean absolute and root mean squared change over a season."""
    steps = [row[t] - row[t - season] for t in range(season, len(row))]
    steps = [s for s in steps if not math.isnan(s)]
    if not steps:
        return math.nan, math.nan
    return sum(map(abs, steps)) / len(steps), math.sqrt(sum(s * s for s in steps) / len(steps))
