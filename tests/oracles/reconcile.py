"""Slow second answers for reconciliation: the textbook's dense matrices and a general optimiser."""

import itertools

import numpy as np
from scipy.optimize import nnls


def correlation_shrinkage(z):
    """Schaefer and Strimmer's lambda, pair by pair, of standardised errors [n, m]."""
    n, m = z.shape
    above, below = 0.0, 0.0
    for i, j in itertools.permutations(range(n), 2):
        products = z[i] * z[j]
        mean = products.mean()
        above += m / (m - 1) ** 3 * ((products - mean) ** 2).sum()
        below += (m / (m - 1) * mean) ** 2
    return min(max(above / below, 0.0), 1.0)


def covariance(errors, share):
    """D^1/2 (share I + (1 - share) R) D^1/2, dense."""
    deviation = np.sqrt((errors**2).mean(axis=1))
    r = (errors / deviation[:, None]) @ (errors / deviation[:, None]).T / errors.shape[1]
    return np.outer(deviation, deviation) * (share * np.eye(len(r)) + (1 - share) * r)


def min_trace(sums, w, forecast):
    """S (S' W^-1 S)^-1 S' W^-1 f: Wickramasuriya et al. (2019), theorem 1; negative series allowed."""
    s = np.vstack([sums, np.eye(sums.shape[1])])
    inverse = np.linalg.inv(w)
    return np.linalg.solve(s.T @ inverse @ s, s.T @ inverse @ forecast)


def min_trace_not_negative(sums, w, forecast):
    """The same over series >= 0, by Lawson and Hanson's non-negative least squares."""
    s = np.vstack([sums, np.eye(sums.shape[1])])
    root = np.linalg.cholesky(np.linalg.inv(w)).T
    return nnls(root @ s, root @ forecast)[0]
