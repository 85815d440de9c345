"""Second answers for the anomaly room: slow, from the formulas, one cell at a time."""

from itertools import pairwise, product

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student


def days_of_stock(stock, sold, period_days):
    """Stock over the mean daily sales of the last three periods on record, cell by cell."""
    out = np.full(stock.shape, np.nan)
    for i, t in np.ndindex(stock.shape):
        seen = [x for x in sold[i, max(0, t - 2) : t + 1] if np.isfinite(x)]
        if np.isfinite(stock[i, t]) and seen:
            daily = np.mean(seen) / period_days
            out[i, t] = 0.0 if stock[i, t] == 0 else (stock[i, t] / daily if daily else np.inf)
    return out


def spell(residual, spread, begins, ends, depth, depth_spread, tail):
    """P(spell in the last period | all) by adding up every path of the two states."""
    start = begins / (begins + ends) / 2
    on = start * (1 - ends) + (1 - start) * begins  # in the first period
    total = {0: 0.0, 1: 0.0}
    for path in product((0, 1), repeat=len(residual)):
        p = on if path[0] else 1 - on
        for before, now in pairwise(path):
            stay = (1 - ends if now else ends) if before else (begins if now else 1 - begins)
            p *= stay
        for state, r in zip(path, residual, strict=True):
            if np.isfinite(r):
                low = norm.pdf(max(r, depth), depth, np.hypot(depth_spread, spread))
                p *= low if state else student.pdf(r / spread, tail) / spread
        total[path[-1]] += p
    return total[1] / (total[0] + total[1])


def market_moves(own, dealer, market, prior):
    """Drawn median of the other dealers' medians, cell by cell."""
    out = np.zeros(own.shape)
    for i, t in np.ndindex(own.shape):
        medians = []
        for d in sorted(set(dealer[market == market[i]]) - {dealer[i]}):
            seen = [
                own[j, t]
                for j in np.flatnonzero((market == market[i]) & (dealer == d))
                if own[j, t] == own[j, t]
            ]
            medians += [np.median(seen)] if seen else []
        out[i, t] = np.median(medians) * len(medians) / (len(medians) + prior) if medians else 0.0
    return out


def neighbour_distance(rows, k):
    """Distance of each row to its k-th nearest, itself counted as the first."""
    return np.array([sorted(np.sqrt(((rows - row) ** 2).sum(axis=1)))[k - 1] for row in rows])


def surprise(past, row, upper, others_share):
    """Largest -log tail probability and a share of the others, for a row inside the past."""
    parts = []
    for j, value in enumerate(row):
        n = len(past)
        above = (sum(x >= value for x in past[:, j]) + 0.5) / (n + 1)
        below = (sum(x <= value for x in past[:, j]) + 0.5) / (n + 1)
        tail = above if j in upper else min(1.0, 2 * min(above, below))
        parts.append(-np.log(min(tail, 1.0)))
    return max(parts) + others_share * (sum(parts) - max(parts))


def in_budget(losses, minutes, left):
    """Which alerts fit, taken by loss a minute."""
    taken = set()
    for i in sorted(range(len(losses)), key=lambda i: (-losses[i] / minutes[i], -losses[i], i)):
        if minutes[i] <= left:
            taken.add(i)
            left -= minutes[i]
    return taken
