import pandas as pd
import pytest

from features.simulator import World, simulate
from serving.errors import NotFound, Wrong
from serving.rooms.health import EXAMPLE, Request, answer
from serving.scores import Data, Scores
from training.recipes import health

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def scores():
    tables = simulate(World(dealers=10, products=3, months=24, contract_share=0)).tables
    model = health.fit(tables, NOW, health.Config()).model
    data = Data(tables=tables, moment=NOW, version="lake-1")
    frames = model.score(tables, NOW)
    return Scores(name="health", version="3", model=model, card={}, trained_at="", data=data, frames=frames)


def ask(scores, **body):
    return answer(Request.model_validate(body), scores)


def test_dealers_come_in_the_order_of_the_question_as_the_batch_has_them(scores):
    said = ask(scores, dealer_ids=["D004", "D002"])
    assert [d.dealer_id for d in said.dealers] == ["D004", "D002"]
    batch = scores.frames["dealers"].set_index("dealer_id")
    assert said.dealers[0].score == batch.loc["D004", "score"]
    assert (said.model.version, said.data_version, said.as_of) == ("3", "lake-1", "2026-01-01")


def test_without_ids_all_are_told_and_regions_when_asked(scores):
    said = ask(scores, regions=True)
    assert len(said.dealers) == 10
    assert sum(r.dealers for r in said.regions) == 10
    assert ask(scores).regions is None


def test_an_unknown_dealer_is_named_by_its_position(scores):
    with pytest.raises(NotFound) as refused:
        ask(scores, dealer_ids=["D001", "nobody"])
    assert refused.value.faults[0].field == "dealer_ids[1]"
    assert "nobody" not in str(refused.value)


def test_the_same_dealer_twice_is_refused(scores):
    with pytest.raises(Wrong, match=r"dealer_ids\[1\]"):
        ask(scores, dealer_ids=["D001", "D001"])


def test_the_example_is_a_valid_answer_in_json(scores):
    said = answer(Request.model_validate(EXAMPLE), scores)
    assert type(said).model_validate_json(said.model_dump_json()) == said
