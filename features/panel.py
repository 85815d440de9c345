"""Panel: the channel as dense arrays, cut at one moment.

`y` is demand in units, [n series, t periods], oldest first, and ends with the last period
that has been observed; NaN where nothing was recorded (before a series began, or a gap).
`plans` (prices, promotions: known ahead) may reach further, [n, t + ahead]; `signals`
(weather, market volume: known only afterwards) end with y. A panel has no room for a
future observation: `at` cuts the arrays, so whatever is computed from `panel.at(t)` cannot
have seen period t.

In a plan, NaN means that no plan was given. A price that is on record but blank carries
the last price forward.

Errors: MissingPlans (plans end before the horizon), ValueError (shapes that disagree, a
cut outside the panel).

>>> y = np.array([[5.0, 6.0, 7.0]])
>>> static = pd.DataFrame({"dealer_id": ["D1"], "sku_id": ["S1"]})
>>> from features.frequency import MONTHLY
>>> panel = Panel(static=static, first=pd.Timestamp("2024-01-01"), freq=MONTHLY, y=y, plans={}, signals={})
>>> panel.at(2).y, panel.at(2).cutoff
(array([[5., 6.]]), Timestamp('2024-02-01 00:00:00'))
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.frequency import Frequency

RIVAL_PRICE = "rival_price"  # made of other plans (features.rivals): nobody is asked for it
Array = NDArray[np.float64]
Rows = NDArray[np.intp] | NDArray[np.bool_]


class MissingPlans(ChannelError):
    """Plans end before the horizon; names the first series and periods without one."""

    def __init__(self, gaps: "pd.DataFrame", n_gaps: int) -> None:
        self.gaps, self.n_gaps = gaps, n_gaps  # the first of them: unique_id, plan, ds
        first = "; ".join(f"{g.unique_id} {g.plan} {g.ds:%Y-%m-%d}" for g in gaps.itertuples())
        super().__init__(
            f"{n_gaps} plan values are missing in the periods to forecast; first: {first}. "
            "Add them to the prices or promotions table, or ask to carry the last price "
            "forward without promotions (missing plans: carry)."
        )


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Demand and covariates of n series up to one cutoff."""

    static: pd.DataFrame  # n rows: dealer_id, sku_id, attributes
    first: pd.Timestamp  # start of period 0
    freq: Frequency
    y: Array  # [n, t] units
    plans: Mapping[str, Array] = field(default_factory=dict)  # name -> [n, t + ahead]
    signals: Mapping[str, Array] = field(default_factory=dict)  # name -> [n, t]

    def __post_init__(self) -> None:
        n, t = self.y.shape
        if len(self.static) != n:
            raise ValueError(f"static has {len(self.static)} rows for {n} series.")
        object.__setattr__(self, "static", self.static.reset_index(drop=True))
        for name, plan in self.plans.items():
            if plan.shape[0] != n or plan.shape[1] < t:
                raise ValueError(f"plan {name!r} is {plan.shape}; expected ({n}, {t} or more).")
        for name, signal in self.signals.items():
            if signal.shape != self.y.shape:
                raise ValueError(f"signal {name!r} is {signal.shape}; expected {self.y.shape}.")

    @property
    def n(self) -> int:
        """Number of series."""
        return len(self.y)

    @property
    def t(self) -> int:
        """Number of observed periods."""
        return int(self.y.shape[1])

    @cached_property
    def ids(self) -> NDArray[np.object_]:
        """unique_id of each series, `dealer_id/sku_id`, [n]."""
        return series_ids(self.static)

    @property
    def cutoff(self) -> pd.Timestamp:
        """Start of the last observed period."""
        return self.freq.shift(self.first, self.t - 1)

    def periods(self, horizon: int = 0) -> pd.DatetimeIndex:
        """Starts of the observed periods and of `horizon` more."""
        return self.freq.range(self.first, self.t + horizon)

    def ahead(self, horizon: int) -> pd.DatetimeIndex:
        """Starts of the `horizon` periods after the cutoff."""
        return self.periods(horizon)[self.t :]

    def position(self, cutoff: pd.Timestamp) -> int:
        """How many periods are observed when `cutoff` is the last of them."""
        return self.freq.apart(cutoff, self.first) + 1

    def at(self, t: int, *, ahead: int | None = None) -> Self:
        """The panel as it stood when t periods were observed; plans reach `ahead` further."""
        if not 0 < t <= self.t:
            raise ValueError(f"A cut keeps 1 to {self.t} periods; got {t}.")
        end = None if ahead is None else t + ahead
        return replace(
            self,
            y=self.y[:, :t],
            plans={k: v[:, :end] for k, v in self.plans.items()},
            signals={k: v[:, :t] for k, v in self.signals.items()},
        )

    def take(self, rows: Rows) -> Self:
        """Some of the series, by position or by mask."""
        return replace(
            self,
            static=self.static.loc[rows].reset_index(drop=True),
            y=self.y[rows],
            plans={k: v[rows] for k, v in self.plans.items()},
            signals={k: v[rows] for k, v in self.signals.items()},
        )

    def without_plans(self) -> Self:
        """The same demand, nothing known ahead."""
        return replace(self, plans={})

    def started(self) -> NDArray[np.bool_]:
        """Which series have at least one observation, [n]."""
        return np.asarray(np.isfinite(self.y).any(axis=1))

    def require_plans(self, horizon: int) -> Self:
        """This panel, when every plan in use reaches `horizon` periods ahead."""
        gaps = self._plan_gaps(horizon)
        if len(gaps):
            raise MissingPlans(gaps.head(5), len(gaps))
        return self

    def carry_plans(self, horizon: int) -> Self:
        """Plans that end with the horizon, gaps filled: the last price carried forward, no promotion."""
        plans = {k: _carried(v, self.t + horizon, is_price=is_price(k)) for k, v in self.plans.items()}
        return replace(self, plans=plans)

    def fingerprint(self) -> str:
        """Short hash of everything in the panel: the data version of a table without a lake."""
        digest = hashlib.sha256(repr((self.first, self.freq.letter)).encode())
        digest.update(pd.util.hash_pandas_object(self.static.astype(str), index=False).to_numpy().tobytes())
        for name, values in [("y", self.y), *sorted(self.plans.items()), *sorted(self.signals.items())]:
            digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
        return digest.hexdigest()[:16]

    def _plan_gaps(self, horizon: int) -> pd.DataFrame:
        days, found = self.ahead(horizon), []
        for name, plan in self.plans.items():
            if name == RIVAL_PRICE:
                continue
            used = np.isfinite(plan[:, : self.t]).any(axis=1, keepdims=True)
            future = np.full((self.n, horizon), np.nan)
            known = plan[:, self.t : self.t + horizon]
            future[:, : known.shape[1]] = known
            rows, steps = np.nonzero(np.isnan(future) & used)
            if len(rows):
                found.append(pd.DataFrame({"unique_id": self.ids[rows], "plan": name, "ds": days[steps]}))
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def series_ids(static: pd.DataFrame) -> NDArray[np.object_]:
    """`dealer_id/sku_id` of each row; a series whose dealer is "all" is called by its sku.

    >>> series_ids(pd.DataFrame({"dealer_id": ["D1", "all"], "sku_id": ["S1", "S2"]})).tolist()
    ['D1/S1', 'S2']
    """
    dealer, sku = static["dealer_id"].astype(str), static["sku_id"].astype(str)
    joined = (dealer + "/" + sku).where(dealer != "all", sku)
    return joined.to_numpy(dtype=object)


def is_price(plan: str) -> bool:
    """A price stays when nobody plans it; a promotion ends."""
    return plan.endswith("_price")


def carry_forward(values: Array) -> Array:
    """Each NaN takes the last number before it in its row, [n, t]; leading NaN stay.

    >>> carry_forward(np.array([[np.nan, 2.0, np.nan]]))
    array([[nan,  2.,  2.]])
    """
    steps = np.where(np.isfinite(values), np.arange(values.shape[1]), -1)
    last = np.maximum.accumulate(steps, axis=1)
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last >= 0, carried, np.nan)


def _carried(plan: Array, width: int, *, is_price: bool) -> Array:
    out = np.full((len(plan), width), np.nan)
    known = plan[:, :width]
    out[:, : known.shape[1]] = known
    used = np.isfinite(known).any(axis=1, keepdims=True)
    filled = carry_forward(out) if is_price else np.where(np.isfinite(out), out, 0.0)
    return np.where(used, filled, np.nan)
