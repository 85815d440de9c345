"""Plan: levels, suggested orders and what they mean, of lines whose terms, stock and demand are known.

In:   lines (models.inventory.terms, with qty_on_hand and qty_in_transit; NaN where no stock is reported),
      their `Demand`, and the days of stock that the trade holds.
Out:  a frame, one row a line, in their order: levels, order, probabilities, days, turns, expected cost, and
      `code`, why the order is what it is.

    probability        that stock and deliveries on their way run out before an order of the next review
                       could arrive, nothing being ordered now
    probability_after  the same with the suggested order
    order_up_to_units, reorder_units    (s, S), or the newsvendor's level where an order costs nothing
    expected_cost_amount                of one review period, with the order's own cost
    days_of_stock, turns                at the mean of the demand draws

Errors: none.

>>> draws = np.tile(np.linspace(50, 150, 101), (1, 1))
>>> lines = pd.DataFrame({"qty_on_hand": [60.0], "qty_in_transit": [0.0], "pack_units": [10.0],
...     "moq_units": [0.0], "review_days": [30.0], "order_cost_amount": [0.0], "holding_rate": [0.25],
...     "net_price": [10.0], "unit_cost_amount": [7.0], "shelf_life_days": [np.nan]})
>>> demand = Demand(wanted=draws, lead=draws / 4, days=np.array([40.0]))
>>> told = plan(lines, demand, Shelf(max_days=75)).round(2)
>>> told[["suggested_units", "reorder_units", "probability"]].values.tolist()
[[80.0, 144.0, 0.89]]
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.inventory.levels import (
    YEAR_DAYS,
    Break,
    Costs,
    best_lot,
    economic_lot,
    holding_cost,
    lasting_cost,
    s_and_S,
)
from models.inventory.orders import Lots, Need, down, order
from models.inventory.sources import Demand

Array = NDArray[np.float64]
LEAST_RATIO, MOST_RATIO = 0.5, 0.98  # of service, whatever the margins say
_LEAST = 1e-9


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """What the trade holds, in days of sales."""

    max_days: float
    least_life_rate: float = 0.33  # of the shelf life left, or goods are hard to sell


def costs_of(lines: pd.DataFrame) -> Costs:
    """Cost of a unit short and over, for one review period; a unit without a price counts as 1.

    Short is what the channel would have earned; over is money that lies in what the dealer paid for.
    """
    price = lines["net_price"].fillna(1.0).to_numpy(float)
    cost = lines["unit_cost_amount"].fillna(0.7).to_numpy(float)
    over = lines["holding_rate"].to_numpy(float) * price * lines["review_days"].to_numpy(float) / YEAR_DAYS
    over = np.maximum(over, _LEAST)
    short = np.clip(
        price - cost, over * LEAST_RATIO / (1 - LEAST_RATIO), over * MOST_RATIO / (1 - MOST_RATIO)
    )
    return Costs(short=short, over=over, order=lines["order_cost_amount"].to_numpy(float))


def plan(
    lines: pd.DataFrame, demand: Demand, shelf: Shelf, breaks: Sequence[Sequence[Break]] | None = None
) -> pd.DataFrame:
    """The frame; `breaks` are prices by quantity, a list a line, empty where there are none."""
    costs, draws = costs_of(lines), demand.wanted
    review, daily = demand.review, demand.daily
    rate = daily * lines["review_days"].to_numpy(float)
    lots = Lots(pack=lines["pack_units"].to_numpy(float), moq=lines["moq_units"].to_numpy(float))
    cap = _cap(lines, daily, shelf)
    lot = np.minimum(_lots(lines, rate, costs, lots, breaks), np.maximum(cap, lots.pack))
    reorder, up_to = s_and_S(draws, review, lot, costs)
    reorder, up_to = np.minimum(reorder, cap), np.minimum(up_to, cap)
    position = (lines["qty_on_hand"] + lines["qty_in_transit"].fillna(0.0)).to_numpy(float)
    need = Need(position=position, reorder=reorder, up_to=up_to, cap=cap)
    units, codes = order(need, lots, draws, costs, rate)
    after = position + units
    told = pd.DataFrame({"suggested_units": units, "order_up_to_units": up_to, "reorder_units": reorder})
    told["code"] = codes
    told["probability"] = _running_out(draws, position)
    told["probability_after"] = _running_out(draws, after)
    told["days_of_stock"] = _days(position, daily)
    told["turns"] = YEAR_DAYS / np.where(told["days_of_stock"] > 0, told["days_of_stock"], np.nan)
    spent = holding_cost(draws, np.nan_to_num(after), costs) + np.where(units > 0, costs.order, 0.0)
    has_price = lines["net_price"].notna().to_numpy()
    told["expected_cost_amount"] = np.where(np.isfinite(after) & has_price, spent, np.nan)
    room = _room(
        after,
        np.minimum(cap, shelf.max_days * daily),
        lots,
        lambda level: lasting_cost(draws, level, costs, rate),
    )
    return told.assign(**room, cap_units=cap)


def _lots(
    lines: pd.DataFrame,
    rate: Array,
    costs: Costs,
    lots: Lots,
    breaks: Sequence[Sequence[Break]] | None,
) -> Array:
    """The economic lot, what must be taken at least, or the lot of a discount."""
    lot = np.maximum(economic_lot(rate, costs), lots.moq)
    yearly = rate * YEAR_DAYS / lines["review_days"].to_numpy(float)
    for i, steps in enumerate(breaks or ()):
        if steps and yearly[i] > 0:
            first = Break(min_units=0.0, unit_cost_amount=float(lines["net_price"].iloc[i]))
            known = steps if any(one.min_units == 0 for one in steps) else [first, *steps]
            found = best_lot(yearly[i], costs.order[i], float(lines["holding_rate"].iloc[i]), known)
            lot[i] = max(lots.moq[i], found)
    return lot


def _cap(lines: pd.DataFrame, daily: Array, shelf: Shelf) -> Array:
    """The most that can be sold while the goods may still be sold; infinite for goods that keep."""
    days = lines["shelf_life_days"].to_numpy(float) * (1 - shelf.least_life_rate)
    return np.asarray(np.where(np.isnan(days), np.inf, np.nan_to_num(days) * daily))


def _running_out(draws: Array, position: Array) -> Array:
    """Share of draws above the position, [n]; NaN where it is not known."""
    share = (draws > np.nan_to_num(position)[:, None]).mean(axis=1)
    return np.asarray(np.where(np.isfinite(position), share, np.nan))


def _days(position: Array, daily: Array) -> Array:
    """Days that the position lasts; NaN where nothing is sold."""
    return np.asarray(np.where(daily > _LEAST, position / np.maximum(daily, _LEAST), np.nan))


def _room(after: Array, most: Array, lots: Lots, cost: Callable[[Array], Array]) -> dict[str, Array]:
    """Units that could be held on top without stuffing, and what one of them would cost to hold."""
    room = np.maximum(down(np.nan_to_num(most - after), lots.pack), 0.0)
    held = np.nan_to_num(after)
    more = cost(held + room) - cost(held)
    return {"room_units": room, "hold_cost": more / np.maximum(room, _LEAST) * (room > 0)}
