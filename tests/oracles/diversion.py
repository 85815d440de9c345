"""Slow second answers for the detector of diversion: one number at a time, no arrays."""

import math
from collections import Counter

import numpy as np
import pandas as pd
from scipy.stats import poisson


def spans_by_loop(x, before, after):
    """Sum of each month, `before` months back to `after` months on."""
    t = x.shape[1]
    return np.array(
        [[sum(row[i] for i in range(t) if s - before <= i <= s + after) for s in range(t)] for row in x]
    )


def cusum_by_loop(z, drift):
    found = np.zeros_like(z)
    for i, row in enumerate(z):
        now = 0.0
        for s, value in enumerate(row):
            now = max(0.0, now + (0.0 if math.isnan(value) else value) - drift)
            found[i, s] = now
    return found


def deviance_by_likelihood(count, expected):
    """From the Poisson likelihoods at the count itself and at the expectation."""
    gain = poisson.logpmf(count, max(count, 1e-300)) - poisson.logpmf(count, expected)
    return math.copysign(math.sqrt(2 * max(gain, 0.0)), count - expected)


def flows_by_loop(tables):
    """Scans away from home by (dealer, sku, place, month), counted row by row."""
    home = dict(zip(tables["dealers"]["dealer_id"], tables["dealers"]["territory_id"], strict=True))
    counts = Counter()
    for scan in tables["trace_scans"].itertuples():
        if scan.scanned_territory_id != home[scan.shipped_dealer_id]:
            month = scan.scanned_at.strftime("%Y-%m")
            counts[scan.shipped_dealer_id, scan.sku_id, scan.scanned_territory_id, month] += 1
    return counts


def usual_rate(count, seen, month, guard, shape, prior):
    """A dealer's rate to a place from the other months, with a gamma prior of the given shape and mean."""
    others = [s for s in range(len(count)) if abs(s - month) > guard]
    return (sum(count[s] for s in others) + shape) / (sum(seen[s] for s in others) + shape / prior)


def strongest_fall(z, sku, place, product, where, month):
    """The series of a market whose three months around fell the most, by trying all."""
    best, found = math.inf, -1
    for i in range(len(z)):
        if sku[i] == product and place[i] == where:
            near = [z[i][s] for s in (month - 1, month, month + 1) if 0 <= s < len(z[i])]
            fell = sum(near) / math.sqrt(len(near))
            if fell < best:
                best, found = fell, i
    return found


def any_series(frame: pd.DataFrame) -> dict:
    """1 - prod(1 - p) for each dealer and month of a frame dealer_id, period_start, p."""
    left: dict = {}
    for row in frame.itertuples():
        key = (row.dealer_id, row.period_start)
        left[key] = left.get(key, 1.0) * (1 - row.p)
    return {key: 1 - rest for key, rest in left.items()}
