import time

import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from models.demand import ets as module
from models.demand.baselines import mean_3, mean_12, seasonal_naive
from models.demand.ets import ets, holt_winters
from models.demand.smoothing import Smoother, inside
from models.metrics import wape


def _shop(n=6, t=72, noise=0.05, seed=1):
    rng = np.random.default_rng(seed)
    season = 1 + 0.3 * np.sin(2 * np.pi * (np.arange(t) + rng.integers(0, 12, (n, 1))) / 12)
    return rng.gamma(9.0, 10.0, (n, 1)) * season * np.exp(rng.normal(0, noise, (n, t)))


@pytest.mark.parametrize("method", [ets, holt_winters])
def test_smoothing_keeps_the_contract(method, panel_contract):
    panel_contract(method)


@pytest.mark.parametrize("relative", [False, True])
def test_errors_have_the_likelihood_of_statsmodels(relative):
    y = _shop(n=1)[0] / 100
    smoother = Smoother(trend=True, season="none", periods=12)
    theta = np.array([-1.0, -2.0, 0.5, 1.0, 0.01])
    alpha = inside(theta[0], 0, 1)
    constants = [alpha, alpha * inside(theta[1], 0, 1), inside(theta[2], 0.8, 0.98)]
    theirs = ETSModel(
        y, error="mul" if relative else "add", trend="add", damped_trend=True,
        initialization_method="known", initial_level=1.0, initial_trend=0.01,
    ).smooth(np.array(constants))  # fmt: skip
    form = module._Form(y=y[:, None], smoother=smoother, relative=relative, pull={})
    sse = (form.residuals(theta[:, None, None], np.array([0])) ** 2).sum()
    np.testing.assert_allclose(-len(y) / 2 * (np.log(2 * np.pi * sse / len(y)) + 1), theirs.llf)


def test_holt_winters_forecasts_what_statsmodels_does():
    y = _shop(n=2)
    ours = holt_winters(y, season=12, horizon=12)
    for row, forecast in zip(y, ours, strict=True):
        model = ETSModel(
            row, error="add", trend="add", damped_trend=True, seasonal="add", seasonal_periods=12
        )
        np.testing.assert_allclose(forecast, model.fit(disp=False).forecast(12), rtol=0.06)


def test_a_form_fits_no_worse_than_statsmodels():
    y = _shop(n=4)
    smoother = Smoother(trend=True, season="none", periods=12)
    form = module._Form(y=(y / y.mean(axis=1, keepdims=True)).T, smoother=smoother, relative=False, pull={})
    first = form._first_guess()
    sse = module.least_squares(form.residuals, first, form._ridge(first)).sse
    for i in range(len(y)):
        theirs = ETSModel(form.y[:, i], error="add", trend="add", damped_trend=True).fit(disp=False)
        assert sse[i] <= 1.02 * theirs.sse


def test_forms_weigh_by_their_aicc():
    forecasts, aicc = np.arange(6.0).reshape(3, 2, 1), np.array([[100.0, 90.0], [90.0, 100.0], [95.0, 400.0]])
    mixed = module._average(list(zip(forecasts, aicc, strict=True)))
    for i in range(2):
        weights = np.exp(-aicc[:, i] / (2 * module._TEMPERATURE))
        np.testing.assert_allclose(mixed[i, 0], np.average(forecasts[:, i, 0], weights=weights))


@pytest.mark.parametrize("months", [24, 36, 72])
def test_a_clear_season_is_continued(months):
    y = _shop(n=20, t=90, noise=0.02)
    past, truth = y[:, 84 - months : 84], y[:, 84:]
    error = wape(truth, ets(past, season=12, horizon=6))
    assert error < 0.5 * wape(truth, mean_12(past, season=12, horizon=6))


def test_a_few_gaps_move_the_forecast_little():
    y = _shop(n=40)
    gappy = np.where(np.random.default_rng(3).random(y.shape) < 0.1, np.nan, y)
    whole, holed = (ets(v, season=12, horizon=3) for v in (y, gappy))
    assert wape(whole, holed) < 0.03


def test_a_wild_outlier_does_not_run_away():
    y = _shop(n=1)
    y[0, 40] *= 1e9
    assert ets(y, season=12, horizon=12).max() <= 2 * y.max()


def test_a_thousand_series_cost_a_few_seconds():
    y = _shop(n=1000, t=100)
    before = time.process_time()
    ets(y, season=12, horizon=3)
    assert time.process_time() - before < 5  # statsforecast's AutoETS: 55-130


def test_real_dealers_are_forecast_better_than_by_planners(stallion):
    errors = {}
    for method in (ets, holt_winters, seasonal_naive, mean_3, mean_12):
        cuts = [(stallion[:, :t], stallion[:, t : t + 3]) for t in (48, 51, 54, 57)]
        forecasts = [method(past, season=12, horizon=3) for past, _ in cuts]
        errors[method.__name__] = wape(np.vstack([truth for _, truth in cuts]), np.vstack(forecasts))
    ours = errors.pop("ets")
    assert ours < 0.161
    assert ours < 0.95 * min(errors.values())
