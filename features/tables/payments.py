"""Payments: what a dealer paid against an invoice.

Key: payment_id.
"""

from features.tables.columns import currency, moment, number, text
from features.tables.table import Table, schema

PAYMENTS = Table(
    "payments",
    ("payment_id",),
    schema(
        {
            "payment_id": text(),
            "invoice_id": text(),
            "dealer_id": text(),
            "paid_at": moment(),
            "amount": number(),
            "currency": currency(),
        }
    ),
)
