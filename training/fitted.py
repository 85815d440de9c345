"""Fitted: what a scoring room's recipe hands over.

`evidence` is one row a held-out subject and cutoff: `task`, `subject`, `cutoff`, `y`,
`probability`, one `baseline_<name>` or more, `territory_id`, `tier`. No row was seen by the model
that scored it; later cutoffs are scored by models of earlier ones. A room that decides has rows with
`loss` in place of `y` and `probability` (training.losses).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from features.known import Tables

EVIDENCE = ("task", "subject", "cutoff", "y", "probability", "territory_id", "tier")


class Scorer(Protocol):
    """A room's model."""

    cutoff_: pd.Timestamp  # nothing known later was seen in training

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]: ...


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A model, how it did on what it had not seen, and what to know about it."""

    model: Scorer
    evidence: pd.DataFrame
    about: dict[str, Any] = field(default_factory=dict)  # JSON: counts, fallbacks, sources

    def baselines(self) -> list[str]:
        """The names of the simple things beside it."""
        names = map(str, self.evidence.columns)
        return [name.removeprefix("baseline_") for name in names if name.startswith("baseline_")]
