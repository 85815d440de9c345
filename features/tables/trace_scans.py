"""Trace scans: where a coded case that was shipped to one dealer was seen.

Key: scan_id.
"""

from features.tables.columns import moment, text
from features.tables.table import Table, schema

TRACE_SCANS = Table(
    "trace_scans",
    ("scan_id",),
    schema(
        {
            "scan_id": text(),
            "code": text(),
            "sku_id": text(),
            "shipped_dealer_id": text(),
            "scanned_at": moment(),
            "scanned_territory_id": text(optional=True),
            "outlet_id": text(optional=True),
        }
    ),
)
