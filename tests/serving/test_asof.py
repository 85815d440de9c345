import pandas as pd
import pytest
from small_channel import WITHOUT_FUTURE, tables

from features.errors import ChannelError
from features.lake import Lake
from models.registry import Registry
from serving.asof import Asked, score_as_of
from serving.batch import read


@pytest.fixture(scope="module")
def stores(service):
    return Lake(service.settings.warehouse), Registry(root=service.home)


def test_the_past_is_scored_with_what_was_known_then(stores, tmp_path):
    asked = Asked(as_of="2017-06", out=tmp_path, missing_plans="carry")
    report = score_as_of(*stores, asked)
    found = read(tmp_path)
    assert report.series == 36
    assert found["cutoff"].unique().tolist() == [pd.Timestamp("2017-06-01")]
    assert sorted(found["ds"].dt.strftime("%Y-%m").unique()) == ["2017-07", "2017-08", "2017-09"]


def test_later_sales_do_not_change_what_was_forecast_then(stores, tmp_path):
    lake = Lake(tmp_path / "warehouse")
    lake.merge(tables(months=37), source="then")
    asked = Asked(as_of="2017-06", out=tmp_path / "then", missing_plans="carry", horizon=1)
    score_as_of(lake, stores[1], asked)
    score_as_of(*stores, Asked(as_of="2017-06", out=tmp_path / "now", missing_plans="carry", horizon=1))
    then, now = (read(tmp_path / name).query(f"dealer_id != '{WITHOUT_FUTURE}'") for name in ("then", "now"))
    pd.testing.assert_frame_equal(then, now.assign(data_version=then["data_version"]), rtol=1e-9)


@pytest.mark.parametrize(("as_of", "said"), [("2017-13", "no period"), ("1999-01", "Nothing was on record")])
def test_a_period_that_is_none_or_holds_nothing_is_refused(stores, tmp_path, as_of, said):
    with pytest.raises(ChannelError, match=said):
        score_as_of(*stores, Asked(as_of=as_of, out=tmp_path))
