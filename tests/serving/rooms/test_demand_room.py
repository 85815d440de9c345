from copy import deepcopy
from dataclasses import replace

import pytest

from serving.errors import NotFound, Wrong
from serving.rooms.demand import Request, answer


def ask(snapshot, **body):
    keys = {"keys": [{"unique_id": "D001/S001"}]}
    request = Request.model_validate((keys if "series" not in body else {}) | body)
    return answer(request, snapshot, max_series=3)


def test_without_a_horizon_the_model_goes_as_far_as_it_can(snapshot):
    assert len(ask(snapshot).forecasts[0].periods) == 3
    assert len(ask(snapshot, horizon=1).forecasts[0].periods) == 1


def test_any_level_between_the_stated_ones_can_be_asked(snapshot):
    found = ask(snapshot, levels=[0.8, 0.5, 0.75, 0.9, 0.5]).forecasts[0].periods[0].quantiles
    assert list(found) == ["q50", "q75", "q80", "q90"]
    assert found["q80"] == pytest.approx(found["q75"] * 2 / 3 + found["q90"] / 3, abs=1e-5)


def test_the_answer_keeps_the_order_of_the_question(snapshot):
    keys = [{"unique_id": "D004/S003"}, {"dealer_id": "D002", "sku_id": "S002"}]
    assert [f.unique_id for f in ask(snapshot, keys=keys).forecasts] == ["D004/S003", "D002/S002"]


def test_a_model_that_learned_no_zeros_says_null(snapshot):
    earlier = deepcopy(snapshot.model)
    del earlier.spread_.others_
    asked = ask(replace(snapshot, model=earlier)).forecasts[0].periods[0]
    assert asked.zero_probability is None
    assert ask(snapshot).forecasts[0].periods[0].zero_probability is not None


def test_more_series_than_allowed_are_refused(snapshot):
    with pytest.raises(Wrong, match="4 in one call; at most 3") as refused:
        ask(snapshot, keys=[{"unique_id": f"D0{i}/S001"} for i in range(4)])
    assert "qudao score" in refused.value.next_step


def test_keys_without_a_lake_have_no_data(snapshot):
    with pytest.raises(NotFound, match="1 of 1 keys"):
        ask(replace(snapshot, panel=None))


def test_the_id_depends_on_model_data_and_question(snapshot):
    ids = {
        ask(snapshot).forecast_id,
        ask(snapshot, horizon=2).forecast_id,
        ask(snapshot, levels=[0.5]).forecast_id,
        ask(replace(snapshot, version="2")).forecast_id,
        ask(replace(snapshot, panel=snapshot.panel.at(39))).forecast_id,
    }
    assert len(ids) == 5


@pytest.mark.parametrize("periods", [1, 2, 5, 11, 12, 40])
@pytest.mark.parametrize("units", [0.0, 3.0, 9e8])
def test_any_history_gets_a_forecast_that_is_a_number(snapshot, periods, units):
    months = [f"{2014 + (5 + m) // 12}-{(5 + m) % 12 + 1:02}" for m in range(40 - periods, 40)]
    history = [{"period": m, "units": units} for m in months]
    found = ask(replace(snapshot, panel=None), series=[{"unique_id": "A/x", "history": history}])
    assert found.as_of == "2017-09"
    assert all(p.mean >= 0 for p in found.forecasts[0].periods)
