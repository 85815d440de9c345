"""Together: how far accounts miss in the same years, and numbers for draws that do so too.

A forest says how far one account may miss. A budget is spent by all of them, and a bad year is bad for many:
independent draws would make the sum of thousands of dealers all but certain. What a draw takes from each row
is evenly spread over its distribution as before, so nothing said of a single row changes; only which draws
are high is shared, by one factor a draw (a Gaussian copula).

    agreement   the share of the factor: how alike rows of the same window fell among their draws, 0 to 1
    even        numbers in (0, 1), evenly spread over each row's draws, high together as far as they agree

Source: Nelsen (2006), An introduction to copulas; Donner & Koval (1980), intraclass correlation, by pairs.
Limits: one factor for all; a few windows that overlap say little of it, so it is drawn to `PRIOR`.
Errors: none.

>>> rng = np.random.default_rng(0)
>>> u = even(200, 400, rng, 0.5)
>>> bool(np.allclose(np.sort(u * 400 // 1, axis=1), np.arange(400)))    # each row is spread evenly
True
>>> float(np.corrcoef(u)[0, 1:].mean().round(1))
0.5
>>> cell = np.repeat(np.arange(50), 40)
>>> z = np.repeat(rng.normal(size=50), 40) * np.sqrt(0.3) + rng.normal(size=2000) * np.sqrt(0.7)
>>> round(agreement(ndtr(z), cell, prior_cells=0.0), 1)
0.3
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr as ndtr
from scipy.special import ndtri

Array = NDArray[np.float64]
PRIOR = 0.1  # where no windows were judged
PRIOR_CELLS = 3.0  # windows that it is worth
_MOST = 0.95
_EDGE = 0.005  # of a place: beyond, it counts as there


def agreement(place: Array, cell: NDArray[np.int64], *, prior_cells: float = PRIOR_CELLS) -> float:
    """How alike places among draws [w] were within cells [w], rows of the same window of time."""
    _, code, count = np.unique(cell, return_inverse=True, return_counts=True)
    z = ndtri(np.clip(place, _EDGE, 1 - _EDGE))
    pairs = float((count * (count - 1.0)).sum())
    if not pairs:
        return PRIOR
    alike = float((np.bincount(code, z) ** 2).sum() - (z**2).sum()) / pairs
    found = float(np.clip(alike / max(float((z**2).mean()), 1e-9), 0.0, _MOST))
    weight = len(count) / (len(count) + prior_cells)
    return weight * found + (1 - weight) * PRIOR


def even(n: int, count: int, rng: np.random.Generator, share: float = 0.0) -> Array:
    """Numbers in (0, 1), evenly spread over the draws of each row, [n, s]."""
    common = rng.standard_normal(count)
    z = np.sqrt(share) * common + np.sqrt(1 - share) * rng.standard_normal((n, count))
    rank = np.argsort(np.argsort(z, axis=1), axis=1)
    return np.asarray((rank + rng.random((n, count))) / count)
