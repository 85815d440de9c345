"""Stock: what a dealer held at the END of the period.

Key: dealer_id, sku_id, period_start. `is_stockout` says that demand was cut short.
"""

from features.tables.columns import flag, period, text, units
from features.tables.table import Table, schema

STOCK = Table(
    "stock",
    ("dealer_id", "sku_id", "period_start"),
    schema(
        {
            "dealer_id": text(),
            "sku_id": text(),
            "period_start": period(),
            "qty_on_hand": units(),
            "qty_in_transit": units(optional=True),
            "is_stockout": flag(optional=True),
        }
    ),
)
