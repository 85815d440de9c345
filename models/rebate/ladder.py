"""Ladder: what a tiered programme pays, to the cent.

`Ladder.pay` is exact: decimals, each part rounded half up to the coin of the currency, so that the parts
add up to the total. `Ladders.coins` is the same rule for n ladders and s purchases each, in whole coins
(int64), and equals it to the coin.

    marginal      each rate on what lies between its threshold and the next
    retroactive   the rate of the highest tier reached, on everything
    awards        paid whole when the measure reaches the threshold: a sum, a rate of purchases, or both
    cap           the most that the programme pays in all: ladder and awards

A threshold is reached at its very amount. Purchases below zero (more returned than bought) earn nothing.
Rates have six decimals at most (a hundredth of a basis point); amounts are coins below 9e12.
Errors: BadLadder, with every fault at once.
Oracle: tests/oracles/rebates.py pays coin by coin.

>>> ladder = Ladder.of([(1, "1000", "0.02"), (2, "2000", "0.05")], rule="marginal", currency="CNY")
>>> ladder.pay(Decimal("2500")).total
Decimal('45.00')
>>> Ladders.of([ladder]).coins(np.array([[250_000, 99_999]]))
array([[4500,    0]])
>>> Ladder.of([(1, "2000", "0.05"), (2, "1000", "1.5")], rule="staircase", currency="CNY")
Traceback (most recent call last):
    ...
models.rebate.ladder.BadLadder: A ladder cannot be paid: rule 'staircase', expected one of ...
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from features.errors import ChannelError, hint
from features.money import cents
from features.tables.rebate_awards import MEASURES

Coins = NDArray[np.int64]
Number = Decimal | int | float | str
RULES = ("marginal", "retroactive")
_RATE_STEP = Decimal("0.000001")
_RATE_ONE = 1_000_000
_MOST_COINS = 9_000_000_000_000
_NEVER = np.int64(2**62)


class BadLadder(ChannelError):
    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        super().__init__(f"A ladder cannot be paid: {'; '.join(faults)}.")


@dataclass(frozen=True, kw_only=True)
class Tier:
    """From a threshold on, a rate."""

    tier_no: int
    threshold_amount: Decimal
    rebate_rate: Decimal


@dataclass(frozen=True, kw_only=True)
class Award:
    """Paid when a measure reaches a threshold."""

    award_id: str
    measure: str
    threshold: Decimal
    award_amount: Decimal = Decimal(0)
    award_rate: Decimal = Decimal(0)  # of purchases


@dataclass(frozen=True, kw_only=True)
class Paid:
    """What a programme pays: the parts less what the cap cut off are the total."""

    tier_no: int  # reached; 0 for none
    ladder: Decimal
    awards: Mapping[str, Decimal]
    cut: Decimal
    total: Decimal


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Tiers of one rule and currency, and awards beside them."""

    tiers: tuple[Tier, ...]
    rule: str
    currency: str
    cap_amount: Decimal | None = None
    awards: tuple[Award, ...] = ()

    @classmethod
    def of(
        cls,
        tiers: Iterable[tuple[int, Number, Number]],
        *,
        rule: str,
        currency: str | Sequence[str],
        cap_amount: Number | None = None,
        awards: Iterable[Mapping[str, object]] = (),
    ) -> Self:
        """From (number, threshold, rate) in order, and awards as rows of `rebate_awards`."""
        rows, given = list(tiers), list(awards)
        kinds = [currency] if isinstance(currency, str) else list(dict.fromkeys(currency))
        faults = _money_faults(kinds, given) + _rule_faults(rule) + _tier_faults(rows)
        faults += _award_faults(given) + _amount_faults("cap", cap_amount)
        if faults:
            raise BadLadder(faults)
        coin = kinds[0]
        return cls(
            tiers=tuple(
                Tier(tier_no=no, threshold_amount=cents(_exact(at), coin), rebate_rate=_rate(rate))
                for no, at, rate in rows
            ),
            rule=rule,
            currency=coin,
            cap_amount=None if cap_amount is None else cents(_exact(cap_amount), coin),
            awards=tuple(_award(one, coin) for one in given),
        )

    def reached(self, purchases: Decimal) -> int:
        """Position behind the highest tier reached: 0 for none."""
        return sum(purchases >= tier.threshold_amount for tier in self.tiers)

    def pay(self, purchases: Decimal, measures: Mapping[str, float] | None = None) -> Paid:
        """The exact rebate; an award whose measure is not known is not paid."""
        net = max(cents(purchases, self.currency), Decimal(0))
        place = self.reached(net)
        ladder = cents(self._of_tiers(net, place), self.currency)
        told = {"sales": float(net), **(measures or {})}
        awards = {
            one.award_id: cents(one.award_amount + one.award_rate * net, self.currency)
            for one in self.awards
            if _met(one, net, told)
        }
        whole = ladder + sum(awards.values(), Decimal(0))
        total = whole if self.cap_amount is None else min(whole, self.cap_amount)
        number = self.tiers[place - 1].tier_no if place else 0
        return Paid(tier_no=number, ladder=ladder, awards=awards, cut=whole - total, total=total)

    def _of_tiers(self, net: Decimal, place: int) -> Decimal:
        if self.rule == "retroactive":
            return net * self.tiers[place - 1].rebate_rate if place else Decimal(0)
        tops = [tier.threshold_amount for tier in self.tiers[1:place]] + [net]
        parts = zip(self.tiers[:place], tops, strict=False)
        return sum((tier.rebate_rate * (top - tier.threshold_amount) for tier, top in parts), Decimal(0))


@dataclass(frozen=True, kw_only=True)
class Ladders:
    """n ladders side by side, in whole coins; tiers that a ladder has not got are never reached."""

    thresholds: Coins  # [n, k]
    rates: Coins  # [n, k] millionths
    retroactive: NDArray[np.bool_]  # [n]
    caps: Coins  # [n]
    coins_per_unit: Coins  # [n]
    ladders: tuple[Ladder, ...]

    @classmethod
    def of(cls, ladders: Sequence[Ladder]) -> Self:
        """The same ladders, as arrays."""
        depth = max((len(one.tiers) for one in ladders), default=1)
        units = np.array([10 ** _digits(one.currency) for one in ladders], dtype=np.int64)
        thresholds = np.full((len(ladders), depth), _NEVER)
        rates = np.zeros((len(ladders), depth), dtype=np.int64)
        for row, one in enumerate(ladders):
            for column, tier in enumerate(one.tiers):
                thresholds[row, column] = int(tier.threshold_amount * int(units[row]))
                rates[row, column] = int(tier.rebate_rate * _RATE_ONE)
        caps = [
            _NEVER if one.cap_amount is None else int(one.cap_amount * int(unit))
            for one, unit in zip(ladders, units, strict=True)
        ]
        return cls(
            thresholds=thresholds,
            rates=rates,
            retroactive=np.array([one.rule == "retroactive" for one in ladders], dtype=bool),
            caps=np.array(caps, dtype=np.int64),
            coins_per_unit=units,
            ladders=tuple(ladders),
        )

    def to_coins(self, amounts: NDArray[np.float64]) -> Coins:
        """Amounts [n, s] in whole coins, half up."""
        scaled = np.asarray(amounts, dtype=float) * self.coins_per_unit[:, None]
        return np.asarray(np.floor(np.clip(scaled, 0, _MOST_COINS) + 0.5), dtype=np.int64)

    def coins(self, purchases: Coins, awards: Coins | None = None) -> Coins:
        """What each ladder pays for its purchases [n, s]; `awards` [n, s] are added before the cap."""
        net = np.clip(purchases, 0, _MOST_COINS)
        paid = self._of_tiers(net) + (0 if awards is None else awards)
        return np.asarray(np.minimum(paid, self.caps[:, None]), dtype=np.int64)

    def places(self, purchases: Coins) -> NDArray[np.intp]:
        """Tiers reached, [n, s]."""
        reached = (purchases[:, None, :] >= self.thresholds[:, :, None]).sum(axis=1)
        return np.asarray(reached, dtype=np.intp)

    def _of_tiers(self, net: Coins) -> Coins:
        millionths = np.zeros(net.shape, dtype=np.int64)
        depth = self.thresholds.shape[1]
        for k in range(depth):
            at, rate = self.thresholds[:, k, None], self.rates[:, k, None]
            top = self.thresholds[:, k + 1, None] if k + 1 < depth else _NEVER
            step = np.maximum(np.minimum(net, top) - at, 0) * rate
            whole = np.where(net >= at, net * rate, millionths)
            millionths = np.where(self.retroactive[:, None], whole, millionths + step)
        return np.asarray((millionths + _RATE_ONE // 2) // _RATE_ONE, dtype=np.int64)


def _met(award: Award, net: Decimal, told: Mapping[str, float]) -> bool:
    if award.measure == "sales":
        return net >= award.threshold
    return told.get(award.measure, float("nan")) >= float(award.threshold)


def _digits(currency: str) -> int:
    return -int(cents(Decimal(0), currency).as_tuple().exponent)


def _exact(value: object) -> Decimal:
    """A number as it prints; not a number when it is none."""
    try:
        return value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")


def _rate(value: object) -> Decimal:
    return _exact(value).quantize(_RATE_STEP, ROUND_HALF_UP)


def _award(row: Mapping[str, object], currency: str) -> Award:
    amount, rate = (_given(row.get(name)) for name in ("award_amount", "award_rate"))
    return Award(
        award_id=str(row["award_id"]),
        measure=str(row["measure"]),
        threshold=_exact(row["threshold"]),
        award_amount=cents(amount or Decimal(0), currency),
        award_rate=_rate(rate or 0),
    )


def _given(value: object) -> Decimal | None:
    """A number, or nothing where a table has none."""
    if value is None:
        return None
    exact = _exact(value)
    return None if exact.is_nan() else exact


def _money_faults(currencies: Sequence[str], awards: Sequence[Mapping[str, object]]) -> list[str]:
    names = dict.fromkeys([*currencies, *(str(a["currency"]) for a in awards if a.get("currency"))])
    return [f"currencies {', '.join(names)}, which are not added"] if len(names) > 1 else []


def _rule_faults(rule: str) -> list[str]:
    known = ", ".join(RULES)
    return [] if rule in RULES else [f"rule {rule!r}, expected one of {known}{hint(rule, RULES)}"]


def _tier_faults(rows: Sequence[tuple[int, Number, Number]]) -> list[str]:
    if not rows:
        return ["no tier"]
    faults = [f for no, at, _ in rows for f in _amount_faults(f"tier {no}: threshold", at)]
    faults += [f for no, _, rate in rows for f in _rate_faults(f"tier {no}", rate)]
    for (before, low, _), (no, high, _) in pairwise(rows):
        if not float(_exact(high)) > float(_exact(low)):
            faults.append(f"tier {no}: threshold not above that of tier {before}")
    if len({no for no, _, _ in rows}) < len(rows):
        faults.append("a tier number twice")
    return faults


def _award_faults(awards: Sequence[Mapping[str, object]]) -> list[str]:
    faults: list[str] = []
    for row in awards:
        name, measure = f"award {row['award_id']}", str(row["measure"])
        amount, rate = _given(row.get("award_amount")), _given(row.get("award_rate"))
        if measure not in MEASURES:
            faults.append(f"{name}: measure {measure!r}, expected one of {', '.join(MEASURES)}")
        faults += _amount_faults(f"{name}: threshold", row["threshold"])
        faults += [] if amount is None else _amount_faults(f"{name}: amount", amount)
        faults += [] if rate is None else _rate_faults(name, rate)
        faults += [f"{name}: neither an amount nor a rate"] if amount is None and rate is None else []
    if len({row["award_id"] for row in awards}) < len(awards):
        faults.append("an award twice")
    return faults


def _amount_faults(name: str, value: object) -> list[str]:
    if value is None:
        return []
    exact = _exact(value)
    if not exact.is_finite():
        return [f"{name} not a finite number"]
    return [f"{name} {value} below zero"] if exact < 0 else []


def _rate_faults(name: str, value: object) -> list[str]:
    exact = _exact(value)
    fine = exact.is_finite() and 0 <= exact <= 1
    return [] if fine else [f"{name}: rate {value} outside 0 to 1"]
