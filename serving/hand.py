"""Hand: the overrides of the warehouse as every worker reads them, at once after they were written.

The table is read again only when its version changed, which one small file tells.

>>> import tempfile
>>> from pathlib import Path
>>> Hand(Path(tempfile.mkdtemp())).in_force(pd.Timestamp("2025-01-01")).empty
True
"""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from models.demand.overrides import in_force


@dataclass
class Hand:
    """The planner's hand on the forecasts of one warehouse."""

    warehouse: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _version: int | None = field(default=-1, init=False)
    _rows: pd.DataFrame = field(default_factory=pd.DataFrame, init=False, repr=False)

    def rows(self) -> pd.DataFrame:
        """Every override with its whole history."""
        from features.lake import Lake

        lake = Lake(self.warehouse)
        version = lake.versions().get("overrides")
        with self._lock:
            if version != self._version:
                self._rows, self._version = lake.read("overrides"), version
            return self._rows

    def in_force(self, moment: pd.Timestamp) -> pd.DataFrame:
        """What counts at a moment (naive UTC)."""
        return in_force(self.rows(), moment)


def now() -> pd.Timestamp:
    """The moment of asking, naive UTC."""
    return pd.Timestamp.now("UTC").tz_localize(None)
