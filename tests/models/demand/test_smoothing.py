import numpy as np
import pytest
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from models.demand.smoothing import Smoother, harmonics, inside
from tests.oracles.smoothing import holt_winters_multiplicative


def _theta(smoother, rng):
    theta = rng.normal(0, 0.5, smoother.n_theta)
    theta[smoother.names.index("level")] = 1.1
    theta[len(smoother.names) :] *= 0.2
    return theta


def _statsmodels(smoother, theta, y):
    """The same states and constants, in statsmodels' own words."""
    named = dict(zip(smoother.names, theta, strict=False))
    alpha = inside(named["alpha"], 0, 1)
    constants, states = [alpha], {"initial_level": named["level"]}
    kind = {"trend": "add", "damped_trend": True} if smoother.trend else {}
    if smoother.trend:
        constants += [alpha * inside(named["beta"], 0, 1)]
        states["initial_trend"] = named["slope"]
    if smoother.seasonal:
        constants += [(1 - alpha) * inside(named["gamma"], 0, 1)]
        ahead = harmonics(smoother.periods) @ theta[len(smoother.names) :]  # from the end of y
        index = np.roll(ahead, len(y) % smoother.periods) + (smoother.season == "multiplicative")
        kind |= {"seasonal": smoother.season[:3], "seasonal_periods": smoother.periods}
        states["initial_seasonal"] = index
    constants += [inside(named["phi"], 0.8, 0.98)] if smoother.trend else []
    model = ETSModel(y, error="add", **kind, initialization_method="known", **states)
    return model.smooth(np.array(constants))


@pytest.mark.parametrize("season", ["none", "additive", "multiplicative"])
@pytest.mark.parametrize("trend", [False, True])
def test_one_step_values_and_forecast_are_those_of_statsmodels(trend, season):
    rng = np.random.default_rng(6)
    smoother = Smoother(trend=trend, season=season, periods=12)
    y = 1 + 0.3 * np.sin(np.arange(50) * 2 * np.pi / 12) + rng.normal(0, 0.1, 50)
    theta = _theta(smoother, rng)
    if season == "multiplicative":
        theta[smoother.names.index("gamma")] = -40  # 0: there statsmodels divides by the new level
    theirs = _statsmodels(smoother, theta, y)
    ours = smoother.expected(y[:, None], theta[:, None, None], horizon=14)[:, 0, 0]
    np.testing.assert_allclose(ours, [*theirs.fittedvalues, *theirs.forecast(14)], atol=1e-10)


def test_a_multiplying_season_learns_as_in_the_book():
    rng = np.random.default_rng(5)
    smoother = Smoother(trend=True, season="multiplicative", periods=4)
    y, theta = rng.gamma(9.0, 1 / 9, 40), _theta(smoother, rng)
    named = dict(zip(smoother.names, theta, strict=False))
    alpha = inside(named["alpha"], 0, 1)
    constants = alpha, alpha * inside(named["beta"], 0, 1), (1 - alpha) * inside(named["gamma"], 0, 1)
    index = 1 + harmonics(4) @ theta[len(smoother.names) :]  # 40 periods: ten whole years
    phi = inside(named["phi"], 0.8, 0.98)
    by_hand = holt_winters_multiplicative(y, (*constants, phi), named["level"], named["slope"], index)
    np.testing.assert_allclose(smoother.expected(y[:, None], theta[:, None, None])[:, 0, 0], by_hand)


def test_series_and_candidates_side_by_side_do_not_touch():
    rng = np.random.default_rng(7)
    smoother = Smoother(trend=True, season="multiplicative", periods=4)
    y = rng.gamma(9.0, 1 / 9, (30, 5))
    y[:7, 1] = np.nan
    theta = np.stack([[_theta(smoother, rng) for _ in range(5)] for _ in range(3)]).transpose(2, 0, 1)
    together = smoother.expected(y, theta, horizon=2)
    alone = smoother.expected(y[:, [1]], theta[:, [2]][:, :, [1]], horizon=2)
    np.testing.assert_allclose(together[7:, 2, 1], alone[7:, 0, 0])


def test_periods_before_the_beginning_change_nothing():
    rng = np.random.default_rng(8)
    smoother = Smoother(trend=True, season="additive", periods=12)
    y, theta = rng.gamma(9.0, 1 / 9, (40, 1)), _theta(smoother, rng)[:, None, None]
    later = np.vstack([np.full((7, 1), np.nan), y])
    np.testing.assert_allclose(smoother.expected(later, theta)[7:], smoother.expected(y, theta))


def test_a_gap_moves_only_the_damped_slope():
    smoother = Smoother(trend=True, season="none", periods=12)
    theta = np.array([0.0, 0.0, 0.0, 10.0, 1.0])[:, None, None]  # phi = 0.89
    expected = smoother.expected(np.array([[np.nan], [10.89], [np.nan], [np.nan]]), theta)[:, 0, 0]
    np.testing.assert_allclose(np.diff(expected)[2], 0.89 * np.diff(expected)[1])


@pytest.mark.parametrize("periods", [1, 2, 4, 7, 12, 52])
def test_harmonics_are_orthonormal_and_without_a_constant(periods):
    waves = harmonics(periods)
    np.testing.assert_allclose(waves.T @ waves, np.eye(waves.shape[1]), atol=1e-12)
    np.testing.assert_allclose(waves.sum(axis=0), 0, atol=1e-12)
    assert waves.shape[1] == min(periods - 1, 12)
