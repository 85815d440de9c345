"""Alerts and order screening as they are answered, on a small channel without training."""

import json
import tempfile

import pandas as pd
import pytest

from features.lake import Lake
from features.ledger import Ledger
from features.simulator import World, simulate
from models.anomaly.model import AnomalyModel
from models.anomaly.orders import Book, Orders
from models.anomaly.prices import PriceHabits
from models.anomaly.scene import Scene
from serving.errors import NotFound, Wrong
from serving.parse import parse
from serving.rooms import anomaly, orders
from serving.scores import Data, Scores
from training.recipes.anomaly import read_policy

NOW = pd.Timestamp("2026-01-01")
LATER = pd.Timestamp("2026-01-07 09:30")


@pytest.fixture(scope="module")
def scores():
    tables = simulate(World(dealers=14, survey_share=0.5, contract_share=0.0, seed=5)).tables
    scene = Scene.of(tables, NOW)
    model = AnomalyModel(policy=read_policy())
    model.habits = PriceHabits().fit(Ledger.of(tables))
    model.orders = Orders().fit(Book.of(scene))
    data = Data(tables=tables, moment=NOW, version="d1")
    made = {"name": "anomaly", "version": "3", "card": {}, "trained_at": "2026-01-01"}
    return Scores(**made, model=model, data=data, frames=model.score(tables, NOW))


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


def ask(scores, verdicts=None, **filters):
    return anomaly.answer(anomaly.Request(**filters), scores, verdicts)


def decide(scores, lake, alert_id, *, caller="erp", now=LATER, **body):
    return anomaly.decide(alert_id, anomaly.VerdictRequest(**body), scores, lake, caller=caller, now=now)


def first(scores):
    return ask(scores).alerts[0].alert_id


def test_the_list_names_its_model_and_data_and_is_ranked(scores):
    found = ask(scores)
    assert (found.model.name, found.model.version, found.data_version, found.as_of) == (
        "anomaly",
        "3",
        "d1",
        "2026-01-01",
    )
    assert [one.rank for one in found.alerts] == list(range(1, found.total + 1))
    assert all(one.suggestions and one.evidence and one.reasons for one in found.alerts)
    json.loads(found.model_dump_json())


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        ({"level": "warning"}, lambda a: a.level in ("warning", "critical")),
        ({"type": "stock"}, lambda a: a.type == "stock"),
        ({"status": "open"}, lambda a: a.status == "open"),
        ({"dealer_id": "D003"}, lambda a: "D003" in (a.dealer_id, a.receiver_dealer_id)),
        ({"since": "2025-12"}, lambda a: a.last_period >= "2025-12-01"),
    ],
)
def test_filters_keep_what_they_say_and_nothing_else(scores, filters, holds):
    every, kept = ask(scores).alerts, ask(scores, **filters).alerts
    assert [a.alert_id for a in every if holds(a)] == [a.alert_id for a in kept]
    assert kept


def test_pages_add_up_to_the_whole_list(scores):
    seen, cursor = [], None
    while True:
        page = ask(scores, limit=7, cursor=cursor)
        seen += [one.alert_id for one in page.alerts]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == [one.alert_id for one in ask(scores).alerts]


@pytest.mark.parametrize(
    ("filters", "field"), [({"cursor": "A-nothing"}, "cursor"), ({"since": "2025-02-31"}, "since")]
)
def test_a_filter_that_cannot_be_is_refused_by_name(scores, filters, field):
    with pytest.raises(Wrong) as error:
        ask(scores, **filters)
    assert error.value.faults[0].field == field


def test_a_verdict_is_written_once_and_seen_at_once(scores, lake):
    name = first(scores)
    one = decide(scores, lake, name, verdict="confirmed", reason="counted", on_behalf_of="li.na")
    again = decide(
        scores,
        lake,
        name,
        verdict="confirmed",
        reason="counted",
        on_behalf_of="li.na",
        now=LATER + pd.Timedelta(5, "s"),
    )
    assert (one.alert.status, one.written, again.written) == ("confirmed", True, False)
    assert one.verdict_id == again.verdict_id
    rows = lake.read("verdicts")
    assert rows[["alert_id", "author", "verdict", "reason"]].values.tolist() == [
        [name, "li.na (by erp)", "confirmed", "counted"]
    ]
    shown = {a.alert_id: a for a in ask(scores, rows).alerts}
    assert shown[name].status == "confirmed"
    assert shown[name].history[0].decided_at == LATER.isoformat()


def test_a_final_verdict_changes_only_with_a_reason_and_keeps_its_history(scores, lake):
    name = first(scores)
    decide(scores, lake, name, verdict="acknowledged")
    decide(scores, lake, name, verdict="dismissed", now=LATER + pd.Timedelta(1, "h"))
    with pytest.raises(Wrong, match="say why"):
        decide(scores, lake, name, verdict="confirmed", reason="  ", now=LATER + pd.Timedelta(2, "h"))
    assert len(lake.read("verdicts")) == 2
    found = decide(
        scores, lake, name, verdict="confirmed", reason="new scans", now=LATER + pd.Timedelta(3, "h")
    )
    assert [one.verdict for one in found.alert.history] == ["acknowledged", "dismissed", "confirmed"]


def test_an_unknown_alert_is_not_found_and_nothing_is_written(scores, lake):
    with pytest.raises(NotFound, match="No such alert"):
        decide(scores, lake, "A-unknown", verdict="dismissed")
    assert lake.tables() == []


def test_another_word_than_the_three_is_refused():
    with pytest.raises(Wrong, match="verdict"):
        parse(anomaly.VerdictRequest, b'{"verdict": "maybe"}', known=anomaly.FIELDS)


def placed(**change):
    one = {"order_id": "O1", "dealer_id": "D003", "lines": [{"sku_id": "S001", "qty": 24.0}]} | change
    return parse(orders.Request, json.dumps({"orders": [one]}).encode(), known=orders.FIELDS)


def bought(scores):
    key = next(
        key for key, pair in scores.model.book(scores.tables, NOW).pairs.items() if pair.usual_units > 0
    )
    return {"dealer_id": key[0], "lines": [{"sku_id": key[1], "qty": 1e6}]}


def test_a_huge_order_is_not_approved_and_says_why(scores):
    found = orders.answer(placed(**bought(scores)), scores)
    one = found.orders[0]
    assert one.decision in ("review", "hold")
    assert "SIZE" in {reason.code for reason in one.reasons}
    assert 0 < one.probability < 1


def test_the_book_of_the_snapshot_is_used_not_made_again(scores):
    assert scores.model.book(scores.tables, NOW) is scores.model.book(scores.tables, NOW)


def test_many_orders_at_once_are_answered_as_one_by_one(scores):
    one = placed(**bought(scores)).orders[0]
    both = orders.answer(orders.Request(orders=[one, one]), scores).orders
    assert both[0] == both[1] == orders.answer(orders.Request(orders=[one]), scores).orders[0]


@pytest.mark.parametrize(
    ("change", "field", "kind"),
    [
        ({"dealer_id": "nobody"}, "orders[0].dealer_id", NotFound),
        ({"lines": [{"sku_id": "nothing", "qty": 1.0}]}, "orders[0].lines[0].sku_id", NotFound),
        ({"lines": [{"sku_id": "S001", "qty": -5.0}]}, "orders[0].lines[0].qty", Wrong),
        (
            {"lines": [{"sku_id": "S001", "qty": 5.0, "unit_price": 0.0}]},
            "orders[0].lines[0].unit_price",
            Wrong,
        ),
        ({"currency": "USD"}, "orders[0].currency", Wrong),
    ],
)
def test_what_cannot_be_judged_names_its_field_and_no_value(scores, change, field, kind):
    with pytest.raises(kind) as error:
        orders.answer(placed(**change), scores)
    assert error.value.faults[0].field == field
    assert "nobody" not in error.value.detail
    assert "-5" not in error.value.detail


def test_the_examples_are_requests():
    assert parse(orders.Request, json.dumps(orders.EXAMPLE).encode(), known=orders.FIELDS).orders
    assert parse(anomaly.VerdictRequest, json.dumps(anomaly.EXAMPLE).encode(), known=anomaly.FIELDS).reason


def test_the_model_and_the_answer_do_not_depend_on_the_working_folder(scores, monkeypatch):
    monkeypatch.chdir(tempfile.gettempdir())
    assert ask(scores).total > 0
