"""Decline: the probability that a dealer's next six months fall by 30 % or stop.

In:   rows of past cutoffs (models.health.rows) to learn from; conditions and kinds to answer.
Out:  probabilities [d] and contributions [d, k] in log-odds.

Dealers of kind `usual` are answered by a `Propensity` in which paying later, empty shelves and
longer silence can only raise the probability. For the others the record is too thin or too simple
for one: young, dormant and never get the rate that their kind showed at past cutoffs, shrunk to
`PRIOR` with the weight of `WEIGHT` rows.

Limits: a rate of a kind is the same for all of the kind; the dimensions still tell them apart.
Errors: models.errors.NotFitted.
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.condition import COLLECTIONS, COLUMNS
from models.propensity import Propensity
from models.reasons import Wording

Array = NDArray[np.float64]

PRIOR = {"young": 0.35, "dormant": 0.9, "never": 0.5}
WEIGHT = 10.0
RISING = (*COLLECTIONS, "recency_months", "overdue_ratio", "short_rate", "returns_rate")
EXPERT = {  # weights per standard deviation while outcomes are too few to learn from
    "reference_gap": 0.4,
    "trend_3": -0.4,
    "overdue_ratio": 0.3,
    "overdue_rate": 0.3,
    "late_days_lately_log": 0.2,
    "short_rate": 0.1,
}
WORDINGS = {
    **dict.fromkeys(
        ("late_days_log", "late_days_lately_log", "late_rate"),
        Wording("PAYMENT_LATE", "Pays later than others.", "Pays on time."),
    ),
    "overdue_rate": Wording("OVERDUE", "Money is overdue.", "Little or nothing is overdue."),
    **dict.fromkeys(
        ("trend_3", "trend_6", "last_ratio", "yoy_6"),
        Wording("SALES_TREND", "Sales run against the dealer's usual level.", "The sales trend supports it."),
    ),
    "reference_gap": Wording(
        "BAR_AHEAD",
        "The months ahead are compared with a high level.",
        "The months ahead are compared with a level in reach.",
    ),
    "territory_trend": Wording(
        "TERRITORY", "The territory's sales speak against it.", "The territory helps."
    ),
    **dict.fromkeys(
        ("recency_months", "overdue_ratio"),
        Wording("SILENCE", "Has not ordered for longer than usual.", "Ordered recently."),
    ),
    **dict.fromkeys(
        ("purchase_rate_12", "purchase_rate_6", "gap_months"),
        Wording("IRREGULAR", "Orders rarely or at odd times.", "Orders regularly."),
    ),
    "volatility": Wording("VOLATILE", "Orders swing more than others'.", "Orders are steady."),
    **dict.fromkeys(
        ("size_log", "active_size_log", "lately_log", "order_size_log"),
        Wording("SIZE", "Dealers of this size decline more often.", "Dealers of this size hold up well."),
    ),
    **dict.fromkeys(
        ("skus_log", "breadth_change"),
        Wording(
            "ASSORTMENT", "The assortment is narrow or shrinking.", "The assortment is broad or growing."
        ),
    ),
    "stock_days": Wording("STOCK_DAYS", "Stock is out of balance with sales.", "Stock fits sales."),
    "loading": Wording("LOADING", "Takes in more than it sells on.", "Sells on what it takes in."),
    "short_rate": Wording("STOCK_OUT", "Products are out of stock.", "Shelves are filled."),
    "returns_rate": Wording("RETURNS", "Gives back more than others.", "Gives back little."),
    **dict.fromkeys(
        ("outlet_rate", "outlet_change"),
        Wording("OUTLETS", "Reaches few or fewer of its outlets.", "Reaches its outlets."),
    ),
    "tenure_months": Wording("TENURE", "Has not been with us for long.", "Has been with us for long."),
}


@dataclass
class Decline:
    """A propensity for dealers with a history, rates for the others."""

    seed: int = 0
    propensity_: Propensity = field(default_factory=Propensity, init=False)
    rates_: dict[str, float] = field(default_factory=dict, init=False)

    def fit(self, rows: pd.DataFrame) -> Self:
        """Learn from past cutoffs; rows whose outcome is not known only help to scale."""
        usual = rows[rows["kind"] == "usual"]
        usual = usual if len(usual) else rows
        outcome = usual["y"].where(usual["kind"] == "usual").to_numpy(float)
        self.propensity_ = Propensity(rising=RISING, expert=EXPERT, seed=self.seed).fit(
            usual[list(COLUMNS)], outcome, usual["dealer_id"].to_numpy()
        )
        self.rates_ = {kind: _shrunk(rows, kind, prior) for kind, prior in PRIOR.items()}
        return self

    @property
    def is_expert_(self) -> bool:
        """Whether too few outcomes were on record to learn from."""
        return self.propensity_.is_expert_

    def predict(self, conditions: pd.DataFrame, kind: NDArray[Any]) -> Array:
        """Probabilities, [d]."""
        p = self.propensity_.predict(conditions)
        for name, rate in self.rates_.items():
            p = np.where(kind == name, rate, p)
        return p

    def contributions(self, conditions: pd.DataFrame, kind: NDArray[Any]) -> Array:
        """Log-odds by column, [d, k]; zero for dealers who are answered by a rate."""
        told = self.propensity_.contributions(conditions)
        return np.where((kind == "usual")[:, None], told, 0.0)


def _shrunk(rows: pd.DataFrame, kind: str, prior: float) -> float:
    y = rows.loc[rows["kind"] == kind, "y"].dropna()
    return float((y.sum() + WEIGHT * prior) / (len(y) + WEIGHT))
