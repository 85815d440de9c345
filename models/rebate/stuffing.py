"""Stuffing: what an option is worth when a dealer can sell on only so much of what it would buy.

A dealer may hold the stock that its policy allows and sells on what its market takes. Purchases above that
are no sale: they fill a warehouse, come back as returns or leave as diverted goods. Each such unit takes
away what the option counted for it and costs `loss_amount` besides.

    sellable units = sold on in the period + stock allowed by the policy - stock on hand, at least 0

In:   units [n, k] a dealer would buy; gain [n, k] that counts all of them; sellable_units [n].
Out:  gain [n, k], the same or less.

>>> gain = without_stuffing([[10.0, 30.0]], [[10.0, 30.0]], [20.0], margin_amount=1.0, loss_amount=0.5)
>>> gain.tolist()
[[10.0, 15.0]]
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.rebate.options import BadOptions

Array = NDArray[np.float64]


def sellable_units(sold_on_units: ArrayLike, policy_units: ArrayLike, on_hand_units: ArrayLike) -> Array:
    """What each dealer can take in the period without holding more than its policy, [n].

    >>> sellable_units([10.0, 10.0], [5.0, 5.0], [3.0, 40.0]).tolist()
    [12.0, 0.0]
    """
    sold, policy, held = (np.asarray(x, np.float64) for x in (sold_on_units, policy_units, on_hand_units))
    return np.asarray(np.maximum(sold + policy - held, 0.0))


def without_stuffing(
    gain: ArrayLike,
    units: ArrayLike,
    sellable: ArrayLike,
    *,
    margin_amount: ArrayLike,
    loss_amount: ArrayLike,
) -> Array:
    """Gains less the margin counted for, and the loss on, units above what can be sold on.

    margin_amount and loss_amount are of a unit: one for all, or [n].
    """
    gained, bought = np.asarray(gain, np.float64), np.asarray(units, np.float64)
    room = np.asarray(sellable, np.float64)
    if gained.shape != bought.shape or room.shape != gained.shape[:1]:
        raise BadOptions(
            f"units has the shape of gain, {gained.shape}, and sellable one number a dealer; "
            f"got {bought.shape} and {room.shape}."
        )
    unit = np.asarray(margin_amount, np.float64) + np.asarray(loss_amount, np.float64)
    if not (np.isfinite(bought).all() and np.isfinite(room).all() and (unit >= 0).all()):
        raise BadOptions("units, sellable and the amounts of a unit are finite, amounts 0 or more.")
    above = np.maximum(bought - room[:, None], 0.0)
    return np.asarray(gained - above * np.broadcast_to(unit, room.shape)[:, None])
