"""A fault: one rule that some rows break, told without showing the rows' values.

`first` names the first offenders by business key; `where` holds the positions of all of
them in the checked frame, so that a reader can set them aside.

>>> print(Fault("sell_in", "negative", "qty_sell_in", "zero or more", np.array([4]), ("D1/S1/2017-01-01",)))
sell_in.qty_sell_in: negative in 1 row; expected zero or more; first: D1/S1/2017-01-01
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Fault:
    """What is wrong, what was expected, how often, and the first offenders by key."""

    table: str
    rule: str
    column: str
    expected: str
    where: Positions = field(compare=False, repr=False)  # [rows], positions in the checked frame
    first: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows break the rule; 0 when the fault is the table's, not a row's."""
        return len(self.where)

    def __str__(self) -> str:
        place = f"{self.table}.{self.column}" if self.column else self.table
        count = f" in {self.rows:,} row{'s' if self.rows > 1 else ''}" if self.rows else ""
        first = f"; first: {', '.join(self.first)}" if self.first else ""
        return f"{place}: {self.rule}{count}; expected {self.expected}{first}"
