"""Rebate awards: what a programme pays beside its ladder, for reaching something other than volume.

Key: programme_id, dealer_id, award_id. An award is paid whole when the measure reaches the threshold:

    sales         net purchases in the programme's time, an amount
    turnover      stock turns a year, units sold over mean units held
    outlets       outlets that bought, a count
    collections   share of what fell due that was paid by its due date, a fraction

`award_amount` is a sum of money, `award_rate` a fraction of net purchases; both may be given.
"""

from features.tables.columns import currency, number, one_of, text, units
from features.tables.table import Table, schema

MEASURES = ("sales", "turnover", "outlets", "collections")

REBATE_AWARDS = Table(
    "rebate_awards",
    ("programme_id", "dealer_id", "award_id"),
    schema(
        {
            "programme_id": text(),
            "dealer_id": text(),
            "award_id": text(),
            "measure": one_of(MEASURES),
            "threshold": number(),
            "award_amount": units(optional=True),
            "award_rate": units(optional=True),
            "currency": currency(),
        }
    ),
)
