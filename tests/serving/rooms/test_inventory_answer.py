import pandas as pd
import pytest
from pydantic import ValidationError

from features.simulator import World, simulate
from serving.answers import ALLOCATION, ANSWERS, POLICY, REBALANCE, SUGGEST
from serving.errors import NotFound, Wrong
from serving.rooms.inventory import Request, policy, suggest
from serving.rooms.stock import AllocationRequest, RebalanceRequest, allocate, rebalance
from serving.scores import Data, Scores
from training.recipes import inventory

NOW = pd.Timestamp("2026-01-01")
LINE = {"dealer_id": "D001", "sku_id": "S001"}


@pytest.fixture(scope="module")
def scores():
    tables = simulate(World(dealers=12, products=3, months=30, territories=2)).tables
    config = inventory.Config(forecast=False, cutoffs=3, judged_cutoffs=1, draws=100)
    model = inventory.fit(tables, NOW, config).model
    data = Data(tables=tables, moment=NOW, version="lake-1")
    frames = model.score(tables, NOW)
    return Scores(
        name="inventory", version="2", model=model, card={}, trained_at="", data=data, frames=frames
    )


def ask(scores, *lines):
    return suggest(Request.model_validate({"lines": list(lines)}), scores).orders


def stocked(scores):
    """A line with stock on record."""
    row = scores.frames["orders"].dropna(subset=["suggested_units"]).iloc[0]
    return {"dealer_id": row["dealer_id"], "sku_id": row["sku_id"]}, row


def test_orders_come_as_asked_and_as_the_batch_has_them(scores):
    line, row = stocked(scores)
    told = ask(scores, line)[0]
    assert told.suggested_units == row["suggested_units"]
    assert told.probability == row["probability"]
    assert [r.code for r in told.reasons] == [r["code"] for r in row["reasons"]]


def test_a_line_sent_with_the_stock_on_record_gets_the_same_order(scores):
    line, row = stocked(scores)
    told = ask(scores, line | {"qty_on_hand": row["qty_on_hand"]})[0]
    assert told.suggested_units == row["suggested_units"]
    assert told.probability == pytest.approx(row["probability"])


def test_more_stock_means_less_to_order_and_a_longer_lead_time_more(scores):
    line, _ = stocked(scores)
    none, much = ask(scores, line | {"qty_on_hand": 0.0})[0], ask(scores, line | {"qty_on_hand": 1e6})[0]
    assert much.suggested_units == 0.0
    assert none.suggested_units > 0
    slow = ask(scores, line | {"qty_on_hand": 0.0, "lead_time_days": 90.0})[0]
    assert slow.suggested_units > none.suggested_units


def test_packs_and_least_quantities_of_the_request_are_kept(scores):
    line, _ = stocked(scores)
    told = ask(scores, line | {"qty_on_hand": 0.0, "pack_units": 50.0, "moq_units": 100.0})[0]
    assert told.suggested_units % 50 == 0
    assert told.suggested_units >= 100


def test_a_discount_can_make_the_lot_larger_and_never_smaller(scores):
    line, _ = stocked(scores)
    asked = line | {"qty_on_hand": 0.0, "order_cost_amount": 50.0}
    plain = ask(scores, asked)[0]
    cheap = ask(
        scores, asked | {"price_breaks": [{"min_units": plain.suggested_units + 500, "unit_price": 0.01}]}
    )[0]
    assert cheap.suggested_units >= plain.suggested_units


@pytest.mark.parametrize(
    "fault",
    [
        {"lead_time_days": 0},
        {"lead_time_days": -3},
        {"pack_units": 0},
        {"qty_on_hand": -1},
        {"moq_units": -1},
        {"stock": 3},
        {"price_breaks": [{"min_units": 10, "unit_price": 2}, {"min_units": 5, "unit_price": 1}]},
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(fault):
    with pytest.raises(ValidationError) as refused:
        Request.model_validate({"lines": [LINE | fault]})
    assert refused.value.errors()[0]["loc"][0] == "lines"


def test_a_least_quantity_above_the_shelf_life_is_refused_by_its_field(scores):
    line, _ = stocked(scores)
    with pytest.raises(Wrong, match=r"lines\[0\].moq_units") as refused:
        ask(scores, line | {"moq_units": 1e8, "shelf_life_days": 30.0})
    assert "shelf life" in refused.value.detail


def test_unknown_and_repeated_lines_are_told_by_position(scores):
    with pytest.raises(NotFound) as refused:
        ask(scores, LINE | {"dealer_id": "nobody"})
    assert refused.value.faults[0].field == "lines[0]"
    line, _ = stocked(scores)
    with pytest.raises(Wrong, match=r"lines\[1\]"):
        ask(scores, line, line)
    with pytest.raises(ValidationError, match="lines or dealer_ids"):
        Request.model_validate({})


def test_levels_are_those_of_the_orders(scores):
    told = policy(Request.model_validate({"dealer_ids": ["D002"]}), scores).policies
    rows = scores.frames["orders"].set_index(["dealer_id", "sku_id"])
    assert {p.dealer_id for p in told} == {"D002"}
    assert all(p.reorder_units == rows.loc[(p.dealer_id, p.sku_id), "reorder_units"] for p in told)
    assert all(p.reorder_units <= p.order_up_to_units for p in told)


def test_rebalance_is_the_batchs_and_wider_when_asked(scores):
    inside = rebalance(RebalanceRequest(), scores).transfers
    assert len(inside) == len(scores.frames["transfers"])
    assert all(t.from_territory_id == t.to_territory_id for t in inside)
    wider = rebalance(RebalanceRequest(between_territories=True), scores).transfers
    assert sum(t.gain_amount for t in wider) >= sum(t.gain_amount for t in inside) - 1e-6
    with pytest.raises(NotFound) as refused:
        rebalance(RebalanceRequest(sku_ids=["S001", "none"]), scores)
    assert refused.value.faults[0].field == "sku_ids[1]"


def test_an_allocation_adds_up_and_never_gives_more_than_there_is(scores):
    said = allocate(AllocationRequest(sku_id="S001", supply_units=500.0), scores)
    assert said.allocated_units == pytest.approx(sum(s.units for s in said.shares))
    assert said.allocated_units + said.left_units == pytest.approx(500.0)
    assert said.left_units >= 0
    assert all(s.units % said.pack_units == 0 for s in said.shares)
    with pytest.raises(NotFound):
        allocate(AllocationRequest(sku_id="none", supply_units=5.0), scores)
    with pytest.raises(Wrong, match="pack_units"):
        allocate(AllocationRequest(sku_id="S001", supply_units=1e9, pack_units=0.001), scores)


@pytest.mark.parametrize("route", [SUGGEST, POLICY, REBALANCE, ALLOCATION])
def test_the_example_of_each_route_is_a_valid_answer_in_json(scores, route):
    one = ANSWERS[route]
    said = one.answer(one.request.model_validate(one.example), scores)
    assert type(said).model_validate_json(said.model_dump_json()) == said
    assert one.again(one.request.model_validate(one.example).model_dump(mode="json"), scores)
