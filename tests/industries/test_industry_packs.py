"""Each industry pack does what its trade expects, on small channels whose answers were worked out by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from features.industries import industry
from features.payments import Ledger as Payments
from features.tables import coerce
from models.anomaly import prices, stock
from models.anomaly.orders import Book, Line, Order, Orders
from models.anomaly.prices import PriceHabits
from models.anomaly.scene import Scene

GOLDEN = yaml.safe_load((Path(__file__).parent / "golden.yaml").read_text(encoding="utf-8"))
NOW = pd.Timestamp("2025-07-01")
MONTHS = pd.date_range("2024-01-01", periods=18, freq="MS")
every_pack = pytest.mark.parametrize("name", GOLDEN)


def facts(name, **columns):
    """A canonical table with one row a month, known when the month had ended."""
    frame = pd.DataFrame({"period_start": MONTHS, **columns})
    return coerce(name, frame.assign(known_at=frame["period_start"] + pd.DateOffset(months=1)))


def registers(skus, category="class3"):
    dealers = pd.DataFrame({"dealer_id": ["D"], "territory_id": "N", "known_at": "2023-01-01"})
    products = pd.DataFrame({"sku_id": skus, "category": category, "known_at": "2023-01-01"})
    return {"dealers": coerce("dealers", dealers), "products": coerce("products", products)}


def channel(skus, *, days_of_stock=30, category="class3"):
    """One dealer who sells one unit a day of each product and holds so many days of it."""
    held = dict(zip(skus, np.broadcast_to(days_of_stock, len(skus)), strict=True))
    each = [{"dealer_id": "D", "sku_id": sku} for sku in skus]
    sold = [facts("sell_out", **one, outlet_id="", qty_sell_out=MONTHS.days_in_month * 1.0) for one in each]
    bought = [facts("sell_in", **one, document_id="", qty_sell_in=MONTHS.days_in_month * 1.0) for one in each]
    stocked = [facts("stock", **one, qty_on_hand=float(held[one["sku_id"]])) for one in each]
    priced = [facts("prices", **one, list_price=10.0, net_price=10.0, currency="CNY") for one in each]
    tables = {"sell_out": sold, "sell_in": bought, "stock": stocked, "prices": priced}
    return registers(skus, category) | {
        name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()
    }


@every_pack
def test_days_of_stock_are_judged_by_the_trade(name):
    expected = GOLDEN[name]["stock"]
    tables = channel(list(expected), days_of_stock=[int(sku[1:]) for sku in expected])
    found = stock.candidates(Scene.of(tables, NOW, trade=industry(name)))
    beyond = found[(found["amount"] > 0) & found["kind"].isin(["excess", "short"])]
    called = dict(zip(beyond["sku_id"], beyond["kind"], strict=True))
    assert {sku: called.get(sku, "") for sku in expected} == expected


@every_pack
def test_a_price_under_the_floor_is_a_breach_beyond_the_tolerance(name):
    expected = GOLDEN[name]["floor"]
    tables = channel(list(expected))
    street = [
        facts("signals", dealer_id="D", sku_id=price, kind=kind, value=value)
        for price in expected
        for kind, value in (("street_price", float(price)), ("floor_price", 10.0))
    ]
    tables["signals"] = pd.concat(street, ignore_index=True)
    scene = Scene.of(tables, NOW, trade=industry(name))
    found = prices.candidates(scene, PriceHabits().fit(scene.ledger))
    breaches = set(found.loc[found["kind"] == "floor", "sku_id"])
    assert {price: price in breaches for price in expected} == expected


@every_pack
def test_default_begins_when_the_trade_says(name):
    expected = GOLDEN[name]["default"]
    overdue = [int(case.split("_")[1]) for case in expected]
    due = [NOW - pd.Timedelta(days=days) for days in overdue]
    issued = [day - pd.Timedelta(days=30) for day in due]
    bills = pd.DataFrame({"dealer_id": list(expected), "invoice_id": list(expected), "amount": 100.0})
    bills = bills.assign(currency="CNY", issued_at=issued, due_at=due, known_at=issued)
    ledger = Payments.of({"invoices": coerce("invoices", bills)})
    failed = ledger.defaults(NOW, days=industry(name).credit.default_days).notna()
    assert {case: bool(failed[case]) for case in expected} == expected


@every_pack
def test_a_contract_of_the_trade_may_not_lack_these(name):
    expected = GOLDEN[name]["missing"]
    required = industry(name).contract.required_types
    assert [kind for kind in required if kind not in expected["has"]] == [
        kind for kind in required if kind in expected["lacks"]
    ]
    assert set(expected["lacks"]) <= set(required)


LAST_DAY = {"valid": "2027-01-01", "expired": "2025-05-01", "soon": "2025-07-31"}
CASES = {  # licence kind -> how it stands, None: not on record
    "all_valid": {},
    "gsp_expired": {"gsp": "expired"},
    "no_business_licence": {"business": None},
    "gsp_expires_in_30_days": {"gsp": "soon"},
    "device_class3_expired": {"device_class3": "expired"},
}


def licences(pack, case):
    standing = {one.kind: "valid" for one in pack.licences} | CASES.get(case, {})
    rows = [(kind, LAST_DAY[state]) for kind, state in standing.items() if state]
    frame = pd.DataFrame(rows, columns=["kind", "expires_at"]).assign(dealer_id="D", known_at="2024-01-01")
    return coerce("licences", frame)


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name in GOLDEN for case in GOLDEN[name]["papers"]]
)
def test_an_order_waits_for_the_papers_of_the_trade(name, case):
    pack, tables = industry(name), channel(["S1"])
    if pack.licences:
        tables["licences"] = licences(pack, case)
    book = Book.of(Scene.of(tables, NOW, trade=pack))
    verdict = Orders().fit(book).screen(Order("D", (Line("S1", 30.0, 10.0),)), book)
    assert verdict.decision == GOLDEN[name]["papers"][case]
    assert ("LICENCE_EXPIRING" in [r["code"] for r in verdict.reasons]) == (case == "gsp_expires_in_30_days")


def test_a_trade_with_licences_and_none_on_record_is_told():
    book = Book.of(Scene.of(channel(["S1"]), NOW, trade=industry("pharma")))
    verdict = Orders().fit(book).screen(Order("D", (Line("S1", 30.0, 10.0),)), book)
    assert "LICENCE_UNKNOWN" in [reason["code"] for reason in verdict.reasons]
    assert verdict.decision != "hold"
