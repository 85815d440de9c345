"""Purchases: sell-in of the last period that order screening would have stopped.

In: Scene and fitted `Orders`. Out: candidates of kind "purchase", the amount of the line x the policy's rate.

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01")), Orders()).empty
True
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from features.stocking import pace
from models.anomaly.candidates import frame
from models.anomaly.orders import Orders, line_features
from models.anomaly.scene import Evidence, Scene, point


def candidates(scene: Scene, orders: Orders) -> pd.DataFrame:
    """Lines of the last period with a suspicion."""
    books, t = scene.ledger, scene.ledger.t - 1
    if t < 1 or orders.calibrator_ is None:
        return frame([])
    some = np.flatnonzero(np.nan_to_num(books.sell_in[:, t]) > 0)
    features = line_features(scene, some, t, pace(books.sell_out) / books.period_days)
    known = np.isfinite(features[:, 0]) & (features[:, 0] > 0)
    some, features = some[known], features[known]
    scores = orders.line_scores(features)
    picked = np.flatnonzero(scores >= scene.rules.review_score)
    return frame([_row(scene, orders, int(some[k]), features[k], float(scores[k])) for k in picked])


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """What was bought, against the usual."""
    books, i = scene.ledger, int(row["at"])
    text = "Bought in the last period; expected: the median of the purchases before."
    usual = books.sell_in[i, -1] / np.exp(row["x_size"])
    return [point("sell_in.qty_sell_in", scene.month(-1), books.sell_in[i, -1], usual, text)]


def _row(scene: Scene, orders: Orders, i: int, x: Any, score: float) -> dict[str, Any]:
    books = scene.ledger
    price = np.nan_to_num(books.price[i, -1])
    amount = float(books.sell_in[i, -1] * price) * scene.rules.losses.order_rate
    return {
        "kind": "purchase",
        "type": "order",
        "at": i,
        "dealer_id": books.dealer_ids[books.dealer[i]],
        "territory_id": books.territory[books.dealer[i]],
        "sku_id": books.sku_ids[books.sku[i]],
        "first_period": scene.date(-1),
        "last_period": scene.date(-1),
        "raw": orders.probability(score),
        "amount": amount,
        "currency": books.currency,
        "trail": [(scene.date(-1), amount)],
        "x_size": float(x[0]),
        "x_cover": float(x[1]),
    }
