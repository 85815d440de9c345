"""Costs: what it is expected to cost to invoice one home unit in a currency, and how sure that is.

In:   joint paths of the rates [k, h, s] (models.currency.movement), the terms, how single invoices lie around
      their dealer's mean days.
Out:  `Cost`, fractions of the invoice's home value at issue:
        spread_rate    the brand's own change of money
        drift_rate     expected fall of the currency until payment; 0 without forward rates
        risk_rate      CVaR of what the brand loses; `risk_cost_rate` is what the terms charge for it
        dealer_rate    what the dealer hands back of its spread, drift and risk
        probability    that it costs less than home, over the paths

    loss of the brand  = 1 - exp(x[c])               x[c]: log of the rate at payment over that at issue
    loss of the dealer = exp(x[c] - x[own]) - 1      it owes c and has its own
    expected           = (1 - hedged) (spread + drift + charge CVaR(brand))
                         + pass_through (spread[dealer] + drift[dealer] + charge CVaR(dealer)) + unaccustomed

`hedged` is the share of the currency's receipts that the brand pays out again itself (natural hedge): it is
neither changed nor at risk. Days to payment are random and are those of the same draw for all currencies.

Source: Rockafellar and Uryasev (2000), Optimization of conditional value-at-risk.
Limits: risks are priced one invoice at a time; what two currencies hedge of each other is not counted.

>>> cvar(np.arange(100.0), 0.05)
97.0
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from models.currency.terms import Terms

Array = NDArray[np.float64]
_STEP_DAYS = 5  # mean days are rounded to these, so that dealers share an answer
_BUSINESS_SHARE = 5 / 7
Shares = Mapping[str, float]
_NONE: Shares = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one home unit invoiced in a currency."""

    spread_rate: float
    drift_rate: float
    risk_rate: float
    risk_cost_rate: float
    dealer_rate: float
    unaccustomed_rate: float
    probability: float
    hedged_share: float = 0.0

    @property
    def expected_rate(self) -> float:
        """All of it."""
        own = self.spread_rate + self.drift_rate + self.risk_cost_rate
        return own + self.dealer_rate + self.unaccustomed_rate


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What currencies cost, from the same draws for all."""

    terms: Terms
    currencies: tuple[str, ...]  # [k]
    paths: Array = field(repr=False)  # [k, h, s] log of the rate over today's
    ratios: Array = field(repr=False)  # of an invoice's days to its dealer's mean
    kept: dict[tuple[str, int], Array] = field(default_factory=dict, repr=False)

    def of(
        self, currency: str, own: str, days: float, *, used: Shares = _NONE, hedged: Shares = _NONE
    ) -> Cost:
        """The cost of invoicing a dealer that has its own currency and pays after so many days.

        `used`: shares of its history, empty without one; `hedged`: of a currency's receipts.
        """
        terms, hedged_share = self.terms, hedged.get(currency, 0.0)
        open_share = 1 - hedged_share
        loss = -np.expm1(self._moved(currency, days))
        risk_rate = open_share * max(cvar(loss, terms.tail_rate), 0.0)
        dealer = self._dealer(currency, own, days)
        unaccustomed = self._unaccustomed(currency, used)
        spread = open_share * terms.spread(currency)
        fixed = spread + terms.risk_charge_rate * risk_rate + dealer + unaccustomed
        at_home = self._dealer(terms.home, own, days) + self._unaccustomed(terms.home, used)
        drift = 0.0 - terms.forward(currency, days)
        return Cost(
            spread_rate=spread,
            drift_rate=open_share * drift,
            risk_rate=risk_rate,
            risk_cost_rate=terms.risk_charge_rate * risk_rate,
            dealer_rate=dealer,
            unaccustomed_rate=unaccustomed,
            probability=_share(open_share * (loss + drift) + fixed < at_home)
            if currency != terms.home
            else 0.0,
            hedged_share=hedged_share,
        )

    def _unaccustomed(self, currency: str, used: Shares) -> float:
        return self.terms.unaccustomed_rate * (1 - used.get(currency, 0.0)) if used else 0.0

    def _dealer(self, currency: str, own: str, days: float) -> float:
        """What the dealer hands back."""
        if currency == own:
            return 0.0
        terms = self.terms
        loss = np.expm1(self._moved(currency, days) - self._moved(own, days))
        drift = terms.forward(currency, days) - terms.forward(own, days)
        risk = terms.risk_charge_rate * max(cvar(loss, terms.tail_rate), 0.0)
        return terms.pass_through_rate * (terms.dealer_spread_rate + drift + risk)

    def _moved(self, currency: str, days: float) -> Array:
        """Log of the rate at payment over that at issue, [s]."""
        if currency == self.terms.home:
            return np.zeros(self.paths.shape[2])
        step = max(round(days / _STEP_DAYS), 1) * _STEP_DAYS
        if (currency, step) not in self.kept:
            path = self.paths[self.currencies.index(currency)]
            self.kept[currency, step] = path[self._ends(step), np.arange(path.shape[1])]
        return self.kept[currency, step]

    def _ends(self, days: float) -> NDArray[np.int64]:
        """The last business day of each draw's path, [s]."""
        count = self.paths.shape[2]
        spread = np.quantile(self.ratios, (np.arange(count) + 0.5) / count)
        drawn = np.random.default_rng(count).permutation(spread) * days * _BUSINESS_SHARE
        return np.clip(np.round(drawn), 1, self.paths.shape[1]).astype(np.int64) - 1


def cvar(losses: Array, tail_rate: float) -> float:
    """Mean of the worst `tail_rate` of the losses."""
    worst = max(round(tail_rate * len(losses)), 1)
    return float(np.partition(losses, len(losses) - worst)[-worst:].mean())


def _share(flags: NDArray[np.bool_]) -> float:
    return float(np.mean(flags))
