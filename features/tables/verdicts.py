"""Verdicts: what a person decided about an alert.

Key: verdict_id. The latest decision about an alert is its status; earlier ones stay.
"""

from features.tables.columns import moment, one_of, text
from features.tables.table import Table, schema

VERDICTS = Table(
    "verdicts",
    ("verdict_id",),
    schema(
        {
            "verdict_id": text(),
            "alert_id": text(),
            "author": text(),
            "verdict": one_of(("acknowledged", "confirmed", "dismissed")),
            "reason": text(blank=True),
            "decided_at": moment(),
        }
    ),
)
