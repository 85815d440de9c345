"""Price and feature response by ordinary least squares on first differences.

    d log mean = e d log net_price + f d feature + g d feature[t-1] + h d others + period effects

Written apart from the simulator: it sees its tables and the true mean demand only. `others` is
the mean of the feature flags of the dealer's other products of the category.
"""

import numpy as np
import pandas as pd

CELL = ["dealer_id", "sku_id", "period_start"]


def responses_by_ols(channel, category: str) -> tuple[float, float]:
    """Pooled own-price elasticity and log uplift of a feature."""
    rows = _rows(channel, category)
    moves = rows.groupby(["dealer_id", "sku_id"])[
        ["log_mean", "log_price", "feature", "before", "others"]
    ].diff()
    moves["period_start"] = rows["period_start"]
    moves = moves.dropna()
    causes = ["log_price", "feature", "before", "others"]
    centred = moves[["log_mean", *causes]] - moves.groupby("period_start")[["log_mean", *causes]].transform(
        "mean"
    )
    answer, *_ = np.linalg.lstsq(centred[causes].to_numpy(), centred["log_mean"].to_numpy(), rcond=None)
    return float(answer[0]), float(answer[1])


def _rows(channel, category: str) -> pd.DataFrame:
    products = channel.tables["products"].loc[lambda p: p["category"] == category, ["sku_id"]]
    feature = channel.tables["promotions"].loc[lambda p: p["kind"] == "feature", [*CELL, "value"]]
    rows = channel.truth["demand"].merge(products).merge(channel.tables["prices"][[*CELL, "net_price"]])
    rows = rows.merge(feature.rename(columns={"value": "feature"})).sort_values(CELL, ignore_index=True)
    rows["log_mean"], rows["log_price"] = np.log(rows["units_mean"]), np.log(rows["net_price"])
    rows["before"] = rows.groupby(["dealer_id", "sku_id"])["feature"].shift()
    shelf = rows.groupby(["dealer_id", "period_start"])["feature"]
    rows["others"] = (shelf.transform("sum") - rows["feature"]) / (shelf.transform("size") - 1).clip(lower=1)
    return rows
