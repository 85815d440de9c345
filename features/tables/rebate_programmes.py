"""Rebate programmes: one row a tier of a dealer's ladder.

Key: programme_id, dealer_id, tier_no. `rebate_rate` is a fraction. "marginal" pays the
rate on what lies above the threshold, "retroactive" on everything once it is reached.
"""

import pandas as pd
import pandera.pandas as pa

from features.tables.columns import currency, fraction, moment, number, one_of, text, whole
from features.tables.table import Table, schema


def _ends_after_start(frame: pd.DataFrame) -> "pd.Series[bool]":
    return ~(frame["ends_at"] < frame["starts_at"])


REBATE_PROGRAMMES = Table(
    "rebate_programmes",
    ("programme_id", "dealer_id", "tier_no"),
    schema(
        {
            "programme_id": text(),
            "dealer_id": text(),
            "tier_no": whole(),
            "threshold_amount": number(),
            "rebate_rate": fraction(),
            "tier_rule": one_of(("marginal", "retroactive")),
            "starts_at": moment(),
            "ends_at": moment(),
            "cap_amount": number(optional=True),
            "currency": currency(),
        },
        pa.Check(
            _ends_after_start, name="ends_at: ends before it starts", error="ends_at on or after starts_at"
        ),
    ),
)
