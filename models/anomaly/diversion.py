"""Diversion (窜货): who sells in another's territory, which product, when, to where.

In:   canonical tables (any may be absent: sell_in or sell_out or trace_scans is the least); to learn, such
      tables with the truth of their diversions, from worlds that are not judged.
Out:  `detect`: suspected pairs with their evidence; `dealer_months`: a score for every dealer and month.

A row is a series (dealer x product) in a month. Traits free of scale (traits.py) go into two boosted
models: one with scans, one for channels or dealers without; both learn from the same worlds, seen at
several moments and with tables taken away, so that they cope with less. A dealer-month is suspect
unless all its series are innocent: p = 1 - prod(1 - p of series); a beta calibration on worlds the
model has not seen makes it a probability at the stated base rate of diversion (`base_rate`, of dealer-
months).

Months are calendar months, also for weekly data. What was known after `as_of` is not seen.

Source: LightGBM; Kull et al. (2017) for the calibration; Page (1954) for the sums over months.
Limits: a dealer who diverts from its first month on has no honest past to differ from; a receiver is named
only when its sales fell. Fewer than `LEAST_MONTHS` months: no suspicion is stated.
Errors: NotFitted; TooFewRows (no diversion in the worlds to learn from).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import TooFewRows
from features.known import known
from features.shipments import Shipments
from models.anomaly.suspects import suspects
from models.anomaly.traits import SCANNED, Traits
from models.calibration import Calibrator
from models.errors import NotFitted

Array = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]
Labelled = tuple[Tables, pd.DataFrame]

LEAST_MONTHS = 4
FALSE_ALARMS_RATE = 0.01  # of dealer-months: where `alarm_` lies
_SLICES = (
    (),
    ("stock", "street", "plans"),
    ("sell_out", "stock", "street", "plans"),
    ("sell_in", "stock", "plans"),
)
_EARLIER = (3, 7, 12)  # months before the end at which a world is seen as well
_LAST_MONTHS = 4  # of such a view are learned from: the others know as much as later views
_FOLDS = 2
_BOOSTING = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.05,
    "feature_fraction": 0.35,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "min_data_in_leaf": 60,
    "lambda_l2": 10.0,
    "num_threads": 1,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(frozen=True)
class _Rows:
    """Learned rows: traits, truth and weight."""

    x: NDArray[np.float32]
    y: NDArray[np.bool_]
    weight: Array


@dataclass
class Diversion:
    """Two boosted models on traits, and the calibrations of dealer-months and of pairs."""

    rounds: int = 220
    honest_share: float = 0.15  # of the honest rows are learned from
    base_rate: float = 0.011  # of dealer-months
    seed: int = 7
    names_: tuple[str, ...] = field(default=(), init=False)
    boosters_: dict[str, lgb.Booster] = field(default_factory=dict, init=False)
    calibrators_: dict[str, Calibrator] = field(default_factory=dict, init=False)
    alarms_: dict[str, float] = field(default_factory=dict, init=False)

    def fit(self, worlds: Sequence[Labelled]) -> Self:
        """Learn from tables and the truth of their diversions; calibrate on the half not learned from."""
        channels = [(goods, truth_of(goods, truth)) for goods, truth in _gathered(worlds)]
        if not any(y.any() for _, y in channels):
            raise TooFewRows("Learning diversion: the true episodes", 1, 0)
        rng = np.random.default_rng(self.seed)
        rows = [self._rows(goods, y, rng) for goods, y in channels]
        self.names_ = Traits.of(channels[0][0]).names
        rate = np.mean(np.concatenate([_by_dealer(g, y.astype(float)).ravel() > 0 for g, y in channels]))
        tilt = self.base_rate / (1 - self.base_rate) * (1 - rate) / rate
        for kind in ("scans", "volume"):
            self.boosters_[kind] = self._boosted(rows, kind, tilt)
            self._calibrate(channels, rows, kind, tilt)
        return self

    def dealer_months(self, tables: Tables, as_of: pd.Timestamp) -> pd.DataFrame:
        """dealer_id, period_start, score, probability of every dealer and month on record."""
        goods = Shipments.of(known(tables, as_of))
        probability = self._of_dealers(goods, self._of_series(goods))
        dealers, steps = np.nonzero(_on_record(goods))
        return pd.DataFrame(
            {
                "dealer_id": goods.dealer_ids[dealers],
                "period_start": goods.months[steps],
                "score": 100 * probability[dealers, steps],
                "probability": probability[dealers, steps],
            }
        )

    def detect(
        self, tables: Tables, as_of: pd.Timestamp, *, since: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Suspected pairs, the most probable first; `since`: those that lasted until then or later."""
        seen = known(tables, as_of)
        goods = Shipments.of(seen)
        traits = Traits.of(goods)
        p = self._scored(goods, traits)
        kind = _kind(goods)
        return suspects(goods, traits, p, self.calibrators_[f"pair {kind}"], tables=seen, since=since)

    def _scored(self, goods: Shipments, traits: Traits) -> Array:
        """Raw probability of each series and month, [n, t]."""
        if not self.boosters_:
            raise NotFitted(self)
        if goods.t < LEAST_MONTHS or not goods.n:
            return np.zeros((goods.n, goods.t))
        kind = _kind(goods)
        return _predicted(self.boosters_[kind], traits.x, kind, traits.names).reshape(goods.n, goods.t)

    def _of_series(self, goods: Shipments) -> Array:
        return self._scored(goods, Traits.of(goods)) if goods.n else np.zeros((0, goods.t))

    def _of_dealers(self, goods: Shipments, p: Array) -> Array:
        """Calibrated probability of each dealer and month, [d, t]."""
        raw = _any_series(goods, p)
        return self.calibrators_[_kind(goods)].predict(raw.ravel()).reshape(raw.shape) if raw.size else raw

    def _rows(self, goods: Shipments, y: NDArray[np.bool_], rng: np.random.Generator) -> _Rows:
        """Rows of a world as it is seen at several moments and with several tables."""
        parts = []
        for view, (t, first, gone) in enumerate(_views(goods.t)):
            traits = Traits.of(goods.until(t).without(*gone))
            truth = y[:, :t]
            inside = np.broadcast_to(np.arange(t) >= first, truth.shape) & (traits.x[:, 0].shape[0] > 0)
            on_record = np.isfinite(goods.sell_in[:, :t]) | np.isfinite(goods.sell_out[:, :t])
            drawn = truth | (rng.random(truth.shape) < self.honest_share / (1 + (view > 0)))
            chosen = (inside & on_record & drawn).ravel()
            honest = 1 / (self.honest_share / (1 + (view > 0)))
            weight = np.where(truth.ravel()[chosen], 1.0, honest)
            parts.append(_Rows(traits.x[chosen], truth.ravel()[chosen], weight))
        return _joined(parts)

    def _boosted(self, rows: Sequence[_Rows], kind: str, tilt: float) -> lgb.Booster:
        all_rows = _joined(rows)
        columns = _columns(self.names_, kind)
        weight = np.where(all_rows.y, tilt, 1.0) * all_rows.weight
        data = lgb.Dataset(all_rows.x[:, columns], all_rows.y.astype(float), weight=weight / weight.mean())
        return lgb.train({**_BOOSTING, "seed": self.seed}, data, self.rounds)

    def _calibrate(
        self,
        channels: Sequence[tuple[Shipments, NDArray[np.bool_]]],
        rows: Sequence[_Rows],
        kind: str,
        tilt: float,
    ) -> None:
        """Calibrations and the alarm threshold, on worlds that the scoring model has not seen."""
        raw, truth, pairs = [], [], []
        for fold in range(_FOLDS):
            kept = [r for i, r in enumerate(rows) if i % _FOLDS != fold] or list(rows)
            booster = self._boosted(kept, kind, tilt)
            for goods, y in list(channels)[fold::_FOLDS]:
                traits = Traits.of(goods if kind == "scans" else goods.without("scans"))
                p = _predicted(booster, traits.x, kind, traits.names).reshape(y.shape)
                on_record = _on_record(goods)
                raw.append(_any_series(goods, p)[on_record])
                truth.append(_by_dealer(goods, y.astype(float))[on_record] > 0)
                pairs.append(_peaks(p, y))
        score, label = np.concatenate(raw), np.concatenate(truth)
        self.calibrators_[kind] = Calibrator().fit(score, label, np.where(label, tilt, 1.0))
        peak, real = (np.concatenate(part) for part in zip(*pairs, strict=True))
        self.calibrators_[f"pair {kind}"] = Calibrator().fit(peak, real, np.where(real, tilt, 1.0))
        highest = np.sort(score[~label])[::-1]
        alarm = highest[min(len(highest) - 1, int(FALSE_ALARMS_RATE * len(label)))]
        self.alarms_[kind] = float(self.calibrators_[kind].predict(np.array([alarm]))[0])


def truth_of(goods: Shipments, truth: pd.DataFrame) -> NDArray[np.bool_]:
    """Which series diverted in which months, [n, t]; months gathered from weeks."""
    y = np.zeros((goods.n, goods.t), dtype=bool)
    keys = pd.MultiIndex.from_arrays([goods.dealer_ids[goods.dealer], goods.sku_ids[goods.sku]])
    row = keys.get_indexer(pd.MultiIndex.from_arrays([truth["seller_dealer_id"], truth["sku_id"]]))
    month = truth["period_start"].dt.to_period("M").dt.start_time
    step = goods.months.get_indexer(pd.DatetimeIndex(month).as_unit("us"))
    inside = (row >= 0) & (step >= 0)
    y[row[inside], step[inside]] = True
    return y


def _gathered(worlds: Sequence[Labelled]) -> Iterator[tuple[Shipments, pd.DataFrame]]:
    for tables, truth in worlds:
        yield Shipments.of(tables), truth


def _views(t: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Months seen, the first month learned from, and what is left out."""
    yield t, 0, ()
    yield t, 0, _SLICES[1 + t // 6 % 3]
    for view, back in enumerate(_EARLIER):
        if t - back >= LEAST_MONTHS + 2:
            yield t - back, t - back - _LAST_MONTHS, _SLICES[(view + t // 6) % len(_SLICES)]


def _kind(goods: Shipments) -> str:
    return "scans" if goods.seen.any() else "volume"


def _columns(names: Sequence[str], kind: str) -> list[int]:
    return [i for i, name in enumerate(names) if kind == "scans" or not name.startswith(SCANNED)]


def _predicted(booster: lgb.Booster, x: NDArray[np.float32], kind: str, names: Sequence[str]) -> Array:
    return np.asarray(booster.predict(x[:, _columns(names, kind)], num_threads=1))


def _joined(parts: Sequence[_Rows]) -> _Rows:
    return _Rows(
        np.concatenate([p.x for p in parts]),
        np.concatenate([p.y for p in parts]),
        np.concatenate([p.weight for p in parts]),
    )


def _any_series(goods: Shipments, p: Array) -> Array:
    """1 - prod(1 - p) over the series of each dealer, [d, t]."""
    return np.asarray(1 - np.exp(_by_dealer(goods, np.log1p(-np.clip(p, 0, 1 - 1e-9)))))


def _by_dealer(goods: Shipments, values: Array) -> Array:
    total = np.zeros((len(goods.dealer_ids), values.shape[1]))
    np.add.at(total, goods.dealer, values)
    return total


def _on_record(goods: Shipments) -> NDArray[np.bool_]:
    """Dealer-months with sales or scans, [d, t]."""
    known_ = np.isfinite(goods.sell_in) | np.isfinite(goods.sell_out) | (goods.seen > 0)
    return np.asarray(_by_dealer(goods, known_.astype(float)) > 0)


def _peaks(p: Array, y: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """The highest month of every series, and whether the series diverted then or next to it."""
    at = p.argmax(axis=1)
    near = [np.clip(at + lag, 0, p.shape[1] - 1) for lag in (-1, 0, 1)]
    rows = np.arange(len(p))
    real: NDArray[np.bool_] = np.any([y[rows, step] for step in near], axis=0)
    return p[rows, at], real
