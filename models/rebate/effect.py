"""Effect: how much more a dealer buys on a deeper rebate.

In:   features.rebates.Progress: monthly purchases of accounts, and the top rate on offer in each month.
Out:  purchases at asked depths over those at a reference depth, with an interval; concave for budgets.

    purchases of a month = level of the account's year x (month of the whole channel) x depth ^ slope

The slope is that of models.pooled: every account's own, drawn to that of all. A year here is twelve months
around the month in which most ladders change, with a level of its own: an account that grows, loses an outlet
or stops says nothing about depth, only the step at the change does. The month of the channel (what all accounts
did, each over its own mean) takes out seasons, campaigns and growth.

Of models.response only this member is used: the monotone trees and the blend were measured and told the depth of
a simulated channel worse (docs/rooms/rebate.md). A depth that nobody was offered is refused; one that this
account was never offered is told (`beyond_own`): what is said of it comes from other accounts alone.

Limits: ladders given because a dealer was about to grow are taken for the cause; only ladders that vary by chance
        or by rule tell. The curve is of a whole programme, not of the days before a threshold.
Errors: features.errors.TooFewRows, models.errors.NotFitted, models.response.OutsideSeen.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from features.errors import TooFewRows
from features.rebates import Progress
from models.errors import NotFitted
from models.pooled import Driver, Pooled
from models.response import OutsideSeen, concave, cut_normal

Array = NDArray[np.float64]
LEAST_ACCOUNTS = 10
LEAST_DEPTHS = 3  # that differ: one depth for all tells nothing
LEVEL = 0.9  # of the interval
_YEAR = 12
_DRIVERS = (Driver("log_depth", 1), Driver("channel", 1))
_ROOM = 1e-9


@dataclass(frozen=True)
class Curves:
    """Purchases at k depths over those at the reference, of n accounts."""

    depths: Array  # [k], rising
    ratio: Array  # [n, k]
    low: Array  # [n, k]
    high: Array  # [n, k]
    beyond_own: NDArray[np.bool_]  # [n, k] never offered to this account

    def concave(self) -> Array:
        """Ratios along which every further step of depth brings less, [n, k]."""
        return concave(self.depths, self.ratio)


@dataclass(kw_only=True)
class Effect:
    """Belief in what depth does."""

    pooled_: Pooled | None = field(default=None, init=False, repr=False)
    seen_: pd.DataFrame = field(init=False, repr=False)  # account -> low, high log depth
    depth_low_: float = field(init=False)  # offered to anybody
    depth_high_: float = field(init=False)

    def fit(self, progress: Progress) -> Self:
        """Learn from every month with a ladder."""
        rows = effect_rows(progress)
        for what, name, least in (
            ("accounts", "group", LEAST_ACCOUNTS),
            ("depths", "log_depth", LEAST_DEPTHS),
        ):
            if rows[name].nunique() < least:
                raise TooFewRows(f"The effect of rebates ({what})", least, rows[name].nunique())
        self.pooled_ = Pooled(drivers=_DRIVERS).fit(rows)
        self.seen_ = rows.groupby("group")["log_depth"].agg(low="min", high="max")
        self.depth_low_, self.depth_high_ = (float(np.exp(rows["log_depth"].agg(end))) for end in ("min", "max"))
        return self

    def curves(self, accounts: "pd.Index[str]", depths: ArrayLike, reference: ArrayLike) -> Curves:
        """Of accounts ("dealer/currency") at depths [k], against a reference depth each [n]."""
        at, base = np.asarray(depths, np.float64), np.asarray(reference, np.float64)
        self.check(np.r_[at, base])
        slope, sd = self._slopes(accounts)
        bounds = _DRIVERS[0].bounds
        least = np.minimum(cut_normal(slope, sd, (1 - LEVEL) / 2, *bounds), slope)
        most = np.maximum(cut_normal(slope, sd, (1 + LEVEL) / 2, *bounds), slope)
        far = np.log(at)[None, :] - np.log(base)[:, None]
        ratio, first, second = (np.exp(s[:, None] * far) for s in (slope, least, most))
        own = self.seen_.reindex(accounts).to_numpy(float)
        inside = (own[:, :1] - _ROOM <= np.log(at)) & (np.log(at) <= own[:, 1:] + _ROOM)
        return Curves(at, ratio, np.minimum(first, second), np.maximum(first, second), ~inside)

    def check(self, depths: ArrayLike) -> None:
        """Refuse depths that nobody was offered."""
        if self.pooled_ is None:
            raise NotFitted(self)
        asked = np.asarray(depths, np.float64)
        inside = (asked >= self.depth_low_ * (1 - _ROOM)) & (asked <= self.depth_high_ * (1 + _ROOM))
        if not inside.all():
            raise OutsideSeen("a depth", int((~inside).sum()), len(asked))

    def _slopes(self, accounts: "pd.Index[str]") -> tuple[Array, Array]:
        """Slope and its standard deviation; an account without a ladder so far answers as all do."""
        if self.pooled_ is None:
            raise NotFitted(self)
        asked = pd.DataFrame({"unique_id": "", "group": list(accounts), "log_depth": 0.0, "channel": 0.0})
        told = self.pooled_.slopes(asked)
        return told["slope"].to_numpy(float), told["slope_sd"].to_numpy(float)


def effect_rows(progress: Progress) -> pd.DataFrame:
    """Rows of models.pooled: unique_id (an account's year), group (the account), step, y, the drivers."""
    n, t = progress.amounts.shape
    amounts, depth = np.maximum(progress.amounts, 0.0), progress.top_rate[:, :t]
    begun = np.cumsum(amounts > 0, axis=1) > 0
    account, step = np.nonzero(begun & (depth > 0))
    log_depth = np.log(depth[account, step])
    names = account_names(progress.accounts)[account]
    year = (step + _turn(account, step, log_depth)) // _YEAR
    return pd.DataFrame(
        {
            "unique_id": names + "/" + year.astype(str),
            "group": names,
            "step": step,
            "y": amounts[account, step],
            "log_depth": log_depth,
            "channel": _channel(amounts, begun)[step],
        }
    )


def account_names(accounts: pd.DataFrame) -> "pd.Index[str]":
    """dealer/currency of each account.

    >>> account_names(pd.DataFrame({"dealer_id": ["D1"], "currency": ["CNY"]})).tolist()
    ['D1/CNY']
    """
    return pd.Index(accounts["dealer_id"].astype(str) + "/" + accounts["currency"].astype(str))


def _turn(account: NDArray[np.intp], step: NDArray[np.intp], log_depth: Array) -> int:
    """By how many months years are shifted so that depth varies most inside them."""
    if not len(step):
        return 0
    inside = []
    for shift in range(_YEAR):
        cell = account * (int(step.max()) + 2 * _YEAR) + (step + shift) // _YEAR
        _, code = np.unique(cell, return_inverse=True)
        mean = np.bincount(code, log_depth) / np.bincount(code)
        inside.append(float(((log_depth - mean[code]) ** 2).sum()))
    return int(np.argmax(inside))


def _channel(amounts: Array, begun: NDArray[np.bool_]) -> Array:
    """Log of what accounts bought in a month over their own means, [t]."""
    mean = np.where(begun, amounts, 0.0).sum(axis=1) / np.maximum(begun.sum(axis=1), 1)
    counted = begun & (mean > 0)[:, None]
    share = np.where(counted, amounts / np.where(mean > 0, mean, 1.0)[:, None], 0.0)
    return np.asarray(np.log(np.maximum(share.sum(axis=0) / np.maximum(counted.sum(axis=0), 1), 0.01)))
