"""Decide: the price of every line that is expected to earn most, inside what is allowed.

In:   lines, one a dealer and product: line_id, sku_id, territory_id, currency, net_price (now), list_price,
      unit_cost, slope and slope_sd (elasticity), units_mean and units_sd (at the price of now, over the
      horizon of the demand draws), cross_amount (margin on the dealer's other products that one log unit
      of this price brings), seen_low, seen_high (net prices seen), and, where somebody
      set them, least_price and most_price; `Rules`; the table freights.
Out:  `Decided`: lines with suggested_price, floor_price, ceiling_price, margin_change_amount (expected, over
      the horizon) with _low and _high, probability (that the margin rises), units_change_rate, binds, note;
      corridors, one row a product and pair of territories whose corridor binds or is broken.

    margin(p) = (p - cost) units (p / now)^elasticity + cross_amount log(p / now)

expected over the uncertainty of elasticity and demand. A price moves at most `step_rate`, never beyond what
was seen, never above the list price, never below cost / (1 - margin_floor_rate) (or, where that is
further than one step away, as near to it as a step reaches). Where a better margin is less likely than
`least_probability`, the price stays, unless the corridor moves it.

Limits: one elasticity over the whole step; rivals do not answer.

>>> lines = pd.DataFrame({"line_id": ["D1/S1"], "sku_id": "S1", "territory_id": "T1", "currency": "CNY",
...     "net_price": 10.0, "list_price": 14.0, "unit_cost": 7.0, "slope": -1.5, "slope_sd": 0.2,
...     "units_mean": 100.0, "units_sd": 20.0, "cross_amount": 0.0, "seen_low": 8.0, "seen_high": 12.0})
>>> decide(lines, pd.DataFrame(), Rules(step_rate=0.05)).lines["suggested_price"].tolist()
[10.5]
"""

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from features.money import cents
from models.price.corridor import ends, excess, within
from models.response import cut_normal

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
_KNOTS = 41  # prices tried between the bounds
_SLOPES, _DEMANDS = 25, 7  # equally likely elasticities, demands
_SLOPE_BOUNDS = (-20.0, -0.01)
_BINDING = 0.01  # of the corridor's width: nearer than this to its edge it binds


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is allowed; rates are fractions."""

    margin_floor_rate: float = 0.05  # of the price
    step_rate: float = 0.05  # of the price of now
    least_probability: float = 0.6
    spread_rate: float = 0.12  # of the product's median price, beyond freight


@dataclass(frozen=True)
class Decided:
    """Prices, and where corridors bind."""

    lines: pd.DataFrame
    corridors: pd.DataFrame = field(repr=False)


def decide(
    lines: pd.DataFrame, freights: pd.DataFrame, rules: Rules, *, free: NDArray[np.bool_] | None = None
) -> Decided:
    """Prices of all lines; those that are not `free` keep theirs and bound the others."""
    lines = lines.reset_index(drop=True)
    asked = lines["unit_cost"].notna().to_numpy() & (np.ones(len(lines), bool) if free is None else free)
    low, high, held = bounds(lines, rules)
    coins = (
        lines["currency"].map({name: _coin(str(name)) for name in lines["currency"].unique()}).to_numpy(float)
    )
    low, high = _in_coins(low, high, coins)
    grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _KNOTS)
    now = lines["net_price"].to_numpy(float)
    grid = np.where(asked[:, None], grid, now[:, None])
    worth = _worth(lines, grid, asked, rules)
    best, price, parts = grid[np.arange(len(grid)), worth.argmax(axis=1)], now.copy(), []
    for key, rows in lines.groupby(["sku_id", "currency"], sort=True).indices.items():
        sku, currency = map(str, key)  # type: ignore[call-overload]
        names, territory = np.unique(lines["territory_id"].to_numpy(str)[rows], return_inverse=True)
        width = widths(freights, names, float(np.median(now[rows])) * rules.spread_rate, currency)
        coin = coins[rows]
        chosen = within(grid[rows], worth[rows], territory, width - coin[0])  # a coin may be lost in rounding
        chosen = np.round(np.clip(np.round(chosen / coin) * coin, low[rows], high[rows]), 6)
        price[rows] = np.where(asked[rows], chosen, now[rows])
        parts.append(_corridors(sku, names, territory, width, now[rows], price[rows]))
    told = _told(lines, price, best, (low, high), asked)
    told["held"] = held
    return Decided(told, pd.concat(parts, ignore_index=True) if parts else _corridors_none())


def bounds(lines: pd.DataFrame, rules: Rules) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Lowest and highest price of each line, and whether the margin floor is out of a step's reach, [n]."""
    now = lines["net_price"].to_numpy(float)
    floor = np.nan_to_num(lines["unit_cost"].to_numpy(float) / (1 - rules.margin_floor_rate))
    seen_low = np.fmin(lines["seen_low"].to_numpy(float), now)
    ceiling = np.fmax(np.fmin(lines["seen_high"].to_numpy(float), lines["list_price"].to_numpy(float)), now)
    reach = now * (1 + rules.step_rate)
    ceiling = np.where(floor > now, reach, np.minimum(reach, ceiling))  # below the floor, the floor leads
    low = np.maximum(np.maximum(now * (1 - rules.step_rate), seen_low), floor)
    if "least_price" in lines:
        low = np.fmax(low, lines["least_price"].to_numpy(float))
        ceiling = np.fmin(ceiling, lines["most_price"].to_numpy(float))
    held = low > ceiling + 1e-9
    return np.minimum(low, ceiling), ceiling, held


def widths(freights: pd.DataFrame, names: NDArray[np.str_], spread: float, currency: str) -> Array:
    """By how much a price in the row's territory may exceed one in the column's, [m, m].

    Freight from the column's to the row's, and the spread; NaN where the freight is not on record. With
    no freights at all, every pair counts and nothing but the spread is allowed.
    """
    out = np.full((len(names), len(names)), spread if freights.empty else np.nan)
    if not freights.empty:
        place = pd.Index(names)
        known = freights[freights["currency"] == currency]
        dear = place.get_indexer(pd.Index(known["to_territory_id"].astype(str)))
        cheap = place.get_indexer(pd.Index(known["from_territory_id"].astype(str)))
        both = (dear >= 0) & (cheap >= 0)
        out[dear[both], cheap[both]] = known["freight_amount"].to_numpy(float)[both] + spread
    np.fill_diagonal(out, np.nan)
    return out


def gains(lines: pd.DataFrame, price: Array) -> Array:
    """Margin at a price less margin at the price of now, in every scenario, [n, slopes * demands]."""
    now, cost = lines["net_price"].to_numpy(float), lines["unit_cost"].to_numpy(float)
    away = np.log(price / now)[:, None]
    a_unit = (price - cost)[:, None] * np.exp(_slopes(lines) * away) - (now - cost)[:, None]
    total = a_unit[:, :, None] * _demands(lines)[:, None, :]
    pushed = lines["cross_amount"].to_numpy(float)[:, None, None] * away[:, :, None]
    return np.asarray((total + pushed).reshape(len(lines), -1))


def _slopes(lines: pd.DataFrame) -> Array:
    """Equally likely elasticities, [n, slopes]."""
    p = (np.arange(_SLOPES) + 0.5) / _SLOPES
    mean, sd = (lines[name].to_numpy(float)[:, None] for name in ("slope", "slope_sd"))
    return cut_normal(mean, sd, p[None, :], *_SLOPE_BOUNDS)


def _demands(lines: pd.DataFrame) -> Array:
    """Equally likely units at the price of now, log-normal with the draws' mean and spread, [n, demands]."""
    mean = np.maximum(lines["units_mean"].to_numpy(float), 1e-9)
    sd = np.sqrt(np.log1p((np.nan_to_num(lines["units_sd"].to_numpy(float)) / mean) ** 2))
    units = np.exp(sd[:, None] * ndtri((np.arange(_DEMANDS) + 0.5) / _DEMANDS))
    return np.asarray(units * (mean / units.mean(axis=1))[:, None])


def _worth(lines: pd.DataFrame, grid: Array, asked: NDArray[np.bool_], rules: Rules) -> Array:
    """Expected gain at each price; where a better margin is not likely, to stay is best, [n, k]."""
    expected = np.column_stack([gains(lines, column).mean(axis=1) for column in grid.T])
    expected = np.where(asked[:, None], expected, 0.0)
    best = grid[np.arange(len(grid)), expected.argmax(axis=1)]
    sure = (gains(lines, best) > 0).mean(axis=1) >= rules.least_probability
    away = np.abs(grid / lines["net_price"].to_numpy(float)[:, None] - 1)
    scale = (lines["units_mean"] * lines["net_price"]).to_numpy(float)[:, None]
    return np.asarray(np.where((sure | ~asked)[:, None], expected, -away * scale))


def _in_coins(low: Array, high: Array, coin: Array) -> tuple[Array, Array]:
    """Bounds as the outermost whole coins inside them, where there is one."""
    inside = np.ceil(low / coin - 1e-9) * coin, np.floor(high / coin + 1e-9) * coin
    fits = inside[0] <= inside[1]
    return np.where(fits, inside[0], low), np.where(fits, inside[1], high)


def _coin(currency: str) -> float:
    return float(10.0 ** int(cents(Decimal(0), currency).as_tuple().exponent))


def _told(
    lines: pd.DataFrame, price: Array, best: Array, ends_: tuple[Array, Array], asked: NDArray[np.bool_]
) -> pd.DataFrame:
    now = lines["net_price"].to_numpy(float)
    moved = np.abs(price / now - 1) > 1e-9
    tried = np.where(moved, price, best)  # a price that stays is told with the chance of the move left undone
    change, chance = gains(lines, price), gains(lines, tried)
    units = np.exp(_slopes(lines) * np.log(price / now)[:, None]).mean(axis=1) - 1
    known = np.where(asked, 1.0, np.nan)
    return lines.assign(
        suggested_price=price, floor_price=ends_[0], ceiling_price=ends_[1], best_price=best,
        units_change_rate=units, margin_change_amount=change.mean(axis=1) * known,
        margin_change_low=np.quantile(change, 0.05, axis=1) * known,
        margin_change_high=np.quantile(change, 0.95, axis=1) * known,
        probability=np.where(asked, (chance > 0).mean(axis=1), np.nan), moved=moved,
    )  # fmt: skip


def _corridors(
    sku: str, names: NDArray[np.str_], territory: Ints, width: Array, before: Array, after: Array
) -> pd.DataFrame:
    """Pairs of territories whose corridor binds after, or was broken before."""
    low, high = ends(after, territory, len(names))
    gap_after = high[:, None] - low[None, :]
    old_low, old_high = ends(before, territory, len(names))
    gap_before = old_high[:, None] - old_low[None, :]
    over = excess(after, territory, width)
    told = np.isfinite(width) & ((gap_after >= width * (1 - _BINDING)) | (gap_before > width + 1e-9))
    a, b = np.nonzero(told)
    frame = pd.DataFrame({"dear_territory_id": names[a], "cheap_territory_id": names[b]})
    frame.insert(0, "sku_id", sku)
    frame.insert(0, "corridor_id", sku + "/" + frame["dear_territory_id"] + "/" + frame["cheap_territory_id"])
    return frame.assign(
        allowed_gap=width[a, b], gap_before=gap_before[a, b], gap_after=gap_after[a, b],
        excess=np.where(over[a, b] > 1e-9, over[a, b], 0.0),
    )  # fmt: skip


def _corridors_none() -> pd.DataFrame:
    return _corridors(
        "", np.array([], dtype=str), np.zeros(0, np.int64), np.zeros((0, 0)), np.zeros(0), np.zeros(0)
    )
