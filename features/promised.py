"""Promised: prices and promotions that were planned, held against what then happened.

A plan is doubted when cells are blank, when it speaks of a discount and the price stays, when units answer it
one way before and the other way of late, or when its figures leave all that history knew. It is used as given
all the same, within the limits of the response (`models.demand.elasticity`).

Out: sentences, the first offender by id and period.
Limits: a promotion of 0 and 1 promises no depth, so no price is held against it.

>>> from features.frequency import MONTHLY
>>> static = pd.DataFrame({"dealer_id": ["D1"], "sku_id": ["S1"]})
>>> off = np.tile([[0.0, 0.5]], 6)
>>> plans = {"net_price": np.full((1, 12), 9.0), "discount": off}
>>> panel = Panel(static=static, first=pd.Timestamp("2024-01-01"), freq=MONTHLY, y=off + 5, plans=plans)
>>> plan_doubts(panel, {})[0][:82]
'discount speaks of a discount 6 times, and the price did not fall 6 of these times'
"""

import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import Panel, is_price
from features.windows import window_mean

Array = NDArray[np.float64]
_DEPTH = re.compile(r".*(discount|promo|rebate|折扣|促销).*")
_LEAST = 5  # cells that speak
_SHALLOW = 0.05  # discounts below are left alone
_FAR = 4.0  # times the usual price
_SURE = 4.0  # standard errors


def plan_doubts(panel: Panel, tables: Mapping[str, pd.DataFrame], *, judged: int = 1) -> list[str]:
    """What is odd about plans; none for a panel without."""
    found = list(_blank(panel, tables, judged)) if panel.plans else []
    for name, plan in panel.plans.items():
        found += [*_unmoved(panel, name, plan), *_far(panel, name, plan), *_turned(panel, name, plan)]
    return found


def _blank(panel: Panel, tables: Mapping[str, pd.DataFrame], judged: int) -> Iterator[str]:
    """Plans on record without a value."""
    since = panel.freq.shift(panel.cutoff, 1 - judged)
    for name, rows, column in _on_record(panel, tables):
        empty = rows[rows[column].isna()]
        if empty.empty:
            continue
        first = empty.iloc[0]
        late = int((empty["period_start"] >= since).sum())
        yield (
            f"{name} is blank in {len(empty):,} of {len(rows):,} rows (first: "
            f"{first.dealer_id}/{first.sku_id} {first.period_start:%Y-%m-%d}), "
            f"{late:,} of them in or after the {panel.freq.noun}s judged: the last one known is carried on."
        )


def _on_record(panel: Panel, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame, str]]:
    prices, promotions = tables.get("prices"), tables.get("promotions")
    if prices is not None:
        yield from ((name, prices, name) for name in panel.plans if name in prices)
    if promotions is not None:
        kinds = promotions.groupby("kind", observed=True)
        yield from ((str(kind), rows, "value") for kind, rows in kinds if str(kind) in panel.plans)


def _unmoved(panel: Panel, name: str, plan: Array) -> Iterator[str]:
    """Discounts of a stated depth in periods whose price did not fall."""
    if "net_price" not in panel.plans or is_price(name) or not _DEPTH.fullmatch(name):
        return
    depth, price = plan[:, : panel.t], panel.plans["net_price"][:, : panel.t]
    depth = np.where(depth > 1, depth / 100, depth)
    usual = _medians(np.where(depth == 0, price, np.nan))
    speaks = (depth >= _SHALLOW) & (depth < 1) & np.isfinite(price / usual)
    stayed = speaks & (price > usual * (1 - depth / 2))
    if stayed.sum() >= max(_LEAST, speaks.sum() / 2):
        yield (
            f"{name} speaks of a discount {int(speaks.sum()):,} times, and the price did not fall "
            f"{int(stayed.sum()):,} of these times (first: {_at(panel, stayed)}): is the price a list price, "
            f"or is {name} no discount? Both are used as given."
        )


def _far(panel: Panel, name: str, plan: Array) -> Iterator[str]:
    """Figures that leave what their series, or a promotion the channel, knew before."""
    if is_price(name):
        far = np.abs(np.log(plan / _medians(plan))) > np.log(_FAR)
    else:
        size = np.abs(np.nan_to_num(plan))
        known, count = np.maximum.accumulate(size.max(axis=0)), np.cumsum((size > 0).sum(axis=0))
        before = np.where(count >= _LEAST, known, np.inf)  # [t], up to each period
        far = size > _FAR * np.concatenate([[np.inf], before[:-1]])
    if far.any():
        yield (
            f"{name} lies more than {_FAR:g} times from what was usual in {int(far.sum()):,} cells (first: "
            f"{_at(panel, far)}): is it another unit? Its effect is limited, and a guess."
        )


def _turned(panel: Panel, name: str, plan: Array) -> Iterator[str]:
    """An effect that was surely up and is surely down in the last year, or the other way round."""
    season, t = panel.freq.season, panel.t
    cut = t - season if t >= 2 * season else t // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log(plan[:, :t]) if is_price(name) else plan[:, :t]
        z = np.log(np.where(panel.y > 0, panel.y, np.nan))
    before, late = _effect(x[:, :cut], z[:, :cut]), _effect(x[:, cut:], z[:, cut:])
    if min(abs(before), abs(late)) > _SURE and before * late < 0:
        up, down = ("rose", "fall") if before > 0 else ("fell", "rise")
        yield (
            f"{name} turned: units {up} with it before {panel.periods()[cut]:%Y-%m-%d} and {down} with it "
            "since. Does it still mean the same? The forecast takes both together."
        )


def _effect(x: Array, z: Array) -> float:
    """Slope within series in standard errors; 0 where nothing can be said."""
    used = np.isfinite(x) & np.isfinite(z)
    if used.sum() < 3 * _LEAST:
        return 0.0
    x, z = (v - np.nan_to_num(window_mean(np.where(used, v, np.nan), v.shape[1]))[:, None] for v in (x, z))
    x, z = np.where(used, x, 0.0), np.where(used, z, 0.0)
    xx = float((x * x).sum())
    if xx <= 0 or (x != 0).sum() < _LEAST:
        return 0.0
    slope = float((x * z).sum()) / xx
    left = float(((z - slope * x) ** 2).sum()) / max(int(used.sum()) - len(x) - 1, 1)
    return slope / np.sqrt(left / xx) if left > 0 else 0.0


def _medians(values: Array) -> Array:
    """Median of each row's numbers, [n, 1]."""
    return pd.DataFrame(values.T).median().to_numpy(float)[:, None]


def _at(panel: Panel, cells: NDArray[np.bool_]) -> str:
    row, step = np.argwhere(cells)[0]
    return f"{panel.ids[row]} {panel.freq.shift(panel.first, int(step)):%Y-%m-%d}"
