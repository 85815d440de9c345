from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.demand.analogues import Analogues
from models.errors import NotFitted
from tests.panels import panel_of


def _asked(y, dealers, skus):
    static = pd.DataFrame({"dealer_id": dealers, "sku_id": skus})
    return replace(panel_of(y), static=static)


@pytest.fixture(scope="module")
def known():
    """Units per period = dealer's size x product's size, with some noise."""
    rng = np.random.default_rng(0)
    dealers, skus = np.repeat(["small", "middle", "big"], 4), np.tile(["w", "x", "y", "z"], 3)
    size = np.repeat([1.0, 4.0, 16.0], 4) * np.tile([1.0, 2.0, 3.0, 5.0], 3)
    return _asked(size[:, None] * rng.gamma(100, 0.01, (12, 24)), dealers, skus)


@pytest.fixture(scope="module")
def fitted(known):
    return Analogues().fit(known)


def test_a_new_series_sells_what_its_dealer_and_product_usually_sell(fitted):
    asked = _asked(np.full((2, 5), np.nan), ["big", "small"], ["z", "z"])
    np.testing.assert_allclose(fitted.mean(asked, 2), [[80.0, 80.0], [5.0, 5.0]], rtol=0.1)


def test_a_new_product_and_a_new_dealer_are_ordinary(fitted):
    asked = _asked(np.full((3, 5), np.nan), ["big", "?", "?"], ["?", "z", "?"])
    new_product, new_dealer, stranger = fitted.mean(asked, 1)[:, 0]
    assert new_product > stranger
    assert new_dealer > stranger
    assert stranger == pytest.approx(np.exp(fitted.overall_))


def test_own_months_move_the_answer_as_they_arrive(fitted):
    months = [np.r_[np.full(12 - k, np.nan), np.full(k, 100.0)] for k in (0, 1, 3, 12)]
    asked = _asked(months, ["small"] * 4, ["w"] * 4)
    found = fitted.mean(asked, 1)[:, 0]
    shares = np.array([0, 1 / 4, 3 / 6, 12 / 15])
    np.testing.assert_allclose(found, shares * 100 + (1 - shares) * found[0])


def test_months_of_years_ago_say_nothing_about_today(fitted):
    long_ago = np.r_[np.full(6, 900.0), np.full(20, np.nan)]
    silent = np.full(26, np.nan)
    found = fitted.mean(_asked([long_ago, silent], ["small"] * 2, ["w"] * 2), 1)
    assert found[0] == found[1]


def test_the_band_is_as_wide_as_known_series_are_around_the_same_guess(fitted, known):
    guess = np.array([[10.0]])
    low, middle, high = fitted.quantiles(guess)[0, 0][[0, 3, 6]]
    assert low < middle < high
    around = known.y[:, -12:] / fitted.mean(replace(known, y=np.full_like(known.y, np.nan)), 1)
    inside = (around * 10 >= low) & (around * 10 <= high)
    assert inside.mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("y", [np.zeros((3, 12)), np.full((3, 12), np.nan)])
def test_a_channel_without_a_sale_still_answers(y):
    fitted = Analogues().fit(panel_of(y))
    forecast = fitted.mean(panel_of(y), 2)
    assert np.isfinite(forecast).all()
    assert (fitted.quantiles(forecast) >= 0).all()


def test_unfitted_analogues_say_so(known):
    with pytest.raises(NotFitted):
        Analogues().mean(known, 1)
