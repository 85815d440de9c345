"""Terms: what settling in a currency costs, as the brand states it; who bears which risk.

Nobody can read these off the data: they are assumptions, and configs/currency.yaml holds them.

Whose money the invoice is not in bears the risk of the rate until payment, and pays to change money:
  invoice in the dealer's currency   the brand bears both
  invoice at home                    the dealer bears both, and hands a share of what that costs it back
                                     to the brand, as a lower price or as orders that it does not place:
                                     `pass_through_rate`. 0: dealers swallow it. 1: the brand pays it all.
  invoice in a third currency        each bears its own part

Risk is priced at `risk_charge_rate` x CVaR: the mean loss in the worst `tail_rate` of cases, times the price
of holding a reserve for it.

>>> Terms().spread("USD"), Terms(spread_rates={"USD": 0.0005}).spread("USD"), Terms().spread("CNY")
(0.001, 0.0005, 0.0)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Rates are fractions of the amount; forward rates are of a year."""

    home: str = "CNY"
    candidates: tuple[str, ...] = ()  # offered to everybody, beside home, the dealer's own and its last ones
    own_currencies: Mapping[str, str] = field(default_factory=dict)  # dealer or territory: its currency
    most_stale_days: int = 5  # business days; an older rate is refused
    spread_rate: float = 0.001  # the brand pays to change a foreign currency into home
    spread_rates: Mapping[str, float] = field(default_factory=dict)  # currency: where it differs
    dealer_spread_rate: float = 0.008  # a dealer pays to change its own currency into another
    forward_rates: Mapping[str, float] = field(default_factory=dict)  # currency: expected rise against home
    payables: Mapping[str, float] = field(
        default_factory=dict
    )  # currency: what the brand itself pays a month
    risk_charge_rate: float = 0.10  # of CVaR
    tail_rate: float = 0.05
    pass_through_rate: float = 0.5
    unaccustomed_rate: float = 0.0005  # a currency that the dealer never settled in
    usual_days: float = 45.0  # from invoice to payment, where no invoice is on record

    def spread(self, currency: str) -> float:
        """What the brand pays to change the currency into home."""
        return 0.0 if currency == self.home else self.spread_rates.get(currency, self.spread_rate)

    def forward(self, currency: str, days: float) -> float:
        """Expected rise of a currency against home over so many days; 0 where none is stated."""
        return self.forward_rates.get(currency, 0.0) * days / 365
