"""Evidence: what an analyst can check of a suspected diversion, as short statements with two numbers.

Each is {"kind", "text", "value", "expected", "period"}: what was seen, what was to be expected without
diversion, and the months. Kinds: volume, purchase, scans, home_scans, mirror, price. What speaks
against is told as well: an analyst sees every kind for which there is data.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from features.shipments import Shipments
from models.anomaly.residuals import Residuals
from models.anomaly.traits import Traits

Statement = dict[str, Any]


class Run(Protocol):
    """A run of suspect months of one series."""

    @property
    def series(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def window(self) -> slice: ...


def evidence(goods: Shipments, traits: Traits, run: Run, *, to: int, receiver: int) -> list[Statement]:
    """All statements for which there is data, in a fixed order."""
    period = _period(goods, run)
    made = [
        *_volumes(goods, traits, run),
        *_scans(traits, run, to),
        *_home(goods, traits, run),
        *_mirror(traits, run, receiver),
        *_price(goods, run, to),
    ]
    return [{"kind": k, "text": text, "value": v, "expected": e, "period": period} for k, text, v, e in made]


Made = list[tuple[str, str, float, float]]


def _volumes(goods: Shipments, traits: Traits, run: Run) -> Made:
    """Sold and bought against the expectation."""
    made: Made = []
    sold = traits.volume if np.isfinite(goods.sell_out).any() else None
    for kind, found, units, verb in (
        ("volume", sold, goods.sell_out, "sold"),
        ("purchase", traits.bought, goods.sell_in, "bought"),
    ):
        if found is not None:
            value, expected = _sums(units, found, run)
            made.append(
                (kind, f"The seller {verb} {_against(value, expected)} of this product.", value, expected)
            )
    return made


def _scans(traits: Traits, run: Run, to: int) -> Made:
    """Codes of the seller scanned in the receiving territory."""
    mine = (traits.flows.row == run.series) & (traits.flows.to == to)
    if not mine.any():
        return []
    value = float(traits.flows.count[mine, run.window].sum())
    expected = float(np.round(traits.flows.expected[mine, run.window].sum(), 2))
    text = (
        "Codes shipped to the seller were scanned in the receiving territory more often than travel explains."
    )
    if value <= expected:
        text = (
            "Codes shipped to the seller were not scanned in the receiving territory more often than usual."
        )
    return [("scans", text, value, expected)]


def _home(goods: Shipments, traits: Traits, run: Run) -> Made:
    """Scans at home against what the units let expect."""
    cover = traits.coverage
    if cover is None or not goods.at_home[goods.dealer == goods.dealer[run.series]].any():
        return []
    value = float(cover.count[run.series, run.window].sum())
    expected = float(np.round(cover.expected[run.series, run.window].sum(), 2))
    more = "at least as many as" if value >= expected else "fewer than"
    return [("home_scans", f"Scans at home: {more} the units let expect.", value, expected)]


def _mirror(traits: Traits, run: Run, receiver: int) -> Made:
    """What the dealer in the receiving territory sold."""
    if traits.volume is None or receiver < 0:
        return []
    found = traits.volume
    expected = float(np.round(np.nansum(found.expected[receiver, run.window]), 1))
    value = float(np.round(expected + np.nansum(found.units[receiver, run.window]), 1))
    text = f"A dealer of the receiving territory sold {_against(value, expected)} of the same product."
    return [("mirror", text, value, expected)]


def _price(goods: Shipments, run: Run, to: int) -> Made:
    """Street price in the receiving territory, in the window and before it."""
    there = (goods.place == to) & (goods.sku == goods.sku[run.series])
    street = goods.street[there].astype(float)
    inside, before = street[:, run.window], street[:, : run.first]
    if not (np.isfinite(inside).any() and np.isfinite(before).any()):
        return []
    value, expected = (float(np.round(np.nanmean(x), 2)) for x in (inside, before))
    text = f"The street price there was {_against(value, expected, 'than before')}."
    return [("price", text, value, expected)]


def _sums(units: NDArray[np.float32], found: Residuals, run: Run) -> tuple[float, float]:
    seen = np.isfinite(units[run.series, run.window])
    value = float(np.round(np.nansum(units[run.series, run.window]), 1))
    return value, float(np.round(found.expected[run.series, run.window][seen].sum(), 1))


def _against(value: float, expected: float, than: str = "than expected") -> str:
    if expected <= 0:
        return f"{value:g} where nothing was expected"
    change = value / expected - 1
    return f"{abs(change):.0%} {'more' if change > 0 else 'less'} {than}"


def _period(goods: Shipments, run: Run) -> str:
    first, last = goods.months[run.first], goods.months[run.last]
    return f"{first:%Y-%m}" if first == last else f"{first:%Y-%m} to {last:%Y-%m}"
