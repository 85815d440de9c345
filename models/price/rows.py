"""Rows: what each dealer paid for each product in each period, and how much it moved.

In:   canonical tables as they were known. Units are `sell_out` where it is on record, else `sell_in`;
      prices are `prices.net_price`, else the amount of `sell_in` by its quantity.
Out:  `Market.rows`, one a series and period for models.response (unique_id, group, step, y) with
        log_price     of the net price, a unit
        cross_price   log price of the dealer's other products of the category against their own means,
                      weighted by units: what a rival on the same shelf costs
        promo_<kind>  planned promotions but discounts, which are in the price
        before_promo, shelf_promo   the strongest promotion one period earlier, which emptied the demand of
                      this one, and that of the rest of the shelf
        year_*        the calendar: two waves of the year, Spring Festival, holidays, years gone by
      `Market.lines`, one a series: what it pays now.

A period in which stock ran out says nothing of demand and is left out. The price of now is the last
one on record less its discount: the price that is agreed, not the campaign's.
Errors: NoPrices; features.errors.TooFewRows (no sales).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.calendar import festival_days, spring_festival_share
from features.errors import ChannelError, TooFewRows
from features.frequency import infer
from features.gather import gather
from features.known import Tables
from features.panel import Panel
from features.rivals import of_the_rest, shelves
from models.response import Driver

Array = NDArray[np.float64]
CALENDAR = ("year_cos", "year_sin", "half_year_cos", "half_year_sin", "spring_festival", "holidays", "years")
_RECENT_YEARS = 1.0  # of units, to weigh a dealer's products by
_LEAST_PRICE = 1e-6
_LEAST_SHARE = 1e-3


class NoPrices(ChannelError):
    def __init__(self) -> None:
        super().__init__(
            "No net price is known of any sale; load the table prices, or sell_in with its amounts, "
            "with `qudao ingest`."
        )


@dataclass(frozen=True)
class Market:
    """Rows to learn from, and lines to price."""

    panel: Panel
    rows: pd.DataFrame
    lines: pd.DataFrame  # line_id, dealer_id, sku_id, territory_id, category, net_price, list_price, units
    shares: Array  # [n] of the units of the dealer's category that a line has
    currency: str

    @classmethod
    def of(cls, tables: Tables) -> Self:
        """Tables that hold only what was known."""
        panel = _panel(tables)
        price = _prices(panel, tables)
        shares = _shares(panel)
        frame = _frame(
            panel,
            price,
            _cross(panel, price, shares),
            _promotions(panel, shares),
            _stocked_out(panel, tables),
        )
        return cls(panel, frame, _lines(panel, price), shares, _currency(tables))

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """What moves demand, the own price first."""
        promos = [str(name) for name in self.rows.columns if str(name).startswith("promo_")]
        signed = [Driver("log_price", -1), Driver("cross_price", 1), *(Driver(name, 1) for name in promos)]
        taken = [Driver(name, -1) for name in ("before_promo", "shelf_promo") if name in self.rows]
        return (*signed, *taken, *(Driver(name) for name in CALENDAR))


def _panel(tables: Tables) -> Panel:
    for quantity in ("sell_out", "sell_in"):
        if quantity in tables and len(tables[quantity]):
            freq = infer(tables[quantity]["period_start"])
            return gather(tables, freq, quantity=quantity, gaps="zero")
    raise TooFewRows("Prices (rows of sell_in or sell_out)", 1, 0)


def _prices(panel: Panel, tables: Tables) -> Array:
    """Net price of each series and observed period, [n, t]."""
    found = panel.plans.get("net_price")
    if found is not None and np.isfinite(found[:, : panel.t]).any():
        return np.asarray(found[:, : panel.t])
    bought = tables.get("sell_in", pd.DataFrame())
    if bought.empty or bought["amount"].notna().sum() == 0:
        raise NoPrices
    wide = gather({"sell_in": bought}, panel.freq, gaps="missing")
    paid = gather({"sell_in": bought.assign(qty_sell_in=bought["amount"])}, panel.freq, gaps="missing")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(wide.y > 0, paid.y / wide.y, np.nan)
    place = pd.Index(wide.ids).get_indexer(pd.Index(panel.ids))
    out = np.full((panel.n, panel.t), np.nan)
    steps = panel.freq.position(pd.Series(wide.periods()), panel.first).to_numpy()
    kept = (steps >= 0) & (steps < panel.t)
    out[np.ix_(place >= 0, steps[kept])] = ratio[place[place >= 0]][:, kept]
    return out


def _stocked_out(panel: Panel, tables: Tables) -> NDArray[np.bool_]:
    """Where stock ran out in or before the end of the period, [n, t]."""
    stock = tables.get("stock", pd.DataFrame())
    out = np.zeros((panel.n, panel.t), dtype=bool)
    if stock.empty or "is_stockout" not in stock:
        return out
    short = stock[stock["is_stockout"].fillna(False).astype(bool)]
    row = pd.Index(panel.ids).get_indexer(
        pd.Index(short["dealer_id"].astype(str) + "/" + short["sku_id"].astype(str))
    )
    step = panel.freq.position(panel.freq.floor(short["period_start"]), panel.first).to_numpy()
    kept = (row >= 0) & (step >= 0) & (step < panel.t)
    out[row[kept], step[kept]] = True
    return out


def _shares(panel: Panel) -> Array:
    """Share of each series in the units of its shelf in the last year, [n]."""
    recent = np.nansum(panel.y[:, -int(panel.freq.season * _RECENT_YEARS) :], axis=1)
    shelf = shelves(panel)
    total = np.bincount(shelf, recent)[shelf]
    return np.asarray(np.where(total > 0, recent / np.maximum(total, _LEAST_PRICE), 0.0))


def _cross(panel: Panel, price: Array, shares: Array) -> Array:
    """Log price of the rest of the shelf against its own means, [n, t]; zero where it stands alone."""
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(price)
    known = np.isfinite(log)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, log, 0.0).sum(axis=1, keepdims=True) / count
    return _beside(np.where(known, log - mean, np.nan), panel, shares)


def _beside(values: Array, panel: Panel, shares: Array) -> Array:
    """Mean over the other series of the shelf, weighted by their shares, [n, t]; zero where none is."""
    return of_the_rest(values, (shares + _LEAST_SHARE)[:, None], shelves(panel))


def _promotions(panel: Panel, shares: Array) -> dict[str, Array]:
    """Promotions but discounts by kind, and what they take from the next period and the shelf, [n, t]."""
    plans = {kind: plan for kind, plan in sorted(panel.plans.items()) if not kind.endswith("_price")}
    kinds = {f"promo_{k}": np.nan_to_num(p[:, : panel.t]) for k, p in plans.items() if k != "discount"}
    if not kinds:
        return {}
    strongest = np.max([plan / max(float(plan.max()), 1e-9) for plan in kinds.values()], axis=0)
    before = np.column_stack([np.zeros(panel.n), strongest[:, :-1]])
    return kinds | {"before_promo": before, "shelf_promo": _beside(strongest, panel, shares)}


def _frame(
    panel: Panel, price: Array, cross: Array, promotions: Mapping[str, Array], short: NDArray[np.bool_]
) -> pd.DataFrame:
    used = np.isfinite(panel.y) & (price > _LEAST_PRICE) & ~short
    row, step = np.nonzero(used)
    frame = pd.DataFrame(
        {"unique_id": panel.ids[row], "group": panel.static["sku_id"].astype(str).to_numpy()[row]}
    )
    frame = frame.assign(
        step=step, y=np.maximum(panel.y[used], 0.0), log_price=np.log(price[used]), cross_price=cross[used]
    )
    for name, plan in promotions.items():
        frame[name] = plan[used]
    for name, values in _calendar(panel).items():
        frame[name] = values[step]
    return frame


def _calendar(panel: Panel) -> Mapping[str, Array]:
    """Columns of the calendar, [t]."""
    edges = panel.freq.range(panel.first, panel.t + 1)
    begun = (panel.first.day_of_year - 1) / 365.25
    angle = 2 * np.pi * (np.arange(panel.t) / panel.freq.season + begun)
    waves = (np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle))
    festival = spring_festival_share(edges)
    holidays = festival_days(edges, "CN")
    years = np.arange(panel.t) / panel.freq.season
    return dict(zip(CALENDAR, (*waves, festival, holidays, years), strict=True))


def _lines(panel: Panel, price: Array) -> pd.DataFrame:
    static = panel.static
    told = pd.DataFrame({"line_id": panel.ids})
    for name in ("dealer_id", "sku_id", "territory_id", "category"):
        told[name] = static[name].fillna("").astype(str).to_numpy() if name in static else ""
    discount = (
        np.nan_to_num(panel.plans["discount"][:, : panel.t])
        if "discount" in panel.plans
        else np.zeros(price.shape)
    )
    agreed = price / (1 - np.clip(discount, 0.0, 0.95))
    told["net_price"] = _last(agreed)
    told["list_price"] = (
        _last(panel.plans["list_price"][:, : panel.t]) if "list_price" in panel.plans else np.nan
    )
    return told


def _last(values: Array) -> Array:
    """The last number of each row, NaN where there is none, [n]."""
    known = np.isfinite(values)
    at = values.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return np.asarray(np.where(known.any(axis=1), values[np.arange(len(values)), at], np.nan))


def _currency(tables: Tables) -> str:
    for name in ("prices", "sell_in"):
        table = tables.get(name, pd.DataFrame())
        if len(table) and "currency" in table and table["currency"].notna().any():
            return str(table["currency"].mode()[0])
    return ""


__all__ = ["CALENDAR", "Any", "Market", "NoPrices"]
