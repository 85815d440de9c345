"""Late: will this invoice be paid late, by how many days, and when does the cash come?

In:   a ledger (features.payments), table dealers, bills: dealer_id, amount, issued_at, due_at, moment.
Out:  `predict`: frame with `probability` (paid later than due + grace), `expected_days` and quantiles
      of days after the due date; `distribution`: the days.

Members: the mixed model of days (models.credit.lateness), the scorecard and boosted trees
on the dealer's record, and the dealer's shrunk late rate as it is. They are weighed on forecasts of
later invoices by members of earlier ones (`cuts`: expanding steps inside the invoices given); the same
forecasts make the calibration and the days: invoices of like probability lend their days, late ones
and those in time apart.

An invoice that is already some days past its due date without payment is asked for what is left: the part
of the distribution before that day is cut off; past due + grace it is late for certain.

Limits: terms and calendar as they come; what was never paid counts as `MOST` days.
Errors: models.errors.NotFitted; features.errors.TooFewRows.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from features.errors import TooFewRows
from features.invoicing import invoice_rows
from features.payments import Ledger
from models.calibration import Calibrator
from models.credit.boosted import Boosted
from models.credit.lateness import MOST, Lateness
from models.credit.scorecard import weighed
from models.errors import NotFitted

Array = NDArray[np.float64]
STEPS = np.linspace(0.02, 0.98, 25)
_LEAST_ROWS = 60
_STRATA = 8
_CLIP = 1e-4
_WHAT = "Late payment: invoices with a known outcome, late ones and others,"


@dataclass(kw_only=True)
class Late:
    """Late payment of one invoice."""

    cuts: tuple[float, ...] = (0.4, 0.55, 0.7, 0.85)
    seed: int = 0
    lateness_: Lateness | None = field(default=None, init=False, repr=False)
    trees_: Boosted | None = field(default=None, init=False, repr=False)
    weights_: Array = field(default_factory=lambda: np.empty(0), init=False)  # mixed, trees, late rate
    level_: float = field(default=0.0, init=False)
    calibrator_: Calibrator | None = field(default=None, init=False, repr=False)
    edges_: Array = field(default_factory=lambda: np.empty(0), init=False, repr=False)
    usual_: float = field(default=0.3, init=False)  # share of late invoices
    in_time_: Array = field(
        default_factory=lambda: np.empty((0, 0)), init=False, repr=False
    )  # [strata, steps]
    when_late_: Array = field(default_factory=lambda: np.empty((0, 0)), init=False, repr=False)

    def fit(self, ledger: Ledger, dealers: pd.DataFrame, moment: pd.Timestamp) -> Self:
        """Learn from the invoices whose outcome was known at the moment."""
        bills = training_bills(ledger, moment)
        if len(bills) < _LEAST_ROWS or bills["late"].nunique() < 2:
            raise TooFewRows(_WHAT, _LEAST_ROWS, len(bills))
        members, y, days = self._rehearse(ledger, dealers, bills)
        self.weights_, self.level_ = weighed(members, y, 1.0)
        guesses = expit(members @ self.weights_ + self.level_)
        self.calibrator_ = Calibrator(prior=10.0).fit(guesses, y)
        self._learn_days(self.calibrator_.predict(guesses), y, days)
        self.lateness_, self.trees_ = self._members(ledger, dealers, bills, moment)
        return self

    def predict(self, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame) -> pd.DataFrame:
        """One row a bill, in their order."""
        p = self.probability(ledger, dealers, bills)
        age = _age(bills)
        days, weights = self.left(p, age)
        late = np.where(age > ledger.grace_days, 1.0, (weights * (days > ledger.grace_days)).sum(axis=1))
        late = np.where(age < self.in_time_.min(initial=0.0), p, late)
        return pd.DataFrame(
            {
                "probability": np.clip(late, 0, 1),
                "expected_days": (weights * days).sum(axis=1),
                **{f"q{round(100 * q)}_days": _quantile(days, weights, q) for q in (0.1, 0.5, 0.9)},
            },
            index=bills.index,
        )

    def probability(self, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame) -> Array:
        """Probability at the moment of each bill, as if it were new, [n]."""
        if self.lateness_ is None or self.trees_ is None or self.calibrator_ is None:
            raise NotFitted(self)
        members = _members(self.lateness_, self.trees_, ledger, dealers, bills)
        return self.calibrator_.predict(expit(members @ self.weights_ + self.level_))

    def contributions(
        self, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame
    ) -> tuple[Array, list[str]]:
        """What moves the log-odds, [n, k], and the columns; `habit` is the mixed model's part."""
        if self.lateness_ is None or self.trees_ is None:
            raise NotFitted(self)
        rows = invoice_rows(ledger, dealers, bills)
        effects = self.weights_[1] * self.trees_.contributions(rows)
        rate = rows["late_rate"].to_numpy(float).clip(_CLIP, 1 - _CLIP)
        plain = self.weights_[2] * (logit(rate) - float(logit(np.clip(self.usual_, _CLIP, 1 - _CLIP))))
        habit = self.weights_[0] * _mixed(self.lateness_, ledger, dealers, bills)
        usual = self.weights_[0] * float(logit(np.clip(self.usual_, _CLIP, 1 - _CLIP)))
        names = ["habit", "late_rate", *map(str, self.trees_.names_)]
        return np.column_stack([habit - usual, plain, effects]), names

    def left(self, p: Array, age: Array) -> tuple[Array, Array]:
        """Days [n, 2 steps] and weights of what can still come, so many days past the due date."""
        days, weights = self.distribution(p)
        weights = np.where(days < age[:, None], 0.0, weights)
        gone = weights.sum(axis=1) <= 0  # later than anyone was
        days = np.where(gone[:, None], age[:, None] + 30, days)
        weights = np.where(gone[:, None], 1.0, weights)
        return days, weights / weights.sum(axis=1, keepdims=True)

    def distribution(self, p: Array) -> tuple[Array, Array]:
        """Days [n, 2 steps] after the due date, ascending in each half, and their weights [n, 2 steps]."""
        stratum = np.searchsorted(self.edges_, p)
        days = np.hstack([self.in_time_[stratum], self.when_late_[stratum]])
        half = np.full((len(p), len(STEPS)), 1 / len(STEPS))
        return days, np.hstack([half * (1 - p)[:, None], half * p[:, None]])

    def _members(
        self, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame, moment: pd.Timestamp
    ) -> tuple[Lateness, Boosted]:
        seen = bills[bills["outcome_known_at"] <= moment]
        rows = invoice_rows(ledger, dealers, seen)
        trees = Boosted(pair_columns=0, seed=self.seed, leaves=7, rounds=400)
        self.usual_ = float(seen["late"].mean())
        return Lateness().fit(ledger, dealers, moment), trees.fit(rows, seen["late"].astype(float))

    def _rehearse(
        self, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame
    ) -> tuple[Array, Array, Array]:
        """Members' log-odds for later invoices, the outcomes, and the days."""
        at = [bills["moment"].quantile(q) for q in self.cuts] + [bills["moment"].max() + pd.Timedelta(days=1)]
        parts: list[Array] = []
        asked: list[pd.DataFrame] = []
        for begins, ends in pairwise(at):
            part = bills[(bills["moment"] >= begins) & (bills["moment"] < ends)]
            seen = bills[bills["outcome_known_at"] <= begins]
            if len(part) and len(seen) > _LEAST_ROWS // 2:
                lateness, trees = self._members(ledger, dealers, bills, begins)
                parts.append(_members(lateness, trees, ledger, dealers, part))
                asked.append(part)
        if not asked:
            raise TooFewRows("Late payment: invoices before the first rehearsal", _LEAST_ROWS // 2, 0)
        held = pd.concat(asked)
        return np.vstack(parts), held["late"].to_numpy(float), held["late_days"].fillna(MOST).to_numpy(float)

    def _learn_days(self, p: Array, y: Array, days: Array) -> None:
        """Days of invoices of like probability, late ones and others apart."""
        cuts = np.unique(np.quantile(p, np.linspace(0, 1, _STRATA + 1)[1:-1]))
        self.edges_ = cuts
        stratum = np.searchsorted(cuts, p)
        self.in_time_ = np.array([_steps(days, y == 0, stratum, s) for s in range(len(cuts) + 1)])
        self.when_late_ = np.array([_steps(days, y == 1, stratum, s) for s in range(len(cuts) + 1)])


def training_bills(ledger: Ledger, moment: pd.Timestamp) -> pd.DataFrame:
    """Invoices with an outcome known at the moment; each asks when it was known itself."""
    bills = ledger.invoices
    real = (bills["amount"] > 0) & (bills["known_at"] <= bills["due_at"] + pd.Timedelta(days=1))
    bills = bills[real & (bills["outcome_known_at"] <= moment)]
    return bills.assign(moment=bills["known_at"]).sort_values(["moment", "invoice_id"], ignore_index=True)


def _members(
    lateness: Lateness, trees: Boosted, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame
) -> Array:
    rows = invoice_rows(ledger, dealers, bills)
    p = np.clip(trees.predict(rows), _CLIP, 1 - _CLIP)
    rate = np.clip(rows["late_rate"].to_numpy(float), _CLIP, 1 - _CLIP)
    return np.column_stack([_mixed(lateness, ledger, dealers, bills), logit(p), logit(rate)])


def _mixed(lateness: Lateness, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame) -> Array:
    """Log-odds of being late by the mixed model, [n]."""
    over = lateness.mean(ledger, dealers, bills) - ledger.grace_days - 0.5
    return np.asarray(logit(np.clip(norm.cdf(over / lateness.spread_), _CLIP, 1 - _CLIP)))


def _age(bills: pd.DataFrame) -> Array:
    """Whole days since the due date, negative before."""
    days = bills["moment"].dt.normalize() - bills["due_at"].dt.normalize()
    return np.asarray(days.dt.days, dtype=np.float64)


def _steps(days: Array, chosen: NDArray[np.bool_], stratum: NDArray[np.intp], s: int) -> Array:
    """Quantiles of the days of a stratum; of all of the kind when it holds few."""
    own = days[chosen & (stratum == s)]
    pool = own if len(own) >= len(STEPS) // 2 else days[chosen]
    return np.asarray(np.quantile(pool, STEPS)) if len(pool) else np.zeros(len(STEPS))


def _quantile(days: Array, weights: Array, q: float) -> Array:
    order = np.argsort(days, axis=1)
    running = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    place = np.argmax(running >= q - 1e-9, axis=1)
    return np.asarray(
        np.take_along_axis(np.take_along_axis(days, order, axis=1), place[:, None], axis=1)[:, 0]
    )
