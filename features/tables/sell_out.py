"""Sell-out: what reached consumers, by outlet where that is known.

Key: dealer_id, outlet_id ("" when none), sku_id, period_start.
"""

from features.tables.columns import period, text, units
from features.tables.table import Table, schema

SELL_OUT = Table(
    "sell_out",
    ("dealer_id", "outlet_id", "sku_id", "period_start"),
    schema(
        {
            "dealer_id": text(),
            "outlet_id": text(blank=True),
            "sku_id": text(),
            "period_start": period(),
            "qty_sell_out": units(),
        }
    ),
)
