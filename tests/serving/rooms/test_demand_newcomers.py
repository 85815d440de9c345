"""A series with attributes and no history is answered in its own right."""

import json

import pytest

from serving.errors import Problem
from serving.rooms.demand import Request, answer
from serving.snapshot import Snapshot


@pytest.fixture(scope="module")
def snapshot(model, panel):
    return Snapshot(
        name="demand", version="1", model=model, card={}, trained_at="", panel=panel, data_version="d"
    )


def _asked(snapshot, *series, **rest):
    body = json.dumps({"series": list(series)} | rest)
    return answer(Request.model_validate_json(body), snapshot, max_series=10)


NEWCOMER = {"dealer_id": "NEW", "sku_id": "S001"}


def test_attributes_alone_get_quantiles_from_named_analogues(snapshot):
    found = _asked(snapshot, NEWCOMER)
    (series,) = found.forecasts
    assert (found.as_of, series.note) == ("2017-09", "no_history, no_plans")
    assert len(series.analogues) == 5
    for like in series.analogues:
        assert like.unique_id.endswith("/S001")
        assert "sku_id" in like.shared
    assert 0 <= series.periods[0].quantiles["q05"] < series.periods[0].quantiles["q95"]


def test_months_of_its_own_move_the_answer(snapshot):
    months = [{"period": f"2017-{m:02}", "units": 100} for m in (7, 8, 9)]
    alone, shown = (_asked(snapshot, NEWCOMER | {"history": h}).forecasts[0] for h in ([], months))
    assert shown.note == "short_history, no_plans"
    assert alone.periods[0].mean < shown.periods[0].mean < 100
    assert alone.periods[0].quantiles["q50"] < shown.periods[0].quantiles["q50"]


def test_a_newcomer_beside_a_series_with_history_starts_where_that_ends(snapshot):
    known = {"unique_id": "OLD/S001", "history": [{"period": "2017-08", "units": 5}]}
    found = _asked(snapshot, NEWCOMER, known)
    assert found.as_of == "2017-08"
    assert [s.note for s in found.forecasts] == ["no_history, no_plans", "short_history, no_plans"]


def test_without_data_of_the_service_a_cutoff_is_asked_for(model):
    empty = Snapshot(
        name="demand", version="1", model=model, card={}, trained_at="", panel=None, data_version="d"
    )
    with pytest.raises(Problem, match="no series has a history"):
        _asked(empty, NEWCOMER)
    assert _asked(empty, NEWCOMER, cutoff="2017-09").forecasts[0].note == "no_history, no_plans"
