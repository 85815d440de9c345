import pandas as pd
import pytest
from pydantic import ValidationError

from features.known import known
from features.simulator import World, simulate
from models.price.model import PriceModel
from models.price.rows import Market
from serving.errors import NotFound, Wrong
from serving.rooms.price import EXAMPLE, Request, answer
from serving.scores import Data, Scores

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def scores():
    tables = simulate(World(dealers=10, products=3, months=24, contract_share=0)).tables
    model = PriceModel().fit(Market.of(known(tables, NOW)), NOW)
    data = Data(tables=tables, moment=NOW, version="lake-1")
    frames = model.score(tables, NOW)
    return Scores(name="price", version="3", model=model, card={}, trained_at="", data=data, frames=frames)


def ask(scores, *lines, **body):
    asked = [dict(zip(("dealer_id", "sku_id"), name.split("/"), strict=True)) | own for name, own in lines]
    return answer(Request.model_validate(({"lines": asked} if lines else {}) | body), scores)


@pytest.fixture(scope="module")
def names(scores):
    return scores.frames["prices"]["line_id"].tolist()


def test_lines_come_in_the_order_of_the_question_as_the_batch_has_them(scores, names):
    said = ask(scores, (names[4], {}), (names[1], {}))
    assert [p.line_id for p in said.prices] == [names[4], names[1]]
    batch = scores.frames["prices"].set_index("line_id")
    assert said.prices[0].suggested_price == batch.loc[names[4], "suggested_price"]
    assert (said.model.version, said.as_of, said.corridors) == ("3", "2026-01-01", None)


def test_without_lines_all_are_told(scores, names):
    said = ask(scores, corridors=True)
    assert [p.line_id for p in said.prices] == names
    assert len(said.corridors) == len(scores.frames["corridors"])


def test_a_higher_cost_of_the_request_never_lowers_the_price(scores, names):
    now = scores.frames["prices"].set_index("line_id")["net_price"]
    name = names[0]
    low, high = (ask(scores, (name, {"unit_cost": now[name] * c})).prices[0] for c in (0.5, 0.9))
    assert high.suggested_price >= low.suggested_price
    assert "no_unit_cost" not in low.note


def test_the_step_and_bounds_of_the_request_hold(scores, names):
    now = scores.frames["prices"].set_index("line_id")["net_price"][names[0]]
    said = ask(scores, (names[0], {"ceiling_price": now, "floor_price": now * 0.99}), step_rate=0.2).prices[0]
    assert now * 0.99 - 0.01 <= said.suggested_price <= now
    small = ask(scores, *((name, {}) for name in names), step_rate=0.01)
    assert all(abs(p.suggested_price / p.net_price - 1) <= 0.01 + 1e-9 for p in small.prices)


def test_an_unknown_line_is_named_by_its_position(scores, names):
    with pytest.raises(NotFound) as refused:
        ask(scores, (names[0], {}), ("nobody/S001", {}))
    assert refused.value.faults[0].field == "lines[1]"
    assert "nobody" not in str(refused.value)


def test_the_same_line_twice_is_refused(scores, names):
    with pytest.raises(Wrong, match=r"lines\[1\]"):
        ask(scores, (names[0], {}), (names[0], {}))


def test_a_floor_above_its_ceiling_is_refused(scores, names):
    with pytest.raises(Wrong, match="floor at or below the ceiling"):
        ask(scores, (names[0], {"floor_price": 9.0, "ceiling_price": 8.0}))
    with pytest.raises(Wrong, match="1 lines have their floor above") as refused:
        ask(scores, (names[0], {"unit_cost": 1e6}))
    assert refused.value.faults[0].field == "lines[0]"


@pytest.mark.parametrize(
    "own", [{"unit_cost": 0.0}, {"net_price": -1.0}, {"unit_cost": float("nan")}, {"cost": 1.0}]
)
def test_prices_and_costs_are_above_zero_and_named_as_they_are(scores, names, own):
    with pytest.raises(ValidationError):
        ask(scores, (names[0], own))


def test_the_example_is_a_valid_answer_in_json(scores):
    said = answer(Request.model_validate(EXAMPLE), scores)
    assert type(said).model_validate_json(said.model_dump_json()) == said
