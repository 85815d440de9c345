"""Boosted: trees, trees on pairs of columns, and the scorecard, weighed in log-odds and calibrated.

In:   X, a frame of any columns (models.credit.columns), y [n] 0/1 (1: the bad event).
Out:  predict: calibrated probability [n]; contributions [n, k] of the used columns, in log-odds.

The rows are cut into `folds`; each member is fitted once without each fold, and its guesses for
that fold are honest. They decide how long the trees grow, how much each member counts (weights at
zero or above) and the calibration; no row given to `predict` is needed for any of it. The fitted trees
of all folds are kept and averaged, which also steadies them.

`directions` (+1: more is worse, -1: more is better) bind every member; a column with a direction is
not paired, since a ratio would let it turn round.

Source: Ke et al. (2017), LightGBM; Wolpert (1992), Stacked generalization; van der Laan et al. (2007).
Limits: `max_cells` bounds the memory of pairs; with fewer than `least` cases of a class the answer is
        the scorecard's (in the end the shrunk rate).
Errors: models.errors.NotFitted; models.credit.columns.BadFrame.

>>> rng = np.random.default_rng(0)
>>> X = pd.DataFrame({"debt": rng.random(800), "assets": 0.2 + rng.random(800)})
>>> y = (rng.random(800) < 1 / (1 + np.exp(3 - 2 * X["debt"] / X["assets"]))).astype(int)
>>> p = Boosted(rounds=60).fit(X, y).predict(X)
>>> bool(abs(p.mean() - y.mean()) < 0.02), bool(np.corrcoef(p, X["debt"] / X["assets"])[0, 1] > 0.7)
(True, True)
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from models.calibration import Calibrator
from models.credit.columns import Columns, outcomes
from models.credit.pairs import Pairs
from models.credit.scorecard import Scorecard, folds_of, weighed
from models.errors import NotFitted

Array = NDArray[np.float64]
_CLIP = 1e-5  # of a member's guess, before log-odds
_STACK_PULL = 3.0
_LARGEST = 1e30  # beyond it a float32 overflows


@dataclass
class _Grove:
    """The trees of one member: one booster a fold."""

    boosters: list[lgb.Booster]
    pairs: Pairs | None
    guesses: Array  # [n], log-odds of rows that the booster had not seen

    def log_odds(self, x: Array) -> Array:
        """Mean over the folds, [n]."""
        rows = self.rows(x)
        each = [np.asarray(b.predict(rows, raw_score=True, num_threads=1)) for b in self.boosters]
        return np.asarray(np.mean(each, axis=0))

    def contributions(self, x: Array) -> Array:
        """Effects of the original columns, [n, k]."""
        if not len(x):
            return np.zeros(x.shape)
        rows, k = self.rows(x), x.shape[1]
        each = [np.asarray(b.predict(rows, pred_contrib=True, num_threads=1))[:, :-1] for b in self.boosters]
        effects = np.mean(each, axis=0)
        own = np.array(effects[:, :k])
        return own if self.pairs is None else own + self.pairs.back(effects[:, k:])

    def rows(self, x: Array) -> NDArray[Any]:
        return x if self.pairs is None else np.hstack([x.astype(np.float32), self.pairs.make(x)])


@dataclass(kw_only=True)
class Boosted:
    """Champion for credit files; nothing to tune."""

    directions: Mapping[str, int] = field(default_factory=dict)
    rounds: int = 700
    learning_rate: float = 0.05
    leaves: int = 15
    column_share: float = 0.3
    pair_columns: int = 64  # at most this many are paired
    max_cells: int = 25_000_000
    folds: int = 5
    least: int = 20
    seed: int = 0
    columns_: Columns | None = field(default=None, init=False, repr=False)
    card_: Scorecard | None = field(default=None, init=False, repr=False)
    groves_: list[_Grove] = field(default_factory=list, init=False, repr=False)
    weights_: Array = field(default_factory=lambda: np.empty(0), init=False)  # card, trees, pairs
    level_: float = field(default=0.0, init=False)
    calibrator_: Calibrator | None = field(default=None, init=False, repr=False)
    cross_fitted_: Array | None = field(default=None, init=False, repr=False)

    def fit(self, X: pd.DataFrame, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Members, their weights and the calibration; rows of one group are never on both sides."""
        y = outcomes(y, len(X))
        self.columns_ = Columns().fit(X)
        self.card_ = Scorecard(directions=self.directions, seed=self.seed, folds=self.folds).fit(X, y, groups)
        self.groves_, self.calibrator_, self.cross_fitted_ = [], None, self.card_.cross_fitted_
        if min(y.sum(), (1 - y).sum()) < self.least or not self.columns_.names_:
            return self
        x = self._matrix(X)
        fold = folds_of(y, self.folds, self.seed, groups)
        self.groves_.append(self._grove(x, y, fold, None))
        if (pairs := self._pairs(self.groves_[0], len(y))) is not None:
            self.groves_.append(self._grove(x, y, fold, pairs))
        self._stack(y)
        return self

    def predict(self, X: pd.DataFrame) -> Array:
        """Probability of the bad event, [n]."""
        card = self._card()
        if self.calibrator_ is None:
            return card.predict(X)
        x = self._matrix(X)
        members = [_log_odds(card.predict(X)), *(grove.log_odds(x) for grove in self.groves_)]
        return self.calibrator_.predict(expit(np.column_stack(members) @ self.weights_ + self.level_))

    @property
    def names_(self) -> list[Hashable]:
        """The used columns."""
        return self._columns().names_

    def contributions(self, X: pd.DataFrame) -> Array:
        """What each of `names_` adds to the log-odds before calibration, [n, k]."""
        out, card = np.zeros((len(X), len(self.names_))), self._card()
        weights = self.weights_ if self.calibrator_ is not None else np.ones(1)
        at = [self.names_.index(name) for name in card.names_]
        out[:, at] += weights[0] * card.contributions(X)
        x = self._matrix(X) if self.groves_ else np.empty(0)
        for weight, grove in zip(weights[1:], self.groves_, strict=True):
            out += weight * grove.contributions(x) if weight > 0 else 0.0
        return out

    def _columns(self) -> Columns:
        if self.columns_ is None:
            raise NotFitted(self)
        return self.columns_

    def _card(self) -> Scorecard:
        if self.card_ is None:
            raise NotFitted(self)
        return self.card_

    def _matrix(self, X: pd.DataFrame) -> Array:
        """Numbers, then words as codes, [n, k]."""
        columns = self._columns()
        frame = columns.frame(X)
        out = np.full((len(X), len(columns.names_)), np.nan)
        for j, name in enumerate(columns.names_):
            if name in columns.levels_:
                code = {word: i for i, word in enumerate(columns.levels_[name])}
                out[:, j] = frame[name].map(code).astype(float).to_numpy()
            else:
                out[:, j] = frame[name].to_numpy()
        return np.asarray(np.clip(out, -_LARGEST, _LARGEST))

    def _pairs(self, grove: _Grove, rows: int) -> Pairs | None:
        """Pairs of the columns that the trees used most; numbers without a direction only."""
        columns = self._columns()
        free = [j for j, name in enumerate(columns.numbers_) if not self.directions.get(str(name))]
        gain = np.sum([b.feature_importance("gain") for b in grove.boosters], axis=0)
        affordable = int(np.sqrt(self.max_cells / max(rows, 1)))
        most = min(self.pair_columns, affordable)
        chosen = sorted(free, key=lambda j: -gain[j])[:most]
        return Pairs.of(chosen, columns=len(columns.names_)) if len(chosen) > 1 else None

    def _grove(self, x: Array, y: Array, fold: NDArray[np.intp], pairs: Pairs | None) -> _Grove:
        grove = _Grove([], pairs, np.zeros(len(y)))
        rows = grove.rows(x)
        for f in range(self.folds):
            booster = self._booster(rows, y, fold == f, f)
            grove.guesses[fold == f] = np.asarray(
                booster.predict(rows[fold == f], raw_score=True, num_threads=1)
            )
            grove.boosters.append(booster)
        return grove

    def _booster(self, rows: NDArray[Any], y: Array, held: NDArray[np.bool_], number: int) -> lgb.Booster:
        options = self._options(rows.shape[1], int((~held).sum()), number)
        binning = {name: options[name] for name in ("max_bin", "verbosity", "num_threads", "min_data_in_bin")}
        words = self._columns().words_
        first = len(self._columns().numbers_)
        codes = list(range(first, first + len(words)))
        data = lgb.Dataset(rows[~held], y[~held], params=binning, categorical_feature=codes or "auto")
        judge = lgb.Dataset(rows[held], y[held], reference=data)
        stop = lgb.early_stopping(80, verbose=False)
        booster = lgb.train(options, data, self.rounds, valid_sets=[judge], callbacks=[stop])
        return lgb.Booster(model_str=booster.model_to_string(num_iteration=booster.best_iteration))

    def _options(self, width: int, rows: int, number: int) -> dict[str, Any]:
        wide = width > 4 * len(self._columns().names_)
        signs = [self.directions.get(str(name), 0) for name in self._columns().names_]
        monotone = {"monotone_constraints": signs + [0] * (width - len(signs))} if any(signs) else {}
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "feature_fraction": max(self.column_share * (0.1 if wide else 1.0), min(1.0, 3 / width)),
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "min_data_in_leaf": int(np.clip(np.sqrt(rows) / 5, 5, 40)),
            "min_data_in_bin": 3,
            "lambda_l2": 3.0,
            "max_bin": 63 if wide else 255,
            "seed": self.seed * 1000 + number,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        } | monotone

    def _stack(self, y: Array) -> None:
        card = self._card().cross_fitted_
        assert card is not None  # noqa: S101  (least > Scorecard.least)
        members = np.column_stack([_log_odds(card), *(grove.guesses for grove in self.groves_)])
        self.weights_, self.level_ = weighed(members, y, _STACK_PULL)
        guesses = expit(members @ self.weights_ + self.level_)
        self.calibrator_ = Calibrator().fit(guesses, y)
        self.cross_fitted_ = guesses


def _log_odds(p: Array) -> Array:
    return np.asarray(logit(np.clip(p, _CLIP, 1 - _CLIP)))
