"""Payments: how a dealer pays, from what was known at a moment.

In:   tables invoices, payments (dealers, fx_rates), as canonical tables; pairs of dealer and moment.
Out:  `Ledger.features(dealers, moments)`: one row a pair, columns `COLUMNS`; amounts in one currency.

Every fact enters at the moment when it was known and at no other: an invoice when it reached us, a
payment when it reached us, that an invoice was late once it was paid late or had stood unpaid for
`grace_days` after its due date, whichever came first. A query counts the facts up to its moment; so a
later row cannot move it. Late rates are shrunk towards the portfolio's rate at that moment with the
weight of `prior` invoices.

What is odd, and what is done: credit notes (negative invoices) lower what is open and are no punctuality;
a prepayment counts from the moment of its invoice; what was paid beyond an invoice, and payments of
an invoice that is not on record, are counted apart (`notes`) and lower nothing; a payment back
(negative) opens its invoice again. Currencies are never added: each amount is converted at the last rate
known when it was booked (a payment in its invoice's currency: when the invoice was), or MissingRate names
the pair.

Errors: MissingRate. Limits: a corrected invoice counts from its correction on.

>>> from features.tables import coerce
>>> invoices = coerce("invoices", pd.DataFrame({"invoice_id": ["I1", "I2"], "dealer_id": "D1",
...     "amount": [100.0, 50.0], "currency": "CNY", "issued_at": ["2024-01-01", "2024-02-01"],
...     "due_at": ["2024-01-31", "2024-03-01"],
...     "known_at": ["2024-01-01", "2024-02-01"]}))
>>> payments = coerce("payments", pd.DataFrame({"payment_id": ["P1"], "invoice_id": ["I1"],
...     "dealer_id": ["D1"], "paid_at": ["2024-02-10"], "amount": [100.0], "currency": ["CNY"],
...     "known_at": ["2024-02-11"]}))
>>> ledger = Ledger.of({"invoices": invoices, "payments": payments})
>>> seen = ledger.features(["D1", "D1"], pd.to_datetime(["2024-02-10", "2024-02-12"]))
>>> seen[["open_amount", "overdue_amount", "last_late_days"]].to_numpy().tolist()
[[150.0, 100.0, nan], [50.0, 0.0, 10.0]]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.exposure import converted
from features.running import Events, seconds_of

Array = NDArray[np.float64]
Tables = Mapping[str, pd.DataFrame]
WINDOWS_DAYS = (90, 180, 365)
RECENT = (1, 3, 6)  # invoices
HALF_LIFE_DAYS = 120
AGES_DAYS = (0, 15, 30, 60, 90)
DEFAULT_DAYS = (*AGES_DAYS, 120, 150, 180)  # where a trade may say that default begins
_PAID_RATE = 0.99  # of an invoice: the rest is bank fees and rounding
_DAY = 86_400

COLUMNS: tuple[str, ...] = (
    *("invoices", "months_known", "days_since_invoice", "usual_amount_log", "terms_days"),
    *("portfolio_late_rate", "late_rate", *(f"late_rate_{d}d" for d in WINDOWS_DAYS)),
    *(f"late_rate_last{k}" for k in RECENT),
    *(
        "late_days",
        "late_days_spread",
        "last_late_days",
        "late_days_last3",
        "late_days_last6",
        "late_days_180d",
    ),
    *("late_days_trend", "bought_90d", "bought_365d", "bought_trend", "paid_90d"),
    *("open_amount", "open_invoices", "overdue_amount", "overdue_invoices", "overdue_share"),
    *(f"overdue_{d}d_amount" for d in AGES_DAYS[1:]),
    "cover_months",
    *("portfolio_late_rate_90d", "late_rate_faded", "late_days_faded", "late_days_score"),
)


@dataclass(frozen=True)
class Ledger:
    """Invoices and payments of all dealers, and their events."""

    invoices: pd.DataFrame  # one row an invoice: see `settled`
    currency: str
    notes: dict[str, int]  # odd rows, counted
    grace_days: int
    prior: float
    origin: int  # second from which faded weights grow
    dealer_ids: pd.Index = field(repr=False)
    events: dict[str, Events] = field(repr=False)

    @classmethod
    def of(
        cls, tables: Tables, *, currency: str | None = None, grace_days: int = 0, prior: float = 6.0
    ) -> Self:
        """The ledger of tables as they are known (features.known first, when they hold more)."""
        invoices, payments = _table(tables, "invoices"), _table(tables, "payments")
        one = currency or _commonest(invoices)
        booked = _later(invoices["issued_at"], invoices["known_at"])
        moments = _paid_moments(invoices.assign(booked=booked), payments)
        invoices = _converted(invoices, one, tables, booked)
        payments = _converted(payments, one, tables, moments)
        bills, applied, notes = settled(invoices, payments, grace_days=grace_days)
        dealer_ids = pd.Index(sorted(set(bills["dealer_id"])))
        begins = bills["known_at"].min()
        origin = int(begins.timestamp()) if len(bills) else 0
        events = _events(bills, applied, dealer_ids, origin)
        return cls(bills, one, notes, grace_days, prior, origin, dealer_ids, events)

    def features(self, dealers: Sequence[str], moments: "pd.DatetimeIndex | pd.Series[Any]") -> pd.DataFrame:
        """What was known of each dealer at each moment, [q, COLUMNS]."""
        code = self.dealer_ids.get_indexer(pd.Index(dealers)).astype(np.int64)
        dealer = np.where(code < 0, len(self.dealer_ids), code)  # the last dealer has no events
        seconds = seconds_of(pd.Series(moments), up=False)
        out = self._punctuality(dealer, seconds) | self._money(dealer, seconds)
        return pd.DataFrame(out)[list(COLUMNS)]

    def overdue(self, dealers: Sequence[str], moments: Any, *, days: int = 90) -> Array:
        """Amount more than so many days overdue (one of AGES_DAYS), [q]."""
        seen = self.features(dealers, moments)
        return seen["overdue_amount" if days == 0 else f"overdue_{days}d_amount"].to_numpy(float)

    def defaults(
        self, moment: pd.Timestamp, *, days: int = 90, material_rate: float = 0.05
    ) -> "pd.Series[Any]":
        """When each dealer first went into default, up to the moment; NaT: never. By dealer_id.

        Default: more than `material_rate` of its usual invoice has been unpaid for more than so many days
        (the next lower of DEFAULT_DAYS).
        """
        age = max(d for d in DEFAULT_DAYS if d <= days)
        late = self.events[f"overdue_{age}d"]
        usual = self.invoices[self.invoices["amount"] > 0].groupby("dealer_id")["amount"].mean()
        least = material_rate * usual.reindex(self.dealer_ids).to_numpy(float)
        found = np.full(len(self.dealer_ids), np.iinfo(np.int64).min)
        for i in range(len(found)):
            begins, ends = late.starts[i], late.starts[i + 1]
            above = np.flatnonzero(
                late.ends_of_seconds(begins, ends) & (late.sums[begins + 1 : ends + 1, 0] > least[i] + 0.005)
            )
            if len(above):
                found[i] = late.second(begins + above[0])
        when = pd.Series(pd.to_datetime(found, unit="s"), index=self.dealer_ids)
        return when.where(when <= moment)

    def _punctuality(self, dealer: NDArray[np.int64], seconds: NDArray[np.int64]) -> dict[str, Any]:
        known, paid, all_ = self.events["outcomes"], self.events["settled"], self.events["portfolio"]
        nobody = np.zeros(len(dealer), np.int64)
        everything = all_.upto(nobody, seconds)
        rate = (everything[:, 1] + 0.2 * self.prior) / (everything[:, 0] + self.prior)
        out: dict[str, Any] = {"portfolio_late_rate": rate}

        def shrunk(counts: Array, prior: float) -> Array:
            return np.asarray((counts[:, 1] + prior * rate) / (counts[:, 0] + prior))

        out["late_rate"] = shrunk(known.upto(dealer, seconds), self.prior)
        for days in WINDOWS_DAYS:
            out[f"late_rate_{days}d"] = shrunk(known.within(dealer, seconds, days), self.prior)
        for k in RECENT:
            out[f"late_rate_last{k}"] = shrunk(known.latest(dealer, seconds, k), 1.0)
        n, total, squares = paid.upto(dealer, seconds).T
        mean = _over(total, n)
        out |= {"late_days": mean, "late_days_spread": np.sqrt(np.maximum(_over(squares, n) - mean**2, 0))}
        for name, part in (("last_late_days", 1), ("late_days_last3", 3), ("late_days_last6", 6)):
            counted = paid.latest(dealer, seconds, part)
            out[name] = _over(counted[:, 1], counted[:, 0])
        recent = paid.within(dealer, seconds, 180)
        out["late_days_180d"] = _over(recent[:, 1], recent[:, 0])
        out["late_days_trend"] = out["late_days_last3"] - mean
        return out | self._faded(dealer, seconds, everything)

    def _faded(
        self, dealer: NDArray[np.int64], seconds: NDArray[np.int64], everything: Array
    ) -> dict[str, Any]:
        """Records in which an invoice counts half after every half-life, shrunk to the portfolio's."""
        nobody = np.zeros(len(dealer), np.int64)
        recent = self.events["portfolio"].within(nobody, seconds, 90)
        rate = (everything[:, 1] + 0.2 * self.prior) / (everything[:, 0] + self.prior)
        rate_90d = (recent[:, 1] + 30 * rate) / (recent[:, 0] + 30)
        fade = 0.5 ** ((seconds - self.origin) / _DAY / HALF_LIFE_DAYS)
        outcomes = self.events["outcomes_faded"].upto(dealer, seconds) * fade[:, None]
        days = self.events["settled_faded"].upto(dealer, seconds) * fade[:, None]
        of_all = self.events["all_settled_faded"].upto(nobody, seconds) * fade[:, None]
        usual, spread = _moments(of_all, np.zeros(len(fade)), np.full(len(fade), 100.0), 1.0)
        own, own_spread = _moments(days, usual, spread**2, 1.5)
        return {
            "portfolio_late_rate_90d": rate_90d,
            "late_rate_faded": (outcomes[:, 1] + 1.5 * rate) / (outcomes[:, 0] + 1.5),
            "late_days_faded": own,
            "late_days_score": own / own_spread,
        }

    def _money(self, dealer: NDArray[np.int64], seconds: NDArray[np.int64]) -> dict[str, Any]:
        issued = self.events["issued"]
        n, _, logs, terms = issued.upto(dealer, seconds).T
        quarter, year = (issued.within(dealer, seconds, days)[:, 1] for days in (90, 365))
        balance = _cents(self.events["open"].upto(dealer, seconds))
        late = {d: _cents(self.events[f"overdue_{d}d"].upto(dealer, seconds)) for d in AGES_DAYS}
        monthly = np.maximum(year, 0) / 12
        return {
            "invoices": n,
            "months_known": np.where(n > 0, (seconds - issued.first(dealer)) / _DAY / 30.44, np.nan),
            "days_since_invoice": np.where(n > 0, (seconds - issued.last(dealer, seconds)) / _DAY, np.nan),
            "usual_amount_log": _over(logs, n),
            "terms_days": _over(terms, n),
            "bought_90d": quarter,
            "bought_365d": year,
            "bought_trend": np.where(year > 0, 4 * quarter / np.where(year > 0, year, 1), np.nan),
            "paid_90d": self.events["paid"].within(dealer, seconds, 90)[:, 0],
            "open_amount": np.maximum(balance[:, 0], 0),
            "open_invoices": np.maximum(balance[:, 1], 0),
            "overdue_amount": np.maximum(late[0][:, 0], 0),
            "overdue_invoices": np.maximum(late[0][:, 1], 0),
            "overdue_share": np.clip(_over(late[0][:, 0], balance[:, 0], absent=0.0), 0, 1),
            "cover_months": np.where(monthly > 0, balance[:, 0] / np.where(monthly > 0, monthly, 1), np.nan),
        } | {f"overdue_{d}d_amount": np.maximum(late[d][:, 0], 0) for d in AGES_DAYS[1:]}


def settled(
    invoices: pd.DataFrame, payments: pd.DataFrame, *, grace_days: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Each invoice with its outcome, the payments as applied to it, and what was odd.

    Invoices get `paid_amount`, `settled_at` and `settled_known_at` (NaT while it is open), `late_days` and
    `late` (settled later than due + grace, or not at all), `overdue_from` (the first day after due + grace)
    and `outcome_known_at`: settled or overdue, whichever was known first.
    Payments get `applied`, the part that lowers the invoice.
    """
    bills = invoices.set_index("invoice_id")
    known = payments["invoice_id"].isin(bills.index)
    paid = payments[known].sort_values(["known_at", "payment_id"], kind="stable").copy()
    due = _of(bills["amount"], paid).astype(float)
    room = np.maximum(due, 0)
    running = paid.groupby("invoice_id")["amount"].cumsum()
    before = running - paid["amount"]
    paid["applied"] = np.clip(running, 0, room) - np.clip(before, 0, room)
    full = paid[(running >= _PAID_RATE * room) & (room > 0)].drop_duplicates("invoice_id")
    full_rows = full.index
    full = full.set_index("invoice_id")
    out = bills.assign(
        paid_amount=paid.groupby("invoice_id")["applied"].sum().reindex(bills.index).fillna(0.0),
        settled_at=full["paid_at"].reindex(bills.index),
        settled_known_at=full["known_at"].reindex(bills.index),
    ).reset_index()
    out["settled_known_at"] = _later(out["settled_known_at"], out["known_at"]).where(
        out["settled_at"].notna()
    )
    limit = out["due_at"] + pd.Timedelta(days=grace_days)
    out["late_days"] = (out["settled_at"].dt.normalize() - out["due_at"].dt.normalize()).dt.days
    in_time = out["settled_at"].dt.normalize() <= limit.dt.normalize()
    out["late"] = ~in_time
    overdue_from = _later(limit.dt.normalize() + pd.Timedelta(days=1), out["known_at"])
    out["overdue_from"] = overdue_from
    out["outcome_known_at"] = _earlier(out["settled_known_at"], out["overdue_from"])
    notes = {
        "credit_notes": int((out["amount"] < 0).sum()),
        "payments_of_unknown_invoices": int((~known).sum()),
        "prepayments": int((paid["paid_at"] < _of(bills["issued_at"], paid)).sum()),
        "overpaid_invoices": int(
            out["invoice_id"].isin(paid.loc[running > due * 1.0001 + 0.01, "invoice_id"]).sum()
        ),
    }
    paid["closes"] = paid.index.isin(full_rows)
    paid["owner"] = _of(bills["dealer_id"], paid)
    paid["booked_at"] = _later(paid["known_at"], _of(bills["known_at"], paid))
    return out, paid, notes


def _paid_moments(invoices: pd.DataFrame, payments: pd.DataFrame) -> "pd.Series[Any]":
    """When each payment is valued: with its invoice, when it is in the invoice's currency.

    So what was invoiced and paid in full is paid in full, whatever the rate did in between.
    """
    own = invoices.set_index("invoice_id")
    same = _of(own["currency"], payments) == payments["currency"]
    own_moment = _of(own["booked"], payments)
    return own_moment.where(same, _later(payments["paid_at"], payments["known_at"]))


def _converted(frame: pd.DataFrame, currency: str, tables: Tables, moments: "pd.Series[Any]") -> pd.DataFrame:
    if not (frame["currency"] != currency).any():
        return frame
    rates = tables.get(
        "fx_rates", pd.DataFrame(columns=["base_currency", "quote_currency", "rate", "known_at"])
    )
    amounts = converted(
        frame["amount"].to_numpy(float), list(frame["currency"]), moments, rates, currency=currency
    )
    return frame.assign(amount=amounts, currency=currency)


def _commonest(invoices: pd.DataFrame) -> str:
    counts = invoices["currency"].value_counts()
    return str(counts.index[0]) if len(counts) else "CNY"


def _table(tables: Tables, name: str) -> pd.DataFrame:
    from features.tables import SCHEMAS, coerce

    if name in tables:
        return tables[name]
    return coerce(name, pd.DataFrame(columns=list(SCHEMAS[name].required)))


def _events(bills: pd.DataFrame, paid: pd.DataFrame, dealer_ids: pd.Index, origin: int) -> dict[str, Events]:
    """What is added up; `_punctuality` and `_money` read the numbers in this order."""
    count = len(dealer_ids) + 1
    bought = bills[bills["amount"] > 0]
    own, done = _codes(bought["dealer_id"], dealer_ids), bought["settled_known_at"].notna().to_numpy()
    size = bought["amount"].to_numpy(float)
    terms, days = (bought["due_at"] - bought["issued_at"]).dt.days, bought["late_days"].to_numpy(float)
    weight = _growing(bought["settled_known_at"][done], origin)
    faded = [weight, weight * days[done], weight * days[done] ** 2]
    paid = paid.assign(code=_codes(paid["owner"], dealer_ids))
    return {
        "issued": Events.of(own, bought["known_at"], [1.0, size, np.log(size), terms], count),
        "outcomes": _outcomes(bought, own, count),
        "portfolio": _outcomes(bought, np.zeros_like(own), 1),
        "settled": Events.of(
            own[done], bought["settled_known_at"][done], [1.0, days[done], days[done] ** 2], count
        ),
        "outcomes_faded": _outcomes(bought, own, count, origin=origin),
        "settled_faded": Events.of(own[done], bought["settled_known_at"][done], faded, count),
        "all_settled_faded": Events.of(np.zeros_like(own[done]), bought["settled_known_at"][done], faded, 1),
        "paid": Events.of(paid["code"].to_numpy(), paid["booked_at"], [paid["applied"]], count),
        "open": _balance(bills, paid, bills["known_at"], paid["booked_at"], dealer_ids),
    } | {f"overdue_{days}d": _overdue(bought, paid, days, dealer_ids) for days in DEFAULT_DAYS}


def _outcomes(
    bought: pd.DataFrame, dealer: NDArray[np.int64], dealers: int, *, origin: int | None = None
) -> Events:
    """Outcomes and late ones. What was paid in time but reached us later looked late in between."""
    in_view = (bought["settled_known_at"] <= bought["overdue_from"]).to_numpy()
    looked_late = bought["late"].to_numpy() | ~in_view
    mended = looked_late & ~bought["late"].to_numpy()
    who = np.concatenate([dealer, dealer[mended]])
    when = pd.concat([bought["outcome_known_at"], bought["settled_known_at"][mended]], ignore_index=True)
    seen = np.concatenate([np.ones(len(dealer)), np.zeros(mended.sum())])
    late = np.concatenate([looked_late.astype(float), -np.ones(mended.sum())])
    weight = np.ones(len(late)) if origin is None else _growing(when, origin)
    if origin is not None:  # a mended outcome goes as heavily as it came
        came = _growing(bought["outcome_known_at"][mended], origin)
        weight[len(dealer) :] = came
    return Events.of(who, when, [weight * seen, weight * late], dealers)


def _growing(moments: "pd.Series[Any]", origin: int) -> Array:
    """Weights that double with every half-life since the origin, [e]."""
    return np.asarray(2.0 ** ((seconds_of(moments, up=True) - origin) / _DAY / HALF_LIFE_DAYS))


def _moments(sums: Array, mean: Array, variance: Array, prior: float) -> tuple[Array, Array]:
    """Mean and spread of weighted values (weight, sum, sum of squares), shrunk to a mean and a variance."""
    weight, total, squares = sums.T
    own = (total + prior * mean) / (weight + prior)
    within = np.maximum(squares - 2 * own * total + weight * own**2, 0)
    return own, np.sqrt((within + 3 * variance) / (weight + 3))


def _overdue(bought: pd.DataFrame, paid: pd.DataFrame, days: int, dealer_ids: pd.Index) -> Events:
    """What is more than so many days past its due date."""
    passed = bought["due_at"].dt.normalize() + pd.Timedelta(days=days + 1)
    entered = _later(passed, bought["known_at"])
    since = _of(entered.set_axis(bought["invoice_id"]), paid)
    left = _later(since, paid["booked_at"])
    return _balance(bought, paid, entered, left, dealer_ids)


def _balance(
    bills: pd.DataFrame,
    paid: pd.DataFrame,
    entered: "pd.Series[Any]",
    left: "pd.Series[Any]",
    dealer_ids: pd.Index,
) -> Events:
    """Amount and number of invoices: in when they enter, out as they are paid."""
    dealer = np.concatenate([_codes(bills["dealer_id"], dealer_ids), paid["code"].to_numpy()])
    amount = np.concatenate([bills["amount"].to_numpy(float), -paid["applied"].to_numpy(float)])
    number = np.concatenate([(bills["amount"] > 0).to_numpy(float), -paid["closes"].to_numpy(float)])
    return Events.of(
        dealer, pd.concat([entered, left], ignore_index=True), [amount, number], len(dealer_ids) + 1
    )


def _codes(dealers: "pd.Series[Any]", dealer_ids: pd.Index) -> NDArray[np.int64]:
    return dealer_ids.get_indexer(pd.Index(dealers)).astype(np.int64)


def _over(total: Array, n: Array, *, absent: float = np.nan) -> Array:
    return np.asarray(np.where(n > 0, total / np.where(n > 0, n, 1), absent))


def _cents(balance: Array) -> Array:
    """Sums of many payments end a hair beside zero."""
    return np.asarray(np.round(balance, 2))


def _of(values: "pd.Series[Any]", paid: pd.DataFrame) -> "pd.Series[Any]":
    """What the invoice of each payment has."""
    return values.reindex(paid["invoice_id"]).set_axis(paid.index)


def _later(one: "pd.Series[Any]", other: "pd.Series[Any]") -> "pd.Series[Any]":
    """The later of two moments; the known one when one is missing."""
    return pd.Series(np.fmax(_micros(one), _micros(other)), index=one.index)


def _earlier(one: "pd.Series[Any]", other: "pd.Series[Any]") -> "pd.Series[Any]":
    return pd.Series(np.fmin(_micros(one), _micros(other)), index=one.index)


def _micros(moments: "pd.Series[Any]") -> NDArray[np.datetime64]:
    return pd.to_datetime(moments).to_numpy(dtype="datetime64[us]")
