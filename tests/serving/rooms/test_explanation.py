import json
from dataclasses import replace

import pytest

from serving.errors import NotFound, Wrong
from serving.recall import question_of
from serving.rooms import demand, explanation

ONE = {"keys": [{"unique_id": "D003/S002"}], "horizon": 3}
TWO = {"keys": [{"unique_id": "D003/S002"}, {"unique_id": "D004/S001"}]}


def given(snapshot, body):
    """A forecast, and the question that is kept of it."""
    request = demand.Request.model_validate_json(json.dumps(body))
    answer = demand.answer(request, snapshot, max_series=10)
    return answer, question_of(answer.forecast_id, json.dumps(body).encode(), snapshot)


def explained(snapshot, body, **asked):
    forecast, question = given(snapshot, body)
    return forecast, explanation.answer(explanation.Request(**asked), question, snapshot)


def test_the_drivers_of_each_period_add_up_to_the_mean_that_was_given(snapshot):
    forecast, told = explained(snapshot, ONE)
    assert told.forecast_id == forecast.forecast_id
    for period, as_given in zip(told.periods, forecast.forecasts[0].periods, strict=True):
        assert (period.period, period.mean) == (as_given.period, as_given.mean)
        assert sum(d.units for d in period.drivers) == pytest.approx(period.mean, abs=1e-3)
        promotion = next(d.units for d in period.drivers if d.code == "promotion")
        assert period.without_promotion == pytest.approx(period.mean - promotion, abs=1e-3)


def test_one_series_and_one_period_can_be_named(snapshot):
    _, told = explained(snapshot, TWO, dealer_id="D004", sku_id="S001", period="2017-11")
    assert (told.unique_id, [p.period for p in told.periods]) == ("D004/S001", ["2017-11"])
    assert explained(snapshot, TWO, unique_id="D004/S001", period="2017-11-01")[1] == told


def test_several_series_and_none_named_is_refused(snapshot):
    with pytest.raises(Wrong, match="2 series; say which"):
        explained(snapshot, TWO)


@pytest.mark.parametrize("asked", [{"unique_id": "D009/S001"}, {"period": "2018-05"}])
def test_what_the_forecast_does_not_hold_is_not_found(snapshot, asked):
    with pytest.raises(NotFound):
        explained(snapshot, ONE, **asked)


def test_a_history_that_was_sent_along_is_explained_too(snapshot, panel):
    history = [{"period": f"2016-{m:02}", "units": 10.0 + m} for m in range(1, 13)]
    sent = {"dealer_id": "N1", "sku_id": "S001", "history": history}
    _, told = explained(snapshot, {"series": [sent], "missing_plans": "carry"})
    assert told.unique_id == "N1/S001"
    assert told.periods[0].alike[0].period == "2016-01"


def test_another_model_or_other_data_is_noticed(snapshot, panel):
    _, question = given(snapshot, ONE)
    other_data = replace(snapshot, panel=replace(panel, y=panel.y + 1))
    for now in (replace(snapshot, version="2"), other_data):
        with pytest.raises(explanation.Stale):
            explanation.answer(explanation.Request(), question, now)
