"""Orders: may this order go through, before it is confirmed?

`Book.of(scene)` keeps, for each dealer and product, the few numbers that a look at one order needs;
`Orders().fit(book)` learns from past sell-in what usual lines look like; `screen` then answers in well
under a millisecond a line. An order is as suspicious as its worst line and its worst rule:

learned        `Tails` of size against the usual, against the pace of sales, of price against agreed,
               months since the last purchase
rules          much larger than usual, covers far more than the bound, product never bought, price under
               what was agreed, shipped to another territory, beyond the credit headroom, ordered twice,
               large at a quarter's end, no whole cases, a licence that the trade asks for does not stand

Decision: hold from `hold_score`, review from `review_score`, else approve (models.anomaly.rules); without a
licence that the line's category asks for on the day of the order, hold whatever the score. The
probability is the score after calibration on past lines and faults put into copies of them.

Errors: OrderFault, with the field: unknown dealer or product, another currency than on record, a
quantity or price that is not above zero.
Limits: the book is as old as the snapshot; orders since then are known only as `recent` of the call.

>>> from models.anomaly.scene import Scene
>>> book = Book.of(Scene.of({}, pd.Timestamp("2025-01-01")))
>>> Orders().fit(book).screen(Order("D1", ()), book)
Traceback (most recent call last):
    ...
models.anomaly.orders.OrderFault: dealer_id: not a dealer on record.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.licences import Papers
from features.stocking import pace, quarter_ends
from models.anomaly.dues import open_invoices
from models.anomaly.rules import Rules
from models.anomaly.scene import Scene
from models.anomaly.tails import Tails
from models.calibration import Calibrator
from models.errors import ModelError

Array = NDArray[np.float64]
Reason = dict[str, Any]

_USUAL_ORDERS = 12
_LARGE_RATIO, _SMALL_RATIO, _RECORD_RATIO = 3.0, 0.1, 1.3
_COVER_BOUNDS = 2.0  # times the industry's upper bound
_QUARTER_END_DAYS, _QUARTER_RATIO = 15, 1.5
_PRICE_TOLERANCE_RATE = 0.02
_FAULT_RATE = 0.05
_LEARNED_FROM, _LEARNED_WEIGHT = 0.97, 0.7
_UPPER = (1, 3, 4)  # cover, silence and more than ever are faults on the upper side only
_WEIGHTS = {
    "SIZE": 0.6,
    "COVER": 0.5,
    "NEW_PRODUCT": 0.3,
    "PRICE": 0.7,
    "TERRITORY": 0.7,
    "CREDIT": 0.9,
    "DUPLICATE": 0.65,
    "QUARTER_END": 0.4,
    "CASES": 0.15,
    "SMALL": 0.15,
    "LICENCE_MISSING": 0.95,  # the law forbids to supply: always held
    "LICENCE_EXPIRED": 0.95,
    "LICENCE_OUT_OF_SCOPE": 0.95,
    "LICENCE_EXPIRING": 0.0,  # told, and weighs nothing
    "LICENCE_UNKNOWN": 0.0,
}
_PAPERS = {
    "missing": "none is in force on record",
    "expired": "it has expired",
    "out_of_scope": "it does not name what is ordered",
    "expiring": "it expires soon",
}
_FORBIDDEN = frozenset(("LICENCE_MISSING", "LICENCE_EXPIRED", "LICENCE_OUT_OF_SCOPE"))


class OrderFault(ModelError):
    """An order that cannot be judged; `field` is the path of what is wrong."""

    def __init__(self, path: str, detail: str, *, known: bool = True) -> None:
        self.field, self.known = path, known
        super().__init__(f"{path}: {detail}")


@dataclass(frozen=True)
class Line:
    """One product of an order; a price is per unit."""

    sku_id: str
    qty: float
    unit_price: float | None = None


@dataclass(frozen=True)
class Order:
    """What a dealer wants to buy; `recent` are earlier orders that the book cannot know yet."""

    dealer_id: str
    lines: tuple[Line, ...]
    currency: str | None = None
    territory_id: str | None = None  # where it is shipped to
    ordered_at: pd.Timestamp | None = None
    headroom_amount: float | None = None
    recent: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What to do with an order, and why."""

    decision: str  # approve, review, hold
    score: float  # 0 to 100, higher is more suspect
    probability: float
    reasons: list[Reason]
    amount: float | None
    currency: str


@dataclass(frozen=True)
class Pair:
    """What is usual for one dealer and product."""

    usual_units: float  # median of the last orders
    most_units: float  # largest of them
    rate: float  # units sold a day
    stock: float
    silent_months: float
    prices: tuple[tuple[pd.Timestamp, float], ...]  # agreed from a day on; the first holds before it too

    def price(self, moment: pd.Timestamp | None) -> float:
        """What was agreed for that day, for now when none is named; NaN when nothing was."""
        begun = [price for start, price in self.prices if moment is not None and start <= moment]
        return begun[-1] if begun else (self.prices[0][1] if self.prices else np.nan)


@dataclass(frozen=True)
class Book:
    """The compact book of a channel: what one order is held against."""

    pairs: dict[tuple[str, str], Pair]
    homes: dict[str, str]  # dealer -> territory, "" when not known
    cases: dict[str, float]  # product -> units a case, NaN when not known
    sizes: dict[str, float]  # product -> usual order of a median dealer
    headroom: dict[str, float]  # dealer -> what may still be bought on credit
    currency: str
    max_days: float
    as_of: pd.Timestamp
    past: Array = field(repr=False)  # [lines, 5], features of past lines
    categories: dict[str, str] = field(default_factory=dict)  # of products, where known
    papers: Papers = field(default_factory=lambda: Papers((), {}, {}))
    unlicensed: bool = False  # the trade asks for licences, and nobody loaded any

    @classmethod
    def of(cls, scene: Scene) -> Self:
        """The book at the scene's moment."""
        books = scene.ledger
        names = [
            (str(books.dealer_ids[d]), str(books.sku_ids[s]))
            for d, s in zip(books.dealer, books.sku, strict=True)
        ]
        pairs = dict(zip(names, _pairs(scene), strict=True))
        dealers, products = scene.table("dealers"), scene.table("products")
        homes = {str(d): str(t) for d, t in zip(books.dealer_ids, books.territory, strict=True)}
        if len(dealers):
            homes = {str(d): "" for d in dealers["dealer_id"]} | homes
        cases = {str(s): np.nan for s in books.sku_ids}
        if len(products):
            units = products["units_per_case"].astype(float)
            cases |= dict(zip(products["sku_id"].astype(str), units, strict=True))
        return cls(
            pairs=pairs,
            homes=homes,
            cases=cases,
            sizes=_sizes(pairs),
            headroom=_headroom(scene),
            currency=books.currency,
            max_days=float(scene.industry.stock.max_days),
            as_of=scene.as_of,
            past=_past(scene),
            categories=_categories(products),
            papers=Papers.of(scene.tables, scene.industry),
            unlicensed=bool(scene.industry.licences) and scene.table("licences").empty,
        )


@dataclass
class Orders:
    """What usual order lines look like, and how likely an unusual one is wrong."""

    rules: Rules = field(default_factory=Rules)
    seed: int = 0
    tails_: Tails = field(default_factory=lambda: Tails(_UPPER), init=False, repr=False)
    calibrator_: Calibrator | None = field(default=None, init=False)

    def fit(self, book: Book) -> Self:
        """Learn from the book's past lines, and from copies with faults."""
        past = book.past if len(book.past) else np.zeros((1, 5))
        self.tails_ = Tails(_UPPER).fit(past)
        rng = np.random.default_rng(self.seed)
        wrong = _faulty(past, rng)
        scores = np.array([self._line_score(x) for x in (*past, *wrong)])
        y = np.r_[np.zeros(len(past)), np.ones(len(wrong))]
        share = np.where(y == 1, _FAULT_RATE / len(wrong), (1 - _FAULT_RATE) / len(past))
        self.calibrator_ = Calibrator().fit(np.clip(scores, 0.01, 0.99), y, share * len(y))
        return self

    def screen(self, order: Order, known: Book) -> Verdict:
        """Approve, review or hold one order."""
        _check(order, known)
        reasons = sorted([*self._lines(order, known), *_whole(order, known)], key=_by_effect)
        score = 1 - float(np.prod([1 - r["effect"] for r in reasons])) if reasons else 0.0
        amount = _amount(order, known)
        return Verdict(
            decision=self._decision(score, {r["code"] for r in reasons}),
            score=round(100 * score, 1),
            probability=self.probability(score),
            reasons=reasons[:8],
            amount=amount,
            currency=order.currency or known.currency,
        )

    def line_scores(self, features: Array) -> Array:
        """Suspicion of past lines by their features [n, 5], for alerts."""
        return np.array([self._line_score(x) for x in features])

    def _decision(self, score: float, codes: set[str]) -> str:
        if score >= self.rules.hold_score or codes & _FORBIDDEN:
            return "hold"
        return "review" if score >= self.rules.review_score else "approve"

    def probability(self, score: float) -> float:
        """Calibrated probability of an order whose suspicion is so high (0 to 1)."""
        if self.calibrator_ is None:
            return score
        return float(self.calibrator_.predict(np.array([np.clip(score, 0.01, 0.99)]))[0])

    def _lines(self, order: Order, book: Book) -> list[Reason]:
        """The reasons of each line; of one code only the strongest."""
        best: dict[str, Reason] = {}
        for position, line in enumerate(order.lines):
            for reason in self._of_line(order, book, position, line):
                if reason["effect"] > best.get(reason["code"], {"effect": 0.0})["effect"]:
                    best[reason["code"]] = reason
        return list(best.values())

    def _of_line(self, order: Order, book: Book, position: int, line: Line) -> Iterator[Reason]:
        where = f"lines[{position}]"
        x = _features(order, book, line)
        learned = self._learned(x)
        if learned > 0:
            yield _reason("UNUSUAL", f"{where} is unlike past order lines.", learned)
        yield from _line_rules(order, book, line, where)

    def _learned(self, x: Array) -> float:
        share = float(self.tails_.score(x[None])[0])
        return _LEARNED_WEIGHT * max(0.0, (share - _LEARNED_FROM) / (1 - _LEARNED_FROM))

    def _line_score(self, x: Array) -> float:
        """Suspicion of a line by what is learned and by its size, cover and price."""
        parts = [self._learned(x)]
        large = x[0] > np.log(_LARGE_RATIO) and x[4] > np.log(_RECORD_RATIO)
        parts.append(_size_effect(float(np.exp(x[0]))) if large else 0.0)
        parts.append(_WEIGHTS["COVER"] if x[1] > np.log(_COVER_BOUNDS) else 0.0)
        parts.append(_price_effect(1 - float(np.exp(x[2]))) if x[2] < -_PRICE_TOLERANCE_RATE else 0.0)
        return float(1 - np.prod([1 - p for p in parts]))


def _line_rules(order: Order, book: Book, line: Line, where: str) -> Iterator[Reason]:
    pair = book.pairs.get((order.dealer_id, line.sku_id))
    usual = pair.usual_units if pair else np.nan
    if pair is None or np.isnan(usual):
        text = f"{where}: the dealer has not bought this product before."
        yield _reason("NEW_PRODUCT", text, _WEIGHTS["NEW_PRODUCT"])
        usual = book.sizes.get(line.sku_id, np.nan)
    ratio = line.qty / usual if usual > 0 else np.nan
    if ratio > _LARGE_RATIO and not line.qty <= _RECORD_RATIO * (pair.most_units if pair else 0.0):
        text = f"{where}: {line.qty:g} units are {ratio:.1f} times the usual {usual:g}."
        yield _reason("SIZE", text, _size_effect(ratio))
    elif ratio < _SMALL_RATIO:
        yield _reason("SMALL", f"{where}: far less than the usual {usual:g} units.", _WEIGHTS["SMALL"])
    if pair and pair.rate > 0:
        yield from _cover(book, pair, line, where)
    yield from _price(pair, line, where, order.ordered_at)
    yield from _cases(book, line, where)
    if _near_quarter_end(order.ordered_at) and ratio > _QUARTER_RATIO:
        text = f"{where}: {ratio:.1f} times the usual, in the last days of a quarter."
        yield _reason("QUARTER_END", text, _WEIGHTS["QUARTER_END"])
    if any(r.sku_id == line.sku_id and r.qty == line.qty for r in order.recent):
        text = f"{where}: the same product and quantity was ordered before."
        yield _reason("DUPLICATE", text, _WEIGHTS["DUPLICATE"])


def _cover(book: Book, pair: Pair, line: Line, where: str) -> Iterator[Reason]:
    days = (pair.stock + line.qty) / pair.rate
    if days > _COVER_BOUNDS * book.max_days:
        text = f"{where}: stock would last {days:,.0f} days; at most {book.max_days:.0f} are normal."
        yield _reason("COVER", text, _WEIGHTS["COVER"])


def _price(pair: Pair | None, line: Line, where: str, moment: pd.Timestamp | None) -> Iterator[Reason]:
    agreed = pair.price(moment) if pair else np.nan
    if line.unit_price is None or np.isnan(agreed):
        return
    below = 1 - line.unit_price / agreed
    if below > _PRICE_TOLERANCE_RATE:
        text = f"{where}: the price is {below:.0%} under the agreed {agreed:g}."
        yield _reason("PRICE", text, _price_effect(below))


def _cases(book: Book, line: Line, where: str) -> Iterator[Reason]:
    case = book.cases.get(line.sku_id, np.nan)
    if case > 1 and line.qty % case:
        text = f"{where}: {line.qty:g} units are no whole cases of {case:g}."
        yield _reason("CASES", text, _WEIGHTS["CASES"])


def _whole(order: Order, book: Book) -> Iterator[Reason]:
    """Rules that look at the order as a whole."""
    home = book.homes.get(order.dealer_id, "")
    if order.territory_id and home and order.territory_id != home:
        text = "territory_id: shipped to a territory that is not the dealer's."
        yield _reason("TERRITORY", text, _WEIGHTS["TERRITORY"])
    room = book.headroom.get(order.dealer_id) if order.headroom_amount is None else order.headroom_amount
    amount = _amount(order, book)
    if room is not None and amount is not None and amount > room:
        text = f"The order of {amount:,.2f} is beyond the credit headroom of {max(room, 0):,.2f}."
        yield _reason("CREDIT", text, _WEIGHTS["CREDIT"])
    yield from _papers(order, book)


def _papers(order: Order, book: Book) -> Iterator[Reason]:
    """Licences that the dealer's trade asks for and that do not stand."""
    moment, found = order.ordered_at or book.as_of, dict[tuple[str, str], list[int]]()
    named = [book.categories.get(line.sku_id, "") for line in order.lines]
    stands = {c: book.papers.standing(order.dealer_id, [c] if c else [], moment) for c in set(named)}
    for position, category in enumerate(named):
        for kind, status, _ in stands[category]:
            found.setdefault((kind, status), []).append(position)
    for (kind, status), lines in found.items():
        if status != "valid":
            text = f"Licence {kind}: {_PAPERS[status]}{_concerned(lines, len(order.lines))}."
            yield _reason(f"LICENCE_{status.upper()}", text, _WEIGHTS[f"LICENCE_{status.upper()}"])
    if book.unlicensed:
        text = "The trade asks for licences and none is on record for anybody: check by hand."
        yield _reason("LICENCE_UNKNOWN", text, _WEIGHTS["LICENCE_UNKNOWN"])


def _concerned(lines: list[int], of: int) -> str:
    """Which lines need the licence, when not all of them do."""
    if len(lines) == of:
        return ""
    return f", needed for lines[{lines[0]}]" + (f" and {len(lines) - 1} more" if len(lines) > 1 else "")


def _categories(products: pd.DataFrame) -> dict[str, str]:
    told = products.dropna(subset=["category"]) if len(products) else products
    return (
        dict(zip(told["sku_id"].astype(str), told["category"].astype(str), strict=True)) if len(told) else {}
    )


def _amount(order: Order, book: Book) -> float | None:
    """What the order costs; None when a price is not known."""
    total = 0.0
    for line in order.lines:
        pair = book.pairs.get((order.dealer_id, line.sku_id))
        price = (
            line.unit_price
            if line.unit_price is not None
            else (pair.price(order.ordered_at) if pair else np.nan)
        )
        total += line.qty * price
    return None if np.isnan(total) else round(total, 2)


def _check(order: Order, book: Book) -> None:
    if order.dealer_id not in book.homes:
        raise OrderFault("dealer_id", "not a dealer on record.", known=False)
    if not order.lines:
        raise OrderFault("lines", "an order has at least one line.")
    if order.currency and book.currency and order.currency != book.currency:
        raise OrderFault("currency", f"prices on record are in {book.currency}.")
    for position, line in enumerate(order.lines):
        if line.sku_id not in book.cases:
            raise OrderFault(f"lines[{position}].sku_id", "not a product on record.", known=False)
        if not (np.isfinite(line.qty) and line.qty > 0):
            raise OrderFault(f"lines[{position}].qty", "expected a quantity above zero.")
        if line.unit_price is not None and not (np.isfinite(line.unit_price) and line.unit_price > 0):
            raise OrderFault(f"lines[{position}].unit_price", "expected a price above zero.")


def _features(order: Order, book: Book, line: Line) -> Array:
    """Log size against usual, cover against the bound, price against agreed; silence in months; log size
    against the largest."""
    pair = book.pairs.get((order.dealer_id, line.sku_id))
    if pair is None:
        return np.full(5, np.nan)
    days = (pair.stock + line.qty) / pair.rate if pair.rate > 0 else np.nan
    agreed = pair.price(order.ordered_at)
    price = line.unit_price / agreed if line.unit_price and agreed > 0 else 1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log([line.qty / pair.usual_units, days / book.max_days, price, line.qty / pair.most_units])
    return np.array([logs[0], logs[1], logs[2], pair.silent_months, logs[3]])


def _pairs(scene: Scene) -> list[Pair]:
    books = scene.ledger
    if books.n == 0:
        return []
    rate = np.nan_to_num(pace(books.sell_out)[:, -1]) / books.period_days
    stock, agreed = np.nan_to_num(books.stock[:, -1]), _agreed(scene)
    out = []
    for i in range(books.n):
        bought = np.flatnonzero(np.nan_to_num(books.sell_in[i]) > 0)
        last = books.sell_in[i, bought[-_USUAL_ORDERS:]]
        usual, most = (float(np.median(last)), float(last.max())) if len(bought) else (np.nan, np.nan)
        names = (str(books.dealer_ids[books.dealer[i]]), str(books.sku_ids[books.sku[i]]))
        silent = (books.t - 1 - bought[-1]) / scene.per_month if len(bought) else np.nan
        out.append(Pair(usual, most, float(rate[i]), float(stock[i]), float(silent), agreed.get(names, ())))
    return out


def _sizes(pairs: dict[tuple[str, str], Pair]) -> dict[str, float]:
    rows = pd.DataFrame([(sku, p.usual_units) for (_, sku), p in pairs.items()], columns=["sku", "units"])
    return {str(k): float(v) for k, v in rows.groupby("sku")["units"].median().items()}


def _agreed(scene: Scene) -> dict[tuple[str, str], tuple[tuple[pd.Timestamp, float], ...]]:
    """Net prices from the one that holds at the moment on; plans ahead included."""
    prices = scene.table("prices")
    if prices.empty or "net_price" not in prices:
        return {}
    known = prices.dropna(subset=["net_price"]).sort_values("period_start", kind="stable")
    keys = ["dealer_id", "sku_id"]
    now = known[known["period_start"] <= scene.as_of].groupby(keys).tail(1)
    rows = pd.concat([now, known[known["period_start"] > scene.as_of]])
    out: dict[tuple[str, str], tuple[tuple[pd.Timestamp, float], ...]] = {}
    for row in rows[[*keys, "period_start", "net_price"]].to_dict("records"):
        pair = (str(row["dealer_id"]), str(row["sku_id"]))
        out[pair] = (*out.get(pair, ()), (row["period_start"], float(row["net_price"])))
    return out


def _headroom(scene: Scene) -> dict[str, float]:
    """Credit limit less what is open, where the credit room told a limit."""
    credit = scene.others.get("credit")
    if credit is None or credit.empty or not {"dealer_id", "limit_amount"} <= set(credit.columns):
        return {}
    owed = open_invoices(scene)
    open_ = owed.groupby("dealer_id")["open_amount"].sum() if len(owed) else pd.Series(dtype=float)
    limits = credit.dropna(subset=["limit_amount"])
    return {
        str(d): float(limit) - float(open_.get(d, 0.0))
        for d, limit in zip(limits["dealer_id"], limits["limit_amount"], strict=True)
    }


def _past(scene: Scene) -> Array:
    """Features of the sell-in of the last year, each against what came before it, [lines, 5]."""
    books = scene.ledger
    if books.t < 2:
        return np.zeros((0, 5))
    rate = pace(books.sell_out) / books.period_days
    rows = []
    for t in range(max(1, books.t - books.freq.season), books.t):
        some = np.flatnonzero(np.nan_to_num(books.sell_in[:, t]) > 0)
        rows.append(line_features(scene, some, t, rate))
    stacked = np.vstack(rows)
    return np.asarray(stacked[np.isfinite(stacked[:, 0])])


def line_features(scene: Scene, rows: NDArray[np.intp], t: int, rate: Array) -> Array:
    """Features of what series bought in one period, from the periods before, [rows, 5]."""
    books = scene.ledger
    past = np.nan_to_num(books.sell_in[rows, :t])
    out = np.full((len(rows), 5), np.nan)
    for k, i in enumerate(rows):
        bought = np.flatnonzero(past[k] > 0)
        if not len(bought):
            continue
        qty, last = books.sell_in[i, t], past[k, bought[-_USUAL_ORDERS:]]
        usual, most = np.median(last), last.max()
        had, sold = np.nan_to_num(books.stock[i, t - 1]), np.nan_to_num(rate[i, t - 1])
        days = (had + qty) / sold if sold > 0 else np.nan
        silent = (t - 1 - bought[-1]) / scene.per_month
        out[k] = (
            np.log(qty / usual),
            np.log(days / scene.industry.stock.max_days),
            0.0,
            silent,
            np.log(qty / most),
        )
    return out


def _faulty(past: Array, rng: np.random.Generator) -> Array:
    """Copies with one fault each: a slipped digit, a multiple, a price under the agreed one."""
    picked = past[rng.integers(len(past), size=max(50, len(past) // 5))].copy()
    kind = rng.integers(3, size=len(picked))
    factor = np.where(kind == 0, np.log(10), np.log(rng.uniform(2.5, 6, len(picked))))
    large = kind < 2
    picked[large, 0] += factor[large]
    picked[large, 1] += factor[large] * 0.8
    picked[large, 4] += factor[large]
    picked[~large, 2] = np.log(rng.uniform(0.6, 0.95, (~large).sum()))
    return np.asarray(picked)


def _size_effect(ratio: float) -> float:
    return min(0.9, _WEIGHTS["SIZE"] + 0.06 * (ratio - _LARGE_RATIO))


def _price_effect(below: float) -> float:
    return min(0.97, _WEIGHTS["PRICE"] + below)


def _near_quarter_end(moment: pd.Timestamp | None) -> bool:
    if moment is None:
        return False
    month = pd.DatetimeIndex([moment.to_period("M").start_time])
    return bool(quarter_ends(month)[0]) and moment.day > moment.days_in_month - _QUARTER_END_DAYS


def _reason(code: str, text: str, effect: float) -> Reason:
    return {"code": code, "text": text, "effect": round(float(effect), 4)}


def _by_effect(reason: Reason) -> float:
    return -float(reason["effect"])
