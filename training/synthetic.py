"""Synthetic: made-up channels of every temper, for a network to learn from before it meets a real one.

A channel is `dealers` x `products` series. Its temper (how seasonal, noisy, price-sensitive,
lumpy, trending it is, whether a moving festival counts) is drawn once; each product and
each series then draws its own around it. Units are

    size x trend x season x festival x price and deal response x level shifts x AR(1) noise

counted out in whole orders where a series is lumpy, cut where it was out of stock. Prices and
deals are plans that reach the horizon, in half of the channels; in the others nobody kept
them, and their effect is noise.

Out: a panel, [n series, t periods], units, and whether its festival is the lunar new year.
Source: the list of what moves a channel is ours; no number is taken from a real data set.
Limits: series of one channel share season and festival, not their shocks; prices are set
        without regard to demand.

>>> one, again = (synthetic(np.random.default_rng(0)) for _ in range(2))
>>> one.panel.y.shape, bool(np.array_equal(one.panel.y, again.panel.y, equal_nan=True))
((48, 60), True)
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.calendar import spring_festival_share
from features.frequency import MONTHLY, Frequency
from features.panel import Panel

Array = NDArray[np.float64]
Rng = np.random.Generator
_FIRST_YEARS = (1990, 2040)
_HARMONICS = 4


@dataclass(frozen=True, kw_only=True)
class Span:
    """How large a made-up channel is."""

    dealers: int = 8
    products: int = 6
    periods: int = 60
    ahead: int = 3
    freq: Frequency = MONTHLY

    @property
    def series(self) -> int:
        """Number of series."""
        return self.dealers * self.products

    @property
    def width(self) -> int:
        """Periods on record and planned."""
        return self.periods + self.ahead


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """A made-up channel; `lunar`: its festival is the lunar new year."""

    panel: Panel
    lunar: bool


def synthetic(rng: Rng, span: Span | None = None) -> Synthetic:
    """One channel."""
    span = span or Span()
    first, lunar = _first(rng, span.freq), bool(rng.random() < 0.4)
    price, deal = _prices(rng, span), _deals(rng, span)
    logs = _trend(rng, span) + _season(rng, span) + _shifts(rng, span) + _noise(rng, span)
    logs += _response(rng, span, price, deal)
    if lunar:
        logs += _festival(rng, span, first)
    size = rng.lognormal(rng.normal(3.5, 1.5), rng.uniform(0.3, 1.5), (span.series, 1))
    units = _counted(rng, size * np.exp(np.clip(logs, -4, 4)))
    units = _started(rng, _out_of_stock(rng, units))
    plans = _noted(rng, price, deal) if rng.random() < 0.6 else {}
    panel = Panel(
        static=_static(span), first=first, freq=span.freq, y=units[:, : span.periods], plans=plans, signals={}
    )
    return Synthetic(panel=panel, lunar=lunar)


def _first(rng: Rng, freq: Frequency) -> pd.Timestamp:
    day = pd.Timestamp(year=int(rng.integers(*_FIRST_YEARS)), month=int(rng.integers(1, 13)), day=1)
    return pd.Timestamp(freq.floor(pd.Series([day]))[0])


def _trend(rng: Rng, span: Span) -> Array:
    """Slopes that fade, and a level that wanders: logs, [n, w]."""
    years = np.arange(span.width) / span.freq.season
    slope = rng.normal(rng.normal(0, 0.05), rng.choice([0.0, 0.05, 0.2]), (span.series, 1))
    bend = rng.uniform(0.3, 3.0, (span.series, 1))  # years until a slope has lost two thirds of itself
    steps = rng.normal(0, 1, (span.series, span.width)) / np.sqrt(span.freq.season)
    wander = np.cumsum(steps, axis=1) * rng.choice([0.03, 0.1, 0.2, 0.4])
    return np.asarray(slope * bend * (1 - np.exp(-years / bend)) * 2 + wander)


def _season(rng: Rng, span: Span) -> Array:
    """A year's profile of each product and a little of each series: waves, and a high or low month."""
    depth = rng.choice([0.0, 0.1, 0.3, 0.6])
    phase = 2 * np.pi * np.arange(span.width) / span.freq.season
    common, own = _profile(rng, span.products, phase), _profile(rng, span.series, phase)
    product = np.arange(span.series) % span.products
    share = rng.uniform(0, 1)
    return np.asarray(depth * ((1 - share) * common[product] + share * own))


def _profile(rng: Rng, n: int, phase: Array) -> Array:
    order = np.arange(1, _HARMONICS + 1)[:, None]
    angle = order * phase  # [k, w]
    weight = rng.normal(0, 1, (2, n, _HARMONICS)) / order[:, 0]
    peak = rng.uniform(0, 2 * np.pi, (n, 1))
    spike = np.exp(20 * (np.cos(phase - peak) - 1)) * rng.normal(0, 1.0, (n, 1))
    return np.asarray(weight[0] @ np.cos(angle) + weight[1] @ np.sin(angle) + spike)


def _festival(rng: Rng, span: Span, first: pd.Timestamp) -> Array:
    """More before the lunar new year, less in the period after it, more or less so by product."""
    share = spring_festival_share(span.freq.range(first, span.width + 1))
    after = np.concatenate([[0.0], share[:-1]])
    effect = rng.normal(rng.normal(0.5, 0.5), 0.2, (span.products, 1))
    rest = -effect * rng.uniform(0, 0.7)
    product = np.arange(span.series) % span.products
    return np.asarray((effect * share + rest * after)[product])


def _prices(rng: Rng, span: Span) -> Array:
    """List prices that move in rare steps, and discounts off them, [n, w]."""
    shape, season = (span.series, span.width), span.freq.season
    steps = rng.normal(0.02, 0.05, shape) * (rng.random(shape) < 2 / season)
    listed = rng.lognormal(2, 0.5, (span.series, 1)) * np.exp(np.cumsum(steps, axis=1))
    depth = rng.uniform(0.05, 0.4) * rng.beta(2, 4, shape)
    return np.asarray(listed * (1 - depth * _episodes(rng, shape, rng.uniform(0.05, 0.35))))


def _deals(rng: Rng, span: Span) -> Array:
    return _episodes(rng, (span.series, span.width), rng.uniform(0.03, 0.25))


def _episodes(rng: Rng, shape: tuple[int, int], rate: float) -> Array:
    """1 in runs of one or two periods, else 0."""
    begun = rng.random(shape) < rate / 1.5
    again = np.roll(begun, 1, axis=1) & (rng.random(shape) < 0.5)
    return (begun | again).astype(float)


def _noted(rng: Rng, price: Array, deal: Array) -> dict[str, Array]:
    """What the channel wrote down: in half of the cases with prices and flags that say nothing of demand."""
    plans = {"net_price": price, "deal": deal}
    if rng.random() < 0.5:
        return plans
    plans["list_price"] = price * np.exp(np.cumsum(rng.normal(0, 0.03, price.shape), axis=1))
    for j in range(int(rng.integers(1, 6))):
        rows = len(price) if rng.random() < 0.5 else 1  # an event of each series, or of all
        flags = _episodes(rng, (rows, price.shape[1]), rng.uniform(0.03, 0.2))
        plans[f"event_{j}"] = np.broadcast_to(flags, price.shape).copy()
    return plans


def _response(rng: Rng, span: Span, price: Array, deal: Array) -> Array:
    """Log units against the mean price, the deal's uplift, and what was bought ahead missing afterwards."""
    elasticity = rng.normal(-rng.choice([0.0, 1.0, 2.0, 3.0]), 0.4, (span.series, 1))
    uplift = rng.normal(rng.choice([0.0, 0.3, 0.8]), 0.15, (span.series, 1))
    change = np.log(price)
    effect = elasticity * (change - change.mean(axis=1, keepdims=True)) + uplift * deal
    dip = rng.uniform(0, 0.5) * np.roll(np.maximum(effect, 0), 1, axis=1)
    dip[:, 0] = 0
    return np.asarray(effect - dip)


def _shifts(rng: Rng, span: Span) -> Array:
    """A lasting jump in some series; single odd periods in a few."""
    shape = (span.series, span.width)
    jumps = rng.normal(0, 0.5, shape) * (rng.random(shape) < rng.choice([0.0, 0.1, 0.4]) / span.freq.season)
    odd = rng.normal(0, 1.0, shape) * (rng.random(shape) < rng.choice([0.0, 0.01, 0.03]))
    return np.asarray(np.cumsum(jumps, axis=1) + odd)


def _noise(rng: Rng, span: Span) -> Array:
    """AR(1), of a width and memory of the channel's own."""
    width = rng.lognormal(np.log(rng.choice([0.02, 0.05, 0.1, 0.2, 0.4])), 0.3, (span.series, 1))
    memory = rng.uniform(-0.3, 0.7)
    shocks, out = rng.normal(0, 1, (span.series, span.width)) * width, np.zeros((span.series, span.width))
    out[:, 0] = shocks[:, 0]
    for t in range(1, span.width):
        out[:, t] = memory * out[:, t - 1] + np.sqrt(1 - memory**2) * shocks[:, t]
    return out


def _counted(rng: Rng, expected: Array) -> Array:
    """As expected, or in whole orders, or in rare large orders: by channel."""
    kind = rng.choice(["smooth", "whole", "rare"], p=[0.65, 0.25, 0.1])
    if kind == "smooth":
        return expected
    if kind == "whole":
        order = np.median(expected) * rng.lognormal(-2, 1.2)
        return np.asarray(rng.poisson(np.minimum(expected / order, 1e6)) * order)
    rate = rng.beta(2, 4, (len(expected), 1))
    ordered = rng.random(expected.shape) < rate
    return np.asarray(np.where(ordered, np.ceil(expected / rate), 0.0))


def _out_of_stock(rng: Rng, units: Array) -> Array:
    """Some periods are cut short, in a third of the channels."""
    if rng.random() > 1 / 3:
        return units
    empty = _episodes(rng, units.shape, 0.04)
    return np.asarray(units * (1 - empty * rng.uniform(0.3, 1.0, units.shape)))


def _started(rng: Rng, units: Array) -> Array:
    """A quarter of the series began late, a few ended; some periods were never reported."""
    n, width = units.shape
    begin = np.where(rng.random(n) < 0.25, rng.integers(0, width - 8, n), 0)
    end = np.where(rng.random(n) < 0.03, rng.integers(width // 2, width, n), width)
    period = np.arange(width)
    units = np.where(period >= end[:, None], 0.0, units)
    unknown = (period < begin[:, None]) | (rng.random(units.shape) < rng.choice([0.0, 0.0, 0.02]))
    return np.asarray(np.where(unknown, np.nan, units))


def _static(span: Span) -> pd.DataFrame:
    number = np.arange(span.series)
    dealer = [f"D{i}" for i in number // span.products]
    return pd.DataFrame({"dealer_id": dealer, "sku_id": [f"S{i}" for i in number % span.products]})
