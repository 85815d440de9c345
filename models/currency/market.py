"""Market: the rates of one moment: which may be used, how they may move, what settling in each costs.

In:   rates as known at the moment, the learned movement, the brand's terms.
Out:  `refused`: currency -> why it is not used: a stale rate, or too few rates to say how it moves;
      `recommend`: the ranked currencies of one dealer or one exposure (models.currency.decide);
      `table`: one row a currency: currency, rate_date, rate (home for one), volatility (of a year), low_rate,
      high_rate (90 % band after the usual days), stale_days, note.

Where a dealer's own currency is refused only home is offered: what the dealer would bear is not known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import ChannelError
from features.exposure import MissingRate
from features.rates import Rates
from models.currency.costs import Costs, Shares
from models.currency.decide import Row, ranked
from models.currency.movement import LEAST, Movement
from models.currency.terms import Terms
from models.currency.volatility import LEAST_EWMA, LEAST_GARCH

Array = NDArray[np.float64]
COUNT = 1000  # draws
DAYS = 130  # business days ahead: half a year
_YEAR_DAYS = 252
_BUSINESS_SHARE = 5 / 7
_BAND = (0.05, 0.95)
RATES = ("currency", "rate_date", "rate", "volatility", "low_rate", "high_rate", "stale_days", "note")


@dataclass(frozen=True, kw_only=True)
class Market:
    """What the rates of a moment allow."""

    rates: Rates
    movement: Movement
    refused: Mapping[str, str]
    costs: Costs
    returns: pd.DataFrame = field(repr=False)

    @classmethod
    def of(cls, movement: Movement, terms: Terms, rates: Rates, ratios: Array | None = None) -> Self:
        """`ratios`: days of single invoices over their dealer's mean; all alike when none are given."""
        returns = rates.returns()
        refused = _refusals(rates, returns, terms.most_stale_days)
        usable = tuple(c for c in rates.currencies if c not in refused)
        paths = movement.paths(returns[list(usable)], days=DAYS, count=COUNT)
        spread = np.ones(1) if ratios is None else ratios
        costs = Costs(terms=terms, currencies=usable, paths=paths, ratios=spread)
        return cls(rates=rates, movement=movement, refused=refused, costs=costs, returns=returns)

    def usable(self, currency: str) -> bool:
        """Whether it is home, or has a rate that may be used."""
        return currency == self.rates.home or currency in self.costs.currencies

    def why_not(self, currency: str) -> str:
        """Why a currency is not usable."""
        missing = f"missing rate: {MissingRate(currency, self.rates.home, self.rates.moment)}"
        return self.refused.get(currency, missing)

    def recommend(
        self, own: str, days: float, candidates: Sequence[str], *, used: Shares, hedged: Shares
    ) -> list[Row]:
        """Home, the dealer's own currency and the candidates, ranked; `used` is empty without a history."""
        home = self.rates.home
        asked = sorted({home, own, *candidates})
        refused = {c: self.why_not(c) for c in asked if not self.usable(c)}
        if own in refused:
            why = f"the dealer's own currency {own} is refused, so what it would bear is not known"
            refused |= {c: why for c in asked if c not in refused and c != home}
        payer = home if own in refused else own
        usable = [c for c in asked if c not in refused]
        costs = {c: self.costs.of(c, payer, days, used=used, hedged=hedged) for c in usable}
        return ranked(costs, used, refused, home=home)

    def table(self) -> pd.DataFrame:
        """Every currency that has a rate."""
        return pd.DataFrame([self._row(c) for c in self.rates.currencies], columns=list(RATES))

    def _row(self, currency: str) -> dict[str, Any]:
        own = self.returns[currency].dropna().to_numpy(dtype=np.float64)
        day, worth = self.rates.last(currency)
        volatility, low, high = np.nan, np.nan, np.nan
        if len(own) >= LEAST:
            tomorrow = self.movement.model(currency, own).variances(own)[-1]
            volatility = float(np.sqrt(_YEAR_DAYS * tomorrow))
        if currency not in self.refused:
            step = min(max(round(self.costs.terms.usual_days * _BUSINESS_SHARE), 1), DAYS)
            ends = self.costs.paths[self.costs.currencies.index(currency), step - 1]
            low, high = worth * np.exp(np.quantile(ends, _BAND))
        short = "short_history" if len(own) < LEAST_EWMA else "no_garch" if len(own) < LEAST_GARCH else ""
        note = ", ".join(filter(None, [self.refused.get(currency, ""), short]))
        values = (currency, day, worth, volatility, low, high, self.rates.stale_days(currency), note)
        return dict(zip(RATES, values, strict=True))


def _refusals(rates: Rates, returns: pd.DataFrame, most_stale_days: int) -> dict[str, str]:
    out = {}
    for currency in rates.currencies:
        count = int(returns[currency].count())
        if count < LEAST:
            out[currency] = f"short history: {count} daily returns on record, {LEAST} are needed"
        try:
            rates.require(currency, most_days=most_stale_days)
        except ChannelError as error:
            out[currency] = f"stale rate: {error}"
    return out
