"""Grid: the series of the channel, and how arrays over them become tables.

n series (a dealer that carries a product) by t periods. `facts` are what happened in a
period and is known when the period has ended; `plans` are published before it starts.

>>> from features.simulator.world import World
>>> world = World(months=1, plan_months=1)
>>> grid = Grid(np.array(["D1"]), np.array(["S1"]), np.array([0]), np.array([0]), Periods.of(world))
>>> grid.facts(np.nonzero(np.array([[True, False]])), qty=np.array([3.0]))["known_at"].tolist()
[Timestamp('2026-01-01 00:00:00')]
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulator.periods import Days, Periods

Ints = NDArray[np.int64]
Texts = NDArray[np.str_]
Cells = tuple[NDArray[np.intp], ...]


@dataclass(frozen=True)
class Grid:
    """Which dealer and product each of the n series is, over t periods."""

    dealer_ids: Texts  # [dealers]
    sku_ids: Texts  # [products]
    dealer: Ints  # [n]
    product: Ints  # [n]
    periods: Periods

    @property
    def n(self) -> int:
        """Number of series."""
        return len(self.dealer)

    def facts(self, cells: Cells, **columns: NDArray[Any]) -> pd.DataFrame:
        """One row for each cell, known at the end of its period; columns are [cells]."""
        return self._rows(cells, self.periods.ends, columns)

    def plans(self, cells: Cells, **columns: NDArray[Any]) -> pd.DataFrame:
        """One row for each cell, known when the plan was published; columns are [cells]."""
        return self._rows(cells, self.periods.known_plans(), columns)

    def keys(self, rows: NDArray[np.intp]) -> pd.DataFrame:
        """dealer_id and sku_id of some series."""
        return pd.DataFrame(
            {
                "dealer_id": texts(self.dealer_ids, self.dealer[rows]),
                "sku_id": texts(self.sku_ids, self.product[rows]),
            }
        )

    def _rows(self, cells: Cells, known: Days, columns: dict[str, NDArray[Any]]) -> pd.DataFrame:
        rows, steps = cells
        starts = stamps(self.periods.starts)[steps]
        frame = self.keys(rows).assign(period_start=starts, event_at=starts, known_at=stamps(known)[steps])
        return frame.assign(**{name: numbers(values) for name, values in columns.items()})


def texts(ids: Texts, codes: NDArray[Any]) -> "pd.Series[str]":
    """The id that each code stands for; -1 stands for nobody (null)."""
    words: pd.Series[str] = pd.Series(pd.array(ids.tolist(), dtype="str").take(codes, allow_fill=True))
    return words


def stamps(days: NDArray[Any]) -> NDArray[np.datetime64]:
    """Moments as the tables keep them: microseconds, no zone."""
    return days.astype("M8[us]")


def numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Floats as the tables keep them: 64 bits; flags stay flags."""
    return values if values.dtype == bool else values.astype(np.float64)


def numbered(letter: str, count: int) -> Texts:
    """Ids that sort as they count.

    >>> numbered("D", 3).tolist()
    ['D001', 'D002', 'D003']
    """
    width = max(3, len(str(count)))
    return np.array([f"{letter}{i:0{width}d}" for i in range(1, count + 1)], dtype=np.str_)
