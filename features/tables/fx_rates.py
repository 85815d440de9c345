"""Exchange rates: units of the quote currency for one unit of the base currency.

Key: base_currency, quote_currency, rate_date.
"""

from features.tables.columns import above_zero, currency, period
from features.tables.table import Table, schema

FX_RATES = Table(
    "fx_rates",
    ("base_currency", "quote_currency", "rate_date"),
    schema(
        {
            "base_currency": currency(),
            "quote_currency": currency(),
            "rate_date": period(),
            "rate": above_zero(),
        }
    ),
)
