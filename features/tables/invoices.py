"""Invoices: what a dealer owes.

Key: invoice_id. A credit note is not an invoice below zero but a payment against its invoice.
"""

import pandas as pd
import pandera.pandas as pa

from features.tables.columns import currency, moment, number, text
from features.tables.table import Table, schema


def _due_after_issue(frame: pd.DataFrame) -> "pd.Series[bool]":
    return ~(frame["due_at"] < frame["issued_at"])


def _owed(frame: pd.DataFrame) -> "pd.Series[bool]":
    return ~(frame["amount"] < 0)


INVOICES = Table(
    "invoices",
    ("invoice_id",),
    schema(
        {
            "invoice_id": text(),
            "dealer_id": text(),
            "issued_at": moment(),
            "due_at": moment(),
            "amount": number(),
            "currency": currency(),
        },
        pa.Check(
            _owed,
            name="amount: negative",
            error="zero or more; load a credit note as a payment against its invoice",
        ),
        pa.Check(
            _due_after_issue, name="due_at: due before it was issued", error="due_at on or after issued_at"
        ),
    ),
)
