"""Licensed: dealers who buy although a licence that the trade asks for has expired or is missing.

A fact, not a guess, so the belief is near one. The amount is a usual month's purchases of what needs the
licence, the mean of the last `BOUGHT_MONTHS` months: that is what may not be supplied.

In:   Scene; its industry says which kinds, for whom and for which product categories (features.licences).
Out:  candidates of kind "licence", one a dealer and kind of licence, `topic` being the kind.
Limits: nothing where the trade asks for none, or nobody loaded any, or no price is known. A licence of too
narrow a scope is seen when an order is screened, not here.

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01"))).empty
True
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.licences import licence_status
from models.anomaly.candidates import frame
from models.anomaly.scene import Evidence, Scene, point

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

BOUGHT_MONTHS = 3
_LAPSED = ("expired", "missing")
_SURE = 0.98
_SHOWN = 3


def candidates(scene: Scene) -> pd.DataFrame:
    """Dealers who bought lately without a licence that they need."""
    status = licence_status(scene.tables, scene.as_of, scene.industry, months=BOUGHT_MONTHS)
    lapsed = status[status["status"].isin(_LAPSED)]
    if lapsed.empty or scene.ledger.t == 0:
        return frame([])
    rows = [_row(scene, one) for one in lapsed.to_dict("records")]
    return frame([row for row in rows if row["amount"] > 0])


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """What was bought lately of the product that it bought most, and since when that is not allowed."""
    books = scene.ledger
    rows, steps, worth = _worth(scene, row["dealer_id"], row["topic"])
    most = int(worth.sum(axis=1).argmax())
    i = int(rows[most])
    text = f"Bought of {books.sku_ids[books.sku[i]]} without the licence {row['topic']}: {row['since']}."
    return [
        point("sell_in.qty_sell_in", scene.month(int(s)), books.sell_in[i, s], 0.0, text)
        for s in steps[worth[most] > 0][-_SHOWN:]
    ]


def _row(scene: Scene, one: dict[Any, Any]) -> dict[str, Any]:
    books, dealer, kind = scene.ledger, str(one["dealer_id"]), str(one["kind"])
    _, steps, worth = _worth(scene, dealer, kind)
    parts = worth.sum(axis=0) / BOUGHT_MONTHS
    home = books.territory[books.dealer_ids == dealer]
    left = one["days_left"]
    ended = scene.as_of + pd.Timedelta(days=left) if left < 0 else None
    start = scene.as_of.to_period("Y").start_time if ended is None else ended.to_period("M").start_time
    return {
        "kind": "licence",
        "type": "order",
        "dealer_id": dealer,
        "territory_id": home[0] if len(home) else "",
        "topic": kind,
        "since": "none on record" if ended is None else f"expired on {ended:%Y-%m-%d}",
        "first_period": start,
        "last_period": scene.date(-1),
        "raw": _SURE,
        "amount": float(parts.sum()),
        "currency": books.currency,
        "trail": [(scene.date(int(s)), float(part)) for s, part in zip(steps, parts, strict=True)],
    }


def _worth(scene: Scene, dealer: str, kind: str) -> tuple[Ints, Ints, Array]:
    """The dealer's series that need the licence [r], the last periods [p], and what was bought [r, p]."""
    books = scene.ledger
    asked = next(one for one in scene.industry.licences if one.kind == kind)
    mine = books.dealer_ids[books.dealer] == dealer
    if asked.categories:
        mine &= np.isin(books.category[books.sku].astype(str), asked.categories)
    lately = books.periods >= scene.as_of - pd.DateOffset(months=BOUGHT_MONTHS)
    rows, steps = np.flatnonzero(mine), np.flatnonzero(lately)
    where = np.ix_(rows, steps)
    return rows, steps, np.nan_to_num(books.sell_in[where] * books.price[where])
