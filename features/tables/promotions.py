"""Promotions: every plan other than price, long, one `kind` a row.

Key: dealer_id, sku_id, period_start, kind. `value` is a depth as a fraction, a flag 0/1,
or an amount per unit; null when the plan is not known.
"""

from features.tables.columns import number, period, text
from features.tables.table import Table, schema

PROMOTIONS = Table(
    "promotions",
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
