"""Obligations: clauses of high risk in a dealer's contract, weighed by what the dealer buys.

In:   others["clauses"]: dealer_id, contract_id, type, risk, probability. Out: candidates of kind "clause".
Limits: nothing without that frame; clauses of low or medium risk are the contract room's own matter.

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01"))).empty
True
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from models.anomaly.candidates import frame
from models.anomaly.scene import Evidence, Scene, point


def candidates(scene: Scene) -> pd.DataFrame:
    """One candidate a dealer, contract and type of clause."""
    clauses = scene.others.get("clauses")
    if clauses is None or clauses.empty or scene.ledger.t == 0:
        return frame([])
    risky = clauses[clauses["risk"] == "high"].sort_values("probability", ascending=False, kind="stable")
    once = risky.drop_duplicates(["dealer_id", "contract_id", "type"])
    return frame([_row(scene, one) for one in once.to_dict("records")])


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """What the dealer bought of its largest product in the last period."""
    books = scene.ledger
    mine = np.flatnonzero(books.dealer_ids[books.dealer] == row["dealer_id"])
    bought = np.nan_to_num(books.sell_in[mine, -1]) if len(mine) else np.empty(0)
    if not bought.any():
        return []
    i = int(mine[bought.argmax()])
    text = f"Bought of {books.sku_ids[books.sku[i]]} under this contract in the last period."
    return [point("sell_in.qty_sell_in", scene.month(-1), books.sell_in[i, -1], 0.0, text)]


def _row(scene: Scene, clause: dict[Any, Any]) -> dict[str, Any]:
    books = scene.ledger
    mine = books.dealer_ids[books.dealer] == clause["dealer_id"]
    worth = np.nan_to_num(books.sell_in[mine] * books.price[mine])[:, -books.freq.season :].sum()
    amount = float(worth) * scene.rules.losses.contract_rate
    home = books.territory[books.dealer_ids == clause["dealer_id"]]
    start = scene.as_of.to_period("Y").start_time
    return {
        "kind": "clause",
        "type": "contract",
        "dealer_id": str(clause["dealer_id"]),
        "territory_id": home[0] if len(home) else "",
        "topic": f"{clause['contract_id']}/{clause['type']}",
        "first_period": start,
        "last_period": scene.date(-1),
        "raw": float(clause["probability"]),
        "amount": amount,
        "currency": books.currency,
        "trail": [(start, amount)],
    }
