"""Exits: what it would take to part from a dealer.

In:   Books, a moment, the industry; optionally the deposits held (dealer_id -> amount).
Out:  one row a dealer: stock_units and stock_amount to buy back (at the last net price that the dealer paid),
      sellable_amount (the part that its usual pace sells within the shelf life less what the industry asks to
      be left; nobody wants the rest back at full price), open_amount, deposit_amount, exposure_amount (open
      less deposits, not below zero). `STEPS` is the order of what to do.

Limits: age of stock is not known, so shelf life counts from now; amounts stay in the currency of the rows.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from features.industries import Industry
from features.standing import Books

STEPS = (
    "Stop new supply on account; deliver against payment only.",
    "Count the stock together and sign the list.",
    "Settle open receivables against rebates and deposits.",
    "Buy back what is sellable at net price; agree disposal of the rest.",
    "Name the outlets and the dealer who takes them over.",
    "Withdraw licences, brand signs and access; confirm confidentiality.",
)
COLUMNS = [
    "stock_units",
    "stock_amount",
    "sellable_amount",
    "open_amount",
    "deposit_amount",
    "exposure_amount",
]
_KEY = ["dealer_id", "sku_id"]


def exits(
    books: Books, moment: pd.Timestamp, industry: Industry, deposits: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Every dealer, by dealer_id."""
    standing = books.at(moment)
    lines = stock_lines(books, moment, industry)
    sums = (
        lines.groupby("dealer_id")[["units", "amount", "sellable_amount"]].sum().reindex(standing.dealer_ids)
    )
    frame = pd.DataFrame(index=standing.dealer_ids)
    frame["stock_units"], frame["stock_amount"] = sums["units"], sums["amount"]
    frame["sellable_amount"] = sums["sellable_amount"]
    frame["open_amount"] = standing.facts["open_amount"]
    held = pd.Series(dict(deposits or {}), dtype=float).reindex(standing.dealer_ids)
    frame["deposit_amount"] = held
    frame["exposure_amount"] = (frame["open_amount"].fillna(0.0) - held.fillna(0.0)).clip(lower=0)
    return frame[COLUMNS]


def stock_lines(books: Books, moment: pd.Timestamp, industry: Industry) -> pd.DataFrame:
    """One row a dealer and product in stock: units, net price, amount, days to sell, sellable_amount."""
    stock, sold = books.seen("stock", moment), books.seen("sell_in", moment)
    if stock.empty:
        columns = [*_KEY, "units", "net_price", "amount", "days", "sellable_amount"]
        return pd.DataFrame(columns=columns).astype(dict.fromkeys(columns[2:], float))
    last = stock.sort_values("period_start", kind="stable").drop_duplicates(_KEY, keep="last")
    lines = last.rename(columns={"qty_on_hand": "units"})[[*_KEY, "units"]]
    year = sold[sold["period_start"] >= moment - pd.DateOffset(months=12)]
    price = (sold["amount"] / sold["qty_sell_in"].where(sold["qty_sell_in"] > 0)).rename("net_price")
    paid = sold[_KEY].join(price).assign(when=sold["period_start"]).dropna(subset=["net_price"])
    paid = paid.sort_values("when", kind="stable").drop_duplicates(_KEY, keep="last")
    bought = year.groupby(_KEY)["qty_sell_in"].sum().reset_index()
    lines = lines.merge(bought, on=_KEY, how="left").merge(paid[[*_KEY, "net_price"]], on=_KEY, how="left")
    lines = lines[lines["units"] > 0]
    lines["amount"] = lines["units"] * lines["net_price"].fillna(0.0)
    lines["days"] = lines["units"] / (lines["qty_sell_in"] / 365.0).where(lines["qty_sell_in"] > 0)
    life = _shelf_life(books, moment, lines["sku_id"]) * (1 - industry.stock.least_shelf_life_rate)
    share = np.where(life.isna(), 1.0, (life / lines["days"].fillna(np.inf)).clip(upper=1.0))
    return lines.assign(sellable_amount=lines["amount"] * np.nan_to_num(share))


def _shelf_life(books: Books, moment: pd.Timestamp, sku_id: "pd.Series[str]") -> "pd.Series[float]":
    products = books.seen("products", moment)
    if products.empty:
        return pd.Series(np.nan, index=sku_id.index)
    return sku_id.map(products.set_index("sku_id")["shelf_life_days"]).astype(float)
