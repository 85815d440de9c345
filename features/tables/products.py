"""Products: what is sold, one row a stock-keeping unit.

Key: sku_id. `unit` is the sales unit that every quantity counts; `units_per_case` converts.
"""

from features.tables.columns import above_zero, moment, text
from features.tables.table import Table, schema

PRODUCTS = Table(
    "products",
    ("sku_id",),
    schema(
        {
            "sku_id": text(),
            "product_name": text(optional=True),
            "category": text(optional=True),
            "brand_id": text(optional=True),
            "unit": text(optional=True),
            "units_per_case": above_zero(optional=True),
            "launched_at": moment(optional=True),
            "shelf_life_days": above_zero(optional=True),
        }
    ),
)
