"""Effect: how much more a dealer buys on a deeper rebate.

In:   features.rebates.Progress: what accounts sold on and bought by month, and the top rate on offer.
Out:  volume at asked depths over that at a reference depth, with an interval; concave for budgets.

    volume of a month = level of the account's year x (month of the whole channel) x depth ^ slope

Volume is what a dealer sold on (units), where sell-out is on record; else what it bought. Purchases also fill
and empty its warehouse: they swing more than sales do after a change, and say twice as little.

The slope is that of models.pooled and one for the channel: an account's ladder changes once a year, and a
handful of changes cannot tell its own slope from noise (tried: errors twice as large). That accounts differ
is in the interval, as an assumption: their slopes are spread by `SPREAD_RATE` of the channel's.
A year here is twelve months around the month in which most ladders change, with a level of its own: an
account that grows, loses an outlet or stops says nothing about depth, only the step at the change does. The
month of the channel (what all accounts did, each over its own mean) takes out seasons, campaigns and growth.

Of models.response only this member is used: the blend with monotone trees was measured and told the depth of
a simulated channel worse (docs/rooms/rebate.md). A depth that nobody was offered is refused; one that this
account was never offered is told (`beyond_own`): what is said of it comes from other accounts alone.

Limits: ladders given because a dealer was about to grow are taken for the cause; only ladders that vary by
        chance or by rule tell. The curve is of a whole programme, not of the days before a threshold.
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
SPREAD_RATE = 0.5  # of the channel's slope: how much accounts differ
LEAST_SOLD_SHARE = 0.7  # of the months with a purchase have sell-out on record
_YEAR = 12
_DRIVERS = (Driver("log_depth", 1), Driver("channel", 1))
_ROOM = 1e-9


@dataclass(frozen=True)
class Curves:
    """Volume at k depths over that at the reference, of n accounts."""

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
    source_: str = field(default="", init=False)  # "sell_out" or "sell_in"
    seen_: pd.DataFrame = field(init=False, repr=False)  # account -> low, high log depth
    depth_low_: float = field(init=False)  # offered to anybody
    depth_high_: float = field(init=False)

    def fit(self, progress: Progress) -> Self:
        """Learn from every month with a ladder."""
        rows = effect_rows(progress)
        for what, name, least in (
            ("accounts", "account", LEAST_ACCOUNTS),
            ("depths", "log_depth", LEAST_DEPTHS),
        ):
            if rows[name].nunique() < least:
                raise TooFewRows(f"The effect of rebates ({what})", least, rows[name].nunique())
        self.pooled_, self.source_ = Pooled(drivers=_DRIVERS).fit(rows), volumes(progress)[1]
        self.seen_ = rows.groupby("account").agg(low=("log_depth", "min"), high=("log_depth", "max"))
        self.depth_low_, self.depth_high_ = (
            float(np.exp(rows["log_depth"].agg(end))) for end in ("min", "max")
        )
        return self

    def curves(self, accounts: "pd.Index[str]", depths: ArrayLike, reference: ArrayLike) -> Curves:
        """Of accounts ("dealer/currency") at depths [k], against a reference depth each [n]."""
        at, base = np.asarray(depths, np.float64), np.asarray(reference, np.float64)
        self.check(np.r_[at, base])
        slope, sd = self.slope()
        bounds = _DRIVERS[0].bounds
        mean, spread = np.array([slope]), np.array([sd])
        ends = [float(cut_normal(mean, spread, p, *bounds)[0]) for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
        least, most = min(ends[0], slope), max(ends[1], slope)
        far = np.log(at)[None, :] - np.log(base)[:, None]
        ratio, first, second = (np.exp(s * far) for s in (slope, least, most))
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

    def slope(self) -> tuple[float, float]:
        """Of the channel, and the standard deviation of an account's own around it."""
        if self.pooled_ is None:
            raise NotFitted(self)
        asked = pd.DataFrame({"unique_id": [""], "group": "all", "log_depth": 0.0, "channel": 0.0})
        told = self.pooled_.slopes(asked)
        mean = float(told["slope"].iloc[0])
        return mean, float(np.hypot(told["slope_sd"].iloc[0], SPREAD_RATE * mean))


def effect_rows(progress: Progress) -> pd.DataFrame:
    """Rows of models.pooled: unique_id (an account's year), group, account, step, y, the drivers."""
    volume, _ = volumes(progress)
    depth = progress.top_rate[:, : volume.shape[1]]
    begun = (np.cumsum(progress.amounts > 0, axis=1) > 0) & np.isfinite(volume)
    account, step = np.nonzero(begun & (depth > 0))
    log_depth = np.log(depth[account, step])
    names = account_names(progress.accounts)[account]
    year = (step + _turn(account, step, log_depth)) // _YEAR
    return pd.DataFrame(
        {
            "unique_id": names + "/" + year.astype(str),
            "group": "all",
            "account": names,
            "step": step,
            "y": volume[account, step],
            "log_depth": log_depth,
            "channel": _channel(volume, begun)[step],
        }
    )


def volumes(progress: Progress) -> tuple[Array, str]:
    """What accounts sold on by month (NaN where unknown), else what they bought, [n, t]; and which it is."""
    standing = progress.standing
    place = standing.dealer_ids.get_indexer(pd.Index(progress.accounts["dealer_id"]))
    sold = np.asarray(standing.layers["sold_out"], np.float64)[place]
    bought = progress.amounts > 0
    if bought.any() and np.isfinite(sold[bought]).mean() >= LEAST_SOLD_SHARE:
        return sold, "sell_out"
    return np.maximum(progress.amounts, 0.0), "sell_in"


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


def _channel(volume: Array, begun: NDArray[np.bool_]) -> Array:
    """Log of the volumes of a month over accounts' own means, [t]."""
    mean = np.where(begun, volume, 0.0).sum(axis=1) / np.maximum(begun.sum(axis=1), 1)
    counted = begun & (mean > 0)[:, None]
    share = np.where(counted, volume / np.where(mean > 0, mean, 1.0)[:, None], 0.0)
    return np.asarray(np.log(np.maximum(share.sum(axis=0) / np.maximum(counted.sum(axis=0), 1), 0.01)))
