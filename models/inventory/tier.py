"""Tier: extra units to the next tier of a rebate, only as far as they will be sold on.

In:   lines with what is suggested and how much more each may hold, and the rebate room's attainment: how
      far each dealer is from its next tier, and what reaching it would gain.
Out:  extra units a line, whole packs, zero for most; and why, a code a dealer.

The amount to reach is the threshold less what is expected anyway (at least what is on record and suggested).
It is filled from the lines with the fewest days of stock, each up to its room: no line beyond the industry's
most days of stock, nor its shelf life. That room is what stands against stuffing. If all rooms together do
not reach the tier, or holding the extra units costs more than the tier gains, there are none.

Codes: TIER_REACHED_ANYWAY, TIER_WOULD_STUFF, TIER_NOT_WORTH, TIER_EXTRA.

>>> lines = pd.DataFrame({"dealer_id": ["D1", "D1"], "net_price": 10.0, "currency": "CNY", "pack_units": 6.0,
...     "suggested_units": [12.0, 0.0], "days_of_stock": [20.0, 40.0], "room_units": [30.0, 6.0],
...     "hold_cost": 0.1})
>>> near = pd.DataFrame({"dealer_id": ["D1"], "currency": "CNY", "ends_at": pd.Timestamp("2025-03-31"),
...     "starts_at": pd.Timestamp("2025-01-01"), "amount_to_date": 800.0, "expected_amount": 700.0,
...     "next_threshold_amount": 1100.0, "next_rebate_gain_amount": 33.0})
>>> extra, codes = tier_units(lines, near, pd.Timestamp("2025-03-20"))
>>> extra.tolist(), codes
([18.0, 0.0], {'D1': 'TIER_EXTRA'})
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
_TINY = 1e-9


def tier_units(
    lines: pd.DataFrame, attainment: pd.DataFrame, day: pd.Timestamp
) -> tuple[Array, dict[str, str]]:
    """Extra units of each line [n]; code of each dealer that has a tier ahead."""
    extra, codes = np.zeros(len(lines)), dict[str, str]()
    open_ = attainment[(attainment["ends_at"] >= day) & attainment["next_threshold_amount"].notna()]
    rows = lines.groupby("dealer_id", sort=False).indices
    for tier in open_.sort_values("next_rebate_gain_amount", ascending=False).to_dict("records"):
        dealer = str(tier["dealer_id"])
        mine = rows.get(dealer)
        if mine is None or dealer in codes:
            continue
        own = lines.iloc[mine]
        if not (own["currency"] == tier["currency"]).all() or own["net_price"].isna().any():
            continue
        found, codes[dealer] = _extra(own, {str(k): v for k, v in tier.items()})
        extra[mine] = found
    return extra, codes


def _extra(own: pd.DataFrame, tier: dict[str, Any]) -> tuple[Array, str]:
    price, pack = own["net_price"].to_numpy(float), own["pack_units"].to_numpy(float)
    suggested = float(np.nansum(price * own["suggested_units"].to_numpy(float)))
    expected = max(float(tier["expected_amount"]), float(tier["amount_to_date"]) + suggested)
    missing = float(tier["next_threshold_amount"]) - expected
    none = np.zeros(len(own))
    if not missing > 0:
        return none, "TIER_REACHED_ANYWAY"
    units = _filled(own, price, pack, missing)
    if float(price @ units) < missing - _TINY:
        return none, "TIER_WOULD_STUFF"
    cost = float(own["hold_cost"].to_numpy(float) @ units)
    return (
        (none, "TIER_NOT_WORTH") if cost >= float(tier["next_rebate_gain_amount"]) else (units, "TIER_EXTRA")
    )


def _filled(own: pd.DataFrame, price: Array, pack: Array, missing: float) -> Array:
    """Whole packs, the lines with the fewest days of stock first, until the amount is there."""
    units = np.zeros(len(own))
    room = np.nan_to_num(own["room_units"].to_numpy(float))
    for i in np.argsort(own["days_of_stock"].fillna(np.inf).to_numpy(float), kind="stable"):
        if missing <= _TINY:
            break
        packs = min(np.floor(room[i] / pack[i] + _TINY), np.ceil(missing / (price[i] * pack[i]) - _TINY))
        units[i] = max(packs, 0.0) * pack[i]
        missing -= units[i] * price[i]
    return units
