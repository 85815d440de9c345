import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.anomaly.orders import Book, Line, Order, OrderFault
from models.anomaly.scene import Scene
from models.errors import ModelError

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def book(scene):
    return Book.of(scene)


@pytest.fixture(scope="module")
def pair(book):
    """A dealer and product that are bought, sold, priced and not overstocked."""
    fine = [
        key
        for key, p in book.pairs.items()
        if p.usual_units > 0 and p.prices and p.rate > 0 and (p.stock + p.usual_units) / p.rate < 100
    ]
    return fine[0]


def usual(book, pair, **change):
    known = book.pairs[pair]
    case = book.cases[pair[1]]
    line = Line(pair[1], max(case, np.round(known.usual_units / case) * case), known.price(None))
    return Order(pair[0], (replace(line, **change),), "CNY")


def codes(verdict):
    return {reason["code"] for reason in verdict.reasons}


def test_a_usual_order_is_approved(model, book, pair):
    verdict = model.orders.screen(usual(book, pair), book)
    assert (verdict.decision, codes(verdict)) == ("approve", set())
    assert verdict.amount == pytest.approx(
        usual(book, pair).lines[0].qty * book.pairs[pair].price(None), abs=0.01
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda line, most: {"qty": most * 20}, "SIZE"),
        (lambda line, most: {"unit_price": line.unit_price * 0.8}, "PRICE"),
        (lambda line, most: {"qty": line.qty + 0.5}, "CASES"),
    ],
)
def test_each_fault_of_a_line_has_its_reason(model, book, pair, change, code):
    order = usual(book, pair)
    wrong = usual(book, pair, **change(order.lines[0], book.pairs[pair].most_units))
    verdict = model.orders.screen(wrong, book)
    assert code in codes(verdict)
    assert verdict.score > model.orders.screen(order, book).score


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"territory_id": "elsewhere"}, "TERRITORY"),
        ({"headroom_amount": 1.0}, "CREDIT"),
    ],
)
def test_each_fault_of_a_whole_order_has_its_reason(model, book, pair, change, code):
    verdict = model.orders.screen(replace(usual(book, pair), **change), book)
    assert code in codes(verdict)
    assert verdict.decision in ("review", "hold")


def test_an_order_beyond_the_credit_headroom_is_held(model, book, pair):
    assert model.orders.screen(replace(usual(book, pair), headroom_amount=0.0), book).decision == "hold"


def test_the_same_line_ordered_before_is_a_duplicate(model, book, pair):
    order = usual(book, pair)
    assert "DUPLICATE" in codes(model.orders.screen(replace(order, recent=order.lines), book))


def test_a_large_order_is_worse_in_the_last_days_of_a_quarter(model, book, pair):
    large = usual(book, pair, qty=book.pairs[pair].usual_units * 2)
    mid, end = (
        model.orders.screen(replace(large, ordered_at=pd.Timestamp(day)), book)
        for day in ("2025-11-28", "2025-12-28")
    )
    assert "QUARTER_END" in codes(end) - codes(mid)
    assert end.score > mid.score


def test_a_larger_order_is_never_less_suspect(model, book, pair):
    known = book.pairs[pair]
    start = known.usual_units
    scores = [model.orders.screen(usual(book, pair, qty=start * k), book).score for k in (1, 2, 4, 8, 16, 32)]
    suspects = [s for s in scores if s >= 15.1]  # below that it is about whole cases only
    assert suspects == sorted(suspects)
    assert suspects


def test_the_price_agreed_for_the_day_counts(scene):
    key = ["D001", "S001"]
    plans = pd.DataFrame({"dealer_id": key[0], "sku_id": key[1], "net_price": [10.0, 8.0], "currency": "CNY"})
    plans = plans.assign(period_start=pd.to_datetime(["2025-12-01", "2026-02-01"]))
    own = Book.of(Scene(scene.tables | {"prices": plans}, NOW, scene.ledger, scene.industry, scene.rules))
    prices = own.pairs[key[0], key[1]]
    assert [prices.price(pd.Timestamp(d)) for d in ("2026-01-15", "2026-02-15")] == [10.0, 8.0]
    assert prices.price(None) == 10.0


def test_credit_limits_of_the_credit_room_are_headroom_less_what_is_open(scene):
    credit = pd.DataFrame({"dealer_id": ["D001"], "limit_amount": [1_000_000.0]})
    told = Book.of(replace(scene, others={"credit": credit}))
    bills, paid = scene.tables["invoices"], scene.tables["payments"]
    owed = (
        bills[bills["dealer_id"] == "D001"]["amount"].sum()
        - paid[paid["dealer_id"] == "D001"]["amount"].sum()
    )
    assert told.headroom["D001"] == pytest.approx(1_000_000 - owed, abs=1)


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (lambda o: replace(o, dealer_id="nobody"), "dealer_id"),
        (lambda o: replace(o, lines=()), "lines"),
        (lambda o: replace(o, currency="USD"), "currency"),
        (lambda o: replace(o, lines=(o.lines[0], Line("nothing", 1.0))), r"lines\[1\].sku_id"),
        (lambda o: replace(o, lines=(replace(o.lines[0], qty=-1.0),)), r"lines\[0\].qty"),
        (lambda o: replace(o, lines=(replace(o.lines[0], qty=0.0),)), r"lines\[0\].qty"),
        (lambda o: replace(o, lines=(replace(o.lines[0], qty=float("nan")),)), r"lines\[0\].qty"),
        (lambda o: replace(o, lines=(replace(o.lines[0], unit_price=-2.0),)), r"lines\[0\].unit_price"),
    ],
)
def test_an_order_that_makes_no_sense_names_the_field_and_no_value(model, book, pair, order, field):
    with pytest.raises(OrderFault, match=f"^{field}: ") as fault:
        model.orders.screen(order(usual(book, pair)), book)
    assert isinstance(fault.value, ModelError)
    assert "nobody" not in str(fault.value)


def test_one_order_takes_less_than_50_ms(model, book, pair):
    order, took = usual(book, pair), []
    for _ in range(200):
        start = time.perf_counter()
        model.orders.screen(order, book)
        took.append(time.perf_counter() - start)
    assert np.quantile(took, 0.95) < 0.05


def test_a_probability_lies_between_0_and_1_and_rises_with_the_score(model):
    p = [model.orders.probability(s) for s in (0.0, 0.3, 0.6, 0.9, 1.0)]
    assert p == sorted(p)
    assert 0 < p[0] < p[-1] < 1
