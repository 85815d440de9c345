"""Split: the cutoffs at which the past is replayed.

A cutoff is a number of observed periods, t: a model fitted at t sees periods 0..t-1 and is
judged on t..t+h-1. Cutoffs lie `stride` apart, back from the last that leaves a horizon.

Errors: TooFewRows (not one cutoff leaves enough history).

>>> rolling(60, horizon=3, windows=4)
[48, 51, 54, 57]
>>> rolling(20, horizon=3, windows=9, least=12)
[14, 17]
"""

from features.errors import TooFewRows


def rolling(t: int, *, horizon: int, windows: int, stride: int | None = None, least: int = 2) -> list[int]:
    """Up to `windows` cutoffs with at least `least` periods before each, oldest first."""
    last = t - horizon
    cuts = [last - i * (stride or horizon) for i in range(windows)]
    if last < least:
        what = f"A replay of {horizon} periods (fewer ahead need less) after {least} of history"
        raise TooFewRows(what, least + horizon, t)
    return sorted(cut for cut in cuts if cut >= least)
