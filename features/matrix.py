"""Matrix: every block side by side, for one cutoff or for many.

A row is one series and one period ahead; a column is called `block.name`, so its origin is
its first word (see ORIGINS). Demand columns are divided by the series' level, which makes
a small dealer's rows comparable with a large one's. A row is computed from
`panel.at(t)`: arrays that end with period t, so it cannot hold what was known later.

Shapes: n series, h periods ahead, t periods; X is [rows, columns], rows ordered by series,
then by period ahead.

>>> from features.frequency import MONTHLY
>>> static = pd.DataFrame({"dealer_id": ["D1"], "sku_id": ["S1"]})
>>> y = np.arange(1.0, 25.0)[None]
>>> panel = Panel(static=static, first=pd.Timestamp("2023-01-01"), freq=MONTHLY, y=y)
>>> x = matrix(panel, 2)
>>> x.values.shape[0], x.names[:2], x.level.round(1)
(2, ('lags.1', 'lags.2'), array([18.5]))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.calendar import festival_days, spring_festival_share, weekend_days
from features.hierarchy import LEVELS, Groups, Vocabulary, codes, vocabulary
from features.intermittency import age, periods_since_sale, zero_rate
from features.lags import latest
from features.panel import Panel, is_price
from features.promotions import against_usual, against_year_ago, planned
from features.seasonality import around_year_ago, year_ago
from features.windows import decayed_mean, level, window_deviation, window_mean

Array = NDArray[np.float64]
Columns = dict[str, Array]  # name -> [n, h]
_LAGS = 6
ORIGINS = {  # first word of a column -> the tables it comes from, and when they are known
    "lags": "sell_in up to the cutoff",
    "windows": "sell_in up to the cutoff",
    "seasonality": "sell_in up to the cutoff",
    "intermittency": "sell_in up to the cutoff",
    "hierarchy": "sell_in, dealers and products up to the cutoff",
    "signals": "signals up to the cutoff",
    "calendar": "calendars, known ahead",
    "plans": "prices and promotions, known ahead",
}


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Rows for a model: `values` [n * h, c], their `names` [c], and each series' `level` [n]."""

    values: NDArray[np.float32]
    names: tuple[str, ...]
    level: Array


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What stays the same from row to row: names numbered at training, the channel's totals, a calendar."""

    vocabulary: Vocabulary
    groups: Groups
    country: str | None = None

    @classmethod
    def of(cls, panel: Panel, *, country: str | None = None) -> Self:
        """The setting of a panel, up to its cutoff."""
        return cls(vocabulary=vocabulary(panel.static), groups=Groups.of(panel), country=country)


def matrix(panel: Panel, horizon: int, *, setting: Setting | None = None) -> Matrix:
    """All blocks for the `horizon` periods after the panel's cutoff."""
    setting = setting or Setting.of(panel)
    size = level(panel.y, panel.freq.season)
    blocks = {
        "lags": _lags(panel, size),
        "windows": _windows(panel, size),
        "seasonality": _seasonality(panel, horizon, size),
        "intermittency": _intermittency(panel),
        "hierarchy": _hierarchy(panel, horizon, setting),
        "signals": _signals(panel),
        "calendar": _calendar(panel, horizon, setting.country),
        "plans": _plans(panel, horizon),
    }
    columns = {f"{b}.{name}": v for b, block in blocks.items() for name, v in block.items()}
    shape = (panel.n, horizon)
    stacked = [np.broadcast_to(v, shape).ravel().astype(np.float32) for v in columns.values()]
    return Matrix(values=np.stack(stacked, axis=1), names=tuple(columns), level=size)


def spans(season: int) -> tuple[int, ...]:
    """The windows, in periods: about a month, a quarter, half a year, a year, two years.

    >>> spans(12), spans(52)
    ((3, 6, 12, 24), (4, 13, 26, 52))
    """
    return (3, 6, 12, 24) if season == 12 else (4, season // 4, season // 2, season)


def _lags(panel: Panel, size: Array) -> Columns:
    last = latest(panel.y, _LAGS)[:, ::-1] / size[:, None]
    return {str(k): last[:, k - 1 : k] for k in range(1, _LAGS + 1)}


def _windows(panel: Panel, size: Array) -> Columns:
    y, season = panel.y, panel.freq.season
    out = {f"mean_{k}": window_mean(y, k) / size for k in spans(season)}
    out["decayed"] = decayed_mean(y, season / 4) / size
    out["deviation"] = window_deviation(y, season) / size
    out["log_level"] = np.log(size)
    return {name: values[:, None] for name, values in out.items()}


def _seasonality(panel: Panel, horizon: int, size: Array) -> Columns:
    y, season = panel.y, panel.freq.season
    out = {f"year_ago_{k}": year_ago(y, season=season, horizon=horizon, years=k) for k in (1, 2)}
    out["around_year_ago"] = around_year_ago(y, season=season, horizon=horizon, spread=1)
    return {name: values / size[:, None] for name, values in out.items()}


def _intermittency(panel: Panel) -> Columns:
    y, season = panel.y, panel.freq.season
    out = {"zero_rate": zero_rate(y, season), "since_sale": periods_since_sale(y), "age": age(y)}
    return {name: values[:, None] for name, values in out.items()}


def _hierarchy(panel: Panel, horizon: int, setting: Setting) -> Columns:
    groups, season = setting.groups, panel.freq.season
    out: Columns = {}
    for column in setting.vocabulary:
        number = codes(panel.static, column, setting.vocabulary)[:, None]
        out[f"code_{column}"] = np.asarray(number, dtype=np.float64)
    for by in LEVELS:
        out[f"shape_{by}"] = groups.shape(panel, by, horizon=horizon)
        out[f"momentum_{by}"] = groups.momentum(panel, by, short=season // 4, long=season)[:, None]
    return out


def _signals(panel: Panel) -> Columns:
    out: Columns = {}
    for name, values in panel.signals.items():
        lately, usually = window_mean(values, panel.freq.season // 4), window_mean(values, panel.freq.season)
        out[name] = _ratio(lately, usually)[:, None]
    return out


def _calendar(panel: Panel, horizon: int, country: str | None) -> Columns:
    days, edges = panel.ahead(horizon), panel.ahead(horizon + 1)
    month = (days + pd.Timedelta(days=3)).month.to_numpy(dtype=float)  # a week belongs to its Thursday
    out = {"step": np.arange(1.0, horizon + 1), "month": month, "weekend_days": weekend_days(edges)}
    if country:
        out["festival_days"] = festival_days(edges, country)
        out["spring_festival"] = spring_festival_share(edges)
    return {name: values[None, :] for name, values in out.items()}


def _plans(panel: Panel, horizon: int) -> Columns:
    out: Columns = {}
    for name, plan in panel.plans.items():
        out |= _plan(panel, horizon, name, plan)
    return out


def _plan(panel: Panel, horizon: int, name: str, plan: Array) -> Columns:
    t, season, ratio = panel.t, panel.freq.season, is_price(name)
    out = {
        f"{name}_usual": against_usual(plan, t=t, horizon=horizon, k=season, ratio=ratio),
        f"{name}_lately": against_usual(plan, t=t, horizon=horizon, k=spans(season)[0], ratio=ratio),
        f"{name}_year": against_year_ago(plan, t=t, horizon=horizon, season=season, ratio=ratio),
    }
    return out if ratio else out | {name: planned(plan, t=t, horizon=horizon)}


def _ratio(a: Array, b: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        change = a / b
    return np.where(np.isfinite(change), change, np.nan)


def targets(panel: Panel, t: int, horizon: int, size: Array) -> Array:
    """Units over level in the `horizon` periods after t, rows as in `matrix`; NaN where not observed."""
    ahead = np.full((panel.n, horizon), np.nan)
    known = panel.y[:, t : t + horizon]
    ahead[:, : known.shape[1]] = known
    return (ahead / size[:, None]).ravel()


def families(names: Sequence[str]) -> Mapping[str, list[int]]:
    """Column positions by origin.

    >>> families(["lags.1", "plans.deal", "lags.2"])
    {'lags': [0, 2], 'plans': [1]}
    """
    out: dict[str, list[int]] = {}
    for j, name in enumerate(names):
        out.setdefault(name.split(".")[0], []).append(j)
    return out
