"""Draws of demand: margins are the forecast's, dependence is what rehearsals showed."""

import numpy as np
import pytest
from scipy.stats import norm

from features.draws import Draws
from models.demand.paths import Paths
from models.errors import NotFitted

LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


def normal_quantiles(mean, spread):
    """[n, h, k] of normals."""
    return mean[..., None] + spread[..., None] * norm.ppf(LEVELS)


def past(rng, *, n=1500, h=3, dealers=150, carry=0.6, share=0.3):
    """Truths whose misses carry on to the next step and are shared by a dealer's products."""
    steps = carry ** np.abs(np.subtract.outer(np.arange(h), np.arange(h)))
    dealer = np.arange(n) % dealers
    common = rng.multivariate_normal(np.zeros(h), steps, dealers)[dealer]
    z = np.sqrt(share) * common + np.sqrt(1 - share) * rng.multivariate_normal(np.zeros(h), steps, n)
    mean, spread = np.full((n, h), 100.0), np.full((n, h), 15.0)
    return normal_quantiles(mean, spread), mean + spread * z, dealer


@pytest.fixture(scope="module")
def fitted():
    q, y, dealer = past(np.random.default_rng(1))
    return Paths(levels=LEVELS).fit([q, q], [y, y], np.tile(dealer, 2))


def test_dependence_of_steps_and_of_a_dealers_products_is_found(fitted):
    assert fitted.steps_[0, 1] == pytest.approx(0.6, abs=0.1)
    assert fitted.steps_[0, 2] == pytest.approx(0.36, abs=0.1)
    assert fitted.share_ == pytest.approx(0.3, abs=0.08)


def test_draws_keep_the_quantiles_and_the_mean_of_the_forecast(fitted):
    q, mean = normal_quantiles(np.array([[50.0, 80.0]]), np.array([[5.0, 20.0]])), np.array([[50.0, 80.0]])
    units = fitted.draw(q, mean, np.array(["D"]), count=20_000, rng=np.random.default_rng(2))
    found = np.quantile(units, LEVELS, axis=2).transpose(1, 2, 0)
    assert np.abs(found - q).max() < 1.0
    assert np.abs(units.mean(axis=2) - mean).max() < 0.5


def test_totals_of_months_are_wider_than_if_months_were_independent(fitted):
    q, mean = normal_quantiles(np.full((1, 3), 100.0), np.full((1, 3), 15.0)), np.full((1, 3), 100.0)
    units = fitted.draw(q, mean, np.array(["D"]), count=20_000, rng=np.random.default_rng(3))
    truth = np.sqrt(15**2 * (3 + 2 * (2 * 0.6 + 0.36)))
    assert units.sum(axis=1).std() == pytest.approx(truth, rel=0.06)
    assert units.sum(axis=1).std() > 15 * np.sqrt(3) * 1.2


def test_nothing_is_negative_and_zeros_stay_zeros(fitted):
    q = np.array([[[0, 0, 0, 0, 2.0, 5.0, 8.0]]])
    units = fitted.draw(q, np.array([[1.6]]), np.array(["D"]), count=5000, rng=np.random.default_rng(4))
    assert units.min() == 0
    assert (units == 0).mean() == pytest.approx(0.5, abs=0.03)


def test_the_same_seed_gives_the_same_futures(fitted):
    q, mean = normal_quantiles(np.full((2, 3), 10.0), np.ones((2, 3))), np.full((2, 3), 10.0)
    one, two = (
        fitted.draw(q, mean, np.array(["D", "E"]), count=50, rng=np.random.default_rng(5)) for _ in range(2)
    )
    assert (one == two).all()


def test_without_rehearsals_there_are_no_draws():
    with pytest.raises(NotFitted):
        Paths(levels=LEVELS).draw(
            np.zeros((1, 1, 7)), np.zeros((1, 1)), np.array(["D"]), count=1, rng=np.random.default_rng()
        )


def test_draws_of_the_room_agree_with_its_forecast(model, panel):
    draws, forecast = model.draws(panel, count=400), model.predict(panel)
    assert isinstance(draws, Draws)
    assert (draws.keys["sku_id"] == panel.static["sku_id"]).all()
    for level in (0.25, 0.5, 0.9):
        found = np.quantile(draws.units, level, axis=2)
        assert np.abs(found - forecast.quantile(level)).mean() < 0.05 * forecast.mean.mean()
