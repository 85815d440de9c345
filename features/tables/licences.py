"""Licences: what a dealer is allowed to sell, and until when.

Key: dealer_id, kind. A renewal is a new row with its own `known_at`. `scope` names product
categories separated by "|"; "" means all of its kind. A null `expires_at` never expires.
"""

from features.tables.columns import moment, text
from features.tables.table import Table, schema

LICENCES = Table(
    "licences",
    ("dealer_id", "kind"),
    schema(
        {
            "dealer_id": text(),
            "kind": text(),
            "licence_no": text(optional=True),
            "scope": text(blank=True),
            "valid_from": moment(optional=True),
            "expires_at": moment(optional=True),
        }
    ),
)
