"""Cases: what an average case of a dealer's own mix is worth.

In:   where accounts stand (features.rebates), with products and prices as known then.
Out:  [n] a row each: amount of one case at what the dealer bought in the last twelve months and at the
      prices of now; NaN without purchases. `sized` is False where no product of the mix has
      `units_per_case`: a unit then counts as a case.
Errors: none.

>>> mix = pd.DataFrame({"units": [120.0, 30.0], "price": [2.0, 10.0], "case_units": [12.0, 6.0]})
>>> round(worth(mix), 2)   # 10 cases at 24 and 5 at 60
36.0
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.planned import planned_prices
from features.rebates import Progress

Array = NDArray[np.float64]
_KEYS = ["dealer_id", "sku_id"]


@dataclass(frozen=True)
class Case:
    """One row a dealer and programme."""

    amount: Array  # [n]
    sized: NDArray[np.bool_]  # [n]


def amount_per_case(progress: Progress) -> Case:
    """What a case is worth to each row of the running programmes."""
    rows, mix = progress.rows, _mix(progress)
    found = {account: part for account, part in mix.groupby("account")}
    amount = [worth(found[a]) if a in found else np.nan for a in rows["account"]]
    sized = [bool(found[a]["sized"].any()) if a in found else False for a in rows["account"]]
    return Case(np.array(amount, dtype=float), np.array(sized, dtype=bool))


def worth(mix: pd.DataFrame) -> float:
    """Amount of a case of a mix: units, price, case_units a product."""
    known = mix[mix["price"].notna()]
    cases = float((known["units"] / known["case_units"]).sum())
    return float((known["units"] * known["price"]).sum()) / cases if cases > 0 else float("nan")


def _mix(progress: Progress) -> pd.DataFrame:
    """What accounts bought in the last twelve months: account, units, price, case_units, sized."""
    sold = progress.seen["sell_in"]
    since = progress.first_open - pd.DateOffset(months=12)
    recent = sold[(sold["period_start"] >= since) & (sold["qty_sell_in"] > 0)]
    units = recent.groupby(_KEYS)["qty_sell_in"].sum().rename("units").reset_index()
    accounts = progress.accounts.assign(account=np.arange(len(progress.accounts)))
    asked = accounts[accounts["account"].isin(set(progress.rows["account"]))]
    mix = units.merge(asked[["dealer_id", "currency", "account"]], on="dealer_id")
    start = pd.DatetimeIndex([progress.first_open])
    mix["price"] = planned_prices(mix, start, progress.seen, progress.moment)[:, 0]
    sizes = _sizes(progress.seen["products"])
    case_units = mix["sku_id"].map(sizes).astype(float)
    return mix.assign(case_units=case_units.fillna(1.0), sized=case_units.notna())


def _sizes(products: pd.DataFrame) -> dict[str, float]:
    if products.empty or "units_per_case" not in products:
        return {}
    told = products[products["units_per_case"] > 0]
    return dict(zip(told["sku_id"].astype(str), told["units_per_case"].astype(float), strict=True))
