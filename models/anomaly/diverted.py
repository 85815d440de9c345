"""Diverted: suspected pairs of seller and receiver (models.anomaly.diversion) as candidates.

In:   the pairs frame of `Diversion.detect`, and the Scene. Out: candidates of kind "diversion".

Evidence are the detector's statements and, as they stand in the table, what the seller sold and bought of the
product in the window. Amounts: what is suspected x the policy's rate; without prices, units.

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01")), pd.DataFrame()).empty
True
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from models.anomaly.candidates import frame
from models.anomaly.scene import Evidence, Scene, point

_SHOWN = 6


def candidates(scene: Scene, pairs: pd.DataFrame) -> pd.DataFrame:
    """Every suspected pair."""
    return frame([_row(scene, one) for one in pairs.to_dict("records")])


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """The statements of the detector, then the seller's own books."""
    told = [
        {
            "series": f"diversion.{one.get('kind', 'sign')}",
            **{k: one[k] for k in ("period", "value", "expected", "text")},
        }
        for one in row["statements"]
    ]
    return [*told, *_books(scene, row)]


def _row(scene: Scene, pair: dict[Any, Any]) -> dict[str, Any]:
    amount = pair["amount_suspected"]
    worth = (
        float(amount if np.isfinite(amount) else pair["units_suspected"]) * scene.rules.losses.diversion_rate
    )
    months = pd.date_range(pair["first_period"], pair["last_period"], freq="MS", unit="us")
    seller = str(pair["seller_dealer_id"])
    home = scene.ledger.territory[scene.ledger.dealer_ids == seller]
    return {
        "kind": "diversion",
        "type": "diversion",
        "dealer_id": seller,
        "receiver_dealer_id": str(pair["receiver_dealer_id"] or ""),
        "territory_id": str(pair["receiver_territory_id"] or ""),
        "home_territory_id": home[0] if len(home) else "",
        "sku_id": str(pair["sku_id"]),
        "first_period": pair["first_period"],
        "last_period": pair["last_period"],
        "raw": float(pair["probability"]),
        "amount": worth,
        "currency": scene.ledger.currency,
        "trail": [(month, worth / max(len(months), 1)) for month in months],
        "statements": list(pair["evidence"]),
        "x_run": float(len(months)),
        "x_scans": float(sum(one.get("kind") == "scans" for one in pair["evidence"])),
    }


def _books(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    books = scene.ledger
    mine = (books.dealer_ids[books.dealer] == row["dealer_id"]) & (books.sku_ids[books.sku] == row["sku_id"])
    if not mine.any():
        return []
    i = int(np.flatnonzero(mine)[0])
    end = row["last_period"] + pd.DateOffset(months=1)
    inside = np.flatnonzero((books.periods >= row["first_period"]) & (books.periods < end))[-_SHOWN:]
    before = books.sell_out[i, : inside[0]] if len(inside) else np.empty(0)
    usual = float(np.median(before[np.isfinite(before)])) if np.isfinite(before).any() else 0.0
    text = "Sold by the suspected seller; expected: its median before."
    return [
        point("sell_out.qty_sell_out", scene.month(int(s)), books.sell_out[i, s], usual, text)
        for s in inside
        if np.isfinite(books.sell_out[i, s])
    ]
