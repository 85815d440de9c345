"""Outlets: the shops that a dealer serves.

Key: outlet_id.
"""

from features.tables.columns import moment, text
from features.tables.table import Table, schema

OUTLETS = Table(
    "outlets",
    ("outlet_id",),
    schema(
        {
            "outlet_id": text(),
            "dealer_id": text(),
            "territory_id": text(optional=True),
            "outlet_type": text(optional=True),
            "opened_at": moment(optional=True),
        }
    ),
)
