"""Settlements: what invoices had cost in the currency that a model recommended, and in simple ones.

In:   a model of the currency room and its answer as of a cutoff; invoices of the month after it that were
      paid by the moment of judging (`Paid`), the rates known at that moment.
Out:  one row an own currency of the dealers: mean cost of its invoices in percent, for the recommended
      currency (`loss`) and for home, the one used last, and the dealer's own (`baseline_*`), all on the same
      invoices; once with what the rates won or lost (`cost`) and once without (`charge`).

Dealers whose own money is home are left out: nobody changes money there. The payoff, and who bears what, is
models.currency.settlement. Nothing of an invoice is used but its dealer, its days and what was used before.
"""

from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import pandas as pd

from features.known import Tables, known
from features.payments import settled
from features.rates import Rates
from features.tables import SCHEMAS, coerce
from models.currency.model import CurrencyModel
from models.currency.settlement import realised

RULES = {
    "loss": "recommended",
    "baseline_home": "home_currency",
    "baseline_last_used": "last_currency",
    "baseline_own": "own_currency",
}


@dataclass(frozen=True, kw_only=True)
class Paid:
    """Invoices with their payments, as known at the moment of judging, and the rates of then."""

    bills: pd.DataFrame
    rates: Rates

    @classmethod
    def of(cls, tables: Tables, rates: Rates) -> Self:
        """Of invoices and payments known at the rates' moment."""
        names = ("invoices", "payments")
        empty = {n: pd.DataFrame(columns=list(SCHEMAS[n].required)) for n in names if n not in tables}
        held = {n: tables[n] if n in tables else coerce(n, empty[n]) for n in names}
        seen = known(held, rates.moment)
        money = seen["invoices"].set_index("invoice_id")["currency"]
        same = seen["payments"]["invoice_id"].map(money) == seen["payments"]["currency"]
        return cls(bills=settled(seen["invoices"], seen["payments"][same])[0], rates=rates)

    def month(self, cutoff: pd.Timestamp, best: pd.DataFrame) -> pd.DataFrame:
        """Paid invoices of the month after a cutoff, with what `best` says of their dealers."""
        bills = self.bills.assign(last_currency=self._last(cutoff))
        inside = (bills["issued_at"] >= cutoff) & (bills["issued_at"] < cutoff + pd.DateOffset(months=1))
        bills = bills[inside & bills["settled_at"].notna() & bills["dealer_id"].isin(best.index)]
        stand = best.reindex(bills["dealer_id"]).set_axis(bills.index)
        days = (bills["settled_at"] - bills["issued_at"]).dt.total_seconds() / 86_400
        told = bills.assign(
            days=days.clip(lower=1.0),
            recommended=stand["currency"],
            own_currency=stand["own_currency"],
            home_currency=stand["home_currency"],
            last_currency=bills["last_currency"].fillna(stand["home_currency"]),
        )
        return told[told["own_currency"] != told["home_currency"]]

    def moved(self, paid: pd.DataFrame) -> pd.DataFrame:
        """Log of each currency's worth at payment over that at issue, [n, currencies]."""
        found, n = {}, len(paid)
        for one in self.rates.currencies:
            ends = [self.rates.valued([one] * n, paid[day]) for day in ("settled_at", "issued_at")]
            found[one] = np.log(ends[0] / ends[1])
        return pd.DataFrame(found, index=paid.index)

    def _last(self, cutoff: pd.Timestamp) -> "pd.Series[str]":
        """The currency of the dealer's last invoice known at the cutoff."""
        before = self.bills[self.bills["known_at"] <= cutoff]
        before = before.sort_values(["issued_at", "invoice_id"], kind="stable")
        last = before.groupby("dealer_id")["currency"].last()
        return self.bills["dealer_id"].map(last).astype(object)


def judged(
    model: CurrencyModel, told: pd.DataFrame, cutoff: pd.Timestamp, known_rates: Rates, past: Paid
) -> dict[str, pd.DataFrame]:
    """Mean costs of the month's invoices by own currency; `told` is the frame "currencies" of the cutoff."""
    best = told[told["rank"] == 1].set_index("dealer_id")
    paid = past.month(cutoff, best)
    moved = past.moved(paid)
    shares = told.set_index(["dealer_id", "currency"])["share_of_history"]
    hedged = {str(c): s for c, s in told.groupby("currency")["hedged_share"].max().dropna().items()}
    daily = partial(_daily, known_rates.returns(), model.terms.home)
    costs = {}
    for name, column in RULES.items():
        pairs = pd.MultiIndex.from_arrays([paid["dealer_id"], paid[column]])
        used = shares.reindex(pairs).fillna(0.0).to_numpy(dtype=np.float64)
        paid_in = paid.assign(chosen=paid[column], used_share=used)
        costs[name] = realised(paid_in, moved, model.terms, daily, hedged=hedged)
    return {kind: _means(paid, {n: c[kind] for n, c in costs.items()}, cutoff) for kind in ("cost", "charge")}


def _means(paid: pd.DataFrame, costs: dict[str, "pd.Series[float]"], cutoff: pd.Timestamp) -> pd.DataFrame:
    """Percent of the invoices' worth, by own currency, over invoices for which every rule has a rate."""
    table = pd.DataFrame(costs, columns=list(RULES)).dropna()
    means = 100 * table.groupby(paid["own_currency"].reindex(table.index)).mean()
    subjects = [f"{name} {cutoff:%Y-%m}" for name in means.index]
    return means.reset_index(drop=True).assign(subject=subjects, cutoff=cutoff)


def _daily(returns: pd.DataFrame, home: str, one: str, other: str) -> float:
    """Daily volatility of one currency in another over all that was known."""
    zero = pd.Series(0.0, index=returns.index)
    sides = [zero if name == home else returns.get(name, zero * np.nan) for name in (one, other)]
    return float(np.sqrt(((sides[0] - sides[1]) ** 2).mean()))
