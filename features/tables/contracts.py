"""Contracts: the agreement with a dealer, as text.

Key: contract_id. `language` is "zh" or "en".
"""

from features.tables.columns import moment, text
from features.tables.table import Table, schema

CONTRACTS = Table(
    "contracts",
    ("contract_id",),
    schema(
        {
            "contract_id": text(),
            "dealer_id": text(),
            "signed_at": moment(optional=True),
            "starts_at": moment(),
            "ends_at": moment(optional=True),
            "language": text(),
            "text": text(),
        }
    ),
)
