import copy
import json
import shutil

import pandas as pd
import pytest
from live import release

from features.lake import Lake
from serving.errors import NotFound
from serving.recall import question_of, recalled
from serving.rooms import demand, explanation
from serving.settings import Settings
from serving.snapshot import DemandSource

BODY = {"keys": [{"unique_id": "D003/S002"}], "horizon": 3}


@pytest.fixture
def settings(tmp_path, lake_folder, model):
    shutil.copytree(lake_folder, tmp_path / "warehouse")
    release(tmp_path, model)
    return Settings(home=tmp_path)


def kept(snapshot):
    request = demand.Request.model_validate_json(json.dumps(BODY))
    answer = demand.answer(request, snapshot, max_series=10)
    return answer, question_of(answer.forecast_id, json.dumps(BODY).encode(), snapshot)


def test_a_forecast_is_explained_as_it_was_given_after_model_and_data_changed(settings, model):
    forecast, question = kept(DemandSource(settings).build())
    sold = Lake(settings.warehouse).read("sell_in")
    late = sold[sold["period_start"] == "2017-09-01"].assign(qty_sell_in=500.0)
    Lake(settings.warehouse).merge({"sell_in": late}, source="test", now=pd.Timestamp("2018-01-01"))
    release(settings.home, copy.copy(model))
    with pytest.raises(explanation.Stale):
        explanation.answer(explanation.Request(), question, DemandSource(settings).build())
    told = explanation.answer(explanation.Request(), question, recalled(settings, question))
    assert [p.mean for p in told.periods] == [p.mean for p in forecast.forecasts[0].periods]
    assert told.model.version == forecast.model.version


def test_a_version_that_is_gone_is_said_to_be(settings):
    _, question = kept(DemandSource(settings).build())
    gone = question_of(question.forecast_id, question.body, DemandSource(settings).build())
    with pytest.raises(NotFound, match="no longer on record") as refusal:
        recalled(settings, type(gone)("f-1", b"", version="99", tables=gone.tables, moment=gone.moment))
    assert "POST /v1/forecasts" in refusal.value.next_step
