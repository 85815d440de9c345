import numpy as np
from statsmodels.tsa.forecasting.theta import ThetaModel

from models.demand import theta as module
from models.demand.theta import theta
from models.metrics import wape


def _growing(n=8, t=120, noise=4.0):
    rng = np.random.default_rng(12)
    return 100 + rng.uniform(0.5, 1.5, (n, 1)) * np.arange(t) + rng.normal(0, noise, (n, t))


def test_theta_keeps_the_contract(panel_contract):
    panel_contract(theta)


def test_a_proven_trend_is_forecast_as_by_statsmodels():
    y = _growing()
    for row, forecast in zip(y, module._two_lines(y, 6), strict=True):
        theirs = ThetaModel(row, period=12, deseasonalize=False).fit(use_mle=False).forecast(6)
        np.testing.assert_allclose(forecast, theirs, rtol=0.01)


def test_a_seasonal_series_is_forecast_as_by_statsmodels():
    y = _growing() * (1 + 0.3 * np.sin(2 * np.pi * np.arange(120) / 12))
    for row, forecast in zip(y, theta(y, season=12, horizon=12), strict=True):
        theirs = ThetaModel(row, period=12, method="multiplicative").fit(use_mle=False).forecast(12)
        np.testing.assert_allclose(forecast, theirs, rtol=0.025)


def test_noise_gets_no_trend():
    y = np.random.default_rng(13).normal(100, 20, (200, 48))
    forecast = theta(y, season=52, horizon=12)  # too short for a season of weeks
    assert (np.ptp(forecast, axis=1) < 1e-9).mean() > 0.9


def test_gaps_do_not_move_time():
    y = np.repeat(np.linspace(100, 200, 48)[None], 2, axis=0)
    y[1, [5, 20, 21, 40]] = np.nan
    whole, holed = theta(y, season=12, horizon=6)
    np.testing.assert_allclose(holed, whole, rtol=0.02)


def test_real_dealers_are_forecast_better_than_by_the_classical_theta(stallion):
    truth, forecasts = [], []
    for t in (48, 51, 54, 57):
        truth.append(stallion[:, t : t + 3])
        forecasts.append(theta(stallion[:, :t], season=12, horizon=3))
    assert wape(np.vstack(truth), np.vstack(forecasts)) < 0.160  # classical: .173, AutoETS: .165
