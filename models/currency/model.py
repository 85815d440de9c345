"""CurrencyModel: in which currency to invoice every dealer, and what the rates may do until it pays.

In:   canonical tables with their history and a moment (invoices, payments, fx_rates, dealers, sell_in; each
      may be absent); `others["draws"]` (features.draws) says what will be bought.
Out:  "currencies", one row a dealer and currency, the best first: dealer_id, currency, rank (none when
      refused), expected_cost_rate, risk_rate, score, probability (that it costs less than home),
      share_of_history, reasons, note, own_currency, days_outstanding, monthly_amount,
      monthly_high_amount and expected_cost_amount (a month, in home_currency), open_amount (unpaid, in this
      currency), spread_rate, drift_rate, dealer_rate, hedged_share, refused (why).
      "rates", one row a currency with a rate (models.currency.market).

What each part of the cost is: models.currency.costs. A currency with a stale rate is refused for everybody
and listed with the reason; with all in one currency, or without rates, each dealer has one row: home, rank 1.

Errors: models.errors.NotFitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from features.draws import Draws
from features.errors import ChannelError
from features.known import Tables, known
from features.rates import Rates
from features.sheets import naive
from features.tables import SCHEMAS, coerce
from models.currency.costs import Shares
from models.currency.exposure import Exposure
from models.currency.market import Market
from models.currency.movement import Movement
from models.currency.terms import Terms
from models.errors import NotFitted

CURRENCIES = (
    *("dealer_id", "currency", "rank", "expected_cost_rate", "risk_rate", "score", "probability"),
    *("share_of_history", "reasons", "note", "own_currency", "days_outstanding", "monthly_amount"),
    *("monthly_high_amount", "expected_cost_amount", "home_currency", "open_amount", "spread_rate"),
    *("drift_rate", "dealer_rate", "hedged_share", "refused"),
)
_NUMBERS = (
    *("expected_cost_rate", "risk_rate", "score", "probability", "share_of_history", "spread_rate"),
    *("drift_rate", "dealer_rate", "hedged_share", "expected_cost_amount", "open_amount"),
    *("days_outstanding", "monthly_amount", "monthly_high_amount"),
)
_USED = ("dealers", "invoices", "payments", "sell_in")


@dataclass
class CurrencyModel:
    """Belief in how rates move, and the brand's terms."""

    terms: Terms = field(default_factory=Terms)
    seed: int = 0
    cutoff_: pd.Timestamp = field(init=False, repr=False, compare=False)  # nothing known later was seen
    movement_: Movement = field(init=False, repr=False, compare=False)

    def fit(self, tables: Tables, moment: pd.Timestamp) -> Self:
        """Learn from the rates that were known at a moment."""
        returns = self.rates(tables, moment).returns()
        self.movement_ = Movement(seed=self.seed).fit(returns)
        self.cutoff_ = naive(moment)
        return self

    def score(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every dealer that was known at the moment, and every currency with a rate."""
        exposure = self.exposure(tables, as_of, others)
        market = self.market(tables, as_of, exposure)
        hedged = hedges(self.terms, market.rates, exposure)
        ids = exposure.dealers.index
        rows = [row for dealer in ids for row in self._dealer(dealer, exposure, market, hedged)]
        frame = pd.DataFrame(rows, columns=list(CURRENCIES))
        frame = frame.astype(dict.fromkeys(_NUMBERS, float) | {"rank": "Int64"})
        return {"currencies": frame, "rates": market.table()}

    def rates(self, tables: Tables, as_of: pd.Timestamp) -> Rates:
        """What each currency was worth at home, as known at a moment."""
        return Rates.of(_table(tables, "fx_rates"), self.terms.home, as_of)

    def exposure(
        self, tables: Tables, as_of: pd.Timestamp, others: Mapping[str, pd.DataFrame] | None = None
    ) -> Exposure:
        """Where every dealer stood at a moment."""
        rates = self.rates(tables, as_of)
        seen = known({name: tables[name] for name in _USED if name in tables}, rates.moment)
        owns, usual_days = self.terms.own_currencies, self.terms.usual_days
        return Exposure.of(seen, rates, owns, _draws(others), usual_days)

    def market(self, tables: Tables, as_of: pd.Timestamp, exposure: Exposure | None = None) -> Market:
        """What the rates of a moment allow; without an exposure, of invoices that are paid on the day."""
        if not hasattr(self, "movement_"):
            raise NotFitted(self)
        ratios = exposure.ratios if exposure else None
        return Market.of(self.movement_, self.terms, self.rates(tables, as_of), ratios)

    def _dealer(
        self, dealer: str, exposure: Exposure, market: Market, hedged: Shares
    ) -> list[dict[str, Any]]:
        stand: Mapping[Any, Any] = exposure.dealers.loc[dealer].to_dict()
        used = {str(c): share for c, share in exposure.history.loc[dealer].to_dict().items() if share > 0}
        owed: Mapping[Any, float] = exposure.open_amounts.loc[dealer].to_dict()
        own, days, monthly = stand["own_currency"], stand["days"], stand["monthly_amount"]
        told = market.recommend(own, days, [*used, *self.terms.candidates], used=used, hedged=hedged)
        shared = {
            "dealer_id": dealer,
            "note": _note(stand["note"], own, market),
            "own_currency": own,
            "days_outstanding": days,
            "monthly_amount": monthly,
            "monthly_high_amount": stand["monthly_high_amount"],
            "home_currency": self.terms.home,
        }
        return [
            row
            | shared
            | {
                "open_amount": owed.get(row["currency"], 0.0),
                "expected_cost_amount": _amount(row["expected_cost_rate"], monthly),
            }
            for row in told
        ]


def hedges(terms: Terms, rates: Rates, exposure: Exposure) -> dict[str, float]:
    """Share of a month's receipts in each currency that the brand itself pays out again, at most 1.

    Receipts are those of dealers that have the currency or have settled in it.
    """
    amount = exposure.dealers["monthly_amount"]
    out = {}
    for currency, owed in terms.payables.items():
        own = exposure.dealers["own_currency"] == currency
        used = exposure.history[currency] > 0 if currency in exposure.history else own
        receipts = float(amount[own | used].sum())
        try:
            worth = rates.require(currency, most_days=terms.most_stale_days)
        except ChannelError:
            continue
        out[currency] = min(owed * worth / receipts, 1.0) if receipts > 0 else 1.0
    return out


def _note(said: str, own: str, market: Market) -> str:
    notes = [said] if said else []
    notes += ["no_fx_rates"] if not market.rates.currencies else []
    notes += [] if market.usable(own) else ["own_currency_refused"]
    return ", ".join(notes)


def _draws(others: Mapping[str, pd.DataFrame] | None) -> Draws | None:
    frame = (others or {}).get("draws")
    return Draws.of(frame) if frame is not None and len(frame) else None


def _amount(rate: float | None, monthly: float) -> float:
    return float("nan") if rate is None else round(rate * monthly, 2)


def _table(tables: Tables, name: str) -> pd.DataFrame:
    if name in tables:
        return tables[name]
    return coerce(name, pd.DataFrame(columns=list(SCHEMAS[name].required)))
