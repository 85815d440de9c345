"""Sources: what is known of the coming demand of each line, and its sum over any lead time.

In:   draws of the demand room (or none), shelves with their sales, a belief that has learned.
Out:  `Demand` of lines whose terms are given: units until an order of the next review could arrive [n, s],
      those of the lead time alone, and those of the review period after it.

Lines are all that ever sold and all that the demand room speaks of. A line without history is answered by
the forecast alone, one without a forecast by its history; a line with neither has no demand.

>>> from features.tables import coerce
>>> rows = pd.DataFrame({"dealer_id": "D1", "sku_id": "S1", "qty_sell_in": 30.0,
...                      "period_start": pd.date_range("2023-01-01", periods=24, freq="MS")})
>>> sources = Sources.of(Shelves.of({"sell_in": rows}), None, periods=3, count=50, seed=0)
>>> sources.keys.to_numpy().tolist(), sources.start.strftime("%Y-%m-%d"), sources.told.tolist()
([['D1', 'S1']], '2025-01-01', ['history'])
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.draws import Draws
from features.shelves import Shelves
from models.inventory.belief import STEADY, Belief, segments
from models.inventory.censored import uplifted
from models.inventory.history import stretches
from models.inventory.lead import lead_days, wanted

Array = NDArray[np.float64]
KEYS = ["dealer_id", "sku_id"]
_LEAST = 1e-9


@dataclass(frozen=True, kw_only=True)
class Demand:
    """Draws of each line, [n, s] units."""

    wanted: Array  # lead time and review period
    lead: Array  # lead time alone
    days: Array  # [n] mean of both together

    @property
    def review(self) -> Array:
        """Of the review period after the lead time."""
        return np.maximum(self.wanted - self.lead, 0.0)

    @property
    def daily(self) -> Array:
        """Mean units a day, [n]."""
        return np.asarray(self.wanted.mean(axis=1) / self.days)

    def of(self, rows: NDArray[np.intp]) -> "Demand":
        """Some of the lines."""
        return Demand(wanted=self.wanted[rows], lead=self.lead[rows], days=self.days[rows])


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Draws of the demand room and of history, of the same lines."""

    keys: pd.DataFrame  # [n] dealer_id, sku_id
    start: pd.Timestamp  # first day that is not over
    forecast: Draws | None  # NaN where the demand room says nothing
    history: Draws  # NaN where nothing was sold
    segment: NDArray[Any]  # [n]
    seed: int

    @classmethod
    def of(cls, shelves: Shelves, draws: Draws | None, *, periods: int, count: int, seed: int) -> Self:
        """Futures of `periods` periods; draws of the demand room as many as they are."""
        count = draws.count if draws is not None else count
        both = shelves.keys if draws is None else pd.concat([shelves.keys, draws.keys])
        keys = both.drop_duplicates(KEYS).sort_values(KEYS, ignore_index=True)
        place = _positions(shelves.keys, keys)
        sold = filled(shelves)
        product = pd.factorize(shelves.keys["sku_id"])[0]
        rng = np.random.default_rng(seed)
        own = stretches(sold, shelves.months(), product, horizon=periods, count=count, rng=rng)
        ahead = shelves.freq.range(shelves.next_start, periods)
        segment = np.full(len(keys), STEADY, dtype=object)
        segment[place >= 0] = segments(sold, shelves.freq.season)[place[place >= 0]]
        return cls(
            keys=keys,
            start=ahead[0],
            forecast=None if draws is None else _onto(draws, keys),
            history=_onto(Draws(keys=shelves.keys, periods=ahead, units=own.astype(np.float32)), keys),
            segment=segment,
            seed=seed,
        )

    @property
    def told(self) -> NDArray[Any]:
        """Who speaks of each line: forecast, history, both or nobody, [n]."""
        heard = ~np.isnan(self.history.units[:, 0, 0])
        if self.forecast is None:
            return np.where(heard, "history", "nobody").astype(object)
        said = ~np.isnan(self.forecast.units[:, 0, 0])
        names = np.select([heard & said, said, heard], ["both", "forecast", "history"], "nobody")
        return names.astype(object)

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Some of the lines."""
        return replace(
            self,
            keys=self.keys.loc[rows].reset_index(drop=True),
            forecast=None if self.forecast is None else self.forecast.take(rows),
            history=self.history.take(rows),
            segment=self.segment[rows],
        )

    def raw(self, terms: pd.DataFrame) -> tuple[Array | None, Array, Array, Array]:
        """Sums of both sources over lead time and review [n, s], shares of the lead time in them, days."""
        rng = np.random.default_rng(self.seed)
        lead = lead_days(
            terms["lead_time_days"].to_numpy(float),
            terms["lead_time_spread_days"].to_numpy(float),
            count=self.history.count,
            rng=rng,
        )
        days = lead + terms["review_days"].to_numpy(float)[:, None]
        history = wanted(self.history, days)
        forecast = None if self.forecast is None else wanted(self.forecast, days)
        first = wanted(self.history, lead)
        share = first / np.maximum(history, _LEAST)
        if self.forecast is not None and forecast is not None:
            said = wanted(self.forecast, lead) / np.maximum(forecast, _LEAST)
            share = np.where(np.isfinite(forecast), said, share)
        return forecast, history, np.clip(np.nan_to_num(share), 0.0, 1.0), days

    def demand(self, terms: pd.DataFrame, belief: Belief) -> Demand:
        """Calibrated demand of lines in the order of `keys`."""
        forecast, history, share, days = self.raw(terms)
        if forecast is not None:
            history = np.where(np.isfinite(history), history, forecast)
        both = belief.predict(forecast, np.nan_to_num(history), self.segment)
        if forecast is None:
            both = np.take_along_axis(both, _rank(history), axis=1)
        return Demand(wanted=both, lead=both * share, days=days.mean(axis=1))


def filled(shelves: Shelves) -> Array:
    """Sales, with what was missed where a dealer ran out, [n, t]."""
    return uplifted(shelves.sold, shelves.short, shelves.freq.season / 12)


def _rank(draws: Array) -> NDArray[np.intp]:
    return np.argsort(np.argsort(np.nan_to_num(draws), axis=1, kind="stable"), axis=1, kind="stable")


def _positions(found: pd.DataFrame, wanted_keys: pd.DataFrame) -> NDArray[np.intp]:
    """Where each wanted key stands in `found`; -1 when it does not."""
    index = pd.MultiIndex.from_frame(found[KEYS])
    return np.asarray(index.get_indexer(pd.MultiIndex.from_frame(wanted_keys[KEYS])), dtype=np.intp)


def _onto(draws: Draws, keys: pd.DataFrame) -> Draws:
    """The draws of these keys; NaN for those that they do not hold."""
    place = _positions(draws.keys, keys)
    units = np.full((len(keys), *draws.units.shape[1:]), np.nan, dtype=np.float32)
    units[place >= 0] = draws.units[place[place >= 0]]
    return Draws(keys=keys, periods=draws.periods, units=units)
