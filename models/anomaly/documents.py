"""Documents: sell-in lines whose price per unit is not what was agreed.

Where a net price is on record for the dealer, product and period, that is what was agreed; else the
price, announced discounts added back, is judged against the product's in that period, the dealer's
habit and the quantity (models.anomaly.unit_prices).
Either side counts: too cheap costs the brand, too dear will come back as a claim.

In: Scene. Out: candidates of kind "document", one a line of the last months.
Limits: lines without amount or quantity say nothing; a free line (amount 0) is left out.

>>> from models.anomaly.scene import Scene
>>> candidates(Scene.of({}, pd.Timestamp("2025-01-01"))).empty
True
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.anomaly.candidates import frame
from models.anomaly.scene import Evidence, Scene, point
from models.anomaly.unit_prices import UnitPrices

Array = NDArray[np.float64]

_LEAST_RESIDUAL = 0.04  # logs; less is rounding, a bonus, a rate of the day
_LEAST_SPREAD = 0.01
_LEAST_LINES, _LEAST_PEERS = 50, 5
_KEY = ["dealer_id", "sku_id", "period_start"]


def candidates(scene: Scene) -> pd.DataFrame:
    """Lines of the last months that stray."""
    lines = lines_of(scene)
    if lines.empty:
        return frame([])
    recent = lines["period_start"] >= _since(scene)
    off = lines[recent & (lines["z"] > 0) & (lines["residual"].abs() > _LEAST_RESIDUAL)]
    return frame([_row(scene, one) for one in off.to_dict("records")])


def lines_of(scene: Scene) -> pd.DataFrame:
    """Every priced line: paid and expected price, log residual, and z, its size in usual spreads."""
    sold = scene.table("sell_in")
    if sold.empty or "amount" not in sold:
        return pd.DataFrame()
    lines = sold[(sold["qty_sell_in"] > 0) & (sold["amount"] > 0)].reset_index(drop=True)
    if lines.empty:
        return pd.DataFrame()
    paid = (lines["amount"] / lines["qty_sell_in"]).to_numpy(float)
    agreed = _agreed(scene, lines)
    residual = np.log(paid / agreed)
    open_ = np.isnan(residual)
    if open_.any() and len(lines) >= _LEAST_LINES:
        residual[open_] = _by_habit(scene, lines)[open_]
    known = residual[np.isfinite(residual)]
    spread = max(_LEAST_SPREAD, 1.4826 * float(np.median(np.abs(known)))) if len(known) else _LEAST_SPREAD
    z = np.nan_to_num(np.abs(residual) / spread)
    return lines.assign(paid=paid, wanted=paid / np.exp(residual), residual=residual, z=z, spread=spread)


def evidence(scene: Scene, row: Mapping[str, Any]) -> list[Evidence]:
    """The line, and what it should have cost."""
    when = f"{row['last_period']:%Y-%m-%d}"
    text = (
        f"Line of {row['units']:g} units on document {row['topic'] or '(none)'}; expected: the agreed price."
    )
    return [point("sell_in.amount", when, row["paid_amount"], row["expected_amount"], text)]


def _row(scene: Scene, line: dict[Any, Any]) -> dict[str, Any]:
    expected = float(line["wanted"] * line["qty_sell_in"])
    amount = abs(expected - float(line["amount"]))
    excess = (abs(line["residual"]) - _LEAST_RESIDUAL) / max(3 * line["spread"], _LEAST_SPREAD)
    home = scene.ledger.territory[scene.ledger.dealer_ids == line["dealer_id"]]
    return {
        "kind": "document",
        "type": "price",
        "dealer_id": line["dealer_id"],
        "territory_id": home[0] if len(home) else "",
        "sku_id": line["sku_id"],
        "topic": line["document_id"],
        "first_period": line["period_start"],
        "last_period": line["period_start"],
        "raw": float(1 / (1 + np.exp(-np.clip(excess, -20, 20)))),
        "amount": amount,
        "currency": line["currency"] if isinstance(line["currency"], str) else scene.ledger.currency,
        "trail": [(line["period_start"], amount)],
        "units": float(line["qty_sell_in"]),
        "paid_amount": float(line["amount"]),
        "expected_amount": expected,
        "x_residual": float(line["residual"]),
        "x_z": float(np.log1p(line["z"])),
    }


def _agreed(scene: Scene, lines: pd.DataFrame) -> Array:
    """Net price on record for each line, NaN where there is none in its currency."""
    prices = scene.table("prices")
    if prices.empty or "net_price" not in prices:
        return np.full(len(lines), np.nan)
    own = prices[[*_KEY, "net_price", "currency"]].rename(columns={"currency": "priced_in"})
    joined = lines[[*_KEY, "currency"]].merge(own, on=_KEY, how="left")
    other = (
        joined["priced_in"].notna() & joined["currency"].notna() & (joined["priced_in"] != joined["currency"])
    )
    return np.asarray(joined["net_price"].where(~other), dtype=np.float64)


def _by_habit(scene: Scene, lines: pd.DataFrame) -> Array:
    """Log of each line's price over what the period, the dealer and the quantity let expect."""
    product = lines["sku_id"].astype(str) + "\0" + lines["currency"].astype(object).fillna("").astype(str)
    logs = np.log(lines["amount"] / lines["qty_sell_in"]) - np.log1p(-_discounts(scene, lines))
    price = pd.Series(logs, index=lines.index)
    moment = price.groupby([product, lines["period_start"]])
    whole = price.groupby(product).transform("median")
    level = moment.transform("median").where(moment.transform("size") >= _LEAST_PEERS, whole)
    reports = pd.DataFrame(
        {"seller": lines["dealer_id"], "product": product, "quantity": lines["qty_sell_in"]}
    )
    reports["value"] = np.exp(price - level) * reports["quantity"]
    return UnitPrices().fit(reports).residuals(reports)


def _discounts(scene: Scene, lines: pd.DataFrame) -> Array:
    """Announced discount of each line, 0 where none is on record."""
    plans = scene.table("promotions")
    if plans.empty:
        return np.zeros(len(lines))
    own = plans[plans["kind"] == "discount"][[*_KEY, "value"]].drop_duplicates(_KEY, keep="last")
    joined = lines[_KEY].merge(own, on=_KEY, how="left")["value"]
    return np.clip(np.asarray(joined.fillna(0.0), dtype=np.float64), 0.0, 0.9)


def _since(scene: Scene) -> pd.Timestamp:
    last = scene.date(scene.ledger.t - 1) or scene.as_of
    return last - pd.DateOffset(months=scene.rules.recent_months - 1)
