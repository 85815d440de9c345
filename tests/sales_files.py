"""A panel as the plain table of sales that a planner would export."""

from pathlib import Path

import numpy as np
import pandas as pd

from features.panel import Panel


def as_table(panel: Panel) -> pd.DataFrame:
    """One row an observed series and period: dealer, sku, date, qty, price, deal, weather."""
    n, t = panel.y.shape
    table = pd.DataFrame(
        {
            "dealer": np.repeat(panel.static["dealer_id"], t).to_numpy(),
            "sku": np.repeat(panel.static["sku_id"], t).to_numpy(),
            "date": np.tile(panel.periods().strftime("%Y-%m-%d"), n),
            "qty": panel.y.ravel().round(3),
            "price": panel.plans["net_price"][:, :t].ravel().round(4),
            "deal": panel.plans["deal"][:, :t].ravel(),
            "weather": panel.signals["weather"].ravel().round(2),
        }
    )
    return table.dropna(subset="qty")


def as_csv(panel: Panel, path: Path) -> Path:
    """The table as a file."""
    as_table(panel).to_csv(path, index=False)
    return path
