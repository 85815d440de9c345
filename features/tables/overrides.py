"""Overrides: a planner's own figure for a dealer, a product and a period.

Key: override_id. One edit of a planner may fill many rows; they share its edit_id. `qty` is the figure
in units when it was made; with a `factor` the figure goes on being that times the machine's. What was
forecast without the planner at that moment stands beside it, so that the edit can be judged later.
"""

from features.tables.columns import moment, period, text, units
from features.tables.table import Table, schema

OVERRIDES = Table(
    "overrides",
    ("override_id",),
    schema(
        {
            "override_id": text(),
            "edit_id": text(optional=True),
            "dealer_id": text(),
            "sku_id": text(),
            "period_start": period(),
            "qty": units(),
            "factor": units(optional=True),
            "machine_units": units(optional=True),
            "statistical_units": units(optional=True),
            "naive_units": units(optional=True),
            "author": text(),
            "reason": text(blank=True),
            "made_at": moment(),
            "expires_at": moment(optional=True),
        }
    ),
)
