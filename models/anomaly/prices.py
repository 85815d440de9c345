"""Prices: a dealer who undercuts, a product sold below its floor, a region whose prices break away.

undercut   street prices of one dealer and product against list, announced discounts, the dealer's own
           habit and the other dealers of its region: what is left is the dealer's
floor      street prices under the floor (MAP) that the signal `floor_price` names, beyond the tolerance
region     street prices of a whole territory and category against the same category elsewhere

The window begins when the present spell was first believed (models.anomaly.episodes), which later data
cannot move. Amounts: price difference x units sold in the window x the policy's rate.

In: Scene; `PriceHabits` learned in training. Out: candidates.
Limits: without street prices there is nothing to see.

>>> from models.anomaly.scene import Scene
>>> scene = Scene.of({}, pd.Timestamp("2025-01-01"))
>>> candidates(scene, PriceHabits()).empty
True
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ledger import Ledger, carried
from features.pricing import gaps, habits, market_moves, passed_on
from models.anomaly.candidates import frame
from models.anomaly.episodes import onsets, spell
from models.anomaly.scene import Evidence, Scene, point

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEAST_BELIEF = 0.05
_LEAST_SURVEYS = 30  # to measure the spread
_USUAL_SPREAD, _LEAST_SPREAD = 0.04, 0.015
_SHOWN = 6


@dataclass
class PriceHabits:
    """How much of a discount reaches the street, and how much surveys scatter."""

    passed_on_rate_: float = field(default=0.7, init=False)
    spread_: float = field(default=_USUAL_SPREAD, init=False)
    region_spread_: float = field(default=_USUAL_SPREAD, init=False)

    def fit(self, books: Ledger) -> Self:
        """Learn from a channel's own surveys, without labels."""
        self.spread_ = self.region_spread_ = _USUAL_SPREAD
        self.passed_on_rate_ = passed_on(books.street, carried(books.list_price), books.discount)
        view = Street.of(books, self)
        self.spread_ = _spread(view.rest)
        self.region_spread_ = _spread(view.region_rest)
        return self


@dataclass(frozen=True)
class Street:
    """Street prices taken apart, [n, t]; regions [m, t]."""

    list_price: Array
    rest: Array  # log gap less habit less the market's move
    move: Array  # of the market, from other dealers
    habit: Array  # of the dealer
    market: Ints  # [n], territory x category
    region_rest: Array  # [m, t], median of gap - habit there, less the same elsewhere
    category: Ints  # [m]

    @classmethod
    def of(cls, books: Ledger, learned: PriceHabits) -> "Street":
        """Take a channel's surveys apart."""
        list_price = carried(books.list_price)
        gap = gaps(books.street, list_price, books.discount, passed_on_rate=learned.passed_on_rate_)
        habit = habits(gap, books.dealer)[books.dealer] if books.n else gap
        own = gap - habit
        names = np.array([f"{p}\0{c}" for p, c in zip(books.place, books.category[books.sku], strict=True)])
        market = np.unique(names, return_inverse=True)[1].astype(np.int64) if books.n else books.dealer
        move = market_moves(own, books.dealer, market)
        region_rest, category = _regions(own, market, books)
        return cls(list_price, own - move, move, habit, market, region_rest, category)


def candidates(scene: Scene, learned: PriceHabits) -> pd.DataFrame:
    """Every candidate of the three kinds."""
    books = scene.ledger
    if books.n == 0 or not np.isfinite(books.street).any():
        return frame([])
    view = Street.of(books, learned)
    rows = [*_undercuts(scene, view, learned), *_floors(scene, view), *_broken(scene, view, learned)]
    return frame(rows)


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """The street prices that were surveyed in the window."""
    books = scene.ledger
    rows = [int(row["at"])] if row["kind"] != "region" else _members(books, row)
    steps = [s for s in range(books.t) if row["first_period"] <= books.periods[s] <= row["last_period"]]
    seen = [(s, i) for s in reversed(steps) for i in rows if np.isfinite(books.street[i, s])]
    list_price, expected = carried(books.list_price), row["expected"] if row["kind"] != "region" else {}
    return [
        point(
            "signals.street_price",
            scene.month(s),
            books.street[i, s],
            expected.get((i, s), list_price[i, s]),
            f"Street price of {books.sku_ids[books.sku[i]]} at {books.dealer_ids[books.dealer[i]]}; list "
            f"price {list_price[i, s]:g}.",
        )
        for s, i in sorted(seen[:_SHOWN])
    ]


def _undercuts(scene: Scene, view: Street, learned: PriceHabits) -> list[dict[str, Any]]:
    belief = spell(view.rest, spread=learned.spread_, per_month=scene.per_month)
    recent = belief[:, -scene.rules.recent_months * scene.per_month :]
    begun = onsets(belief)
    rows = []
    for i in np.flatnonzero(recent.max(axis=1) > _LEAST_BELIEF):
        last = belief.shape[1] - recent.shape[1] + int(recent[i].argmax())
        first = begun[i, last] if begun[i, last] >= 0 else last
        rows.append(_undercut(scene, view, belief, (int(i), int(first), int(last))))
    return rows


def _undercut(scene: Scene, view: Street, belief: Array, where: tuple[int, int, int]) -> dict[str, Any]:
    books, (i, first, last) = scene.ledger, where
    inside = slice(first, last + 1)
    rest = view.rest[i, inside]
    seen = np.isfinite(rest)
    depth = float(-np.nanmean(rest)) if seen.any() else 0.0
    parts = _lost(scene, view, i, inside, max(depth, 0.0))
    expected = {
        (i, first + k): float(books.street[i, first + k] / np.exp(view.rest[i, first + k]))
        for k in np.flatnonzero(seen)
    }
    sold = np.nan_to_num(books.sell_out[i])
    lift = np.log1p(sold[inside].mean()) - np.log1p(sold[max(0, first - 12) : first].mean() if first else 0)
    return {
        **_subject(scene, "undercut", i, first, last),
        "raw": float(belief[i, last]),
        "amount": float(sum(amount for _, amount in parts)),
        "trail": parts,
        "expected": expected,
        "x_belief": float(np.log(belief[i, last] / (1 - belief[i, last] + 1e-9) + 1e-9))
        if belief[i, last] > 0.5
        else float(belief[i, last]) - 0.5,
        "x_depth": depth,
        "x_deepest": float(-np.nanmin(rest)) if seen.any() else 0.0,
        "x_surveys": float(seen.sum()),
        "x_run": float(last - first + 1),
        "x_move": float(view.move[i, inside].mean()),
        "x_habit": float(view.habit[i, last]),
        "x_lift": float(lift),
        "x_others": float(np.nanmean(view.rest[_mates(books, i)][:, inside]))
        if np.isfinite(view.rest[_mates(books, i)][:, inside]).any()
        else 0.0,
        "x_since": float(books.t - 1 - last),
    }


def _floors(scene: Scene, view: Street) -> list[dict[str, Any]]:
    """Street prices under a stated floor: a fact, so the belief is near one."""
    books = scene.ledger
    if not np.isfinite(books.floor).any():
        return []
    floor = carried(books.floor)
    limit = floor * (1 - scene.industry.price.floor_tolerance_rate)
    with np.errstate(invalid="ignore"):
        below = books.street < limit
    recent = below[:, -scene.rules.recent_months * scene.per_month :].any(axis=1)
    rows = []
    for i in np.flatnonzero(recent):
        last = int(np.flatnonzero(below[i])[-1])
        first = _run_start(below[i], np.isfinite(books.street[i]), last)
        depth = float(-np.nanmean(np.log(books.street[i, first : last + 1] / floor[i, first : last + 1])))
        parts = _lost(scene, view, int(i), slice(first, last + 1), depth)
        expected = {(int(i), s): float(floor[i, s]) for s in range(first, last + 1)}
        row = _subject(scene, "floor", int(i), first, last)
        amount = float(sum(a for _, a in parts))
        rows.append(row | {"raw": 0.98, "amount": amount, "trail": parts, "expected": expected})
    return rows


def _broken(scene: Scene, view: Street, learned: PriceHabits) -> list[dict[str, Any]]:
    belief = spell(view.region_rest, spread=learned.region_spread_, per_month=scene.per_month)
    recent = belief[:, -scene.rules.recent_months * scene.per_month :]
    begun = onsets(belief)
    books, rows = scene.ledger, []
    for m in np.flatnonzero(recent.max(axis=1) > _LEAST_BELIEF):
        last = belief.shape[1] - recent.shape[1] + int(recent[m].argmax())
        first = int(begun[m, last]) if begun[m, last] >= 0 else last
        inside, members = slice(first, last + 1), np.flatnonzero(view.market == m)
        rest = view.region_rest[m, inside]
        depth = float(-np.nanmean(rest)) if np.isfinite(rest).any() else 0.0
        parts = [p for i in members for p in _lost(scene, view, int(i), inside, max(depth, 0))]
        row = _subject(scene, "region", int(members[0]), first, last)
        row |= {"dealer_id": "", "sku_id": "", "topic": str(books.category[books.sku[members[0]]])}
        row |= {"raw": float(belief[m, last]), "amount": float(sum(a for _, a in parts)), "trail": parts}
        row |= {"x_depth": depth, "x_run": float(last - first + 1), "x_since": float(books.t - 1 - last)}
        dealers = np.unique(books.dealer[members[np.isfinite(books.street[members, inside]).any(axis=1)]])
        rows.append(row | {"x_dealers": float(len(dealers)), "x_surveys": float(np.isfinite(rest).sum())})
    return rows


def _subject(scene: Scene, kind: str, i: int, first: int, last: int) -> dict[str, Any]:
    books = scene.ledger
    return {
        "kind": kind,
        "type": "price",
        "at": i,
        "dealer_id": books.dealer_ids[books.dealer[i]],
        "territory_id": books.territory[books.dealer[i]],
        "sku_id": books.sku_ids[books.sku[i]],
        "first_period": scene.date(first),
        "last_period": scene.date(last),
        "currency": books.currency,
    }


def _lost(
    scene: Scene, view: Street, i: int, inside: slice, depth: float
) -> list[tuple[pd.Timestamp | None, float]]:
    """What a price that is `depth` too low costs in each period of the window."""
    books = scene.ledger
    sold = np.nan_to_num(books.sell_out[i, inside])
    worth = sold * np.nan_to_num(view.list_price[i, inside]) * (1 - np.exp(-depth))
    amounts = worth * scene.rules.losses.erosion_rate
    return [(scene.date(inside.start + k), float(a)) for k, a in enumerate(amounts)]


def _regions(own: Array, market: Ints, books: Ledger) -> tuple[Array, Ints]:
    """Each region's own move against its category elsewhere, [m, t], and the category of each [m]."""
    count = int(market.max(initial=-1)) + 1
    codes = np.unique(books.category, return_inverse=True)[1].astype(np.int64)
    rest, category = np.full((count, own.shape[1]), np.nan), np.zeros(count, dtype=np.int64)
    for m in range(count):
        rows = market == m
        category[m] = codes[books.sku[np.flatnonzero(rows)[0]]]
        rest[m] = _median(own[rows], least=2)
    whole = rest.copy()
    for m in range(count):
        others = (category == category[m]) & (np.arange(count) != m)
        rest[m] = whole[m] - np.nan_to_num(_median(whole[others], least=1))
    return rest, category


def _median(values: Array, *, least: int) -> Array:
    """Median of each column with at least so many values."""
    out = np.full(values.shape[1], np.nan)
    some = np.isfinite(values).sum(axis=0) >= least
    if some.any():
        out[some] = np.nanmedian(values[:, some], axis=0)
    return out


def _members(books: Ledger, row: Mapping[str, Any]) -> list[int]:
    here = (books.place == row["territory_id"]) & (books.category[books.sku] == row["topic"])
    return [int(i) for i in np.flatnonzero(here)]


def _mates(books: Ledger, i: int) -> Ints:
    """The dealer's other products."""
    rows = np.flatnonzero(books.dealer == books.dealer[i])
    return np.asarray(rows[rows != i], dtype=np.int64)


def _run_start(below: NDArray[np.bool_], seen: NDArray[np.bool_], last: int) -> int:
    """Back from `last` while no survey found the price at or above the floor."""
    first = last
    for step in range(last, -1, -1):
        if seen[step] and not below[step]:
            break
        first = step if below[step] else first
    return first


def _spread(rest: Array) -> float:
    known = rest[np.isfinite(rest)]
    if len(known) < _LEAST_SURVEYS:
        return _USUAL_SPREAD
    return max(_LEAST_SPREAD, 1.4826 * float(np.median(np.abs(known - np.median(known)))))
