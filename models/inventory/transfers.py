"""Transfers: the frame of moves of all products, inside territories or between them.

In:   lines with terms, stock and levels; their demand; table freights (or an empty frame).
Out:  transfer_id (sku/from/to), sku_id, from_dealer_id, to_dealer_id, from_territory_id, to_territory_id,
      units, cases, gain_amount (after freight), freight_amount, currency, score, probability and
      probability_after (that the taker runs out before an order of today could arrive), reasons, note.

Inside a territory freight is what is on record for it, else nothing; between territories goods move only
when that is asked for, and only where freight is on record in the lines' currency. A pack is the larger of
the two dealers' packs. Lines without stock, territory or price take no part.

>>> transfers(pd.DataFrame(), None, pd.DataFrame()).columns[:3].tolist()
['transfer_id', 'sku_id', 'from_dealer_id']
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.inventory.plan import costs_of
from models.inventory.rebalance import Move, Shelf, moves
from models.inventory.sources import Demand

Array = NDArray[np.float64]
Freights = dict[tuple[str, str, str], float]
COLUMNS = [
    *("transfer_id", "sku_id", "from_dealer_id", "to_dealer_id", "from_territory_id", "to_territory_id"),
    *("units", "cases", "gain_amount", "freight_amount", "currency", "score", "probability"),
    *("probability_after", "reasons", "note"),
]


def transfers(
    lines: pd.DataFrame, demand: Demand | None, freights: pd.DataFrame, *, between: bool = False
) -> pd.DataFrame:
    """Moves that are worth more than their freight."""
    if demand is None or lines.empty:
        return pd.DataFrame(columns=COLUMNS)
    rates = _on_record(freights)
    able = lines["qty_on_hand"].notna() & lines["net_price"].notna() & (lines["territory_id"] != "")
    by = ["sku_id", "currency", *([] if between else ["territory_id"])]
    told = []
    for rows in lines[able].groupby(by, sort=True).indices.values():
        mine = np.flatnonzero(able.to_numpy())[rows]
        if len(mine) > 1:
            told += list(_group(lines, demand, rates, np.asarray(mine, dtype=np.intp)))
    return pd.DataFrame(told, columns=COLUMNS)


def _group(
    lines: pd.DataFrame, demand: Demand, rates: Freights, rows: NDArray[np.intp]
) -> Iterator[dict[str, Any]]:
    own, wanted = lines.iloc[rows], demand.of(rows)
    shelf = _shelf(own, wanted)
    place, money = own["territory_id"].tolist(), str(own["currency"].iloc[0])
    free = {(a, a, money): 0.0 for a in place} | rates
    freight = np.array([[free.get((a, b, money), np.inf) for b in place] for a in place])
    pack = float(own["pack_units"].max())
    position = shelf.position.copy()
    for move in moves(shelf, freight, pack=pack):
        yield _row(own, wanted.lead[move.taker], move, position)
        position[move.taker] += move.units


def _shelf(own: pd.DataFrame, wanted: Demand) -> Shelf:
    costs = costs_of(own)
    return Shelf(
        position=(own["qty_on_hand"] + own["qty_in_transit"].fillna(0.0)).to_numpy(float),
        on_hand=own["qty_on_hand"].to_numpy(float),
        up_to=own["order_up_to_units"].to_numpy(float),
        short=costs.short,
        over=costs.over,
        rate=wanted.daily * own["review_days"].to_numpy(float),
        wanted=wanted.wanted,
        lead=wanted.lead,
    )


def _row(own: pd.DataFrame, lead: Array, move: Move, position: Array) -> dict[str, Any]:
    giver, taker = own.iloc[move.giver], own.iloc[move.taker]
    before = float((lead > position[move.taker]).mean())
    after = float((lead > position[move.taker] + move.units).mean())
    chance = f"Runs out before an order could arrive with a chance of {before:.0%}"
    text = f"{chance}; the giver holds more than its level."
    return {
        "transfer_id": f"{giver['sku_id']}/{giver['dealer_id']}/{taker['dealer_id']}",
        "sku_id": giver["sku_id"],
        "from_dealer_id": giver["dealer_id"],
        "to_dealer_id": taker["dealer_id"],
        "from_territory_id": giver["territory_id"],
        "to_territory_id": taker["territory_id"],
        "units": move.units,
        "cases": move.units / float(giver["units_per_case"]),
        "gain_amount": round(move.gain_amount, 2),
        "freight_amount": round(move.freight_amount, 2),
        "currency": giver["currency"],
        "score": 100 * (1 - before),
        "probability": before,
        "probability_after": after,
        "reasons": [{"code": "SURPLUS_NEARBY", "text": text, "effect": round(move.gain_amount, 4)}],
        "note": taker["note"],
    }


def _on_record(freights: pd.DataFrame) -> Freights:
    if freights.empty:
        return {}
    columns = ["from_territory_id", "to_territory_id", "currency", "freight_amount"]
    return {(str(a), str(b), str(c)): float(f) for a, b, c, f in freights[columns].itertuples(index=False)}
