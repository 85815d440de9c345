"""Stuffing: a dealer takes more at a quarter's end than it sells, and pays it back afterwards.

One candidate a dealer and quarter end, the last two: the month before the end (four weeks where the
channel is weekly), all products together at what the dealer pays. Seen in

spike      bought against the usual month of the dealer, quarter ends left out
over       bought against sold in that month
rise       stock at the end against the usual stock
payback    bought in the two months after against usual, once they are on record
before     the same at the dealer's earlier quarter ends: stuffing is a habit
peers      the median spike of all other dealers at that end: a season is not stuffing

In: Scene. Out: candidates of kind "stuffing", amounts: what was bought beyond the usual month.
Limits: a dealer with fewer than six months on record is left out.

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01"))).empty
True
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.ledger import Ledger
from features.stocking import quarter_ends
from models.anomaly.candidates import frame
from models.anomaly.scene import Evidence, Scene, point

Array = NDArray[np.float64]

_BEFORE_MONTHS, _AFTER_MONTHS, _ENDS = 9, 2, 2
_LEAST_MONTHS = 6
_SOFT = 0.1  # of the usual month, added to both sides of a ratio
_SHOWN = 4


@dataclass(frozen=True)
class _Flows:
    """Money [d, t] a month ending with each period, at the dealer's prices."""

    bought: Array
    sold: Array
    stock: Array
    returned: Array
    ends: NDArray[np.bool_]  # [t]
    k: int  # periods a month

    @classmethod
    def of(cls, books: Ledger, k: int) -> "_Flows":
        price = np.nan_to_num(_filled(books.price))
        d = len(books.dealer_ids)

        def money(units: Array) -> Array:
            out = np.zeros((d, books.t))
            np.add.at(out, books.dealer, np.nan_to_num(units) * price)
            return out

        bought, sold, back = (_monthly(money(x), k) for x in (books.sell_in, books.sell_out, books.returned))
        return cls(bought, sold, money(books.stock), back, quarter_ends(books.periods), k)

    def usual(self, values: Array, q: int) -> Array:
        """Median of the months before q, quarter ends left out, [d]."""
        steps = [s for s in range(q - self.k, max(-1, q - (_BEFORE_MONTHS + 1) * self.k), -self.k)]
        plain = [s for s in steps if not self.ends[max(0, s - self.k + 1) : s + 1].any()]
        return np.median(values[:, plain], axis=1) if plain else np.full(len(values), np.nan)


def candidates(scene: Scene) -> pd.DataFrame:
    """Dealers at the last quarter ends."""
    books, k = scene.ledger, scene.per_month
    if books.n == 0 or books.t < _LEAST_MONTHS * k:
        return frame([])
    flows = _Flows.of(books, k)
    ends = [int(q) for q in np.flatnonzero(flows.ends) if q >= _LEAST_MONTHS * k - 1]
    signs = {q: _signs(flows, q) for q in ends}
    rows = [row for q in ends[-_ENDS:] for row in _rows(scene, flows, signs, q)]
    return frame(rows)


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """The dealer's largest products at that end: bought, and stock afterwards."""
    books, q, k = scene.ledger, int(row["at"]), scene.per_month
    mine = np.flatnonzero(books.dealer_ids[books.dealer] == row["dealer_id"])
    price = np.nan_to_num(_filled(books.price))[mine, q]
    largest = mine[np.argsort(-np.nan_to_num(books.sell_in[mine, q]) * price, kind="stable")[:_SHOWN]]
    flows = _Flows.of(books, k)
    out = []
    for i in largest:
        plain = [s for s in range(q - k, max(-1, q - 10 * k), -k) if not flows.ends[s]]
        for series, units in (("sell_in.qty_sell_in", books.sell_in), ("stock.qty_on_hand", books.stock)):
            if np.isfinite(units[i, q]):
                usual = np.nanmedian(np.nan_to_num(units[i, plain])) if plain else 0.0
                text = f"{books.sku_ids[books.sku[i]]} at the quarter's end; expected: the usual period."
                out.append(point(series, scene.month(q), units[i, q], usual, text))
    return out


def _signs(flows: _Flows, q: int) -> dict[str, Array]:
    usual_in, usual_stock = flows.usual(flows.bought, q), flows.usual(flows.stock, q)
    after = [s for s in (q + flows.k * m for m in range(1, _AFTER_MONTHS + 1)) if s < flows.bought.shape[1]]
    later = flows.bought[:, after].mean(axis=1) if after else np.full(len(usual_in), np.nan)
    back = flows.returned[:, after].sum(axis=1) if after else np.full(len(usual_in), np.nan)
    size = usual_in * _SOFT + 1e-9
    return {
        "spike": np.log((flows.bought[:, q] + size) / (usual_in + size)),
        "over": np.log((flows.bought[:, q] + size) / (flows.sold[:, q] + size)),
        "rise": np.log((flows.stock[:, q] + size) / (usual_stock + size)),
        "payback": np.log((later + size) / (usual_in + size)),
        "returned": back / (flows.bought[:, q] + size),
        "extra": np.maximum(flows.bought[:, q] - usual_in, 0.0),
        "months_after": np.full(len(usual_in), float(len(after))),
        "usual": usual_in,
    }


def _rows(scene: Scene, flows: _Flows, signs: Mapping[int, dict[str, Array]], q: int) -> list[dict[str, Any]]:
    books, now = scene.ledger, signs[q]
    earlier = [signs[e] for e in signs if e < q]
    rows = []
    for d in np.flatnonzero(np.isfinite(now["usual"]) & (now["usual"] > 0) & (flows.bought[:, q] > 0)):
        x = _features(now, earlier, int(d))
        score = 1.5 * x["x_spike"] + x["x_rise"] - 0.5 * np.nan_to_num(x["x_payback"]) - x["x_peers"]
        amount = float(now["extra"][d]) * scene.rules.losses.stuffing_rate
        row = {"kind": "stuffing", "type": "stock", "at": q, "dealer_id": books.dealer_ids[d]}
        row |= {"territory_id": books.territory[d], "raw": float(1 / (1 + np.exp(-2 * (score - 1.2))))}
        row |= {"first_period": scene.date(q - flows.k + 1), "last_period": scene.date(q)}
        rows.append(
            row | {"amount": amount, "currency": books.currency, "trail": [(scene.date(q), amount)]} | x
        )
    return rows


def _features(now: dict[str, Array], earlier: list[dict[str, Array]], d: int) -> dict[str, float]:
    peers = np.delete(now["spike"], d)
    peers = peers[np.isfinite(peers)]
    before = {
        f"x_{name}_before": _mean([one[name][d] for one in earlier[-8:]])
        for name in ("spike", "rise", "payback")
    }
    own = {f"x_{name}": float(now[name][d]) for name in ("spike", "over", "rise", "payback", "returned")}
    peer = float(np.median(peers)) if len(peers) else 0.0
    return (
        own
        | before
        | {
            "x_peers": peer,
            "x_months_after": float(now["months_after"][d]),
            "x_ends_before": float(len(earlier)),
        }
    )


def _mean(values: list[float]) -> float:
    known = [v for v in values if np.isfinite(v)]
    return float(np.mean(known)) if known else np.nan


def _monthly(values: Array, k: int) -> Array:
    """Sum of the k periods that end with each."""
    total = np.cumsum(values, axis=1)
    total[:, k:] = total[:, k:] - total[:, :-k].copy()
    return np.asarray(total)


def _filled(price: Array) -> Array:
    """Prices with what is not known taken from the series' own median, else the channel's."""
    if not np.isfinite(price).any():
        return np.ones(price.shape)
    own = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in price])
    own = np.where(np.isnan(own), np.nanmedian(own), own)
    return np.asarray(np.where(np.isnan(price), own[:, None], price))
