"""Draws of demand: margins are the forecast's, dependence is what rehearsals showed."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from features.draws import Draws
from models.demand.paths import Paths
from models.errors import NotFitted

LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)


def normal_quantiles(mean, spread):
    """[n, h, k] of normals."""
    return mean[..., None] + spread[..., None] * norm.ppf(LEVELS)


def series(*dealers):
    return pd.DataFrame({"dealer_id": dealers, "sku_id": "S"})


def past(rng, shares, *, dealers=120, products=12, h=3, carry=0.6):
    """Truths whose misses carry on to the next step and are shared by channel, dealer and product."""
    steps = carry ** np.abs(np.subtract.outer(np.arange(h), np.arange(h)))
    dealer, product = np.divmod(np.arange(dealers * products), products)

    def normal(count):
        return rng.multivariate_normal(np.zeros(h), steps, count)

    a, b, c = shares
    z = np.sqrt(1 - a - b - c) * normal(len(dealer)) + np.sqrt(a) * normal(1)
    z += np.sqrt(b) * normal(dealers)[dealer] + np.sqrt(c) * normal(products)[product]
    mean, spread = np.full(z.shape, 100.0), np.full(z.shape, 15.0)
    whose = pd.DataFrame({"dealer_id": dealer, "sku_id": product})
    return normal_quantiles(mean, spread), mean + spread * z, whose


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    windows = [past(rng, (0.1, 0.3, 0.15)) for _ in range(40)]
    return Paths(levels=LEVELS).fit(*map(list, zip(*windows, strict=True)))


def test_dependence_of_steps_channel_dealers_and_products_is_found(fitted):
    assert fitted.steps_[0, 1] == pytest.approx(0.6, abs=0.1)
    assert fitted.steps_[0, 2] == pytest.approx(0.36, abs=0.1)
    assert fitted.shares_ == pytest.approx({"all": 0.1, "dealer_id": 0.3, "sku_id": 0.15}, abs=0.05)


def test_what_nobody_shares_is_not_found():
    q, y, whose = past(np.random.default_rng(2), (0.0, 0.0, 0.0))
    assert max(Paths(levels=LEVELS).fit([q, q], [y, y[::-1]], [whose, whose]).shares_.values()) < 0.02


def test_a_series_has_the_same_futures_whoever_is_asked_with_it(fitted):
    q, mean = normal_quantiles(np.full((3, 3), 10.0), np.ones((3, 3))), np.full((3, 3), 10.0)
    together = fitted.draw(q, mean, series("D", "E", "F"), count=30, seed=1)
    alone = fitted.draw(q[1:2], mean[1:2], series("E"), count=30, seed=1)
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-5)
    assert np.abs(together - fitted.draw(q, mean, series("D", "E", "F"), count=30, seed=2)).max() > 0.1


def test_series_miss_together_as_much_as_they_share(fitted):
    dealers = [f"D{i}" for i in range(200)]
    q, mean = normal_quantiles(np.full((200, 1), 100.0), np.full((200, 1), 15.0)), np.full((200, 1), 100.0)
    units = fitted.draw(q, mean, series(*dealers), count=4000, seed=1)[:, 0]
    shared = fitted.shares_["all"] + fitted.shares_["sku_id"]  # one product of many dealers
    truth = 15 * np.sqrt(200 + 200 * 199 * shared)
    assert units.sum(axis=0).std() == pytest.approx(truth, rel=0.06)


def test_draws_keep_the_quantiles_and_the_mean_of_the_forecast(fitted):
    q, mean = normal_quantiles(np.array([[50.0, 80.0]]), np.array([[5.0, 20.0]])), np.array([[50.0, 80.0]])
    units = fitted.draw(q, mean, series("D"), count=20_000, seed=2)
    found = np.quantile(units, LEVELS, axis=2).transpose(1, 2, 0)
    assert np.abs(found - q).max() < 1.0
    assert np.abs(units.mean(axis=2) - mean).max() < 0.5


def test_totals_of_months_are_wider_than_if_months_were_independent(fitted):
    q, mean = normal_quantiles(np.full((1, 3), 100.0), np.full((1, 3), 15.0)), np.full((1, 3), 100.0)
    units = fitted.draw(q, mean, series("D"), count=20_000, seed=3)
    truth = np.sqrt(15**2 * (3 + 2 * (2 * 0.6 + 0.36)))
    assert units.sum(axis=1).std() == pytest.approx(truth, rel=0.06)
    assert units.sum(axis=1).std() > 15 * np.sqrt(3) * 1.2


def test_nothing_is_negative_and_zeros_stay_zeros(fitted):
    q = np.array([[[0, 0, 0, 0, 2.0, 5.0, 8.0]]])
    units = fitted.draw(q, np.array([[1.6]]), series("D"), count=5000, seed=4)
    assert units.min() == 0
    assert (units == 0).mean() == pytest.approx(0.5, abs=0.03)


def test_the_same_seed_gives_the_same_futures(fitted):
    q, mean = normal_quantiles(np.full((2, 3), 10.0), np.ones((2, 3))), np.full((2, 3), 10.0)
    one, two = (fitted.draw(q, mean, series("D", "E"), count=50, seed=5) for _ in range(2))
    assert (one == two).all()


def test_without_rehearsals_there_are_no_draws():
    with pytest.raises(NotFitted):
        Paths(levels=LEVELS).draw(np.zeros((1, 1, 7)), np.zeros((1, 1)), series("D"), count=1, seed=0)


def test_draws_of_the_room_agree_with_its_forecast(model, panel):
    draws, forecast = model.draws(panel, count=400), model.predict(panel)
    assert isinstance(draws, Draws)
    assert (draws.keys["sku_id"] == panel.static["sku_id"]).all()
    for level in (0.25, 0.5, 0.9):
        found = np.quantile(draws.units, level, axis=2)
        assert np.abs(found - forecast.quantile(level)).mean() < 0.05 * forecast.mean.mean()


@pytest.mark.parametrize("zero", [0.02, 0.3, 0.6, 0.92, 0.97])
def test_draws_are_zero_as_often_as_the_forecast_says_and_keep_its_mean(fitted, zero):
    """Also where every stated quantile is zero: what sells once in thirty periods has a mean."""
    n = 200
    size = np.quantile(
        np.random.default_rng(8).gamma(3, 4, 20000), np.clip((np.array(LEVELS) - zero) / (1 - zero), 0, 1)
    )
    q = np.broadcast_to(np.where(np.array(LEVELS) <= zero, 0.0, size), (n, 1, len(LEVELS)))
    mean = np.full((n, 1), (1 - zero) * 12.0)
    who = series(*[f"D{i}" for i in range(n)])
    told = fitted.draw(q, mean, who, count=2000, seed=4, zero_probability=np.full((n, 1), zero))
    assert (told == 0).mean() == pytest.approx(zero, abs=0.02)
    assert told.mean() == pytest.approx(mean.mean(), rel=0.15)
    above = [level for level in LEVELS if level > zero]
    for level in above:
        assert (told <= q[0, 0, LEVELS.index(level)]).mean() == pytest.approx(level, abs=0.02)
