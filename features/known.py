"""Known: canonical tables as they were known at a moment.

In:   tables by name, every row with its `known_at`, and a moment (naive or UTC).
Out:  the same tables; for each business key the row with the latest `known_at` that is not
      after the moment, in the order of the key. It is `Lake.as_of` for tables in memory.

Limits: plans that were known ahead stay, also those of periods after the moment.

>>> from features.tables import coerce
>>> days = ["2024-01-01", "2024-06-01"]
>>> rows = pd.DataFrame({"dealer_id": ["D1", "D1"], "tier": ["B", "A"], "known_at": days})
>>> known({"dealers": coerce("dealers", rows)}, pd.Timestamp("2024-03-01"))["dealers"]["tier"].tolist()
['B']
"""

from collections.abc import Mapping
from datetime import UTC

import pandas as pd

from features.tables import SCHEMAS

Tables = Mapping[str, pd.DataFrame]
FACTS = ("sell_in", "sell_out", "stock", "invoices", "payments", "trace_scans", "returns")


def last_known(tables: Tables, now: pd.Timestamp) -> pd.Timestamp:
    """The last moment, not after now, at which a fact became known; plans do not count.

    A channel that was loaded to the end of 2025 is one of then, also when it is looked at years later:
    by the wall clock every dealer would be silent and every invoice overdue.
    """
    moments = [tables[name]["known_at"] for name in FACTS if name in tables and len(tables[name])]
    seen = [column[column <= now].max() for column in moments]
    told = [moment for moment in seen if pd.notna(moment)]
    return max(told, default=now)


def known(tables: Tables, moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """What was known at the moment; a table that is no canonical one is left as it is."""
    naive = moment.tz_convert(UTC).tz_localize(None) if moment.tz else moment
    return {name: _latest(name, frame, naive) for name, frame in tables.items()}


def _latest(name: str, frame: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
    if name not in SCHEMAS or frame.empty:
        return frame
    key = list(SCHEMAS[name].key)
    rows = frame[frame["known_at"] <= moment]
    if rows.duplicated(key).any():
        rows = rows.sort_values("known_at", kind="stable").drop_duplicates(key, keep="last")
    return rows.sort_values(key, ignore_index=True)
