"""Candidates: what a detector puts forward, one row a suspicion, before anybody weighs it.

kind              the detector: excess, dead, short, stuffing, undercut, region, document, diversion ...
type              of the alert: stock, price, diversion, default, contract, order
dealer_id, receiver_dealer_id, territory_id, sku_id, topic (product category, clause type)
                  subject; "" where it does not apply
first_period, last_period    first days of the window's first and last period
raw               0 to 1, the detector's own belief: a plain rule without learning
amount            what it costs if true, in `currency`
trail             list of (period, amount): when the amount arose
x_<name>          numbers for the learned belief, free of any unit that one channel alone knows

>>> frame([]).empty
True
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SUBJECT = ("dealer_id", "receiver_dealer_id", "territory_id", "sku_id", "topic")
COLUMNS = ("kind", "type", *SUBJECT, "first_period", "last_period", "raw", "amount", "currency", "trail")
PREFIX = "x_"


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows as a frame with every column, subjects that do not apply empty."""
    if not rows:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    out = pd.DataFrame(list(rows))
    for name in (*SUBJECT, "currency"):
        out[name] = out[name].fillna("") if name in out else ""
    return out


def records(candidates: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as mappings."""
    return [{str(k): v for k, v in row.items()} for row in candidates.to_dict("records")]


def objects(values: Sequence[Any], index: pd.Index) -> "pd.Series[Any]":
    """Lists and mappings as one column."""
    return pd.Series(list(values), index=index, dtype=object)


def features(candidates: pd.DataFrame) -> list[str]:
    """Names of the learned belief's columns."""
    return [str(c) for c in candidates.columns if str(c).startswith(PREFIX)]


def numbers(candidates: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.float64]:
    """Those columns as [n, k]; NaN where a candidate lacks one."""
    return candidates.reindex(columns=list(columns)).to_numpy(dtype=float, na_value=np.nan)
