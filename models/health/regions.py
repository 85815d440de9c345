"""Regions: the health of a territory is that of its dealers, weighted by what they buy.

In:   the dealers' frame: territory_id, score, probability, sales_12m, the five dimensions, attainable.
Out:  one row a territory, by territory_id ("" for dealers without one): dealers, sales_12m, score,
      probability (share of sales expected to be with declining dealers), the dimensions, at_risk_share
      (of sales, with dealers more likely than not to decline), attainable, weakest (the dimension).

>>> frame = pd.DataFrame({"territory_id": ["N", "N"], "score": [80.0, 20.0], "probability": [0.1, 0.7],
...     "sales_12m": [300.0, 100.0], "attainable": [400.0, 200.0],
...     **{name: [50.0, np.nan] for name in DIMENSIONS}})
>>> regions(frame)[["score", "probability", "at_risk_share"]].round(2).to_dict("records")
[{'score': 65.0, 'probability': 0.25, 'at_risk_share': 0.25}]
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.industries import DIMENSIONS

Array = NDArray[np.float64]

AT_RISK = 0.5
MEANS = ("score", "probability", *DIMENSIONS)
COLUMNS = [
    "territory_id",
    "dealers",
    "sales_12m",
    *MEANS,
    "at_risk_share",
    "attainable",
    "weakest",
    "reasons",
]


def regions(dealers: pd.DataFrame) -> pd.DataFrame:
    """One row a territory."""
    weight = dealers["sales_12m"].fillna(0.0).to_numpy(float)
    weight = np.where(weight > 0, weight, 1e-9 * max(float(weight.max(initial=0.0)), 1.0))
    place = dealers["territory_id"].to_numpy(object)
    told = {name: _mean(dealers[name].to_numpy(float), weight, place) for name in MEANS}
    risky = np.asarray(dealers["probability"] >= AT_RISK, dtype=float)
    grouped = dealers.groupby(place, sort=True)
    frame = pd.DataFrame(told).assign(
        dealers=grouped.size(),
        sales_12m=grouped["sales_12m"].sum(),
        attainable=grouped["attainable"].sum(min_count=1),
        at_risk_share=_mean(risky, weight, place),
    )
    dims = frame[list(DIMENSIONS)].astype(float)
    frame["weakest"] = [dims.columns[i] for i in dims.fillna(101.0).to_numpy().argmin(axis=1)]
    frame["reasons"] = pd.Series([_reasons(name) for name in frame["weakest"]], index=frame.index)
    return frame.rename_axis("territory_id").reset_index()[COLUMNS]


def _reasons(weakest: str) -> list[dict[str, object]]:
    text = f"{weakest} is the weakest dimension, weighted by sales."
    return [{"code": f"WEAK_{weakest.upper()}", "text": text.capitalize(), "effect": 0.0}]


def _mean(values: Array, weight: Array, place: NDArray[Any]) -> "pd.Series[float]":
    known = np.isfinite(values)
    sums = pd.DataFrame({"over": np.where(known, values, 0.0) * weight, "under": known * weight})
    total = sums.groupby(place, sort=True).sum()
    return total["over"] / total["under"].where(total["under"] > 0)
