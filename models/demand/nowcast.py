"""Nowcast: what a period's sell-out will come to, from the outlets that have reported so far.

What was reported counts as it is. Each outlet that has not reported yet is expected to sell its usual units
(mean of its last half year) times how this period goes: the reported outlets of the same dealer and
product against their own usual, drawn towards all reported outlets of the product, and these towards what the
same period did last year. It counts by the chance that it reports at all, given that it is silent
until now: its habit of reporting and its delays, drawn towards those of all.

How strongly to draw is chosen on periods before, replayed at the same age: as known then, against what they
came to. The bands are conformal on those replays (see `spread`), never below what was reported.

In:   sell_out rows with known_at (features.reports), a rhythm, the age in days of the asked period.
Out:  one row a dealer and product: reported, nowcast, quantiles, completion_rate, outlets, note.
Source: chain-ladder completion as in claims reserving, Mack (1993), ASTIN Bulletin 23, with delays by outlet;
        empirical Bayes ratios; bands Lei et al. (2018).
Errors: NotFitted; TooFewRows (no period old enough to learn from).
Limits: corrections after the first report are not foreseen; a wave that reaches only silent outlets is
        not seen. Without any report it is last year's season ("no_report").
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.frequency import Frequency
from features.intermittency import zero_rate
from features.reports import Ids, Reports, numbered
from features.windows import level, window_deviation, window_mean
from models.demand.forecast import LEVELS, column
from models.demand.spread import Clues, Spread
from models.errors import NotFitted

Array = NDArray[np.float64]
PULLS = (0.5, 2.0, 8.0, 32.0)  # outlets that the wider group counts for
_HABIT_PERIODS = 12
_PULL_REPORTS = 4.0  # of an outlet's own reports, towards those of all
_RATIO = (1 / 3, 3.0)  # of last year's season
_LEAST_BEFORE = 2  # periods
_LATEST = 0.99  # of delays; then a period is complete
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One period at one moment, by dealer and product, units [s]."""

    reported: Array
    missing: Array  # expected of outlets that are silent
    scaled: Array  # the planners' way: over the share of outlets that reported
    usual: Array  # of a period
    usual_reporting: Array  # of the outlets that reported
    outlets: Array
    reporting: Array  # outlets that reported

    @property
    def mean(self) -> Array:
        """What the period will come to."""
        return self.reported + self.missing


@dataclass(kw_only=True)
class Nowcast:
    """Completion by outlet, with bands; `replays` past periods are tried."""

    replays: int = 8
    levels: tuple[float, ...] = LEVELS
    pull_: float | None = field(default=None, init=False)
    spread_: Spread | None = field(init=False, repr=False)  # None: nothing was missing at this age
    freq_: Frequency = field(init=False, repr=False)
    losses_: dict[float, float] = field(
        default_factory=dict, init=False, repr=False
    )  # pull -> WAPE of replays

    def fit(self, sell_out: pd.DataFrame, freq: Frequency, *, age_days: float, moment: pd.Timestamp) -> Self:
        """Learn from periods that are complete by the moment, as they stood at the same age."""
        self.freq_ = freq
        now = Reports.of(sell_out, freq, moment)
        past = self._replays(sell_out, now, age_days)
        self.losses_ = {pull: _loss(past, pull) for pull in PULLS}
        self.pull_ = min(self.losses_, key=lambda pull: self.losses_[pull])
        clues, truths = [], []
        for seen, t, truth in past:
            told = estimate(seen, t, pull=self.pull_)
            clues.append(_clues(seen, t, told))
            truths.append(np.where(told.missing > 0, truth, np.nan))  # what is complete has no error to learn
        joined = Clues(**{name: np.concatenate([getattr(c, name) for c in clues]) for name in _CLUES})
        y = np.concatenate(truths)[:, None]
        self.spread_ = (
            Spread(levels=self.levels).fit(joined, y, _same(len(y))) if np.isfinite(y).any() else None
        )
        return self

    def predict(self, sell_out: pd.DataFrame, *, period: pd.Timestamp, moment: pd.Timestamp) -> pd.DataFrame:
        """The period as it will come to, one row a dealer and product."""
        if self.pull_ is None:
            raise NotFitted(self)
        seen = Reports.of(sell_out, self.freq_, moment, last=period)
        t = seen.position(period)
        told = estimate(seen, t, pull=self.pull_)
        bands = np.repeat(told.mean[:, None], len(self.levels), axis=1)
        if self.spread_ is not None:
            bands = self.spread_.quantiles(_clues(seen, t, told), _same(len(told.mean)))[:, 0]
        bands = np.where(told.missing[:, None] > 0, bands, told.reported[:, None])
        bands = np.maximum(bands, told.reported[:, None])
        rate = np.where(told.mean > 0, told.reported / np.where(told.mean > 0, told.mean, 1.0), 1.0)
        return seen.names.assign(
            period_start=period,
            reported=told.reported,
            nowcast=told.mean,
            **{column(p): bands[:, j] for j, p in enumerate(self.levels)},
            completion_rate=rate,
            outlets=told.outlets.astype(int),
            reporting=told.reporting.astype(int),
            scaled_up=told.scaled,
            note=np.where(told.reporting > 0, "", "no_report"),
        )

    def _replays(
        self, sell_out: pd.DataFrame, now: Reports, age_days: float
    ) -> list[tuple[Reports, int, Array]]:
        """Earlier periods as they stood at this age, and what they came to by now, [s]."""
        age = pd.Timedelta(days=age_days)
        complete = float(np.nanquantile(now.age_days, _LATEST))
        out: list[tuple[Reports, int, Array]] = []
        for t in range(now.y.shape[1] - 1, 1, -1):
            start = now.freq.shift(now.first, t)
            if now.days_since(t) < max(complete, age_days):
                continue
            if len(out) == self.replays or not (sell_out["known_at"] <= start + age).any():
                break
            seen = Reports.of(sell_out, now.freq, start + age, last=start)
            if (then := seen.position(start)) >= _LEAST_BEFORE:
                out.append((seen, then, _came_to(now, seen, t)))
        if not out:
            raise TooFewRows("Nowcasting: periods that are complete, with earlier ones,", 1, 0)
        return out


def estimate(seen: Reports, t: int, *, pull: float) -> Estimate:
    """The period in column t, from what is known of it and of those before."""
    usual = _usual(seen, t)
    reports = np.isfinite(seen.age_days)  # [o, t]
    here = reports[:, t][seen.outlet]  # [r] its outlet reported
    alive = np.asarray(reports[:, max(t - _HABIT_PERIODS, 0) : t + 1].any(axis=1))[seen.outlet]
    y = np.where(here, np.nan_to_num(seen.y[:, t]), 0.0)
    pace = _pace(seen, t, y, usual, here, pull)
    chance = still_to_come(seen, t)[seen.outlet]
    missing = np.where(~here & alive, usual * pace[seen.series] * chance, 0.0)
    ones, total = (here | alive).astype(float), seen.totals
    reported, outlets, reporting = total(y), total(ones), total(here.astype(float))
    level_of = total(usual * ones)
    share = np.where(reporting > 0, reporting / np.maximum(outlets, 1), np.nan)
    scaled = np.where(reporting > 0, reported / share, level_of)
    return Estimate(
        reported=reported,
        missing=total(missing),
        scaled=scaled,
        usual=level_of,
        usual_reporting=total(np.where(here, usual, 0.0)),
        outlets=outlets,
        reporting=reporting,
    )


def still_to_come(seen: Reports, t: int) -> Array:
    """Chance that an outlet that is silent about period t will report it, [o].

    By Bayes: habit x (1 - share of its reports that take no longer than now) over what is left of one.
    """
    past = seen.age_days[:, max(t - _HABIT_PERIODS, 0) : t]
    if not past.size:
        return np.ones(len(seen.age_days))
    begun = np.cumsum(np.isfinite(seen.age_days[:, :t]), axis=1)[:, -past.shape[1] :] > 0
    count, could = np.isfinite(past).sum(axis=1), begun.sum(axis=1)
    habit_of_all = count.sum() / max(could.sum(), 1)
    habit = (count + _PULL_REPORTS * habit_of_all) / (could + _PULL_REPORTS)
    early = (np.nan_to_num(past, nan=np.inf) <= seen.days_since(t)).sum(axis=1)
    early_of_all = early.sum() / max(count.sum(), 1)
    soon = (early + _PULL_REPORTS * early_of_all) / (count + _PULL_REPORTS)
    left = 1 - habit * soon
    return np.where(left > 1e-9, habit * (1 - soon) / np.maximum(left, 1e-9), 0.0)


def _pace(seen: Reports, t: int, y: Array, usual: Array, here: NDArray[np.bool_], pull: float) -> Array:
    """How the period goes against the usual, by dealer and product, [s]."""
    sku = numbered(seen.keys, ["sku_id"])
    of_usual = np.where(here, usual, 0.0)
    size = usual.mean() if len(usual) else 1.0
    product_y, product_usual = np.bincount(sku, y), np.bincount(sku, of_usual)
    season = _last_year(seen, t, sku)
    product = (product_y + pull * size * season) / np.maximum(product_usual + pull * size, 1e-12)
    count = np.bincount(seen.series, minlength=len(seen.names))
    own_size = seen.totals(usual) / np.maximum(count, 1)
    wide = np.zeros(len(seen.names))
    wide[seen.series] = product[sku]
    own = seen.totals(y) + pull * own_size * wide
    weight = seen.totals(of_usual) + pull * own_size
    return np.where(weight > 0, own / np.maximum(weight, 1e-12), wide)


def _last_year(seen: Reports, t: int, sku: Ids) -> Array:
    """What the same period did last year against its usual, by product; 1 where that is not known."""
    then = t - seen.freq.season
    ratio = np.ones(sku.max() + 1)
    if then < 2:
        return ratio
    before, sold = _usual(seen, then), seen.y[:, then]
    known = np.isfinite(sold)
    total = np.bincount(sku[known], before[known], minlength=len(ratio))
    found = np.bincount(sku[known], sold[known], minlength=len(ratio))
    return np.where(total > 0, np.clip(found / np.maximum(total, 1e-12), *_RATIO), ratio)


def _usual(seen: Reports, t: int) -> Array:
    """Mean of the last half year that was reported, [r]; its dealer's and product's where none was."""
    own = window_mean(seen.y[:, :t], seen.freq.season // 2) if t else np.full(len(seen.y), np.nan)
    known = np.isfinite(own)
    total = np.bincount(seen.series, np.nan_to_num(own), minlength=len(seen.names))
    count = np.bincount(seen.series, known, minlength=len(seen.names))
    return np.where(known, own, (total / np.maximum(count, 1))[seen.series])


def _came_to(now: Reports, seen: Reports, t: int) -> Array:
    """What the series known then came to in the period, [s of seen]."""
    came = now.names.assign(y=now.totals(now.y[:, t]))
    return np.asarray(seen.names.merge(came, how="left", on=["dealer_id", "sku_id"])["y"].to_numpy())


def _loss(past: list[tuple[Reports, int, Array]], pull: float) -> float:
    error = sum(float(np.abs(estimate(seen, t, pull=pull).mean - truth).sum()) for seen, t, truth in past)
    return error / max(sum(float(truth.sum()) for _, _, truth in past), 1e-12)


_CLUES = ("mean", "level", "deviation", "disagreement", "zero_rate")


def _clues(seen: Reports, t: int, told: Estimate) -> Clues:
    """What tells how far a nowcast may miss: above all how much of it is still missing."""
    past, season = seen.totals(seen.y[:, :t]), seen.freq.season
    return Clues(
        mean=told.mean[:, None],
        level=level(past, season),
        deviation=np.nan_to_num(window_deviation(past, season)),
        disagreement=told.missing[:, None],
        zero_rate=np.nan_to_num(zero_rate(past, season)),
    )


def _same(n: int) -> NDArray[np.object_]:
    return np.full(n, ALL, dtype=object)
