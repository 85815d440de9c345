"""Licences: orders that may not be supplied, and dealers who buy without one."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.industries import parse
from features.tables import coerce
from models.anomaly import licensed
from models.anomaly.model import AnomalyModel
from models.anomaly.orders import Book, Line, Order, Orders
from models.anomaly.scene import Scene

NOW = pd.Timestamp("2026-01-01")
LICENCES = [
    {"kind": "business", "name_zh": "x", "warn_days": 60},
    {"kind": "special", "name_zh": "y", "warn_days": 30, "categories": ["cold"]},
]
TRADE = parse("toy", {"licences": LICENCES})
VALID = {"business": ("", "2030-01-01"), "special": ("", "2030-01-01")}


def paper(dealer, kinds):
    rows = [(dealer, kind, scope, ends) for kind, (scope, ends) in kinds.items()]
    frame = pd.DataFrame(rows, columns=["dealer_id", "kind", "scope", "expires_at"])
    return coerce("licences", frame.assign(known_at="2024-01-01"))


@pytest.fixture(scope="module")
def tables(channel):
    """The first product needs the special licence, the others do not."""
    products = channel.tables["products"].copy()
    first = products["sku_id"] == sorted(products["sku_id"])[0]
    return channel.tables | {"products": products.assign(category=np.where(first, "cold", "warm"))}


@pytest.fixture(scope="module")
def buyer(tables):
    """The dealer who lately bought most of the product that needs the special licence."""
    cold = sorted(tables["products"]["sku_id"])[0]
    sold = tables["sell_in"]
    lately = sold[(sold["period_start"] >= "2025-10-01") & (sold["sku_id"] == cold)]
    return lately.groupby("dealer_id")["qty_sell_in"].sum().idxmax()


@pytest.fixture(scope="module")
def plain(tables):
    return Book.of(Scene.of(tables, NOW, trade=TRADE))


def screened(plain, tables, buyer, held, *, skus=(0,), **order):
    """What is said of a usual order by a dealer with such licences."""
    facts = tables if held is None else tables | {"licences": paper(buyer, held)}
    scene = Scene.of(
        {k: facts[k] for k in ("dealers", "products", "licences") if k in facts}, NOW, trade=TRADE
    )
    book = replace(plain, papers=Book.of(scene).papers, unlicensed=held is None)
    names = sorted(tables["products"]["sku_id"])
    lines = tuple(Line(names[k], max(1.0, book.pairs[buyer, names[k]].usual_units)) for k in skus)
    verdict = Orders().fit(book).screen(Order(buyer, lines, **order), book)
    return verdict, {r["code"]: r["text"] for r in verdict.reasons if r["code"].startswith("LICENCE")}


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, set()),
        ({"special": ("", "2025-12-31")}, {"LICENCE_EXPIRED"}),
        ({"special": ("", "2026-01-01")}, {"LICENCE_EXPIRING"}),
        ({"special": ("warm", "2030-01-01")}, {"LICENCE_OUT_OF_SCOPE"}),
        ({"special": ("Cold | warm", "2030-01-01")}, set()),
        ({"special": None}, {"LICENCE_MISSING"}),
        ({"special": None, "business": ("", "2025-01-01")}, {"LICENCE_MISSING", "LICENCE_EXPIRED"}),
    ],
)
def test_an_order_is_held_by_the_licence_that_its_product_needs(plain, tables, buyer, change, codes):
    held = {kind: at for kind, at in (VALID | change).items() if at}
    verdict, told = screened(plain, tables, buyer, held)
    assert set(told) == codes
    assert (verdict.decision == "hold") == bool(codes - {"LICENCE_EXPIRING"})


def test_a_licence_of_other_products_holds_nothing_and_a_mixed_order_names_the_line(plain, tables, buyer):
    held = {"business": VALID["business"]}
    others = [k for k in (1, 2, 3) if (buyer, sorted(tables["products"]["sku_id"])[k]) in plain.pairs]
    verdict, told = screened(plain, tables, buyer, held, skus=others[:1])
    assert told == {}
    assert verdict.decision != "hold"
    _, told = screened(plain, tables, buyer, held, skus=(others[0], 0))
    assert "lines[1]" in told["LICENCE_MISSING"]


@pytest.mark.parametrize(("day", "held"), [("2026-02-10", False), ("2026-02-11", True)])
def test_the_day_of_the_order_counts_not_the_day_of_the_book(plain, tables, buyer, day, held):
    papers = VALID | {"special": ("", "2026-02-10")}
    verdict, told = screened(plain, tables, buyer, papers, ordered_at=pd.Timestamp(day))
    assert ("LICENCE_EXPIRED" in told, verdict.decision == "hold") == (held, held)


def test_a_licence_that_only_expires_leaves_the_score_alone(plain, tables, buyer):
    calm, _ = screened(plain, tables, buyer, VALID)
    told, codes = screened(plain, tables, buyer, VALID | {"special": ("", "2026-01-15")})
    assert "LICENCE_EXPIRING" in codes
    assert (told.score, told.decision) == (calm.score, calm.decision)


def test_the_law_holds_also_where_the_policy_holds_later(plain, tables, buyer):
    verdict, _ = screened(plain, tables, buyer, {})
    assert verdict.decision != "hold"  # an empty table: nobody loaded any
    book = replace(
        plain,
        papers=Book.of(Scene.of(tables | {"licences": paper("somebody", VALID)}, NOW, trade=TRADE)).papers,
    )
    strict = Orders()
    strict.rules = strict.rules.model_copy(update={"hold_score": 1.0})
    sku = sorted(tables["products"]["sku_id"])[0]
    assert strict.fit(book).screen(Order(buyer, (Line(sku, 12.0),)), book).decision == "hold"


def test_where_nobody_loaded_licences_it_is_told_and_nothing_is_held(plain, tables, buyer):
    verdict, told = screened(plain, tables, buyer, None)
    assert set(told) == {"LICENCE_UNKNOWN"}
    assert verdict.decision != "hold"


def test_an_order_of_500_lines_takes_less_than_50_ms(plain, tables, buyer):
    papers = Book.of(Scene.of(tables | {"licences": paper(buyer, {})}, NOW, trade=TRADE)).papers
    book, orders = replace(plain, papers=papers), Orders().fit(plain)
    one = Order(buyer, tuple(Line(sku, 12.0) for sku in sorted(tables["products"]["sku_id"])))
    took = []
    for _ in range(50):
        start = time.perf_counter()
        orders.screen(one, book)
        took.append(time.perf_counter() - start)
    assert np.median(took) < 0.05


def test_a_buyer_without_a_licence_becomes_an_alert_of_its_monthly_purchases(model, tables, buyer):
    held = {"business": ("", "2025-11-20")}
    every = [paper(d, held if d == buyer else VALID) for d in tables["dealers"]["dealer_id"]]
    facts = tables | {"licences": pd.concat(every, ignore_index=True)}
    licensed_model = AnomalyModel(model.policy, trade=TRADE, habits=model.habits, orders=model.orders)
    found = licensed_model.score(facts, NOW)["alerts"]
    alerts = found[found["kind"] == "licence"].set_index("topic")
    assert set(alerts.index) == {"business", "special"}
    assert set(alerts["dealer_id"]) == {buyer}
    lately = facts["sell_in"][facts["sell_in"]["period_start"] >= "2025-10-01"]
    mine = lately[lately["dealer_id"] == buyer].merge(
        facts["prices"], on=["dealer_id", "sku_id", "period_start"]
    )
    worth = mine["qty_sell_in"] * mine["net_price"].fillna(mine["list_price"])
    cold = mine["sku_id"] == sorted(facts["products"]["sku_id"])[0]
    assert alerts.loc["business", "amount"] == pytest.approx(worth.sum() / 3, abs=0.02)
    assert alerts.loc["special", "amount"] == pytest.approx(worth[cold].sum() / 3, abs=0.02)
    assert alerts.loc["business", "first_period"] == pd.Timestamp("2025-11-01")
    assert (alerts["type"] == "order").all()
    assert (alerts["suggestions"].str.len() > 0).all()
    assert (alerts["probability"] > 0.9).all()
    shown = alerts.loc["special", "evidence"][-1]
    cell = mine[cold & (mine["period_start"] == shown["period"])]["qty_sell_in"].sum()
    assert shown["value"] == cell > 0


def test_who_did_not_buy_lately_is_no_alert(tables, buyer):
    sold = tables["sell_in"]
    quiet = sold[(sold["dealer_id"] != buyer) | (sold["period_start"] < "2025-10-01")]
    facts = tables | {"licences": paper(buyer, {"business": ("", "2025-01-01")}), "sell_in": quiet}
    found = licensed.candidates(Scene.of(facts, NOW, trade=TRADE))
    assert buyer not in set(found["dealer_id"])
    assert len(found) > 0  # others bought, and none of them has a licence on record


def test_without_licences_the_alerts_say_that_nothing_is_known(model, tables):
    asked = AnomalyModel(model.policy, trade=TRADE, habits=model.habits, orders=model.orders)
    told = asked.score(tables, NOW)["alerts"]
    assert "no licences" in told["note"].iloc[0]
    assert "licence" not in set(told["kind"])
