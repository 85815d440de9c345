"""Forecast value added a second time: loops, and Bayes' rule by adding up a fine grid."""

import math


def wape_and_bias(f, y):
    return (
        sum(abs(a - b) for a, b in zip(f, y, strict=True)) / sum(y),
        sum(a - b for a, b in zip(f, y, strict=True)) / sum(y),
    )


def spread_of_moments(rates, noises):
    """Where the weighted squares are what they should be: sum r^2/n = sum (spread + n)/n."""
    low, high = 0.0, 1e6
    if sum(r * r / n for r, n in zip(rates, noises, strict=True)) <= len(rates):
        return 0.0
    for _ in range(300):
        middle = (low + high) / 2
        expected = sum((middle + n) / n for n in noises)
        found = sum(r * r / n for r, n in zip(rates, noises, strict=True))
        low, high = (middle, high) if expected < found else (low, middle)
    return (low + high) / 2


def posterior(rate, noise, spread):
    """Mean and standard deviation of a normal rate around zero, seen once with noise."""
    wide = 12 * math.sqrt(spread + noise)
    grid = [-wide + 2 * wide * i / 40_000 for i in range(40_001)]
    weight = [math.exp(-t * t / (2 * spread) - (rate - t) ** 2 / (2 * noise)) for t in grid]
    mean = sum(t * w for t, w in zip(grid, weight, strict=True)) / sum(weight)
    variance = sum((t - mean) ** 2 * w for t, w in zip(grid, weight, strict=True)) / sum(weight)
    return mean, math.sqrt(variance)


def in_force(rows, cell, moment):
    """Of the rows of one cell: the last made that is known and holds."""
    best = None
    for row in rows:
        known = row["known_at"] <= moment and row["made_at"] <= moment
        holds = row["expires_at"] is None or row["expires_at"] > moment
        mine = (row["dealer_id"], row["sku_id"], row["period_start"]) == cell
        if known and holds and mine and (best is None or row["made_at"] >= best["made_at"]):
            best = row
    return best
