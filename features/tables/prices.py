"""Prices: per unit, for a dealer, a product and a period; usually known ahead.

Key: dealer_id, sku_id, period_start. A null price is one that is not known; the panel
carries the last one forward.
"""

from features.tables.columns import above_zero, currency, period, text
from features.tables.table import Table, schema

PRICES = Table(
    "prices",
    ("dealer_id", "sku_id", "period_start"),
    schema(
        {
            "dealer_id": text(),
            "sku_id": text(),
            "period_start": period(),
            "list_price": above_zero(optional=True),
            "net_price": above_zero(optional=True),
            "currency": currency(optional=True),
        }
    ),
)
