"""Traits: everything that speaks for or against diversion by one series in one month.

In:   shipments of a channel as it was known at a moment.
Out:  X [n * t, f] float32 in the order of `NAMES`, NaN where a table is absent, and where the goods may have
      gone [n, t], by scans and by mirrors.

Every trait is free of scale: z-scores, ratios, ranks within a month, counts of expected scans. So what was
learned in one channel can be used in another with other ids, units and sizes.

Blocks: sell-in and sell-out against their expectation; purchase beyond sale and stock; scans away from
home (dealer x place flows against usual travel), scans missing at home (codes cut off, goods gone);
mirrors in other territories; street prices there; and where in the record the month lies (`ahead`:
months known after it).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.shipments import Shipments
from models.anomaly.pairs import Mirrors
from models.anomaly.residuals import Residuals
from models.anomaly.scans import Coverage, Flows, deviance, windows
from models.anomaly.spans import around, cusum, mean_of, root_mean, trailing

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Columns = dict[str, Array]

_AHEAD_MONTHS = 4
_MOST_RATIO = 20.0
SCANNED = ("scan_", "home_")  # names of the traits that need scans begin so


@dataclass(frozen=True)
class Traits:
    """What is known of each series and month of a channel."""

    names: tuple[str, ...]
    x: Floats  # [n * t, f]
    scanned_to: Ints  # [n, t], territory with the strongest flow of scans; -1: none
    mirrored_to: Ints  # [n, t], territory with the best mirror
    volume: Residuals | None  # of sell-out, else of sell-in
    bought: Residuals | None
    flows: Flows
    mirrors: Mirrors | None
    coverage: Coverage | None

    @classmethod
    def of(cls, goods: Shipments) -> Self:
        """Traits of a channel."""
        bought, sold = (_residuals(goods, units) for units in (goods.sell_in, goods.sell_out))
        volume = sold or bought
        columns = _volume("out", goods, sold) | _volume("in", goods, bought) | _kept(goods, bought, sold)
        flows = Flows.of(goods)
        scanned, scanned_to = _scanned(goods, flows)
        coverage = _coverage(goods) if volume else None
        columns |= scanned | _at_home(goods, volume, coverage)
        mirrors = Mirrors.of(volume.z, volume.units, goods.sku, goods.place) if volume else None
        columns |= _mirrors(goods, mirrors, scanned_to)
        nowhere = np.full((goods.n, goods.t), -1, dtype=np.int64)
        mirrored_to = mirrors.to if mirrors else nowhere
        columns |= _prices(goods, scanned_to, mirrored_to) | _context(goods, volume)
        names = tuple(columns)
        x = np.empty((goods.n * goods.t, len(names)), dtype=np.float32)
        for column, name in enumerate(names):
            x[:, column] = columns.pop(name).ravel()
        return cls(names, x, scanned_to, mirrored_to, volume, bought, flows, mirrors, coverage)


def _residuals(goods: Shipments, units: Floats) -> Residuals | None:
    if not np.isfinite(units).any():
        return None
    month = goods.months.month.to_numpy().astype(np.int64)
    plans = goods.plans.astype(float) if len(goods.plans) else None
    return Residuals.of(units.astype(float), goods.sku, goods.place, goods.dealer, month, plans)


def _volume(name: str, goods: Shipments, found: Residuals | None) -> Columns:
    """Residuals of one volume over several spans, before and after."""
    empty = np.full((goods.n, goods.t), np.nan)
    z = found.z if found else empty
    local = found.local_z if found else empty
    units, expected = (found.units, found.expected) if found else (empty, empty)
    spans = {
        "": (0, 0),
        "_last2": (1, 0),
        "_last3": (2, 0),
        "_last6": (5, 0),
        "_mid3": (1, 1),
        "_mid5": (2, 2),
    }
    columns = {f"z{span}": root_mean(z, *w) for span, w in spans.items()}
    columns |= {f"local{span}": root_mean(local, *spans[span]) for span in ("", "_mid3")}
    columns["next2"] = _shifted(root_mean(z, 0, 1), 1)
    columns["before6"] = _shifted(mean_of(z, 5, 0), -3)
    columns["after6"] = _shifted(mean_of(z, 0, 5), 3)
    columns["cusum"] = cusum(z)
    columns["cusum_back"] = cusum(z[:, ::-1])[:, ::-1]
    columns["ratio"] = np.clip(units / np.maximum(expected, 1e-9), -1, _MOST_RATIO)
    columns["ratio_mid3"] = _ratio(around(np.nan_to_num(units), 1), around(np.nan_to_num(expected), 1))
    columns["rank"] = _rank(columns["z_mid3"])
    columns["siblings"] = _siblings(z, goods.dealer)
    columns["peers"] = _siblings(z, goods.place * (int(goods.sku.max(initial=0)) + 1) + goods.sku)
    columns["size"] = _ratio_to_median(expected)
    return {f"{name}_{key}": value for key, value in columns.items()}


def _kept(goods: Shipments, bought: Residuals | None, sold: Residuals | None) -> Columns:
    """Bought beyond what was sold, and how stock stands against the sales of the last months."""
    stock = goods.stock.astype(float)
    recent = mean_of(goods.sell_out.astype(float), 2, 0)
    cover = np.clip(stock / np.maximum(recent, 1e-9), 0, _MOST_RATIO)
    cover[~np.isfinite(recent)] = np.nan
    usual = (
        np.nanmedian(cover, axis=1, keepdims=True) if np.isfinite(cover).any(axis=1).all() else _middle(cover)
    )
    gap = np.full(stock.shape, np.nan)
    if bought and sold:
        gap = bought.z - sold.z
    beyond = np.nan_to_num(goods.sell_in - goods.sell_out).astype(float)
    level = np.maximum(mean_of(goods.sell_out.astype(float), 11, 0), 1e-9)
    return {
        "kept_cover": np.log1p(cover) - np.log1p(usual),
        "kept_gap": gap,
        "kept_gap_mid3": root_mean(gap, 1, 1),
        "kept_beyond6": np.clip(trailing(beyond, 6) / level, -_MOST_RATIO, _MOST_RATIO),
    }


def _scanned(goods: Shipments, flows: Flows) -> tuple[Columns, Ints]:
    """The strongest flow of scans of each series and month, and how it compares."""
    own = windows(flows.count, flows.expected)
    siblings = windows(flows.siblings, flows.siblings_expected)
    strength = np.maximum(own["mid5"], own["mid3"])
    best = _best(flows.row, strength, goods.n)
    picked = np.where(best >= 0, best, 0)
    steps = np.broadcast_to(np.arange(goods.t), best.shape)
    columns = {f"scan_{name}": value for name, value in own.items()}
    columns |= {f"scan_siblings_{name}": siblings[name] for name in ("1", "mid5")}
    columns["scan_surge"] = flows.surge
    columns["scan_count5"] = around(flows.count, 2)
    columns["scan_months5"] = around((flows.count > 0).astype(float), 2)
    columns["scan_peak5"] = flows.count / np.maximum(columns["scan_count5"], 1)
    columns["scan_excess5"] = columns["scan_count5"] - around(flows.expected, 2)
    columns["scan_cusum"] = cusum(flows.count - flows.expected, 0.0)
    seen = goods.seen.astype(float)
    dealer_seen = _dealer_total(seen, goods.dealer, len(goods.dealer_ids))[goods.dealer].sum(axis=1)
    scanned = (dealer_seen > 0)[:, None] & np.ones(goods.t, dtype=bool)
    full = {name: _filled(value, best, picked, steps, scanned) for name, value in columns.items()}
    away = np.zeros_like(seen)
    np.add.at(away, flows.row, flows.count)
    expected = np.zeros_like(seen)
    np.add.at(expected, flows.row, flows.expected)
    full["scan_away5"] = np.where(scanned, deviance(around(away, 2), around(expected, 2)), np.nan)
    full["scan_focus5"] = full["scan_count5"] / np.maximum(around(away, 2), 1)
    full["scan_share5"] = full["scan_excess5"] / np.maximum(around(seen, 2), 1)
    full["scan_seen5"] = np.where(scanned, np.log1p(around(seen, 2)), np.nan)
    full["scan_rank"] = np.where(scanned, _rank(full["scan_mid5"]), np.nan)
    to = np.where(best >= 0, flows.to[picked] if len(flows.to) else -1, -1)
    return full, np.asarray(to, dtype=np.int64)


def _best(row: Ints, strength: Array, n: int) -> Ints:
    """The flow of each series with the greatest strength in each month, [n, t]; -1: none."""
    t = strength.shape[1]
    best = np.full((n, t), -1, dtype=np.int64)
    top = np.full((n, t), -np.inf)
    np.maximum.at(top, row, strength)
    flow, step = np.nonzero(strength == top[row])
    best[row[flow], step] = flow
    return best


def _filled(
    value: Array, best: Ints, picked: Ints, steps: NDArray[np.intp], scanned: NDArray[np.bool_]
) -> Array:
    """A trait of the best flow; 0 where a dealer is scanned but nothing travelled; NaN without scans."""
    if not len(value):
        return np.where(scanned, 0.0, np.nan)
    return np.where(scanned, np.where(best >= 0, value[picked, steps], 0.0), np.nan)


def _coverage(goods: Shipments) -> Coverage | None:
    """Scans at home against the units on record; None where nothing was scanned at home."""
    units = goods.sell_out if np.isfinite(goods.sell_out).any() else goods.sell_in
    return Coverage.of(goods, units.astype(float)) if goods.at_home.any() else None


def _at_home(goods: Shipments, volume: Residuals | None, real: Coverage | None) -> Columns:
    """Scans at home that are missing, or that follow the units as honest sales do."""
    names = ("home_1", "home_mid3", "home_mid5", "home_against")
    empty = np.full((goods.n, goods.t), np.nan)
    if volume is None or real is None:
        return dict.fromkeys(names, empty)
    usual = Coverage.of(goods, volume.expected)
    seen = np.zeros(len(goods.dealer_ids))
    np.add.at(seen, goods.dealer, goods.seen.sum(axis=1))
    scanned = (seen[goods.dealer] > 0)[:, None]
    spans = {"1": 0, "mid3": 1, "mid5": 2}
    made = {f"home_{n}": deviance(around(real.count, w), around(real.expected, w)) for n, w in spans.items()}
    made["home_against"] = deviance(around(usual.count, 2), around(usual.expected, 2))
    return {name: np.where(scanned, value, np.nan) for name, value in made.items()}


def _mirrors(goods: Shipments, mirrors: Mirrors | None, scanned_to: Ints) -> Columns:
    """Falls in other territories: the best anywhere, and the one where the scans are."""
    empty = np.full((goods.n, goods.t), np.nan)
    names = ("mirror_match", "mirror_lead", "mirror_rank", "mirror_balance", "mirror_fall")
    there = ("scan_fall", "scan_match", "scan_balance")
    if mirrors is None:
        return dict.fromkeys((*names, *there), empty)
    lead = mirrors.match - np.nan_to_num(mirrors.match_second)
    best = mirrors.towards(mirrors.to, goods.sku)
    values = (mirrors.match, lead, _rank(mirrors.match), mirrors.best_balance(), best["fall"])
    scanned = mirrors.towards(scanned_to, goods.sku)
    return dict(zip(names, values, strict=True)) | {f"scan_{name}": v for name, v in scanned.items()}


def _prices(goods: Shipments, scanned_to: Ints, mirrored_to: Ints) -> Columns:
    """Street prices where the goods may have gone, and at home: log deviation, smoothed over months."""
    names = ("scan_price", "mirror_price", "price_home")
    street = goods.street.astype(float)
    if not np.isfinite(street).any():
        return dict.fromkeys(names, np.full((goods.n, goods.t), np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.log(street)
    log -= _middle(log)
    s = int(goods.sku.max(initial=0)) + 1
    log -= _group_mean(log, goods.sku, s)[goods.sku]
    market = np.maximum(goods.place, 0) * s + goods.sku
    k = max(int(goods.place.max(initial=0)), int(scanned_to.max(initial=0))) + 1
    there = mean_of(_group_mean(log, market, k * s), 1, 1)  # [k * s, t]
    steps = np.broadcast_to(np.arange(goods.t), scanned_to.shape)
    at = [
        np.where(to >= 0, there[np.maximum(to, 0) * s + goods.sku[:, None], steps], np.nan)
        for to in (scanned_to, mirrored_to)
    ]
    return dict(zip(names, (*at, there[market]), strict=True))


def _context(goods: Shipments, volume: Residuals | None) -> Columns:
    """Where in the record a month lies, and how noisy the series is."""
    shape = (goods.n, goods.t)
    ahead = np.minimum(goods.t - 1 - np.arange(goods.t), _AHEAD_MONTHS)
    units = goods.sell_out if np.isfinite(goods.sell_out).any() else goods.sell_in
    age = np.cumsum(np.isfinite(units), axis=1)
    spread = volume.spread[:, None] if volume else np.full((goods.n, 1), np.nan)
    quarter_end = (goods.months.month.to_numpy() % 3 == 0).astype(float)
    columns = {"ahead": ahead, "age": np.minimum(age, 12), "spread": spread, "quarter_end": quarter_end}
    made = {name: np.broadcast_to(np.asarray(value, float), shape) for name, value in columns.items()}
    for kind, plan in enumerate(goods.plans[:2]):
        made[f"plan_{kind}"] = plan.astype(float)
    for kind in range(len(goods.plans[:2]), 2):
        made[f"plan_{kind}"] = np.full(shape, np.nan)
    return made


def _shifted(x: Array, by: int) -> Array:
    """x[t + by]; NaN beyond the record."""
    moved = np.full(x.shape, np.nan)
    t = x.shape[1]
    if abs(by) < t:
        moved[:, max(0, -by) : t - max(0, by)] = x[:, max(0, by) : t - max(0, -by)]
    return moved


def _ratio(units: Array, expected: Array) -> Array:
    return np.asarray(np.clip(units / np.maximum(expected, 1e-9), -1, _MOST_RATIO))


def _rank(x: Array) -> Array:
    """Share of the channel's series that lie lower in the same month, [n, t]."""
    known = np.isfinite(x)
    order = np.argsort(np.argsort(np.where(known, x, -np.inf), axis=0, kind="stable"), axis=0)
    missing = (~known).sum(axis=0)
    return np.where(known, (order - missing + 0.5) / np.maximum(known.sum(axis=0), 1), np.nan)


def _siblings(z: Array, group: Ints) -> Array:
    """Mean of the other members of each row's group, [n, t]; NaN when alone."""
    code = np.unique(group, return_inverse=True)[1]
    known = np.isfinite(z)
    total, count = (
        np.zeros((code.max(initial=-1) + 1, z.shape[1])),
        np.zeros((code.max(initial=-1) + 1, z.shape[1])),
    )
    np.add.at(total, code, np.where(known, z, 0))
    np.add.at(count, code, known)
    others = count[code] - known
    return np.where(others > 0, (total[code] - np.where(known, z, 0)) / np.maximum(others, 1), np.nan)


def _ratio_to_median(expected: Array) -> Array:
    """Log size of a series against the channel's median, [n, t]."""
    mean = mean_of(expected, expected.shape[1], expected.shape[1])
    middle = np.nanmedian(mean) if np.isfinite(mean).any() else 1.0
    return np.asarray(np.log(np.maximum(mean, 1e-9) / max(middle, 1e-9)))


def _group_mean(x: Array, group: Ints, size: int) -> Array:
    known = np.isfinite(x)
    total, count = np.zeros((size, x.shape[1])), np.zeros((size, x.shape[1]))
    np.add.at(total, group, np.where(known, x, 0))
    np.add.at(count, group, known)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _middle(x: Array) -> Array:
    """Median of each row, 0 where nothing is known, [n, 1]."""
    known = np.isfinite(x).any(axis=1)
    middle = np.zeros((len(x), 1))
    if known.any():
        middle[known, 0] = np.nanmedian(x[known], axis=1)
    return middle


def _dealer_total(x: Array, dealer: Ints, d: int) -> Array:
    total = np.zeros((d, x.shape[1]))
    np.add.at(total, dealer, x)
    return total
