"""Aggregates of a batch: they add up, they are as wide as their draws, and parts change nothing."""

import numpy as np
import pandas as pd
import pytest

from features.errors import BrokenHierarchy
from features.totals import Totals
from models.demand.forecast import LEVELS, column
from serving.aggregates import write_aggregates
from serving.batch import AGGREGATES, Job, read, score

BANDS = [column(p) for p in LEVELS]


@pytest.fixture(scope="module")
def batch(model, panel, tmp_path_factory):
    out = tmp_path_factory.mktemp("batch")
    job = Job(model=model, version="7", data_version="d1", horizon=3, missing_plans="carry")
    score(job, panel, out=out)
    return job, out


@pytest.fixture(scope="module")
def aggregates(batch, panel):
    job, out = batch
    return write_aggregates(job, panel, Totals.of(panel.static), out=out)


def test_children_add_up_to_parents_and_to_the_series(batch, aggregates):
    single = aggregates[aggregates["periods"] == 1]
    by_level = single.groupby(["level", "period_start"])["mean"].sum().unstack()
    for level in ("sku_id", "dealer_id"):
        np.testing.assert_allclose(by_level.loc[level], by_level.loc["total"], atol=1e-6)
    total = read(batch[1]).groupby("ds")["mean"].sum()
    np.testing.assert_allclose(by_level.loc["total"], total, atol=1e-6)


def test_the_sum_of_the_periods_has_a_band_of_its_own(aggregates):
    total = aggregates[aggregates["level"] == "total"]
    months, whole = total[total["periods"] == 1], total[total["periods"] == 3].iloc[0]
    assert whole["mean"] == pytest.approx(months["mean"].sum())
    assert whole["q95"] - whole["q05"] < (months["q95"] - months["q05"]).sum()
    assert whole["q05"] < whole["mean"] < whole["q95"]


def test_a_total_is_surer_than_its_series_and_quantiles_do_not_cross(batch, aggregates):
    assert (np.diff(aggregates[BANDS], axis=1) >= 0).all()
    assert (aggregates[BANDS] >= 0).all(axis=None)
    series, total = read(batch[1]), aggregates[aggregates["level"] == "total"].iloc[0]
    month = series[series["ds"] == total["period_start"]]
    assert total["q95"] - total["q05"] < (month["q95"] - month["q05"]).sum()


def test_parts_change_nothing(batch, aggregates, panel):
    job, out = batch
    parts = write_aggregates(job, panel, Totals.of(panel.static), out=out, chunk=4)
    pd.testing.assert_frame_equal(parts, aggregates, rtol=1e-4)
    pd.testing.assert_frame_equal(pd.read_parquet(out / AGGREGATES), parts)


def test_another_batch_takes_old_aggregates_away(batch, aggregates, panel, tmp_path):
    job, _ = batch
    score(job, panel, out=tmp_path)
    write_aggregates(job, panel, Totals.of(panel.static), out=tmp_path)
    score(job, panel, out=tmp_path)
    assert not (tmp_path / AGGREGATES).exists()


def test_a_loop_of_dealers_is_refused_before_anything_is_written(service, tmp_path, monkeypatch):
    from features.lake import Lake
    from models.registry import Registry
    from serving.asof import Asked, score_as_of

    lake, registry = Lake(service.settings.warehouse), Registry(root=service.home)
    loop = pd.DataFrame({"dealer_id": ["D001", "D002"], "parent_dealer_id": ["D002", "D001"]})
    tables = lake.as_of
    monkeypatch.setattr(lake, "as_of", lambda moment: tables(moment) | {"dealers": loop})
    asked = Asked(as_of="2017-09", out=tmp_path / "out", missing_plans="carry", levels=True)
    with pytest.raises(BrokenHierarchy, match="1 loops of dealers; first: D001 > D002 > D001"):
        score_as_of(lake, registry, asked)
    assert not (tmp_path / "out").exists()


def test_every_level_is_scored_with_the_batch_when_asked_for(service, tmp_path):
    from features.lake import Lake
    from models.registry import Registry
    from serving.asof import Asked, score_as_of

    lake, registry = Lake(service.settings.warehouse), Registry(root=service.home)
    score_as_of(lake, registry, Asked(as_of="2017-09", out=tmp_path, missing_plans="carry", levels=True))
    assert {"total", "sku_id", "dealer_id"} <= set(pd.read_parquet(tmp_path / AGGREGATES)["level"])
