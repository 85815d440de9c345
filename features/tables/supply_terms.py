"""Supply terms: how a product reaches a dealer, and what ordering it costs.

Key: sku_id, dealer_id ("" for every dealer). `lead_time_days` runs from order to delivery; amounts
are in `currency`; `holding_rate` is the cost of holding stock for a year, a fraction of its value.
"""

from features.tables.columns import above_zero, currency, text, units
from features.tables.table import Table, schema

SUPPLY_TERMS = Table(
    "supply_terms",
    ("sku_id", "dealer_id"),
    schema(
        {
            "sku_id": text(),
            "dealer_id": text(blank=True),
            "lead_time_days": above_zero(),
            "lead_time_spread_days": units(optional=True),  # standard deviation
            "review_days": above_zero(optional=True),  # between two looks at the stock
            "moq_units": units(optional=True),  # fewer are not delivered
            "pack_units": above_zero(optional=True),  # delivered in whole packs
            "order_cost_amount": units(optional=True),  # of one order line
            "holding_rate": units(optional=True),
            "currency": currency(optional=True),
        }
    ),
)
