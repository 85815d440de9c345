"""Tabular: how unusual is each row of a table of numbers, when nobody has said which rows are wrong.

In:   X [n, k] numbers; NaN where not known.
Out:  scores [n], about 0 to 1, higher is more unusual: the share of the fitted rows that are less so.

Two parts, each turned into ranks against the rows of the fit and averaged, distance counting
three times:

distance   to the neighbour at 5 % of the rows, columns scaled by median and quartiles. So far out
           because a small k calls a dense clump of bad rows normal as soon as there are k of them.
forest     isolation forest, 300 trees of 256 rows: blind to scale, strong when few columns matter.

A missing number stands at the median of its column; how many a row lacks is a column of its own.

Source: Ramaswamy, Rastogi and Shim (2000), distance to the k-th neighbour; Liu, Ting and Zhou (2008),
        Isolation forest; Aggarwal and Sathe (2017), Outlier ensembles (ranks, few good parts).
Limits: it names what is unusual, not what is wrong. Beyond `MOST_ROWS` rows neighbours are sought in
        a sample. Local outliers between dense clusters are found late.
Errors: models.errors.NotFitted; ModelError when there are no rows or no numbers.

>>> rng = np.random.default_rng(0)
>>> X = np.vstack([rng.normal(size=(200, 3)), [[9.0, 9.0, 9.0]]])
>>> int(Tabular().fit(X).score(X).argmax())
200
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors

from models.errors import ModelError, NotFitted

Array = NDArray[np.float64]

MOST_ROWS = 10_000
_NEIGHBOUR_RATE, _LEAST_NEIGHBOURS = 0.05, 5
_DISTANCE_WEIGHT = 3.0  # to one of the forest
_FORESTS, _TREES, _ROWS_A_TREE = 3, 100, 256
_MOST_SPREADS = 20.0  # further out is as far
_QUARTILES_PER_SIGMA = 1.349
_AT_ONCE = 2_000


@dataclass
class Tabular:
    """Rank mean of distance and isolation forest."""

    seed: int = 0
    centre_: Array | None = field(default=None, init=False)  # [k]
    spread_: Array | None = field(default=None, init=False)  # [k]
    neighbours_: Any = field(default=None, init=False, repr=False)
    forests_: list[Any] = field(default_factory=list, init=False, repr=False)
    k_: int = field(default=0, init=False)
    fitted_: dict[str, Array] = field(default_factory=dict, init=False, repr=False)  # sorted part scores

    def fit(self, X: ArrayLike) -> Self:
        """Learn what is usual from rows that may hold a few bad ones."""
        raw = _checked(X)
        self.centre_, self.spread_ = _scale(raw)
        rows = self._scaled(raw)
        rng = np.random.default_rng(self.seed)
        kept = rng.choice(len(rows), MOST_ROWS, replace=False) if len(rows) > MOST_ROWS else slice(None)
        reference = rows[kept]
        wanted = max(_LEAST_NEIGHBOURS, int(_NEIGHBOUR_RATE * len(reference))) + 1  # itself is one
        self.k_ = min(wanted, len(reference))
        self.neighbours_ = NearestNeighbors(n_neighbors=self.k_, algorithm="brute").fit(reference)
        self.forests_ = [
            IsolationForest(
                n_estimators=_TREES, max_samples=min(_ROWS_A_TREE, len(rows)), random_state=self.seed + i
            ).fit(rows)
            for i in range(_FORESTS)
        ]
        self.fitted_ = {name: np.sort(part) for name, part in self.parts(raw).items()}
        return self

    def score(self, X: ArrayLike) -> Array:
        """How unusual each row is, [n]."""
        parts = self.parts(X)
        weights = {"distance": _DISTANCE_WEIGHT, "forest": 1.0}
        total = sum(weights[name] * _rank(part, self.fitted_[name]) for name, part in parts.items())
        return np.asarray(total / sum(weights.values()))

    def parts(self, X: ArrayLike) -> dict[str, Array]:
        """Distance and forest before they are ranked, [n] each."""
        if self.centre_ is None:
            raise NotFitted(self)
        rows = self._scaled(_checked(X))
        forest = -np.mean([one.score_samples(rows) for one in self.forests_], axis=0)
        return {"distance": self._distance(rows), "forest": np.asarray(forest)}

    def _distance(self, rows: Array) -> Array:
        chunks = [rows[i : i + _AT_ONCE] for i in range(0, len(rows), _AT_ONCE)]
        far = [self.neighbours_.kneighbors(chunk)[0][:, -1] for chunk in chunks]
        return np.concatenate(far)

    def _scaled(self, raw: Array) -> Array:
        """Spreads from the median; how many numbers are missing as a last column when any were."""
        if self.centre_ is None or self.spread_ is None:
            raise NotFitted(self)
        lacking = np.isnan(raw).sum(axis=1, keepdims=True).astype(float)
        table = np.hstack([raw, lacking])
        if table.shape[1] != len(self.centre_):
            raise ModelError(f"{table.shape[1] - 1} columns; expected {len(self.centre_) - 1} as in fit.")
        away = (np.where(np.isnan(table), self.centre_, table) - self.centre_) / self.spread_
        return np.asarray(np.clip(away, -_MOST_SPREADS, _MOST_SPREADS))


def _checked(X: ArrayLike) -> Array:
    raw = np.asarray(X, dtype=float)
    if raw.ndim != 2 or not raw.size:
        raise ModelError(f"A table of numbers with rows and columns is needed; got shape {raw.shape}.")
    return np.where(np.isfinite(raw), raw, np.nan)


def _scale(raw: Array) -> tuple[Array, Array]:
    """Median and spread of each column and of the count of missing numbers."""
    table = np.hstack([raw, np.isnan(raw).sum(axis=1, keepdims=True)])
    empty = np.isnan(table).all(axis=0)
    table = np.where(empty, 0.0, table)
    low, centre, high = np.nanpercentile(table, [25, 50, 75], axis=0)
    spread = (high - low) / _QUARTILES_PER_SIGMA
    spread = np.where(spread > 0, spread, np.nanstd(table, axis=0))
    return np.asarray(centre), np.asarray(np.where(spread > 0, spread, 1.0))


def _rank(part: Array, fitted: Array) -> Array:
    """Share of the fitted rows below, ties half; above all of them a little more than 1."""
    below = np.searchsorted(fitted, part, "left") + np.searchsorted(fitted, part, "right")
    beyond = np.maximum(part - fitted[-1], 0) / (np.abs(part) + 1e-12)
    return np.asarray((below / 2 + beyond) / len(fitted))
