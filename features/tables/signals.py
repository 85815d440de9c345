"""Signals: what is known only AFTER the period (weather, market volume), long.

Key: dealer_id, sku_id, period_start, kind.
"""

from features.tables.columns import number, period, text
from features.tables.table import Table, schema

SIGNALS = Table(
    "signals",
    ("dealer_id", "sku_id", "period_start", "kind"),
    schema(
        {
            "dealer_id": text(),
            "sku_id": text(),
            "period_start": period(),
            "kind": text(),
            "value": number(optional=True),
        }
    ),
)
