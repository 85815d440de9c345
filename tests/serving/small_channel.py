"""A small channel for the service's tests: 12 dealers x 3 products x 40 months, with prices."""

import numpy as np
import pandas as pd

DEALERS, PRODUCTS, MONTHS, AHEAD = 12, 3, 40, 3
FIRST = "2014-06-01"
WITHOUT_FUTURE = "D012"  # this dealer's prices end with the last observed month


def tables(*, months: int = MONTHS) -> dict[str, pd.DataFrame]:
    """dealers, products, sell_in, prices and promotions; plans reach three months further."""
    rng = np.random.default_rng(0)
    grid = _grid(MONTHS + AHEAD)
    price = 100 + 10 * rng.random(len(grid))
    depth = np.where(rng.random(len(grid)) < 0.2, 0.15, 0.0)
    month = grid["period_start"].dt.month
    usual = 20 + 15 * (grid["sku_id"].str[1:].astype(int).sub(1)) + 8 * np.sin(month * np.pi / 6)
    qty = rng.poisson(usual * (1 + 2 * depth)).astype(float)
    known = grid.assign(known_at=grid["period_start"] - pd.DateOffset(months=3))
    past = grid["period_start"] < grid["period_start"].min() + pd.DateOffset(months=months)
    planned = grid["period_start"] < grid["period_start"].min() + pd.DateOffset(months=months + AHEAD)
    planned &= past | (grid["dealer_id"] != WITHOUT_FUTURE)
    sold = grid.assign(qty_sell_in=qty, known_at=grid["period_start"] + pd.DateOffset(months=1))
    start = pd.Timestamp(FIRST)
    dealers = pd.DataFrame({"dealer_id": _names("D", DEALERS), "tier": "A", "known_at": start})
    products = pd.DataFrame({"sku_id": _names("S", PRODUCTS), "category": ["x", "x", "y"], "known_at": start})
    return {
        "dealers": dealers,
        "products": products,
        "sell_in": sold[past],
        "prices": known.assign(net_price=price, list_price=np.nan)[planned],
        "promotions": known.assign(kind="discount", value=depth)[planned],
    }


def _names(letter: str, n: int) -> list[str]:
    return [f"{letter}{i + 1:03}" for i in range(n)]


def _grid(months: int) -> pd.DataFrame:
    days = pd.date_range(FIRST, periods=months, freq="MS")
    index = pd.MultiIndex.from_product([_names("D", DEALERS), _names("S", PRODUCTS), days])
    return index.to_frame(index=False, name=["dealer_id", "sku_id", "period_start"])
