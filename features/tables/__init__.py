"""The canonical tables of a channel: the only schemas.

`SCHEMAS` holds one `Table` a name. `coerce` fills optional columns and types; `check` tells
every fault at once, offenders by key, never by value.

Units: quantities in sales units, amounts in the row's currency, rates as fractions,
moments as naive UTC.
Errors: UnknownTable (a name that is not among `SCHEMAS`).

>>> frame = pd.DataFrame({"dealer_id": ["D1"], "sku_id": ["S1"], "period_start": ["2017-01-01"],
...                       "qty_sell_in": [-5], "known_at": ["2017-02-01"]})
>>> for fault in check("sell_in", coerce("sell_in", frame)):
...     print(fault)
sell_in.qty_sell_in: negative in 1 row; expected zero or more; first: D1/S1/2017-01-01/
"""

import pandas as pd

from features.errors import UnknownTable
from features.tables.checks import Known, faults
from features.tables.contracts import CONTRACTS
from features.tables.dealers import DEALERS
from features.tables.fault import Fault
from features.tables.freights import FREIGHTS
from features.tables.fx_rates import FX_RATES
from features.tables.invoices import INVOICES
from features.tables.licences import LICENCES
from features.tables.outlets import OUTLETS
from features.tables.overrides import OVERRIDES
from features.tables.payments import PAYMENTS
from features.tables.prices import PRICES
from features.tables.product_costs import PRODUCT_COSTS
from features.tables.products import PRODUCTS
from features.tables.promotions import PROMOTIONS
from features.tables.rebate_awards import REBATE_AWARDS
from features.tables.rebate_programmes import REBATE_PROGRAMMES
from features.tables.returns import RETURNS
from features.tables.sell_in import SELL_IN
from features.tables.sell_out import SELL_OUT
from features.tables.signals import SIGNALS
from features.tables.stock import STOCK
from features.tables.supply_terms import SUPPLY_TERMS
from features.tables.table import Table
from features.tables.trace_scans import TRACE_SCANS
from features.tables.verdicts import VERDICTS

__all__ = ["SCHEMAS", "Fault", "Known", "Table", "check", "coerce", "table"]

_ALL = (
    *(DEALERS, OUTLETS, PRODUCTS, SELL_IN, SELL_OUT, STOCK, PRICES, PROMOTIONS, SIGNALS),
    *(REBATE_PROGRAMMES, INVOICES, PAYMENTS, CONTRACTS, TRACE_SCANS, FX_RATES, VERDICTS, OVERRIDES),
    *(LICENCES, RETURNS, SUPPLY_TERMS, PRODUCT_COSTS, FREIGHTS, REBATE_AWARDS),
)
SCHEMAS: dict[str, Table] = {one.name: one for one in _ALL}


def table(name: str) -> Table:
    """The table of that name."""
    if name not in SCHEMAS:
        raise UnknownTable(name, SCHEMAS)
    return SCHEMAS[name]


def check(name: str, frame: pd.DataFrame, *, known: Known | None = None) -> list[Fault]:
    """Every fault of a frame; `known` maps "dealers" and "products" to the ids they have."""
    return faults(table(name), frame, known)


def coerce(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with optional columns filled, in order and typed."""
    return table(name).coerce(frame)
