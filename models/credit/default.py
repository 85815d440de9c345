"""Default: the probability that a dealer stops paying within 3, 6 and 12 months.

A dealer is in default from the moment when more than `material_rate` of its usual invoice has been
unpaid for more than 90 days after its due date (features.payments.Ledger.defaults).

A dealer that is not in default at a month's start is asked for each of three stretches (months 1-3,
4-6, 7-12): does the default come in it, if it did not come before? One monotone model (models.credit.boosted)
answers for all, with the stretch as a column, so PD 3 <= PD 6 <= PD 12 by construction. A stretch that ends
after the moment of training is not used: it is not known yet whether the default comes (censored).
Rows of one dealer are never on both sides of a fold.

With fewer than `least` dealers that ever defaulted the prior speaks: stated weights for what is
overdue and how late payments were (`fallback_`).

Source: Shumway (2001), Forecasting bankruptcy more accurately: a simple hazard model.
Errors: models.errors.NotFitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from features.payments import Ledger
from models.credit.boosted import Boosted
from models.credit.record import DIRECTIONS, record
from models.errors import NotFitted

Array = NDArray[np.float64]
STRETCHES = ((0, 3), (3, 6), (6, 12))  # months
HORIZONS = tuple(end for _, end in STRETCHES)
_ALIVE_DAYS = 365
_FIRST_MONTHS = 6  # of a channel's record, before the first question
_MOST_ROWS = 120_000
_PRIOR_RATE = 0.03  # a year
_PRIOR = {"overdue_share": 2.0, "overdue_30d_months": 1.0, "late_rate": 2.0, "late_days_trend": 0.03}


@dataclass(kw_only=True)
class Default:
    """PD of three horizons."""

    days: int = 90
    material_rate: float = 0.05
    least: int = 6  # dealers that defaulted
    seed: int = 0
    boosted_: Boosted | None = field(default=None, init=False, repr=False)
    fallback_: bool = field(default=True, init=False)
    rate_: float = field(default=_PRIOR_RATE, init=False)  # of default within 12 months
    rows_: int = field(default=0, init=False)
    defaults_: int = field(default=0, init=False)
    fitted_: bool = field(default=False, init=False)

    def fit(self, ledger: Ledger, moment: pd.Timestamp) -> Self:
        """Learn from every stretch that was over at the moment."""
        asked = self.questions(ledger, moment)
        self.rows_, self.defaults_ = len(asked), int(asked.loc[asked["y"] == 1, "dealer_id"].nunique())
        self.fallback_, self.fitted_ = self.defaults_ < self.least, True
        self.boosted_ = None
        whole = asked[asked["stretch"] == 2]
        self.rate_ = (
            float((whole["y"].sum() + 10 * _PRIOR_RATE) / (len(whole) + 10)) if len(whole) else _PRIOR_RATE
        )
        if not self.fallback_:
            X = _rows(ledger, asked["dealer_id"], asked["moment"], asked["stretch"])
            trees = Boosted(directions=DIRECTIONS, pair_columns=0, leaves=7, rounds=300, seed=self.seed)
            self.boosted_ = trees.fit(X, asked["y"], groups=asked["dealer_id"])
        return self

    def predict(self, ledger: Ledger, dealers: Sequence[str], moments: Any) -> Array:
        """Probability of default within each of HORIZONS, [n, 3]; it rises along a row."""
        if not self.fitted_:
            raise NotFitted(self)
        hazards = [self._hazard(ledger, dealers, moments, s) for s in range(len(STRETCHES))]
        return np.asarray(1 - np.cumprod(1 - np.column_stack(hazards), axis=1))

    def contributions(self, ledger: Ledger, dealers: Sequence[str], moments: Any) -> tuple[Array, list[str]]:
        """What each column adds to the log-odds, [n, k], and the columns."""
        X = _rows(ledger, dealers, moments, 1)
        if self.boosted_ is None:
            names = list(_PRIOR)
            return np.column_stack([_PRIOR[c] * X[c].fillna(0).clip(-60, 60) for c in names]), names
        return self.boosted_.contributions(X), list(map(str, self.boosted_.names_))

    def points(self, ledger: Ledger, dealers: Sequence[str], moments: Any) -> "pd.Series[Any]":
        """Points of the readable card, more is safer; missing where the prior speaks."""
        if self.boosted_ is None or self.boosted_.card_ is None:
            return pd.Series(np.nan, index=range(len(dealers)))
        return self.boosted_.card_.points(_rows(ledger, dealers, moments, 1))["points"].astype(float)

    def questions(self, ledger: Ledger, moment: pd.Timestamp) -> pd.DataFrame:
        """dealer_id, moment, stretch, y: every stretch that was over at the moment."""
        begins = ledger.invoices["known_at"].min()
        if pd.isna(begins):
            return pd.DataFrame({"dealer_id": [], "moment": [], "stretch": [], "y": []})
        starts = pd.date_range(
            begins + pd.DateOffset(months=_FIRST_MONTHS), moment, freq="MS", normalize=True
        )
        failed = ledger.defaults(moment, days=self.days, material_rate=self.material_rate)
        parts = [self._at(ledger, cutoff, failed, moment) for cutoff in starts]
        asked = (
            pd.concat(parts, ignore_index=True)
            if parts
            else pd.DataFrame(columns=["dealer_id", "moment", "stretch", "y"])
        )
        step = -(-len(asked) // _MOST_ROWS) if len(asked) else 1
        keep = asked["moment"].isin(starts[::step])
        return asked[keep].reset_index(drop=True)

    def _at(
        self, ledger: Ledger, cutoff: pd.Timestamp, failed: "pd.Series[Any]", moment: pd.Timestamp
    ) -> pd.DataFrame:
        alive = at_risk(ledger, cutoff, failed)
        when = failed.reindex(alive)
        parts = []
        for stretch, (first, last) in enumerate(STRETCHES):
            opens, closes = cutoff + pd.DateOffset(months=first), cutoff + pd.DateOffset(months=last)
            if closes > moment:
                break
            there = ~(when <= opens)  # not failed before
            y = ((when > opens) & (when <= closes))[there].astype(float)
            parts.append(
                pd.DataFrame(
                    {"dealer_id": alive[there], "moment": cutoff, "stretch": stretch, "y": y.to_numpy()}
                )
            )
        return (
            pd.concat(parts)
            if parts
            else pd.DataFrame({"dealer_id": [], "moment": [], "stretch": [], "y": []})
        )

    def _hazard(self, ledger: Ledger, dealers: Sequence[str], moments: Any, stretch: int) -> Array:
        X = _rows(ledger, dealers, moments, stretch)
        if self.boosted_ is not None:
            return self.boosted_.predict(X)
        first, last = STRETCHES[stretch]
        known = X[list(_PRIOR)].fillna(0).clip(-60, 60).to_numpy(float)
        lift = known @ np.array(list(_PRIOR.values())) - _PRIOR["late_rate"] * 0.2
        return np.asarray(expit(np.log(self.rate_) + np.log((last - first) / 12) + lift))


def at_risk(ledger: Ledger, cutoff: pd.Timestamp, failed: "pd.Series[Any]") -> pd.Index:
    """Dealers that bought within a year before the cutoff and had not failed by then."""
    bills = ledger.invoices
    known = bills["known_at"]
    recent = bills[
        (known <= cutoff) & (known > cutoff - pd.Timedelta(days=_ALIVE_DAYS)) & (bills["amount"] > 0)
    ]
    ids = pd.Index(sorted(set(recent["dealer_id"])))
    gone = failed.reindex(ids) <= cutoff
    left: pd.Index = ids[~gone.to_numpy(dtype=bool)]
    return left


def _rows(ledger: Ledger, dealers: Any, moments: Any, stretch: Any) -> pd.DataFrame:
    return record(ledger, list(dealers), moments).assign(stretch=np.asarray(stretch, float))
