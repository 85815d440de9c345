from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.frequency import MONTHLY, WEEKLY
from features.matrix import ORIGINS, Setting, families, matrix, spans, targets
from tests.oracles import blocks as oracle
from tests.panels import changed_after, panel_of, small_channel

H = 3


@pytest.fixture(scope="module")
def setting(panel):
    return Setting.of(panel, country="CN")


def column(x, name, horizon=H):
    return x.values[:, x.names.index(name)].reshape(-1, horizon)


def test_every_column_says_where_it_comes_from(panel, setting):
    x = matrix(panel, H, setting=setting)
    assert x.values.shape == (panel.n * H, len(x.names))
    assert len(set(x.names)) == len(x.names)
    assert set(families(x.names)) == set(ORIGINS)


@settings(max_examples=25, deadline=None)
@given(t=st.integers(1, 39), horizon=st.integers(1, 4), seed=st.integers(0, 99), letter=st.sampled_from("MW"))
def test_changing_the_future_moves_no_feature_of_the_past(t, horizon, seed, letter):
    freq = {"M": MONTHLY, "W": WEEKLY}[letter]
    panel = small_channel(4, 2, t=40, ahead=6, freq=freq, seed=seed)
    other = changed_after(panel, t, horizon, seed=seed + 1)
    one, two = (matrix(p.at(t), horizon, setting=Setting.of(p, country="CN")) for p in (panel, other))
    assert one.names == two.names
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(one.level, two.level)


def test_columns_are_the_blocks_over_the_level(panel, setting):
    x = matrix(panel, H, setting=setting)
    for i in range(0, panel.n, 3):
        row = list(panel.y[i])
        size = oracle.level(row, 12)
        by_hand = {
            "lags.2": [row[-2] / size] * H,
            "windows.mean_6": [oracle.mean(oracle.last(row, 6)) / size] * H,
            "windows.decayed": [oracle.decayed(row, 3.0) / size] * H,
            "windows.deviation": [oracle.deviation(row, 12) / size] * H,
            "seasonality.year_ago_2": [oracle.year_ago(row, 12, s, 2) / size for s in range(H)],
            "intermittency.zero_rate": [oracle.zero_rate(row, 12)] * H,
            "intermittency.age": [oracle.age(row)] * H,
            "signals.weather": [
                oracle.mean(panel.signals["weather"][i, -3:]) / panel.signals["weather"][i, -12:].mean()
            ]
            * H,
            "plans.deal": panel.plans["deal"][i, 40:],
            "calendar.month": [5, 6, 7],
        }
        for name, expected in by_hand.items():
            np.testing.assert_allclose(column(x, name)[i], expected, rtol=1e-5, err_msg=name)


def test_a_series_alone_has_the_rows_it_has_in_company(panel, setting):
    rows = np.array([5, 0, 17])
    alone, all_rows = (matrix(p, H, setting=setting).values for p in (panel.take(rows), panel))
    np.testing.assert_array_equal(alone.reshape(3, H, -1), all_rows.reshape(panel.n, H, -1)[rows])


@pytest.mark.parametrize("t", [1, 2, 5, 13, 30])
def test_a_short_history_has_the_same_columns(panel, t):
    assert matrix(panel.at(t, ahead=H), H).names == matrix(panel, H).names


@pytest.mark.parametrize("t", [3, 12, 40])
def test_a_horizon_of_more_than_a_year_is_allowed(t):
    x = matrix(small_channel(2, 2, t=t).at(t), 26)
    assert np.isnan(column(x, "seasonality.year_ago_1", 26)[:, 12:]).all()


def test_a_week_that_begins_with_the_month_has_one_weekend():
    weekly = panel_of(np.ones((1, 52 * 5)), freq=WEEKLY)
    eve = weekly.at(weekly.position(pd.Timestamp("2023-12-25")))  # the next Monday is 1 January
    assert column(matrix(eve, 1), "calendar.weekend_days", 1) == 2


def test_a_weeks_month_is_that_of_its_thursday():
    weekly = panel_of(np.ones((1, 8)), freq=WEEKLY)  # until 25 February 2019
    assert column(matrix(weekly.at(7), 2), "calendar.month", 2).tolist() == [[2, 3]]


def test_names_unseen_at_training_are_told_apart(panel, setting):
    stranger = replace(panel.take(np.array([0])), static=pd.DataFrame({"dealer_id": ["?"], "sku_id": ["S1"]}))
    x = matrix(stranger, H, setting=setting)
    assert column(x, "hierarchy.code_dealer_id").tolist() == [[-1] * H]
    assert (
        column(x, "hierarchy.code_tier" if "tier" in panel.static else "hierarchy.code_category")[0, 0] == -1
    )


def test_nothing_to_go_by_is_unknown_and_never_infinite(odd_series):
    x = matrix(panel_of(odd_series), H)
    assert not np.isinf(x.values).any()
    assert np.isfinite(column(x, "windows.log_level")).all()


def test_targets_are_the_coming_units_over_the_level(panel):
    size = np.arange(1.0, panel.n + 1)
    found = targets(panel, 38, H, size).reshape(-1, H)
    np.testing.assert_array_equal(found[:, :2], panel.y[:, 38:] / size[:, None])
    assert np.isnan(found[:, 2]).all()


def test_windows_are_about_a_quarter_a_half_and_a_whole_year():
    assert (spans(12), spans(52)) == ((3, 6, 12, 24), (4, 13, 26, 52))
