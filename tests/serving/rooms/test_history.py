import numpy as np
import pandas as pd
import pytest

from features.frequency import MONTHLY, WEEKLY
from serving.errors import Wrong
from serving.rooms.history import Key, Series, Wanted, panel_of


def series(name="A/x", history=None, **more):
    rows = [{"period": p, "units": float(u)} for p, u in (history or {"2017-08": 5, "2017-09": 6}).items()]
    return Series.model_validate({"unique_id": name, "history": rows} | more)


def panel(*many, freq=MONTHLY, plans=(), signals=(), **options):
    return panel_of(many, Wanted(freq=freq, plans=plans, signals=signals, horizon=2), **options)


def field(*many, **options):
    with pytest.raises(Wrong) as refused:
        panel(*many, **options)
    return refused.value.faults[0].field


def test_every_observation_lands_in_its_period_in_any_order():
    found = panel(series(history={"2017-09": 3, "2016-12": 1, "2017-08": 2}))
    recorded = {str(p.date()): y for p, y in zip(found.periods(), found.y[0], strict=True) if np.isfinite(y)}
    assert recorded == {"2016-12-01": 1, "2017-08-01": 2, "2017-09-01": 3}
    assert found.cutoff == pd.Timestamp("2017-09-01")


def test_weeks_are_named_by_their_monday():
    found = panel(series(history={"2017-09-04": 1, "2017-09-11": 2}), freq=WEEKLY)
    assert found.y[0, -2:].tolist() == [1, 2]
    assert field(series(history={"2017-09-12": 2}), freq=WEEKLY) == "series[0].history[0].period"
    assert field(series(history={"2017-09": 2}), freq=WEEKLY) == "series[0].history[0].period"


def test_a_short_history_starts_late_in_a_panel_of_three_years():
    found = panel(series(history={"2017-09": 4}))
    assert (found.t, int(np.isfinite(found.y).sum())) == (37, 1)
    assert panel(series(), first=pd.Timestamp("2010-01-01")).first == pd.Timestamp("2010-01-01")


def test_plans_reach_the_horizon_and_no_further():
    plans = [
        {"period": p, "deal": v} for p, v in (("2017-09", 1), ("2017-10", 2), ("2018-06", 9), ("1999-01", 9))
    ]
    found = panel(series(plans=plans), plans=("deal", "net_price"))
    assert found.plans["deal"][0, -3:].tolist() == [1, 2, pytest.approx(np.nan, nan_ok=True)]
    assert np.isnan(found.plans["net_price"]).all()


def test_signals_end_with_the_history():
    rain = [{"period": p, "rain": 7} for p in ("2017-08", "2017-10")]
    found = panel(series(signals=rain), signals=("rain",))
    assert found.signals["rain"].shape == found.y.shape
    assert found.signals["rain"][0, -2] == 7
    assert field(series(signals=rain), plans=("rain",)) == "series[0].signals[0].period"


def test_histories_that_end_differently_need_a_cutoff():
    early, late = series("A/x", {"2017-08": 1}), series("B/x", {"2017-09": 2})
    assert field(early, late) == "series[0].history[0].period"
    found = panel(early, late, cutoff="2017-10")
    assert found.cutoff == pd.Timestamp("2017-10-01")
    assert np.isnan(found.y[:, -1]).all()


def test_nothing_after_the_cutoff_is_taken():
    assert field(series(), cutoff="2017-08") == "series[0].history[1].period"
    assert field(series(), cutoff="2017-08-20") == "cutoff"


def test_attributes_become_static_columns():
    found = panel(
        series(attributes={"tier": "A"}), series("B/x", attributes={"category": "beer", "sku_id": "no"})
    )
    assert found.static.columns.tolist() == ["dealer_id", "sku_id", "tier", "category"]
    assert found.static["sku_id"].tolist() == ["x", "x"]


@pytest.mark.parametrize(("key", "pair"), [
    ({"dealer_id": "A", "sku_id": "x"}, ("A", "x")),
    ({"unique_id": "A/x"}, ("A", "x")),
    ({"unique_id": "A/x/y"}, ("A", "x/y")),
    ({"unique_id": "T1"}, ("all", "T1")),
])  # fmt: skip
def test_a_key_names_dealer_and_product(key, pair):
    assert Key.model_validate(key).pair() == pair


def test_a_thousand_series_are_placed_in_one_go():
    many = [series(f"D{i}/x", {"2017-08": i, "2017-09": 2 * i}) for i in range(1000)]
    found = panel(*many)
    np.testing.assert_array_equal(found.y[:, -2:], np.outer(np.arange(1000), [1, 2]))
