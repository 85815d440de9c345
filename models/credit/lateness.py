"""Lateness: days after the due date, as what the invoice is plus who pays it.

days = x beta + u[dealer] + noise. x is the invoice's own (size, terms, the dealer's traits at its moment);
u[dealer] is the mean of what its earlier invoices left over, shrunk to 0 with the weight of
noise variance / dealer variance invoices. beta and the variances are learned once; u is added up anew at
every moment from the invoices whose payment was known by then, so one new payment moves it.

In:   a ledger (features.payments), table dealers, bills as in features.invoicing.
Out:  `fit` from the invoices settled by a moment; `mean` days [n]; `spread_` days.

Source: Henderson (1975), Best linear unbiased estimation; variances by moments (Searle 1971).
Limits: normal noise (days are clipped to `LEAST` and `MOST`); unpaid invoices say nothing here.
Errors: models.errors.NotFitted.

>>> from features.simulator import World, simulate
>>> tables = simulate(World(dealers=12, seed=5)).tables
>>> ledger = Ledger.of(tables)
>>> lateness = Lateness().fit(ledger, tables["dealers"], pd.Timestamp("2024-06-01"))
>>> bills = ledger.invoices.iloc[::7].assign(moment=lambda f: f["known_at"])
>>> days = lateness.mean(ledger, tables["dealers"], bills)
>>> bool(np.corrcoef(days, bills["late_days"].fillna(0))[0, 1] > 0.3)
True
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.invoicing import TRAITS, invoice_rows
from features.payments import Ledger
from features.running import Events, seconds_of
from models.errors import NotFitted

Array = NDArray[np.float64]
LEAST, MOST = -90.0, 120.0
_RIDGE = 2.0
_ROUNDS = 15
_LEAST_LEVEL = 10  # rows of a trait's level


@dataclass
class Lateness:
    """A mixed model of days late."""

    levels_: list[tuple[str, str]] = field(default_factory=list, init=False)
    center_: Array = field(default_factory=lambda: np.zeros(3), init=False)
    scale_: Array = field(default_factory=lambda: np.ones(3), init=False)
    beta_: Array | None = field(default=None, init=False)
    prior_: float = field(default=1.0, init=False)  # invoices
    spread_: float = field(default=1.0, init=False)  # days, of the noise

    def fit(self, ledger: Ledger, dealers: pd.DataFrame, moment: pd.Timestamp) -> Self:
        """Learn from the invoices whose settlement was known at the moment."""
        bills = ledger.invoices
        bills = bills[(bills["amount"] > 0) & (bills["settled_known_at"] <= moment)]
        own = invoice_rows(ledger, dealers, bills.assign(moment=bills["known_at"]))
        days = bills["late_days"].clip(LEAST, MOST).to_numpy(float)
        self._learn_columns(own)
        x = self._design(own)
        dealer = pd.factorize(bills["dealer_id"])[0]
        self._alternate(x, days, dealer)
        return self

    def mean(self, ledger: Ledger, dealers: pd.DataFrame, bills: pd.DataFrame) -> Array:
        """Expected days of each bill at its moment, [n]."""
        if self.beta_ is None:
            raise NotFitted(self)
        left = self._left_over(ledger, dealers)
        code = ledger.dealer_ids.get_indexer(pd.Index(bills["dealer_id"])).astype(np.int64)
        dealer = np.where(code < 0, len(ledger.dealer_ids), code)
        n, total = left.upto(dealer, seconds_of(bills["moment"], up=False)).T
        own = self._design(invoice_rows(ledger, dealers, bills)) @ self.beta_
        return np.asarray(own + total / (n + self.prior_))

    def _left_over(self, ledger: Ledger, dealers: pd.DataFrame) -> Events:
        """What the invoices' own part does not explain, dated when it was known."""
        bills = ledger.invoices
        bills = bills[(bills["amount"] > 0) & bills["settled_known_at"].notna()]
        own = self._design(invoice_rows(ledger, dealers, bills.assign(moment=bills["known_at"])))
        rest = bills["late_days"].clip(LEAST, MOST).to_numpy(float) - own @ np.asarray(self.beta_)
        code = ledger.dealer_ids.get_indexer(pd.Index(bills["dealer_id"])).astype(np.int64)
        return Events.of(code, bills["settled_known_at"], [1.0, rest], len(ledger.dealer_ids) + 1)

    def _learn_columns(self, own: pd.DataFrame) -> None:
        numbers = _numbers(own)
        self.center_, self.scale_ = numbers.mean(axis=0), numbers.std(axis=0) + 1e-9
        self.levels_ = []
        for name in TRAITS:
            counts = own[name].dropna().astype(str).value_counts()
            self.levels_ += [(name, level) for level in sorted(counts.index[counts >= _LEAST_LEVEL])]

    def _design(self, own: pd.DataFrame) -> Array:
        numbers = np.clip((_numbers(own) - self.center_) / self.scale_, -4, 4)
        marks = [(own[name].astype(object).map(str) == level).to_numpy(float) for name, level in self.levels_]
        return np.column_stack([np.ones(len(own)), numbers, *marks])

    def _alternate(self, x: Array, days: Array, dealer: NDArray[Any]) -> None:
        """Fixed part and dealers in turn; the variances follow."""
        count = np.bincount(dealer).astype(float)
        means = np.zeros(len(count))
        pull = _RIDGE * np.eye(x.shape[1])
        pull[0, 0] = 1e-9
        for _ in range(_ROUNDS):
            beta = np.linalg.solve(x.T @ x + pull, x.T @ (days - means[dealer]))
            rest = days - x @ beta
            raw = np.bincount(dealer, rest) / count
            noise = float(((rest - raw[dealer]) ** 2).sum() / max(len(days) - len(count), 1)) + 1e-6
            between = max(float(np.average(raw**2 - noise / count, weights=count)), noise / 50)
            means = raw * count / (count + noise / between)
        self.beta_, self.prior_, self.spread_ = beta, noise / between, float(np.sqrt(noise))


def _numbers(own: pd.DataFrame) -> Array:
    size = np.exp(own["amount_log"].to_numpy(float))
    return np.column_stack([own["amount_log"], size, own["own_terms_days"]]).astype(float)
