"""Damped trend with a multiplying season, one series, in the innovations form of Hyndman, Koehler, Ord
and Snyder (2008), table 2.2, ETS(A,Ad,M): what was expected of each value before it was seen."""

from collections.abc import Sequence


def holt_winters_multiplicative(
    y: Sequence[float],
    constants: tuple[float, float, float, float],
    level: float,
    slope: float,
    index: Sequence[float],
) -> list[float]:
    (alpha, beta, gamma, phi), index, expected = constants, list(index), []
    for t, value in enumerate(y):
        season, base = index[t % len(index)], level + phi * slope
        expected.append(base * season)
        error = value - base * season
        level = base + alpha * error / season
        slope = phi * slope + beta * error / season
        index[t % len(index)] = season + gamma * error / base
    return expected
