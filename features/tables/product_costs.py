"""Product costs: what a unit costs the brand, delivered to its warehouse.

Key: sku_id. A change is a new row with its own `known_at`.
"""

from features.tables.columns import above_zero, currency, text
from features.tables.table import Table, schema

PRODUCT_COSTS = Table(
    "product_costs",
    ("sku_id",),
    schema({"sku_id": text(), "unit_cost_amount": above_zero(), "currency": currency()}),
)
