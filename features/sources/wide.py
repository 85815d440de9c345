"""Wide: a column for each currency (or month, or shop) made long, one row a cell.

In:   raw rows, what the profile says of it, and the columns that it uses otherwise.
Out:  raw rows with two columns in place of many: the old column's name and its cell; and the position of the
      raw row that each came from. Cells without a value are left out.

>>> rows = pd.DataFrame({"Date": ["2024-01-02", "2024-01-03"], "USD": ["1.09", "1.10"], "CYP": ["N/A", ""]})
>>> long, origin = melted(rows, Wide(name="code", value="rate"), kept={"Date"})
>>> long.to_dict("list"), origin.tolist()
({'Date': ['2024-01-02', '2024-01-03'], 'code': ['USD', 'USD'], 'rate': ['1.09', '1.10']}, [0, 1])
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.sources.cells import texts
from features.sources.profile import Wide


def melted(
    rows: pd.DataFrame, wide: Wide, *, kept: Collection[str]
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The rows made long, row by row."""
    columns = [c for c in rows.columns if (c in wide.columns if wide.columns else c not in kept)]
    beside = [c for c in rows.columns if c not in columns]
    origin = np.repeat(np.arange(len(rows)), len(columns))
    long = rows[beside].iloc[origin].reset_index(drop=True)
    long[wide.name] = np.tile(np.array(columns, dtype=object), len(rows))
    long[wide.value] = rows[columns].to_numpy(dtype=object).ravel()
    told = ~texts(long[wide.value]).isin(["", *wide.blanks]).to_numpy(dtype=bool)
    return long[told].reset_index(drop=True), origin[told]
