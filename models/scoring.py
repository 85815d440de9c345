"""Scoring: how well a score ranks and how far its probabilities can be believed.

In:   y [n] outcomes (1: it happened), p or s [n] probabilities or scores, higher is likelier.
Out:  one number, a plain function each. AUC, AP, KS, Gini, precision and recall look at the order
      alone; Brier, ECE and log loss at the probabilities; PSI at two distributions of scores.

An entry whose outcome is NaN is left out. Where one class is absent, what needs both is NaN.
Ties count half in the AUC, and share one threshold in AP and KS.

Source: Mann and Whitney (1947) for the AUC by ranks; Naeini, Cooper and Hauskrecht (2015), Obtaining
        well calibrated probabilities using Bayesian binning (ECE, here with equally many rows a bin);
        Siddiqi (2006), Credit risk scorecards (KS, Gini, PSI: below .10 stable, above .25 shifted).

>>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
>>> auc(y, p), gini(y, p), round(average_precision(y, p), 4), ks(y, p)
(0.75, 0.5, 0.8333, 0.5)
>>> round(brier(y, p), 4)
0.1581
>>> recall_at(y, p, share=0.5), precision_at(y, p, 2)
(0.5, 0.5)
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]
_LEAST_SHARE = 1e-4  # of an empty bin, so that PSI stays finite
_LEAST_PROBABILITY = 1e-12


def auc(y: ArrayLike, s: ArrayLike) -> float:
    """Probability that a positive scores above a negative."""
    y, s = _known(y, s)
    positives, negatives = y.sum(), (1 - y).sum()
    if not positives or not negatives:
        return np.nan
    above = rankdata(s)[y == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def gini(y: ArrayLike, s: ArrayLike) -> float:
    """2 x AUC - 1."""
    return 2 * auc(y, s) - 1


def average_precision(y: ArrayLike, s: ArrayLike) -> float:
    """Precision averaged over the positives, best first."""
    y, s = _known(y, s)
    if not y.sum():
        return np.nan
    hits, seen = _curve(y, s)
    gained = np.diff(hits, prepend=0.0)
    return float((gained * hits / seen).sum() / y.sum())


def ks(y: ArrayLike, s: ArrayLike) -> float:
    """Largest distance between the score distributions of the two classes."""
    y, s = _known(y, s)
    hits, seen = _curve(y, s)
    if not y.sum() or y.all():
        return np.nan
    return float(np.abs(hits / y.sum() - (seen - hits) / (1 - y).sum()).max())


def brier(y: ArrayLike, p: ArrayLike) -> float:
    """Mean squared distance of probability and outcome."""
    y, p = _known(y, p)
    return float(np.mean((p - y) ** 2)) if len(y) else np.nan


def log_loss(y: ArrayLike, p: ArrayLike) -> float:
    """Mean of -log of the probability given to what happened."""
    y, p = _known(y, p)
    p = np.clip(p, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p)))) if len(y) else np.nan


def ece(y: ArrayLike, p: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error: |mean probability - share of outcomes|, averaged over bins."""
    table = reliability(y, p, bins)
    return float((table["gap"].abs() * table["n"]).sum() / table["n"].sum()) if len(table) else np.nan


def reliability(y: ArrayLike, p: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """One row a bin of equally many entries: n, mean probability, share of outcomes, gap."""
    y, p = _known(y, p)
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    rows = [(len(part), p[part].mean(), y[part].mean()) for part in parts]
    table = pd.DataFrame(rows, columns=["n", "probability", "outcome"])
    return table.assign(gap=table["probability"] - table["outcome"])


def psi(expected: ArrayLike, actual: ArrayLike, bins: int = 10) -> float:
    """Population stability index of `actual` scores against `expected` ones, in bins of the latter."""
    before, now = np.asarray(expected, float), np.asarray(actual, float)
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    if not len(before) or not len(now):
        return np.nan
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    shares = [
        np.bincount(np.searchsorted(edges, x, "right"), minlength=len(edges) + 1) for x in (before, now)
    ]
    old, new = (np.maximum(counts / counts.sum(), _LEAST_SHARE) for counts in shares)
    return float(((new - old) * np.log(new / old)).sum())


def precision_at(y: ArrayLike, s: ArrayLike, k: int) -> float:
    """Share of positives among the k highest scores (ties in the order given)."""
    y, s = _known(y, s)
    return float(y[np.argsort(-s, kind="stable")[:k]].mean()) if len(y) else np.nan


def recall_at(y: ArrayLike, s: ArrayLike, *, share: float) -> float:
    """Share of the positives that lie in the highest-scored `share` of all entries."""
    y, s = _known(y, s)
    top = np.argsort(-s, kind="stable")[: round(share * len(y))]
    return float(y[top].sum() / y.sum()) if y.sum() else np.nan


def _known(y: ArrayLike, s: ArrayLike) -> tuple[Array, Array]:
    outcomes, scores = np.asarray(y, dtype=float), np.asarray(s, dtype=float)
    sure = np.isfinite(outcomes)
    return outcomes[sure], scores[sure]


def _curve(y: Array, s: Array) -> tuple[Array, Array]:
    """Positives and entries at or above each distinct score, highest first."""
    order = np.argsort(-s, kind="stable")
    last = np.append(np.diff(s[order]) != 0, True) if len(s) else np.empty(0, bool)
    return np.cumsum(y[order])[last], np.arange(1, len(y) + 1, dtype=float)[last]
