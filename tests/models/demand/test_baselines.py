import numpy as np
import pytest

from models.demand.baselines import (
    PLANNERS,
    last_value,
    mean_3,
    mean_12,
    mean_52,
    seasonal_naive,
    window_mean,
)


def _gappy_panel() -> np.ndarray:
    rng = np.random.default_rng(3)
    y = rng.gamma(2.0, 50.0, size=(40, 30))
    y[rng.random(y.shape) < 0.3] = np.nan
    y[:5, :25] = np.nan  # a series that began late
    y[5:8, -15:] = np.nan  # a series that stopped
    y[8] = np.nan  # never sold
    return y


def _seen(row: np.ndarray) -> list[float]:
    return [v for v in row if v == v] or [np.nan]


def test_last_value_is_the_last_one_seen():
    y = _gappy_panel()
    by_hand = [[_seen(row)[-1]] * 4 for row in y]
    np.testing.assert_array_equal(last_value(y, season=12, horizon=4), by_hand)


@pytest.mark.parametrize("season", [4, 12, 52])
def test_seasonal_naive_is_a_year_ago_or_the_last_value(season):
    y = _gappy_panel()
    n, t = y.shape
    by_hand = np.empty((n, 14))
    for i in range(n):
        for h in range(14):
            at = t + h - season * (h // season + 1)
            year_ago = y[i, at] if at >= 0 else np.nan
            by_hand[i, h] = _seen(y[i])[-1] if np.isnan(year_ago) else year_ago
    np.testing.assert_array_equal(seasonal_naive(y, season=season, horizon=14), by_hand)


@pytest.mark.parametrize(("mean", "periods"), [(mean_3, 3), (mean_12, 12), (mean_52, 52)])
def test_a_window_mean_is_over_the_values_seen(mean, periods):
    y = _gappy_panel()
    recent = [[v for v in row[-periods:] if v == v] for row in y]
    by_hand = [sum(r) / len(r) if r else _seen(row)[-1] for r, row in zip(recent, y, strict=True)]
    np.testing.assert_allclose(mean(y, season=12, horizon=2)[:, 1], by_hand)


@pytest.mark.parametrize("frequency", ["M", "W"])
def test_every_planner_keeps_the_contract(frequency, panel_contract):
    for method in PLANNERS[frequency].values():
        panel_contract(method)


def test_a_return_is_not_a_negative_forecast():
    y = np.array([[5.0, -20.0]])
    assert all(method(y, season=12, horizon=1) == 0 for method in (last_value, mean_3))
    assert window_mean(np.array([[5.0, 3.0]]), periods=2, horizon=1) == 4
