"""Money: an amount that knows its currency and its day; two currencies are never added.

Amounts are decimals: a ladder paid to the cent has to add up to the cent. `rounded` rounds half up to
the currency's own digits, as an invoice does.

Errors: DifferentCurrencies, NotMoney (an amount that is not finite, or a code that is none).

>>> day = pd.Timestamp("2025-03-31")
>>> Money.of("10.005", "CNY", day).rounded() + Money.of(1, "CNY", day)
Money(amount=Decimal('11.01'), currency='CNY', as_of=Timestamp('2025-03-31 00:00:00'))
>>> Money.of(1, "CNY", day) + Money.of(1, "USD", day)
Traceback (most recent call last):
    ...
features.money.DifferentCurrencies: CNY and USD are not added; convert one at a dated rate first.
"""

import re
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Self

import pandas as pd

from features.errors import ChannelError

_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "JOD": 3, "TND": 3}
_CODE = re.compile(r"[A-Z]{3}")


class NotMoney(ChannelError):
    def __init__(self) -> None:
        super().__init__("An amount should be a finite number and its currency three capital letters.")


class DifferentCurrencies(ChannelError):
    def __init__(self, ours: str, theirs: str) -> None:
        super().__init__(f"{ours} and {theirs} are not added; convert one at a dated rate first.")


@dataclass(frozen=True)
class Money:
    """So much of a currency, as of a day."""

    amount: Decimal
    currency: str
    as_of: pd.Timestamp

    @classmethod
    def of(cls, amount: Decimal | int | float | str, currency: str, as_of: pd.Timestamp) -> Self:
        """From a number or its text; a float is taken as it prints."""
        try:
            exact = amount if isinstance(amount, Decimal) else Decimal(str(amount))
        except InvalidOperation:
            raise NotMoney from None
        if not exact.is_finite() or not _CODE.fullmatch(currency):
            raise NotMoney
        return cls(exact, currency, as_of)

    def __add__(self, other: "Money") -> Self:
        if self.currency != other.currency:
            raise DifferentCurrencies(self.currency, other.currency)
        return replace(self, amount=self.amount + other.amount, as_of=max(self.as_of, other.as_of))

    def __sub__(self, other: "Money") -> Self:
        return self + replace(other, amount=-other.amount)

    def __mul__(self, factor: Decimal | int) -> Self:
        return replace(self, amount=self.amount * factor)

    def rounded(self) -> Self:
        """To the digits of the currency, half up."""
        return replace(self, amount=cents(self.amount, self.currency))


def cents(amount: Decimal, currency: str) -> Decimal:
    """An exact amount in the smallest coin of its currency, half up.

    >>> cents(Decimal("2.345"), "CNY"), cents(Decimal("2.5"), "JPY")
    (Decimal('2.35'), Decimal('3'))
    """
    return amount.quantize(Decimal(1).scaleb(-_DIGITS.get(currency, 2)), ROUND_HALF_UP)
