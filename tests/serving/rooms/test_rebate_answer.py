"""The rebate room over HTTP: the batch's rows, and exact rebates of any ladder."""

import json
from decimal import Decimal

import pytest

from features.simulator import World, simulate
from serving.answers import ANSWERS, ATTAINMENT, SIMULATE
from serving.errors import NotFound, Wrong
from serving.rooms.dealer_plan import Rebate
from serving.rooms.rebate import Case, Request, SimulateRequest, attainment
from serving.rooms.rebate import simulate as paid
from serving.scores import Data, Scores
from tests.models.rebate.conftest import NOW
from training.recipes import rebate

TIERS = [
    {"threshold_amount": 1000, "rebate_rate": "0.02"},
    {"threshold_amount": 2000, "rebate_rate": "0.05"},
]
LADDER = {"rule": "marginal", "currency": "CNY", "tiers": TIERS}


@pytest.fixture(scope="module")
def scores():
    tables = simulate(World(dealers=12, products=3, months=30, end="2025-06", contract_share=0)).tables
    model = rebate.fit(tables, NOW, rebate.Config(trees=10, most_rows=1_000, judged_cutoffs=0)).model
    data = Data(tables=tables, moment=NOW, version="lake-1")
    frames = model.score(tables, NOW)
    return Scores(name="rebate", version="2", model=model, card={}, trained_at="", data=data, frames=frames)


def asked(ladder=LADDER, **case):
    return SimulateRequest.model_validate_json(json.dumps({"ladder": ladder, "cases": [case]}))


def test_dealers_come_in_the_order_of_the_question_with_the_batchs_numbers(scores):
    said = attainment(Request(dealer_ids=["D004", "D002"]), scores)
    batch = scores.frames["attainment"].set_index("dealer_id")
    assert [one.dealer_id for one in said.programmes] == ["D004", "D002"]
    assert said.programmes[0].probability == batch.loc["D004", "probability"]
    assert said.programmes[0].ends_at == "2025-12-31"
    assert len(attainment(Request(), scores).programmes) == len(batch)


def test_a_dealer_without_a_programme_is_named_by_its_position(scores):
    with pytest.raises(NotFound) as refused:
        attainment(Request(dealer_ids=["D001", "nobody"]), scores)
    assert refused.value.faults[0].field == "dealer_ids[1]"
    with pytest.raises(Wrong, match=r"dealer_ids\[1\]"):
        attainment(Request(dealer_ids=["D001", "D001"]), scores)


def test_given_purchases_are_paid_to_the_cent(scores):
    said = paid(asked(purchases_amount="2500.10"), scores)
    assert said.cases[0].paid.total_amount == Decimal("45.01")  # 20.00 + 25.005
    assert said.cases[0].spread is None
    assert '"45.01"' in said.model_dump_json()


def test_awards_are_paid_when_their_measure_is_told(scores):
    award = {"award_id": "A", "measure": "outlets", "threshold": 5, "award_amount": 7}
    without, with_it = (
        paid(asked({**LADDER, "awards": [award]}, purchases_amount=1500, measures=measures), scores)
        for measures in ({}, {"outlets": 5})
    )
    assert with_it.cases[0].paid.total_amount - without.cases[0].paid.total_amount == 7


def test_a_forecast_is_paid_as_a_spread_that_knows_the_tiers(scores):
    row = scores.frames["attainment"].iloc[0]
    tiers = [
        {"threshold_amount": t["threshold_amount"], "rebate_rate": t["rebate_rate"]} for t in row["tiers"]
    ]
    rule = scores.frames["tiers"].iloc[0]["tier_rule"]
    said = paid(asked({**LADDER, "rule": rule, "tiers": tiers}, dealer_id=row["dealer_id"]), scores).cases[0]
    told = [tier["probability"] for tier in row["tiers"]]
    assert said.spread.tier_probabilities == pytest.approx(told, abs=0.03)
    assert said.spread.p10_amount <= said.spread.p50_amount <= said.spread.p90_amount
    assert said.basis == "forecast"


@pytest.mark.parametrize(
    ("ladder", "told"),
    [
        ({**LADDER, "tiers": []}, "no tier"),
        ({**LADDER, "tiers": TIERS[::-1]}, "tier 2: threshold not above that of tier 1"),
        ({**LADDER, "tiers": [{"threshold_amount": -1, "rebate_rate": 2}]}, "rate 2 outside 0 to 1"),
        ({**LADDER, "rule": "steps"}, "expected one of marginal, retroactive"),
        ({**LADDER, "cap_amount": -1}, "cap -1 below zero"),
    ],
)
def test_a_faulty_ladder_is_refused_in_words(scores, ladder, told):
    with pytest.raises(Wrong, match="A ladder cannot be paid") as refused:
        paid(asked(ladder, purchases_amount=1), scores)
    assert any(told in fault.detail for fault in refused.value.faults)


def test_another_currency_than_the_programmes_is_refused(scores):
    with pytest.raises(Wrong, match="currencies are not added"):
        paid(asked({**LADDER, "currency": "USD"}, dealer_id="D001"), scores)
    with pytest.raises(NotFound):
        paid(asked(dealer_id="nobody"), scores)


def test_a_case_is_either_given_or_forecast():
    for case in ({}, {"dealer_id": "D001", "purchases_amount": 5}):
        with pytest.raises(ValueError, match="one of the two"):
            Case.model_validate_json(json.dumps(case))


def test_the_examples_can_be_asked_and_are_answered_again_the_same(scores):
    for route in (ATTAINMENT, SIMULATE):
        one = ANSWERS[route]
        question = one.read(json.dumps(one.example).encode())
        told = one.answer(question, scores).model_dump(mode="json")
        assert one.again(question.model_dump(mode="json"), scores) == told


def test_the_dealers_plan_can_read_the_frame(scores):
    row = scores.frames["attainment"].astype(object).iloc[0].to_dict()
    assert Rebate.model_validate(row | {"ends_at": f"{row['ends_at']:%Y-%m-%d}"}).programme_id == "R2025"
