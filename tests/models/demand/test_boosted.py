from dataclasses import replace

import numpy as np
import pytest

from features.errors import TooFewRows
from features.frequency import WEEKLY
from models.demand.boosted import Boosted
from tests.oracles import blocks as oracle
from tests.panels import panel_of, small_channel

H = 3
SMALL = {"rounds": 40, "learning_rate": 0.2, "leaves": 8, "min_rows": 5, "l2": 1.0}


@pytest.fixture(scope="module")
def fitted(panel):
    return Boosted(**SMALL).fit(panel, H)


def test_a_season_shared_by_all_series_is_learned():
    rng = np.random.default_rng(0)
    wave = 1 + 0.5 * np.sin(np.arange(51) * np.pi / 6)
    y = rng.lognormal(3, 1, (100, 1)) * wave * rng.gamma(100, 0.01, (100, 51))
    past, ahead = panel_of(y[:, :48]), y[:, 48:]
    knowing = (y[:, :48] / wave[:48]).mean(axis=1, keepdims=True) * wave[48:]
    wape = [np.abs(f - ahead).sum() / ahead.sum() for f in (Boosted().fit(past, H).predict(past), knowing)]
    assert wape[0] < 1.1 * wape[1] < np.abs(y[:, [47]] - ahead).sum() / ahead.sum()


def test_a_series_counts_by_its_size():
    y = np.vstack(
        [np.full((15, 30), 1e4), 1.2 ** np.arange(30) * np.ones((15, 1))]
    )  # large flat, small growing
    cuts = range(7, 30)  # with less than three years, from half a year on
    levels = [[oracle.level(list(row[:t]), 12) for t in cuts] for row in y]
    ratio = y[:, 7:].sum() / np.sum(levels)  # what one number for all would have to be
    flat = Boosted(rounds=1, min_rows=10**6).fit(panel_of(y), 1).predict(panel_of(y))
    np.testing.assert_allclose(flat[0], 1e4 * ratio, rtol=1e-6)


def test_columns_have_the_names_they_were_learned_with(fitted, panel):
    assert len(fitted.names_) == fitted.booster_.num_feature() == fitted.rows(panel)[0].shape[1]
    assert {name.split(".")[0] for name in fitted.names_} >= {"lags", "plans", "signals", "candidates"}


def test_a_series_alone_has_the_forecast_it_has_in_company(fitted, panel):
    rows = np.array([11, 3])
    np.testing.assert_allclose(fitted.predict(panel.take(rows)), fitted.predict(panel)[rows], rtol=1e-9)


def test_a_price_cut_is_answered_with_more_units(panel):
    trees = Boosted(**SMALL).fit(panel, H)
    price = panel.plans["net_price"].copy()
    price[:, panel.t :] *= 0.6
    cheaper = replace(panel, plans=panel.plans | {"net_price": price})
    assert trees.predict(cheaper).sum() > 1.1 * trees.predict(panel).sum()


def test_a_channel_that_never_sold_is_forecast_to_sell_nothing():
    zeros = panel_of(np.zeros((6, 30)))
    np.testing.assert_array_equal(Boosted(**SMALL).fit(zeros, H).predict(zeros), 0.0)


def test_a_channel_with_one_period_each_cannot_be_learned_from():
    y = np.full((4, 20), np.nan)
    y[:, -1] = 5.0
    with pytest.raises(TooFewRows, match="Learning from series with an earlier period"):
        Boosted(**SMALL).fit(panel_of(y), H)


def test_no_more_rows_are_used_than_allowed(panel):
    trees = Boosted(**SMALL, max_rows=300).fit(panel, H)
    assert len(trees._training_rows(panel)[1]) <= 300
    assert np.isfinite(trees.predict(panel)).all()


@pytest.mark.parametrize("t", [3, 5, 6, 8, 13])
def test_a_history_of_a_few_periods_is_enough(t):
    panel = small_channel(4, 2, t=t)
    forecast = Boosted(**SMALL).fit(panel, H).predict(panel)
    assert np.isfinite(forecast).all()
    assert (forecast >= 0).all()


def test_weeks_are_learned_like_months():
    panel = small_channel(3, 2, t=70, ahead=4, freq=WEEKLY)
    assert Boosted(**SMALL, country="CN").fit(panel, 4).predict(panel).shape == (6, 4)


@pytest.mark.parametrize("t", [13, 20, 27])
def test_one_short_series_is_enough(t):
    y = np.arange(5.0, 5.0 + t)[None]
    assert np.isfinite(Boosted(rounds=20).fit(panel_of(y), H).predict(panel_of(y))).all()


def test_a_series_that_never_sold_is_promised_nothing(panel, fitted):
    asked = replace(panel, y=np.where(np.arange(panel.n)[:, None] == 0, 0.0, panel.y))
    assert (fitted.predict(asked)[0] == 0).all()
    assert fitted.contributions(asked)[1][0] == 0
