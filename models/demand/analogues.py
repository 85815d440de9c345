"""Analogues: an honest answer for a series with little history, or none, from series that resemble it.

How large a new series will be is told by its attributes (models.demand.usual). How far such a guess misses is
told by its analogues: the known series that share most with it, each asked the same question as if it were
new itself (its own history hidden; for a new product every series of its product, for a new dealer every
series of its dealer). Their truths over their guesses are the quantiles. The first of them are named, with
what they share.

As months arrive the guess moves to the series' own mean: k months count k against a pull, both learned on the
analogues' question with k months shown, so the band narrows as fast as it did for them.

Shapes: n series asked, h periods ahead, k levels; units.
Source: empirical Bayes shrinkage, Efron and Morris (1975); Vovk (2015), cross-conformal prediction.
Limits: flat over the periods ahead: no launch curve. At most `_MOST_KNOWN` known series are looked through.

>>> from features.frequency import MONTHLY
>>> pairs = [(d, s) for d in "ABCDEFGH" for s in "xyz"]
>>> static = pd.DataFrame(pairs, columns=["dealer_id", "sku_id"])
>>> units = np.repeat([[10.0], [20.0], [40.0]], 8, axis=1).T.ravel()[:, None] * np.ones(24)
>>> first = pd.Timestamp("2024-01-01")
>>> known = Panel(static=static, first=first, freq=MONTHLY, y=units)
>>> newcomer = pd.DataFrame({"dealer_id": ["N"], "sku_id": ["z"]})
>>> asked = Panel(static=newcomer, first=first, freq=MONTHLY, y=np.full((1, 24), np.nan))
>>> guess = Analogues().fit(known).answer(asked, 2)
>>> guess.mean.round().tolist(), guess.named[0][0]
([[40.0, 40.0]], Likeness(unique_id='A/z', shared=('sku_id',), units=40.0))
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import Panel
from features.windows import level, window_mean
from models.demand.forecast import LEVELS, Likeness
from models.demand.ranks import zeroed
from models.demand.usual import Usual
from models.errors import NotFitted

Array = NDArray[np.float64]
Rows = NDArray[np.intp]
NEW = ((), ("sku_id",), ("dealer_id",), ("dealer_id", "sku_id"))  # what of a series is new
MONTHS = (0, 1, 2, 3, 6)  # own periods shown
_PULLS = (0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0)
_FOLDS = 5
_MOST_KNOWN = 20_000
_GAP = 1  # periods between the last shown and the one asked for
_LARGEST_RATIO = 20.0
_CHUNK = 256
_TIE = 0.05  # of a variance, for a size e times as large


@dataclass(frozen=True, kw_only=True)
class Guess:
    """What analogues say."""

    mean: Array  # [n, h]
    quantiles: Array  # [n, h, k]
    zero_probability: Array  # [n, h] fraction; NaN without any analogue
    named: list[tuple[Likeness, ...]]  # [n]


@dataclass(frozen=True)
class _Question:
    """A guess that known series were asked for as if new, with some periods shown."""

    pull: float  # periods that the attributes count for
    ratios: Array  # [known, r] truth over guess
    told: Array  # [known] log units, by attributes alone


@dataclass(kw_only=True)
class Analogues:
    """Usual sizes, and known series to resemble."""

    nearest: int = 60
    named: int = 5
    usual_: Usual | None = field(default=None, init=False, repr=False)
    static_: pd.DataFrame = field(init=False, repr=False)  # of known series
    ids_: NDArray[np.object_] = field(init=False, repr=False)
    size_: Array = field(init=False, repr=False)  # [known] log units
    questions_: dict[tuple[tuple[str, ...], int], _Question] = field(
        default_factory=dict, init=False, repr=False
    )

    def fit(self, panel: Panel) -> Self:
        """Learn usual sizes, and how far a guess misses, from the series that have sold."""
        known = _known(panel)
        self.static_, self.ids_ = known.static, known.ids
        self.size_ = np.log(level(known.y, known.freq.season))
        self.usual_ = Usual().fit(self.size_, self.static_)
        self.questions_ = {}
        for new in NEW:
            told = self._hidden(new)
            for months in MONTHS:
                self.questions_[new, months] = _question(known.y, told, months, known.freq.season)
        return self

    def answer(self, panel: Panel, horizon: int) -> Guess:
        """Mean, quantiles and named analogues of each series."""
        if self.usual_ is None:
            raise NotFitted(self)
        static = self.usual_.filled(panel.static)
        told = np.exp(self.usual_.predict(static))
        lately = panel.y[:, -panel.freq.season :]
        count, own = np.isfinite(lately).sum(axis=1), np.nan_to_num(window_mean(lately, lately.shape[1]))
        mean, zero, quantiles = np.zeros(panel.n), np.zeros(panel.n), np.zeros((panel.n, len(LEVELS)))
        named: list[tuple[Likeness, ...]] = [()] * panel.n
        for rows, question in self._questions(static, count):
            share = count[rows] / (count[rows] + question.pull)
            guess = share * own[rows] + (1 - share) * told[rows]
            near = self._nearest(static.iloc[rows], told[rows], question.told)
            ratio, bands, zero[rows] = _spread(question.ratios, near)
            mean[rows], quantiles[rows] = guess * ratio, guess[:, None] * bands
            for row, like in zip(rows, near, strict=True):
                named[row] = self._named(static.iloc[row], like[: self.named])
        flat = [np.repeat(told[:, None], horizon, axis=1) for told in (mean, quantiles, zero)]
        return Guess(mean=flat[0], quantiles=flat[1], zero_probability=flat[2], named=named)

    def _hidden(self, new: tuple[str, ...]) -> Array:
        """Log size of each known series, told by attributes with what is new hidden, [known]."""
        out, fold = np.empty(len(self.size_)), _folds(self.static_, self.ids_, new)
        asked = self.static_.drop(columns=list(new))
        for one in np.unique(fold):
            out[fold == one] = (
                Usual()
                .fit(self.size_[fold != one], self.static_.iloc[fold != one])
                .predict(asked.iloc[fold == one])
            )
        return out

    def _questions(self, static: pd.DataFrame, count: NDArray[np.intp]) -> Iterator[tuple[Rows, _Question]]:
        """Rows that were asked the same question, a part at a time."""
        shown = np.searchsorted(MONTHS, count, side="right") - 1
        effects = self.usual_.effects_ if self.usual_ else {}
        new = np.zeros(len(static), dtype=int)
        for bit, by in ((2, "dealer_id"), (1, "sku_id")):
            new += bit * ~static[by].astype(str).isin(effects[by].index).to_numpy()
        for kind in np.unique(new):
            for months in np.unique(shown[new == kind]):
                rows = np.flatnonzero((new == kind) & (shown == months))
                question = self.questions_[NEW[kind], MONTHS[months]]
                yield from ((rows[i : i + _CHUNK], question) for i in range(0, len(rows), _CHUNK))

    def _nearest(self, static: pd.DataFrame, told: Array, theirs_told: Array) -> Rows:
        """The known series that share most with each asked one, the most alike first, [n, nearest].

        Of two alike the one told to be nearer in size comes first; by true sizes a miss would look small.
        """
        far = np.zeros((len(static), len(self.size_)))
        strengths = self.usual_.strengths_ if self.usual_ else {}
        for by, strength in strengths.items():
            if by in static:
                mine, theirs = static[by].astype(str).to_numpy(), self.static_[by].astype(str).to_numpy()
                far += strength * (mine[:, None] != theirs[None, :])
        far += _TIE * np.abs(np.log(told)[:, None] - theirs_told[None, :])
        return np.argsort(far, axis=1, kind="stable")[:, : self.nearest]

    def _named(self, series: "pd.Series[str]", rows: Rows) -> tuple[Likeness, ...]:
        columns = [by for by in self.static_.columns if by in series.index and pd.notna(series[by])]
        return tuple(
            Likeness(
                unique_id=str(self.ids_[row]),
                shared=tuple(by for by in columns if str(series[by]) == str(self.static_[by].iloc[row])),
                units=float(np.round(np.exp(self.size_[row]), 3)),
            )
            for row in rows
        )


def _known(panel: Panel) -> Panel:
    """Series that have sold, ordered by id; evenly thinned when there are very many."""
    known = panel.take(panel.started() & (np.nan_to_num(panel.y).sum(axis=1) > 0))
    order = np.argsort(known.ids.astype(str), kind="stable")
    return known.take(order[:: max(1, -(-known.n // _MOST_KNOWN))])


def _folds(static: pd.DataFrame, ids: NDArray[np.object_], new: tuple[str, ...]) -> Rows:
    """Which series are hidden together, [known]."""
    by = static[new[-1]].astype(str) if new else pd.Series(ids.astype(str))
    return np.asarray(pd.factorize(by, sort=True)[0] % _FOLDS, dtype=np.intp)


def _question(y: Array, log_told: Array, months: int, season: int) -> _Question:
    """The pull that guesses best with some own periods shown, and last year's truths over the guesses."""
    t, told = y.shape[1], np.exp(log_told)
    asked = range(max(t - season, min(months + _GAP, t - 1)), t)
    truth = y[:, asked.start : t]
    if not months:
        return _Question(1.0, _over(truth, np.broadcast_to(told[:, None], truth.shape)), log_told)
    own = np.stack(
        [window_mean(y[:, max(j - _GAP - months, 0) : max(j - _GAP, 1)], months) for j in asked], axis=1
    )
    truth = np.where(np.isfinite(own), truth, np.nan)
    guesses = [_blend(own, told, months, pull) for pull in _PULLS]
    misses = [np.nansum(np.abs(truth - g) / told[:, None]) for g in guesses]
    best = int(np.argmin(misses))
    return _Question(_PULLS[best], _over(truth, guesses[best]), log_told)


def _blend(own: Array, told: Array, months: int, pull: float) -> Array:
    share = months / (months + pull)
    return share * own + (1 - share) * told[:, None]


def _over(truth: Array, guess: Array) -> Array:
    return np.asarray(np.minimum(truth / np.maximum(guess, 1e-12), _LARGEST_RATIO))


def _spread(ratios: Array, near: Rows) -> tuple[Array, Array, Array]:
    """Mean [n], quantiles [n, k] and share of zeros [n] of the analogues' ratios; 1, 1, NaN without any."""
    if not near.shape[1]:
        return np.ones(len(near)), np.ones((len(near), len(LEVELS))), np.full(len(near), np.nan)
    flat = ratios[near].reshape(len(near), -1)
    none = ~np.isfinite(flat).any(axis=1)
    flat[none] = 1.0
    zero = np.where(none, np.nan, (flat <= 0).sum(axis=1) / np.isfinite(flat).sum(axis=1))
    bands = zeroed(np.nanquantile(flat, LEVELS, axis=1).T, LEVELS, zero)
    return np.nanmean(flat, axis=1), bands, zero
