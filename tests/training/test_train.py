import shutil

import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.lake import Lake
from models.registry import NoChampion, Registry
from tests.serving.small_channel import tables
from tests.toy_room import toy
from training import train as training
from training.train import from_lake, train_demand

QUICK = toy(members=("theta", "tsb"), replays={"M": 1, "W": 1})


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("home") / "warehouse")
    lake.merge(tables(), source="test")
    return lake


@pytest.fixture(scope="module")
def store(empty_store, tmp_path_factory):
    root = tmp_path_factory.mktemp("train") / "home"
    shutil.copytree(empty_store, root)
    return Registry(root=root)


@pytest.fixture(scope="module")
def trained(lake, store):
    return train_demand(lake, store, QUICK, show=False)


def test_a_training_leaves_a_version_and_no_champion(trained, store):
    assert [v.version for v in store.versions("demand")] == [trained.version] == ["1"]
    with pytest.raises(NoChampion):
        store.champion("demand")
    assert "not yet released" in str(trained)


def test_the_card_says_what_the_gate_and_the_service_need(trained, store, lake):
    card = store.load("demand", trained.version).card
    assert card["data_version"] == lake.version() == trained.data_version
    assert (card["freq"], card["cutoff"], card["series"], card["gaps"]) == ("M", "2017-09-01", 36, "missing")
    assert card["plans"] == ["net_price", "discount", "rival_price"]
    assert card["planners"] == ["last_value", "seasonal_naive", "mean_3", "mean_12"]
    backtest = pd.read_parquet(store.artifact(trained.run_id, card["backtest"]))
    assert {"y", "mean", "q05", "q95", *card["planners"]} <= set(backtest.columns)


def test_the_run_says_how_every_method_did(trained, store):
    run = store.client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["mean.wape"] == pytest.approx(
        trained.table.set_index("method").loc["mean", "wape"]
    )
    assert "mean_12.bias" in run.data.metrics
    assert run.data.params["boosted.rounds"] in ("12", "12.0")
    assert store.artifact(trained.run_id, "report/report.html").stat().st_size > 10_000


def test_what_was_registered_answers_for_the_lake(trained, store, lake):
    model, panel = store.load("demand", trained.version).model, from_lake(lake, QUICK)
    forecast = model.predict(panel.carry_plans(3))
    assert forecast.periods.strftime("%Y-%m").tolist() == ["2017-10", "2017-11", "2017-12"]
    assert np.isfinite(forecast.quantiles).all()


def test_the_same_data_trains_the_same_model(trained, store, lake):
    again = train_demand(lake, store, QUICK, show=False)
    panel = from_lake(lake, QUICK).carry_plans(3)
    one, two = (
        store.load("demand", v).model.predict(panel).frame() for v in (trained.version, again.version)
    )
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    pd.testing.assert_frame_equal(trained.table, again.table)


def test_the_panel_of_a_moment_holds_what_was_known_then(lake):
    then = from_lake(lake, QUICK, pd.Timestamp("2016-05-15"))
    assert then.cutoff == pd.Timestamp("2016-04-01")
    assert {plan.shape[1] for plan in then.plans.values()} == {then.t + 4}  # known three months before


def test_a_fault_leaves_a_failed_run_and_no_version(lake, store, monkeypatch):
    before = [v.version for v in store.versions("demand")]
    monkeypatch.setattr(training, "write_report", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_demand(lake, store, QUICK, show=False)
    newest = store.client.search_runs([store.experiment("demand")], max_results=1)[0]
    assert newest.info.status == "FAILED"
    assert [v.version for v in store.versions("demand")] == before


def test_an_empty_lake_says_to_load_sales(tmp_path, store):
    with pytest.raises(TooFewRows, match="load sales with `qudao ingest`"):
        train_demand(Lake(tmp_path / "warehouse"), store, QUICK, show=False)
