import numpy as np
import pytest
from statsmodels.tsa.seasonal import seasonal_decompose

from models.demand.seasonality import profile, shrunk_profile, without_season


def _seasonal(n=8, t=53, noise=0.1, season=12):
    rng = np.random.default_rng(4)
    shape = rng.uniform(0.5, 1.5, (n, season))[:, np.arange(t) % season]
    return shape * rng.gamma(9.0, 10.0, (n, 1)) * np.exp(rng.normal(0, noise, (n, t)))


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
@pytest.mark.parametrize("season", [7, 12])
def test_a_profile_is_the_classical_one_where_the_year_is_whole(kind, season, monkeypatch):
    monkeypatch.setattr("models.demand.seasonality._WHOLE_YEAR", 1.0)
    y = _seasonal(season=season)
    ours = profile(y, season=season, multiplicative=kind == "multiplicative")
    for row, index in zip(y, ours, strict=True):
        theirs = seasonal_decompose(row, model=kind, period=season).seasonal
        np.testing.assert_allclose(index, np.roll(theirs[:season], -(len(row) % season)))


def test_a_clear_profile_is_kept_and_noise_is_not():
    clear, noise = _seasonal(t=72, noise=0.01), np.random.default_rng(1).normal(100, 10, (400, 72))
    kept = shrunk_profile(clear, season=12, multiplicative=True)
    np.testing.assert_allclose(kept, profile(clear, season=12, multiplicative=True), rtol=2e-2)
    spread = [f(noise, season=12, multiplicative=True).std(axis=1).mean() for f in (shrunk_profile, profile)]
    assert spread[0] < 0.35 * spread[1]


def test_half_years_at_both_ends_do_not_bend_the_profile():
    months = np.arange(36)
    truth = 1 + 0.3 * np.sin(2 * np.pi * months[:12] / 12)
    y = (100 + 2.0 * months) * np.tile(truth, 3)  # no noise: all of it is believed
    np.testing.assert_allclose(shrunk_profile(y[None], season=12, multiplicative=True)[0], truth, rtol=0.015)


def test_shrinking_brings_a_profile_nearer_to_the_truth():
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 5, (300, 12))
    truth -= truth.mean(axis=1, keepdims=True)
    y = 100 + np.tile(truth, 4) + rng.normal(0, 10, (300, 48))
    whole, shrunk = (f(y, season=12, multiplicative=False) for f in (profile, shrunk_profile))
    assert ((shrunk - truth) ** 2).mean() < 0.8 * ((whole - truth) ** 2).mean()


def test_under_two_years_there_is_no_profile():
    y = _seasonal(t=23)
    np.testing.assert_array_equal(shrunk_profile(y, season=12, multiplicative=True), 1.0)


def test_periods_before_the_beginning_change_nothing():
    y = _seasonal()
    later = np.hstack([np.full((len(y), 5), np.nan), y])
    for f in (profile, shrunk_profile):
        np.testing.assert_allclose(*(f(v, season=12, multiplicative=True) for v in (y, later)))


@pytest.mark.parametrize("gap", [np.nan, 0.0])  # a zero makes the season additive
def test_the_season_comes_back_on_the_right_months(gap):
    y = np.tile([10.0, 20.0, 30.0, 20.0], 12)[None, :45].copy()
    y[0, 6] = gap
    flat = without_season(
        y, season=4, horizon=6, forecast=lambda rest, _: np.full((len(rest), 6), np.nanmean(rest))
    )
    assert [int(np.argmax(flat[0, i : i + 4])) for i in (0, 1)] == [1, 0]  # index 46 is a 30


def test_no_forecast_is_over_twice_the_most_ever_seen():
    y = _seasonal()
    wild = without_season(y, season=12, horizon=1, forecast=lambda rest, _: np.full((len(rest), 1), 1e9))
    np.testing.assert_allclose(wild[:, 0], 2 * y.max(axis=1))
