"""One small channel a trade, written by hand: what its pack has to make of it stands in expected.yaml."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from features.industries import CLAUSES, PACKS, industry
from features.parentage import levels
from features.payments import Ledger as Payments
from features.tables import check, coerce
from models.anomaly import licensed, prices, stock
from models.anomaly.model import AnomalyModel
from models.anomaly.orders import Book, Line, Order, Orders
from models.anomaly.prices import PriceHabits
from models.anomaly.scene import Scene
from models.contract.model import ContractModel, Reader
from models.contract.said import said
from models.contract.wording import Wording
from training.clauses import read_data
from training.recipes.anomaly import read_policy

HERE = Path(__file__).parent
NOW = pd.Timestamp("2025-07-01")
NAMES = sorted(path.parent.name for path in HERE.glob("*/expected.yaml"))
MONTHLY = ("sell_in", "sell_out", "stock", "signals")
BLANK = {"sell_in": "document_id", "sell_out": "outlet_id", "licences": "scope"}
BOOKED = {"invoices": "issued_at", "payments": "paid_at"}


def read(path):
    """A CSV as a canonical table, known when it happened; a month when it was over."""
    name, frame = path.stem, pd.read_csv(path, dtype={"scope": str})
    if blank := BLANK.get(name):
        frame[blank] = frame.get(blank, pd.Series("", index=frame.index)).fillna("")
    if name in ("invoices", "payments", "prices"):
        frame["currency"] = "CNY"
    if name in MONTHLY:
        frame["known_at"] = pd.to_datetime(frame["period_start"]) + pd.DateOffset(months=1)
    else:
        frame["known_at"] = frame[BOOKED[name]] if name in BOOKED else "2024-01-01"
    table = coerce(name, frame)
    assert check(name, table) == []
    return table


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    """A trade: its pack, tables, scene, contract and what is expected."""
    folder, pack = HERE / request.param, industry(request.param)
    tables = {path.stem: read(path) for path in sorted(folder.glob("*.csv"))}
    return SimpleNamespace(
        pack=pack,
        tables=tables,
        scene=Scene.of(tables, NOW, trade=pack),
        contract=(folder / "contract.txt").read_text(encoding="utf-8"),
        expected=SimpleNamespace(**yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))),
    )


def series(rows):
    return (rows["dealer_id"] + "/" + rows["sku_id"]).tolist()


def test_every_shipped_trade_has_a_channel():
    assert set(NAMES) == {path.stem for path in PACKS.glob("*.yaml")} - {"general"}


def test_stock_is_too_much_or_too_little_by_the_band_of_the_trade(case):
    found = stock.candidates(case.scene)
    beyond = found[found["amount"] > 0]
    called = dict(zip(series(beyond), beyond["kind"], strict=True))
    assert {name: called.get(name, "fine") for name in case.expected.stock} == case.expected.stock
    assert set(called) <= set(case.expected.stock)


def test_street_prices_are_breaches_beyond_the_tolerance_of_the_trade(case):
    found = prices.candidates(case.scene, PriceHabits().fit(case.scene.ledger))
    assert sorted(series(found[found["kind"] == "floor"])) == sorted(case.expected.breaches)


def test_who_went_into_default(case):
    failed = Payments.of(case.tables).defaults(NOW, days=case.pack.credit.default_days)
    assert sorted(failed.dropna().index) == sorted(case.expected.defaults)


def test_dealers_under_dealers(case):
    found = levels(case.tables["dealers"])
    assert found.to_dict() == case.expected.levels
    assert found.index[found > case.pack.tiers.levels].tolist() == case.expected.too_deep
    notes = " ".join(AnomalyModel(read_policy(), trade=case.pack).notes(case.scene))
    assert (f"{len(case.expected.too_deep)} dealers stand below" in notes) == bool(case.expected.too_deep)


def test_orders_wait_for_the_papers_that_their_products_need(case):
    book = Book.of(case.scene)
    orders = Orders().fit(book)
    found = []
    for one in case.expected.orders:
        day = pd.Timestamp(one["ordered_at"]) if "ordered_at" in one else None
        line = Line(one["sku_id"], float(one["qty"]))
        verdict = orders.screen(Order(one["dealer_id"], (line,), ordered_at=day), book)
        codes = sorted({r["code"] for r in verdict.reasons if r["code"].startswith("LICENCE")})
        found.append(one | {"held": verdict.decision == "hold", "codes": codes})
    assert found == case.expected.orders


def test_who_buys_without_a_licence_and_for_how_much(case):
    found = licensed.candidates(case.scene)
    amounts = dict(zip(found["dealer_id"] + "/" + found["topic"], found["amount"], strict=True))
    assert amounts == pytest.approx(case.expected.unsupplied)


class Typed:
    """A reader who knows each clause by a few of its words, and finds no risk anywhere."""

    labels_ = CLAUSES

    def __init__(self, clauses):
        self.clauses = {said(words).plain: kind for words, kind in clauses.items()}

    def probabilities(self, words, kinds=None):
        if kinds is not None:
            return np.tile([0.98, 0.015, 0.005], (len(words), 1))
        return np.array([np.eye(len(CLAUSES))[CLAUSES.index(self.kind(one.plain))] for one in words])

    def kind(self, text):
        return next((kind for words, kind in self.clauses.items() if words in text), "other")

    def margins(self, words):
        return self.probabilities(words)

    def found(self, words, kinds):
        return [{} for _ in words]


def test_a_contract_lacks_what_the_trade_requires_and_no_clause_says(case):
    typed = Typed(case.expected.clauses)
    model = ContractModel(Wording.parse(read_data("wording")), case.pack).fit(
        {"zh": Reader(typed, typed)}, NOW
    )
    review = model.review(case.contract)
    assert {c.type for c in review.clauses} - {"other"} == set(case.expected.clauses.values())
    assert sorted(m.type for m in review.missing) == sorted(case.expected.missing)
    assert all(m.suggestion for m in review.missing)
