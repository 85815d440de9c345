import json

import pandas as pd
import pytest
from pydantic import ValidationError

from features.payments import Ledger
from features.simulator import World, simulate
from models.credit.default import Default
from models.credit.late import Late
from models.credit.model import CreditModel
from serving.errors import NotFound, Wrong
from serving.rooms.credit import EXAMPLE, Request, answer
from serving.scores import Data, Scores

MOMENT = pd.Timestamp("2025-06-01")


@pytest.fixture(scope="module")
def scores():
    made = simulate(World(dealers=15, seed=2)).tables
    tables = {name: made[name] for name in ("invoices", "payments", "dealers", "fx_rates")}
    ledger = Ledger.of({name: frame[frame["known_at"] <= MOMENT] for name, frame in tables.items()})
    late = Late(cuts=(0.5, 0.75)).fit(ledger, tables["dealers"], MOMENT)
    model = CreditModel(
        default=Default(least=99).fit(ledger, MOMENT), late=late, currency="CNY", cutoff_=MOMENT
    )
    data = Data(tables=tables, moment=MOMENT, version="7")
    frames = model.score(tables, MOMENT)
    return Scores(name="credit", version="3", model=model, card={}, trained_at="", data=data, frames=frames)


def asked(**fields):
    return Request.model_validate_json(json.dumps(fields))


def test_an_answer_is_the_frames_row_in_the_order_of_the_request(scores):
    told = answer(asked(dealer_ids=["D003", "D001"], invoices=True, cash=True), scores)
    frame = scores.frames["dealers"].set_index("dealer_id")
    assert [one.dealer_id for one in told.dealers] == ["D003", "D001"]
    assert [one.pd_12m for one in told.dealers] == frame.loc[["D003", "D001"], "pd_12m"].tolist()
    assert {one.dealer_id for one in told.invoices} <= {"D001", "D003"}
    assert len(told.cash) == len(scores.frames["cash"])
    assert (told.model.version, told.data_version, told.as_of) == ("3", "7", "2025-06-01")
    assert told.model_dump_json()


def test_the_example_is_answered(scores):
    told = answer(asked(**EXAMPLE), scores)
    assert told.new_invoices[0].invoice_id is None
    assert 0 < told.new_invoices[0].probability < 1


def test_all_dealers_when_none_is_named(scores):
    assert len(answer(asked(), scores).dealers) == 15


def test_an_unknown_dealer_is_named_by_its_place(scores):
    with pytest.raises(NotFound) as refused:
        answer(asked(dealer_ids=["D001", "nobody"]), scores)
    assert refused.value.faults[0].field == "dealer_ids[1]"
    assert "nobody" not in str(refused.value)
    with pytest.raises(Wrong, match="stands twice"):
        answer(asked(dealer_ids=["D001", "D001"]), scores)


def test_a_currency_without_a_rate_is_named(scores):
    bill = {**EXAMPLE["new_invoices"][0], "currency": "XXX"}
    with pytest.raises(Wrong, match="XXX/CNY") as refused:
        answer(asked(new_invoices=[bill]), scores)
    assert refused.value.faults[0].field == "new_invoices[0].currency"


@pytest.mark.parametrize(
    "change", [{"amount": -5.0}, {"due_at": "2020-01-01"}, {"currency": "yuan"}, {"colour": 1}]
)
def test_an_invoice_that_is_none_is_refused(change):
    with pytest.raises(ValidationError):
        asked(new_invoices=[{**EXAMPLE["new_invoices"][0], **change}])
