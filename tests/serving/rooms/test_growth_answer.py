import pandas as pd
import pytest

from features.simulator import World, simulate
from serving.errors import NotFound, Wrong
from serving.rooms.growth import ADMISSION_EXAMPLE, EXAMPLE, AdmissionRequest, Request, admit, answer
from serving.scores import Data, Scores
from training.recipes import growth

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def scores():
    tables = simulate(World(dealers=10, products=3, months=24, contract_share=0)).tables
    model = growth.fit(tables, NOW, growth.Config(industry="pharma")).model
    data = Data(tables=tables, moment=NOW, version="lake-1")
    frames = model.score(tables, NOW)
    return Scores(name="growth", version="2", model=model, card={}, trained_at="", data=data, frames=frames)


def test_dealers_come_in_the_order_of_the_question(scores):
    said = answer(Request(dealer_ids=["D004", "D002"]), scores)
    assert [d.dealer_id for d in said.dealers] == ["D004", "D002"]
    batch = scores.frames["moves"].set_index("dealer_id")
    assert said.dealers[0].moves.up_6m == batch.loc["D004", "up_6m"]
    assert said.dealers[0].exit.steps
    assert len(answer(Request(), scores).dealers) == 10


def test_an_unknown_dealer_is_named_by_its_position(scores):
    with pytest.raises(NotFound) as refused:
        answer(Request(dealer_ids=["D001", "nobody"]), scores)
    assert refused.value.faults[0].field == "dealer_ids[1]"


def test_the_same_dealer_twice_is_refused(scores):
    with pytest.raises(Wrong, match=r"dealer_ids\[1\]"):
        answer(Request(dealer_ids=["D001", "D001"]), scores)


def test_a_thin_file_without_licences_is_held_and_says_what_is_missing(scores):
    said = admit(AdmissionRequest.model_validate(ADMISSION_EXAMPLE), scores)
    assert said.decision == "hold"
    assert said.is_thin
    assert said.licences["gsp"] == "missing"
    assert "references" in said.missing


def test_a_day_that_does_not_exist_is_refused(scores):
    body = {"candidate_id": "C1", "licences": [{"kind": "gsp", "expires_at": "2026-02-30"}]}
    with pytest.raises(Wrong, match="YYYY-MM-DD"):
        admit(AdmissionRequest.model_validate(body), scores)


def test_the_example_is_a_valid_answer_in_json(scores):
    said = answer(Request.model_validate(EXAMPLE), scores)
    assert type(said).model_validate_json(said.model_dump_json()) == said
