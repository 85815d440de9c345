"""Dealers: who buys from the brand.

Key: dealer_id. A change of tier or territory is a new row with its own `known_at`.
"""

from features.tables.columns import moment, text
from features.tables.table import Table, schema

DEALERS = Table(
    "dealers",
    ("dealer_id",),
    schema(
        {
            "dealer_id": text(),
            "dealer_name": text(optional=True),
            "territory_id": text(optional=True),
            "tier": text(optional=True),
            "dealer_type": text(optional=True),
            "parent_dealer_id": text(optional=True),
            "joined_at": moment(optional=True),
        }
    ),
)
