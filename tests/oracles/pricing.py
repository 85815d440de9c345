"""Slow second answers for responses and prices: dense algebra, enumeration, chords."""

from itertools import product

import numpy as np
from scipy.optimize import minimize


def hierarchy(A, b, group, pull, wide, unit):
    """Posterior means of all coefficients of the three levels, as one dense linear system."""
    n, p = b.shape
    g = int(max(group)) + 1
    size = (n + g + 1) * p
    H, v = np.zeros((size, size)), np.zeros(size)

    def block(i):
        return slice(i * p, (i + 1) * p)

    def tie(i, j, precision):
        for a, c, sign in ((i, i, 1), (j, j, 1), (i, j, -1), (j, i, -1)):
            H[block(a), block(c)] += sign * np.diag(precision)

    for i in range(n):
        H[block(i), block(i)] += A[i]
        v[block(i)] += b[i]
        tie(i, n + group[i], pull)
    for k in range(g):
        tie(n + k, n + g, wide)
    H[block(n + g), block(n + g)] += np.diag(unit)
    inverse = np.linalg.inv(H)
    mean = (inverse @ v).reshape(-1, p)
    spread = [inverse[block(i), block(i)] for i in range(n)]
    return mean[:n], np.array(spread), mean[n : n + g], mean[n + g]


def boxed(A, b, low, high):
    """A box-constrained quadratic by a general solver."""
    found = minimize(
        lambda x: 0.5 * x @ A @ x - b @ x,
        np.clip(np.zeros(len(b)), low, high),
        jac=lambda x: A @ x - b,
        bounds=list(zip(low, high, strict=True)),
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-12},
    )
    return found.x


def least_concave(x, y):
    """The highest chord over every point."""
    told = list(y)
    for i, at in enumerate(x):
        for a in range(i + 1):
            for c in range(i, len(x)):
                if a < i < c:
                    share = (at - x[a]) / (x[c] - x[a])
                    told[i] = max(told[i], y[a] + share * (y[c] - y[a]))
    return np.array(told)


def best_prices(grid, worth, territory, width):
    """The best of all combinations of grid prices inside the corridor, and its worth; None when none is."""
    best, found = -np.inf, None
    for picks in product(*(range(len(row)) for row in grid)):
        price = np.array([row[k] for row, k in zip(grid, picks, strict=True)])
        total = sum(row[k] for row, k in zip(worth, picks, strict=True))
        if total > best and _allowed(price, territory, width):
            best, found = total, price
    return found, best


def _allowed(price, territory, width):
    for i, a in enumerate(territory):
        for j, b in enumerate(territory):
            if a != b and np.isfinite(width[a, b]) and price[i] - price[j] > width[a, b] + 1e-9:
                return False
    return True
