"""Offers: for dealers on record, what each depth of rebate would bring and cost.

In:   the frame "offers" (one row a dealer and running programme), the belief in what depth does, the depths.
Out:  Offered: per dealer and depth, [n, k]
        amount   purchases of the whole programme: those expected now x the effect of the depth, concave
        cost     depth x amount x the share of the top rate that the programme is expected to pay
        gain     margin on the purchases above those at the lowest depth, less the rebate above its

Purchases above what a dealer can sell on gain nothing and cost `unsold_loss_rate` of their amount: what is
expected now, and what its stock may rise to (`policy_months` of purchases; stock now is `cover_months`).

Limits: the share that is paid stays what it is now: a deeper ladder is reached no more and no less often.
        What is sold on is what is expected to be bought now.
Errors: models.response.OutsideSeen (a depth that nobody was offered), options.BadOptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.rebates import Progress
from models.rebate.effect import Curves, Effect, account_names
from models.rebate.options import BadOptions
from models.rebate.stuffing import sellable_units, without_stuffing

Array = NDArray[np.float64]
OFFERS = pd.DataFrame(
    columns=[
        *("dealer_id", "programme_id", "currency", "territory_id", "tier", "account", "depth"),
        *("expected_amount", "paid_share", "monthly_amount", "cover_months"),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is reckoned with."""

    margin_rate: float  # of purchases, before rebates
    policy_months: float | None = None  # of purchases that may lie in stock; None: no limit
    unsold_loss_rate: float = 0.0  # of what cannot be sold on


@dataclass(frozen=True, kw_only=True)
class Offered:
    """Options of n dealers at k depths."""

    amount: Array = field(repr=False)
    gain: Array = field(repr=False)
    cost: Array = field(repr=False)
    curves: Curves = field(repr=False)


def offers_frame(progress: Progress, attainment: pd.DataFrame) -> pd.DataFrame:
    """What offers start from, one row a running programme that pays a rate."""
    rows = progress.rows["account"].to_numpy(np.intp)
    depth = np.array([max((t["rebate_rate"] for t in tiers), default=0.0) for tiers in attainment["tiers"]])
    expected = attainment["expected_amount"].to_numpy(float)
    most = depth * expected
    paid = np.divide(
        attainment["accrual_mean"].to_numpy(float), most, out=np.zeros(len(most)), where=most > 0
    )
    frame = attainment[["dealer_id", "programme_id", "currency", "territory_id", "expected_amount"]].assign(
        tier=progress.accounts["tier"].to_numpy()[rows],
        account=account_names(progress.accounts)[rows],
        depth=depth,
        paid_share=np.clip(paid, 0.0, 1.0),
        monthly_amount=progress.amounts[rows, -12:].mean(axis=1) if len(rows) else np.zeros(0),
        cover_months=progress.cover[rows, -1] if len(rows) else np.zeros(0),
    )
    return frame.loc[depth > 0, OFFERS.columns].reset_index(drop=True)


def learned(progress: Progress) -> Effect | None:
    """The belief in what depth does; None where too little was tried."""
    try:
        return Effect().fit(progress)
    except TooFewRows:
        return None


def offered(frame: pd.DataFrame, effect: Effect, depths: Sequence[float], terms: Terms) -> Offered:
    """Options of the frame's dealers at rising depths."""
    at = np.asarray(depths, np.float64)
    if not len(at) or (np.diff(at) <= 0).any():
        raise BadOptions("depths are rising rates, at least one. Sort them and leave out what stands twice.")
    now = frame["depth"].to_numpy(float).clip(effect.depth_low_, effect.depth_high_)
    curves = effect.curves(pd.Index(frame["account"]), at, now)
    expected = frame["expected_amount"].to_numpy(float)
    amount = np.maximum(expected, 0.0)[:, None] * curves.concave()
    cost = at[None, :] * amount * frame["paid_share"].to_numpy(float)[:, None]
    margin = terms.margin_rate * amount - cost
    if terms.policy_months is not None:
        margin = _less_unsold(margin, amount, frame, terms)
    return Offered(amount=amount, gain=margin - margin[:, :1], cost=cost, curves=curves)


def spend_ratios(frame: pd.DataFrame, spends: pd.DataFrame) -> Array:
    """What each dealer of the frame spends in each world over what is expected, [n, s]; nothing: 0."""
    keys = ["dealer_id", "programme_id"]
    drawn = frame[keys].merge(spends, on=keys, how="left").filter(regex=r"^w\d+$").to_numpy(float)
    mean = drawn.mean(axis=1, keepdims=True)
    return np.asarray(np.divide(drawn, mean, out=np.zeros(drawn.shape), where=mean > 0), dtype=np.float64)


def _less_unsold(margin: Array, amount: Array, frame: pd.DataFrame, terms: Terms) -> Array:
    """Margins without what would only fill a warehouse; a dealer whose stock nobody knows keeps its own."""
    monthly = frame["monthly_amount"].to_numpy(float)
    cover = frame["cover_months"].to_numpy(float)
    allowed = float(terms.policy_months or 0.0) * monthly
    room = sellable_units(frame["expected_amount"], allowed, np.nan_to_num(cover) * monthly)
    room = np.where(np.isfinite(cover), room, amount.max(axis=1))
    return without_stuffing(
        margin, amount, room, margin_amount=terms.margin_rate, loss_amount=terms.unsold_loss_rate
    )
