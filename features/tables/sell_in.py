"""Sell-in: what the brand sold to a dealer.

Key: dealer_id, sku_id, period_start, document_id ("" when rows are already per period).
A period's demand is the sum of its documents.
"""

from features.tables.columns import currency, number, period, text, units
from features.tables.table import Table, schema

SELL_IN = Table(
    "sell_in",
    ("dealer_id", "sku_id", "period_start", "document_id"),
    schema(
        {
            "dealer_id": text(),
            "sku_id": text(),
            "period_start": period(),
            "document_id": text(blank=True),
            "qty_sell_in": units(),
            "amount": number(optional=True),
            "currency": currency(optional=True),
        }
    ),
)
