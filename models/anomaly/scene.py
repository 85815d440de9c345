"""Scene: everything the detectors look at, at one moment.

`tables` and `ledger` hold only what was known then. `others` are frames of other rooms.

>>> scene = Scene.of({}, pd.Timestamp("2025-01-01"))
>>> scene.ledger.n, scene.date(0)
(0, None)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from features.industries import Industry, industry
from features.known import Tables, known
from features.ledger import Ledger
from models.anomaly.rules import Rules

Evidence = dict[str, Any]  # series, period, value, expected, text


@dataclass(frozen=True)
class Scene:
    """One channel at one moment."""

    tables: Tables
    as_of: pd.Timestamp
    ledger: Ledger
    industry: Industry
    rules: Rules
    others: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tables: Tables,
        as_of: pd.Timestamp,
        *,
        trade: Industry | None = None,
        rules: Rules | None = None,
        others: Mapping[str, pd.DataFrame] | None = None,
    ) -> Self:
        """What was known of the tables at the moment."""
        facts = known(tables, as_of)
        moment = as_of.tz_convert("UTC").tz_localize(None) if as_of.tz else as_of
        return cls(facts, moment, Ledger.of(facts), trade or industry(), rules or Rules(), others or {})

    def table(self, name: str) -> pd.DataFrame:
        """A table, empty when there is none."""
        found = self.tables.get(name)
        return pd.DataFrame() if found is None else found

    def date(self, step: int) -> pd.Timestamp | None:
        """First day of a period by its number; None outside of the ledger."""
        periods = self.ledger.periods
        return periods[step] if -len(periods) <= step < len(periods) else None

    def month(self, step: int) -> str:
        """That day as text."""
        date = self.date(step)
        return "" if date is None else f"{date:%Y-%m-%d}"

    @property
    def per_month(self) -> int:
        """Periods in a month: 1, or 4 weeks."""
        return max(1, round(self.ledger.freq.season / 12))


def point(series: str, period: str, value: float, expected: float, text: str) -> Evidence:
    """One number of a table beside what was to be expected of it."""
    return {
        "series": series,
        "period": period,
        "value": float(value),
        "expected": round(float(expected), 4),
        "text": text,
    }
