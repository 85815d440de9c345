import pandas as pd
import pytest

from features.simulator import Channel, World, simulate

WORLD = World(months=36)
CELL = ["dealer_id", "sku_id", "period_start"]


@pytest.fixture(scope="session")
def channel() -> Channel:
    return simulate(WORLD)


@pytest.fixture(scope="session")
def cells(channel) -> pd.DataFrame:
    """One row for each dealer, product and observed period: stock, sell_in, sell_out and truth."""
    tables = channel.tables
    sell_out = tables["sell_out"].groupby(CELL, as_index=False)["qty_sell_out"].sum()
    rows = tables["stock"].merge(sell_out, on=CELL, validate="1:1")
    rows = rows.merge(tables["sell_in"][[*CELL, "qty_sell_in"]], on=CELL, validate="1:1")
    return rows.merge(channel.truth["demand"], on=CELL, validate="1:1")
