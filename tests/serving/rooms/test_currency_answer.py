import pandas as pd
import pytest
from pydantic import ValidationError

from features.simulator import World, simulate
from models.currency.model import CurrencyModel
from models.currency.terms import Terms
from serving.answers import ANSWERS, CURRENCY
from serving.errors import NotFound, Wrong
from serving.rooms.currency import EXAMPLE, FIELDS, Request, answer
from serving.scores import Data, Scores

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def scores():
    world = World(seed=3, dealers=10, products=2, months=30, territories=6, abroad_share=0.8)
    channel = simulate(world)
    owns = channel.truth["own_currencies"].set_index("dealer_id")["own_currency"].to_dict()
    rates = channel.tables["fx_rates"]
    old = (rates["base_currency"] == "HKD") & (rates["rate_date"] > "2025-12-01")
    tables = channel.tables | {"fx_rates": rates[~old]}
    model = CurrencyModel(Terms(own_currencies=owns)).fit(tables, NOW)
    data = Data(tables=tables, moment=NOW, version="lake-1")
    frames = model.score(tables, NOW)
    return Scores(name="currency", version="4", model=model, card={}, trained_at="", data=data, frames=frames)


def ask(scores, **body):
    return answer(Request.model_validate(body), scores)


def one(**exposure):
    return [{"own_currency": "USD", "amount": 1000.0} | exposure]


def test_dealers_come_in_the_order_of_the_question_as_the_batch_has_them(scores):
    said = ask(scores, dealer_ids=["D004", "D002"])
    assert [d.dealer_id for d in said.dealers] == ["D004", "D002"]
    batch = scores.frames["currencies"].set_index("dealer_id").loc[["D004"]]
    assert [c.currency for c in said.dealers[0].currencies] == batch["currency"].tolist()
    told = [c.expected_cost_rate for c in said.dealers[0].currencies if c.rank]
    assert told == batch["expected_cost_rate"].dropna().tolist()
    assert (said.model.version, said.data_version, said.home_currency) == ("4", "lake-1", "CNY")


def test_without_a_question_all_dealers_are_told_and_rates_when_asked(scores):
    said = ask(scores, rates=True)
    assert len(said.dealers) == 10
    assert {r.currency: r.stale_days for r in said.rates} == {
        "EUR": 1,
        "HKD": 23,
        "JPY": 1,
        "USD": 1,
        "VND": 1,
    }
    assert ask(scores).rates is None


def test_an_exposure_is_answered_by_the_rules_of_the_batch(scores):
    said = ask(scores, exposures=one(days=30.0, candidates=["EUR"]))
    assert said.dealers == []
    choices = said.exposures[0].currencies
    assert {c.currency for c in choices} == {"CNY", "USD", "EUR"}
    assert [c.rank for c in choices] == [1, 2, 3]
    assert choices[0].expected_cost_rate <= choices[1].expected_cost_rate + 1e-4
    assert choices[0].expected_cost_amount == pytest.approx(1000 * choices[0].expected_cost_rate, abs=0.01)


def test_an_amount_in_a_foreign_currency_is_worth_its_last_rate(scores):
    said = ask(scores, exposures=one(currency="USD")).exposures[0]
    rate = scores.frames["rates"].set_index("currency").loc["USD", "rate"]
    assert said.home_amount == pytest.approx(1000 * rate, abs=0.01)
    assert said.rate_date == "2025-12-31"


@pytest.mark.parametrize("field", ["own_currency", "currency"])
def test_a_currency_without_a_rate_is_refused_with_those_that_have_one(scores, field):
    with pytest.raises(Wrong, match="CNY, EUR, HKD, JPY, USD, VND") as refused:
        ask(scores, exposures=one(**{field: "USX"}))
    assert refused.value.kind == "unknown-currency"
    assert refused.value.faults[0].field == f"exposures[0].{field}"
    assert 'Did you mean "USD"' in str(refused.value)


def test_a_stale_rate_is_refused_with_its_day(scores):
    with pytest.raises(Wrong, match=r"HKD/CNY is of 2025-12-01, 23 business days") as refused:
        ask(scores, exposures=[*one(), *one(candidates=["HKD"])])
    assert refused.value.kind == "stale-rate"
    assert refused.value.faults[0].field == "exposures[1].candidates[0]"


@pytest.mark.parametrize(
    "wrong", [{"amount": -1.0}, {"amount": 0.0}, {"days": 0.0}, {"days": 999.0}, {"own_currency": "usd"}]
)
def test_what_no_exposure_can_be_is_refused_before_it_is_asked(wrong):
    with pytest.raises(ValidationError):
        Request.model_validate({"exposures": one(**wrong)})


def test_an_unknown_dealer_is_named_by_its_position_and_twice_is_refused(scores):
    with pytest.raises(NotFound) as refused:
        ask(scores, dealer_ids=["D001", "nobody"])
    assert refused.value.faults[0].field == "dealer_ids[1]"
    assert "nobody" not in str(refused.value)
    with pytest.raises(Wrong, match=r"dealer_ids\[1\]"):
        ask(scores, dealer_ids=["D001", "D001"])


def test_the_example_is_a_valid_answer_in_json(scores):
    said = answer(Request.model_validate(EXAMPLE), scores)
    assert type(said).model_validate_json(said.model_dump_json()) == said
    assert set(EXAMPLE) <= FIELDS
    assert ANSWERS[CURRENCY].room == "currency"


def test_the_same_question_has_the_same_answer(scores):
    assert ask(scores, exposures=one()) == ask(scores, exposures=one())
