"""Rows of the orange juice benchmark: prices, deals and campaigns of a store's brands, as drivers of units.

    juice_rows(table)   one row a store, brand and week, as models.response wants them

A week's prices, deals and features are plans: known when the week is asked of. What is usual is of the past:
the price of the 13 weeks before (three quarters of the way up, so that a deal is not the usual price), and
brands' volumes and mean prices of the first 43 weeks, by which the rest of the shelf is weighted.
"""

import numpy as np
import pandas as pd

from models.response import Driver

USUAL_UNTIL = 82  # last week that usual volumes and prices are taken from
_USUAL_WEEKS, _USUAL_PLACE = 13, 0.75
OWN = (Driver("log_price", -1), Driver("deal", 1), Driver("feature", 1))
CROSS = (*OWN, Driver("cross_price", 1))
ALL = (
    *CROSS,
    Driver("depth_feature", 1),  # how far below the usual price a featured price is, in logs
    Driver("feature_before", -1),  # the week before: what a campaign takes from the next week
    Driver("shelf_feature", -1),  # the other brands' features
    Driver("shelf_depth_feature", -1),
)
Array = np.ndarray


def juice_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Rows with every driver."""
    rows = found.sort_values(["store", "brand", "week"], ignore_index=True)
    rows = rows.assign(
        unique_id=rows["store"].astype(str) + "/" + rows["brand"].astype(str),
        group=rows["brand"], step=rows["week"], y=rows["units"].astype(float),
        log_price=np.log(rows["price"].astype(float)), feature=rows["feature"].astype(float),
    )  # fmt: skip
    of_series = rows.groupby("unique_id")
    usual = of_series["log_price"].transform(_usual).fillna(rows["log_price"])
    rows["depth_feature"] = np.maximum(usual - rows["log_price"], 0.0) * rows["feature"]
    rows["feature_before"] = of_series["feature"].shift(1).fillna(0.0)
    first = rows[rows["week"] <= USUAL_UNTIL]
    rows["away"] = rows["log_price"] - rows["brand"].map(first.groupby("brand")["log_price"].mean())
    share = rows["brand"].map(first.groupby("brand")["y"].sum() / first["y"].sum())
    rows["cross_price"] = _of_the_rest(rows, "away", share)
    rows["shelf_feature"] = _of_the_rest(rows, "feature", share)
    rows["shelf_depth_feature"] = _of_the_rest(rows, "depth_feature", share)
    return rows.drop(columns="away")


def _usual(log_price: pd.Series) -> pd.Series:
    return log_price.shift(1).rolling(_USUAL_WEEKS, min_periods=1).quantile(_USUAL_PLACE)


def _of_the_rest(rows: pd.DataFrame, name: str, share: pd.Series) -> Array:
    """Mean over the store's other brands of the week, weighted by volume, [r]; unknown ones left out."""
    known = rows[name].notna()
    weight, value = share.where(known, 0.0), rows[name].fillna(0.0)
    sums = pd.DataFrame({"top": weight * value, "below": weight}).groupby([rows["store"], rows["week"]])
    total = sums.transform("sum")
    return np.asarray((total["top"] - weight * value) / (total["below"] - weight))
