"""Freights: what it costs to move one unit from a territory to another.

Key: from_territory_id, to_territory_id. What is not on record cannot be moved.
"""

from features.tables.columns import currency, text, units
from features.tables.table import Table, schema

FREIGHTS = Table(
    "freights",
    ("from_territory_id", "to_territory_id"),
    schema(
        {
            "from_territory_id": text(),
            "to_territory_id": text(),
            "freight_amount": units(),
            "currency": currency(),
        }
    ),
)
