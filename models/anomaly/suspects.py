"""Suspects: from scores of series and months to pairs of seller and receiver, with their evidence.

In:   shipments, traits and raw probabilities [n, t] of one channel.
Out:  one row a seller, product and receiving territory: window, probability, units, amount, `pair` (0
      to 1: how well receiver and seller belong together) and `evidence`.

A window is a run of months of one series whose probability is at least a tenth of the run's highest, a
gap of one month bridged. Territories: those where clearly more codes of the series were scanned than
travel explains, at most `_MOST_TERRITORIES`; without such scans the one where another dealer's sales of
the product mirror the rise. The receiver is the dealer there whose sales fell as if these units had
come in, "" when nobody's clearly did.

Units: what was sold above the expectation in the window, or where there are no volumes or no excess,
scans above the expectation over the dealer's scans per unit; an amount needs `sell_in.amount` or
`prices`, else it is NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.shipments import Shipments
from models.anomaly.evidence import evidence
from models.anomaly.scans import deviance
from models.anomaly.traits import Traits
from models.calibration import Calibrator

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = (
    *(
        "seller_dealer_id",
        "receiver_dealer_id",
        "receiver_territory_id",
        "sku_id",
        "first_period",
        "last_period",
    ),
    *("probability", "score", "pair", "units_suspected", "amount_suspected", "evidence"),
)
LEAST_PROBABILITY = 0.03
_RUN_SHARE = 0.1  # of a run's highest month, to belong to it
_LEAST_RAW = 0.005
_MOST_TERRITORIES = 3
_CLEAR = 1.5  # deviance of the scans of a flow over the window
_MOST_LOST = 0.6  # of a receiver's expectation
_LIKELY = 0.3  # posterior from which a receiver is named
_DOUBT = 3.0  # factor on the variance: neighbouring months err together


@dataclass(frozen=True)
class Run:
    """A run of suspect months of one series."""

    series: int
    first: int
    last: int
    peak: float

    @property
    def window(self) -> slice:
        """Its months."""
        return slice(self.first, self.last + 1)


def suspects(
    goods: Shipments,
    traits: Traits,
    p: Array,
    calibrator: Calibrator,
    *,
    tables: Mapping[str, pd.DataFrame],
    since: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Suspected pairs, the most probable first."""
    prices = unit_prices(goods, tables)
    runs = runs_of(p)
    probabilities = calibrator.predict(np.array([run.peak for run in runs])) if runs else np.zeros(0)
    rows = []
    for run, probability in zip(runs, probabilities, strict=True):
        late_enough = since is None or goods.months[run.last] >= pd.Timestamp(since)
        if probability >= LEAST_PROBABILITY and late_enough:
            rows += _pairs(goods, traits, run, float(probability), prices)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    order = ["probability", "seller_dealer_id", "sku_id", "receiver_territory_id", "first_period"]
    return frame.sort_values(order, ascending=[False, True, True, True, True], ignore_index=True)


def runs_of(p: Array) -> list[Run]:
    """Runs of suspect months, those around the highest month of each stretch.

    >>> runs_of(np.array([[0.0, 0.2, 0.9, 0.0, 0.5, 0.0, 0.0, 0.1]]))
    [Run(series=0, first=1, last=4, peak=0.9), Run(series=0, first=7, last=7, peak=0.1)]
    """
    found = []
    for series in np.flatnonzero((p >= _LEAST_RAW).any(axis=1)):
        months = np.flatnonzero(p[series] >= _LEAST_RAW)
        for stretch in np.split(months, np.flatnonzero(np.diff(months) > 2) + 1):
            peak = p[series, stretch].max()
            strong = stretch[p[series, stretch] >= _RUN_SHARE * peak]
            top = int(np.flatnonzero(p[series, strong] == peak)[0])
            parts = np.split(strong, np.flatnonzero(np.diff(strong) > 2) + 1)
            part = next(part for part in parts if strong[top] in part)
            found.append(Run(int(series), int(part[0]), int(part[-1]), float(peak)))
    return found


def unit_prices(goods: Shipments, tables: Mapping[str, pd.DataFrame]) -> Array:
    """Amount a unit of each series, [n]: invoiced, else net price, else the product's mean; NaN unknown."""
    keys = pd.MultiIndex.from_arrays([goods.dealer_ids[goods.dealer], goods.sku_ids[goods.sku]])
    own = pd.Series(np.nan, index=keys)
    bought = tables.get("sell_in")
    if bought is not None and "amount" in bought.columns and bought["amount"].notna().any():
        total = bought.groupby(["dealer_id", "sku_id"])[["amount", "qty_sell_in"]].sum()
        own = own.fillna(
            (total["amount"] / total["qty_sell_in"].where(total["qty_sell_in"] > 0)).reindex(keys)
        )
    listed = tables.get("prices")
    if listed is not None and "net_price" in listed.columns and len(listed):
        own = own.fillna(listed.groupby(["dealer_id", "sku_id"])["net_price"].mean().reindex(keys))
    values = own.where(own > 0).to_numpy(float)
    by_sku = pd.Series(values).groupby(goods.sku).transform("mean").to_numpy(float)
    return np.where(np.isfinite(values), values, by_sku)


def _pairs(
    goods: Shipments, traits: Traits, run: Run, probability: float, prices: Array
) -> list[dict[str, Any]]:
    """A row for each territory that the goods of one run may have gone to."""
    units = _units(goods, traits, run)
    rows = []
    for to, share, sure in _territories(goods, traits, run):
        receiver, fell = _receiver(goods, traits, run, to, units * share)
        about = evidence(goods, traits, run, to=to, receiver=receiver)
        rows.append(
            {
                "seller_dealer_id": str(goods.dealer_ids[goods.dealer[run.series]]),
                "receiver_dealer_id": str(goods.dealer_ids[goods.dealer[receiver]]) if receiver >= 0 else "",
                "receiver_territory_id": str(goods.territory_ids[to]) if to >= 0 else "",
                "sku_id": str(goods.sku_ids[goods.sku[run.series]]),
                "first_period": goods.months[run.first],
                "last_period": goods.months[run.last],
                "probability": probability,
                "score": 100 * probability,
                "pair": float(1 - np.exp(-0.5 * (sure + fell))) if to >= 0 else 0.0,
                "units_suspected": float(np.round(units * share, 1)),
                "amount_suspected": float(np.round(units * share * prices[run.series], 2)),
                "evidence": about,
            }
        )
    return rows


def _territories(goods: Shipments, traits: Traits, run: Run) -> list[tuple[int, float, float]]:
    """Territory, its share of the units, and how sure it is (a z-score)."""
    mine = np.flatnonzero(traits.flows.row == run.series)
    count = traits.flows.count[mine, run.window].sum(axis=1)
    expected = traits.flows.expected[mine, run.window].sum(axis=1)
    sure = deviance(count, expected)
    clear = np.flatnonzero(sure >= _CLEAR)
    clear = clear[np.argsort(-sure[clear], kind="stable")]
    clear = clear[sure[clear] >= sure[clear].max(initial=0) / 2][:_MOST_TERRITORIES]
    if len(clear):
        excess = np.maximum(count - expected, 1e-6)[clear]
        shares = excess / excess.sum()
        flows = traits.flows.to[mine[clear]]
        return [(int(to), float(s), float(z)) for to, s, z in zip(flows, shares, sure[clear], strict=True)]
    return [_mirrored(traits, run)]


def _mirrored(traits: Traits, run: Run) -> tuple[int, float, float]:
    """The territory that most often mirrors the run; -1 when none does."""
    if traits.mirrors is None:
        return -1, 1.0, 0.0
    to = traits.mirrors.to[run.series, run.window]
    match = np.nan_to_num(traits.mirrors.match[run.series, run.window])
    if not (to >= 0).any():
        return -1, 1.0, 0.0
    best = int(np.bincount(to[to >= 0], weights=match[to >= 0]).argmax())
    return best, 1.0, float(match[to == best].mean() / 2)


def _receiver(goods: Shipments, traits: Traits, run: Run, to: int, units: float) -> tuple[int, float]:
    """The series there that most likely lost these units, and the root of its log-likelihood ratio; -1: none.

    Under the charge a receiver lost what came in, month by month as the seller's excess, though never more
    than `_MOST_LOST` of its expectation; otherwise nothing. Errors are taken as normal; before the facts, a
    dealer is the likelier the more it sells.
    """
    found = traits.volume
    there = np.flatnonzero((goods.place == to) & (goods.sku == goods.sku[run.series]))
    if found is None or to < 0 or not len(there):
        return -1, 0.0
    rise = np.maximum(np.nan_to_num(found.units[run.series, run.window]), 0)
    came = units * rise / rise.sum() if rise.sum() > 0 else np.full(len(rise), units / len(rise))
    expected = np.nan_to_num(found.expected[there, run.window])
    lost = np.minimum(came, _MOST_LOST * expected)
    left = found.units[there, run.window]
    variance = _DOUBT * ((found.spread[there, None] * expected) ** 2 + expected + 1)
    gain = np.nansum((left**2 - (left + lost) ** 2) / (2 * variance), axis=1)
    chance = np.exp(gain - gain.max()) * (expected.sum(axis=1) + 1e-9)
    best = int(chance.argmax())
    if chance[best] < _LIKELY * chance.sum():
        return -1, 0.0
    return int(there[best]), float(np.sqrt(max(gain[best], 0.0)))


def _units(goods: Shipments, traits: Traits, run: Run) -> float:
    """Units above the expectation: by volume, else by scans."""
    by_volume = 0.0
    for found in (traits.volume, traits.bought):
        if found is not None:
            by_volume = max(by_volume, float(np.nansum(found.units[run.series, run.window])))
    if by_volume > 0:
        return by_volume
    mine = traits.flows.row == run.series
    excess = (traits.flows.count - traits.flows.expected)[mine, run.window].sum()
    same = goods.dealer == goods.dealer[run.series]
    units = goods.sell_out if np.isfinite(goods.sell_out).any() else goods.sell_in
    scans_per_unit = goods.seen[same].sum() / max(float(np.nansum(units[same])), 1.0)
    return float(max(0.0, excess) / scans_per_unit) if scans_per_unit > 0 else 0.0
