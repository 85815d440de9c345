"""Periods without a document, where the profile says that silence means zero.

Every series of sell-in gets a row of zero units for each period without one, from its own
first period to the last period of the load. Zero adds nothing to a document that arrives
later.

Limits: the load's own periods only; the panel fills what lies between loads.

>>> frame = pd.DataFrame({"period_start": pd.to_datetime(["2017-01-01", "2017-03-01"]), "dealer_id": "D1"})
>>> frame = frame.assign(sku_id="S1", qty_sell_in=[5.0, 2.0], known_at=pd.Timestamp("2017-04-01"))
>>> with_zeros(frame, "M", pd.Timedelta(0))[["period_start", "qty_sell_in"]].tail(1).values.tolist()
[[Timestamp('2017-02-01 00:00:00'), 0.0]]
"""

import numpy as np
import pandas as pd

from features.frequency import frequency
from features.sources.timing import ends

_SERIES = ["dealer_id", "sku_id"]


def with_zeros(sell_in: pd.DataFrame, letter: str, delay: pd.Timedelta) -> pd.DataFrame:
    """Sell-in without gaps; `delay` is the time from a period's end to its publication."""
    if sell_in.empty:
        return sell_in
    absent = _absent(sell_in, letter)
    known_at = ends(absent["period_start"], letter) + delay
    zeros = absent.assign(document_id="", qty_sell_in=0.0, event_at=absent["period_start"], known_at=known_at)
    return pd.concat([sell_in, zeros], ignore_index=True)


def _absent(sell_in: pd.DataFrame, letter: str) -> pd.DataFrame:
    """The series and periods that have no row."""
    rhythm, first = frequency(letter), sell_in["period_start"].min()
    at = rhythm.position(sell_in["period_start"], first).to_numpy()
    series = sell_in.groupby(_SERIES, sort=False).ngroup().to_numpy()
    filled = np.zeros((series.max() + 1, at.max() + 1), dtype=bool)  # [n series, t periods]
    filled[series, at] = True
    began = np.maximum.accumulate(filled, axis=1)
    who, when = np.nonzero(began & ~filled)
    names = sell_in[_SERIES].drop_duplicates().reset_index(drop=True)
    starts = rhythm.range(first, filled.shape[1])[when]
    return names.iloc[who].assign(period_start=starts.to_numpy())
