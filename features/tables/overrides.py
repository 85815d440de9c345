"""Overrides: a planner's own figure for a dealer, a product and a period.

Key: override_id.
"""

from features.tables.columns import moment, period, text, units
from features.tables.table import Table, schema

OVERRIDES = Table(
    "overrides",
    ("override_id",),
    schema(
        {
            "override_id": text(),
            "dealer_id": text(),
            "sku_id": text(),
            "period_start": period(),
            "qty": units(),
            "author": text(),
            "reason": text(blank=True),
            "made_at": moment(),
            "expires_at": moment(optional=True),
        }
    ),
)
