"""Returns: goods that a dealer gave back to the brand.

Key: dealer_id, sku_id, period_start.
"""

from features.tables.columns import currency, number, period, text, units
from features.tables.table import Table, schema

RETURNS = Table(
    "returns",
    ("dealer_id", "sku_id", "period_start"),
    schema(
        {
            "dealer_id": text(),
            "sku_id": text(),
            "period_start": period(),
            "qty_returned": units(),
            "amount": number(optional=True),
            "currency": currency(optional=True),
        }
    ),
)
