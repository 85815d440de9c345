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


def _override(lake, qty, moment):
    """Dealer D001's S001 in 2017-08 and 2017-12 by hand."""
    row = {"dealer_id": "D001", "sku_id": "S001", "qty": qty, "author": "ann", "reason": "r"}
    months = pd.to_datetime(["2017-08-01", "2017-12-01"])
    rows = pd.DataFrame([row, row]).assign(period_start=months, made_at=moment, known_at=moment)
    lake.merge({"overrides": rows.assign(override_id=[f"{qty}a", f"{qty}b"])}, source="test")


def test_a_past_month_is_scored_with_the_overrides_of_then_the_last_with_those_of_now(stores, tmp_path):
    lake = Lake(tmp_path / "warehouse")
    lake.merge(tables(), source="test")
    _override(lake, 111.0, pd.Timestamp("2017-06-20"))
    _override(lake, 222.0, pd.Timestamp("2017-10-20"))
    for as_of, month, figure in (("2017-06", "2017-08-01", 111.0), ("2017-09", "2017-12-01", 222.0)):
        out = tmp_path / as_of
        score_as_of(lake, stores[1], Asked(as_of=as_of, out=out, missing_plans="carry"))
        told = read(out).set_index(["unique_id", "ds"])
        assert told.loc[("D001/S001", pd.Timestamp(month)), "final"] == figure
        rest = told[told["override_id"] == ""]
        assert (rest["final"] == rest["mean"]).all()
