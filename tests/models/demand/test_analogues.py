from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.demand.analogues import Analogues
from models.demand.forecast import LEVELS
from models.errors import NotFitted
from models.metrics import mean_pinball
from tests.panels import panel_of

DEALERS, PRODUCTS, T = 24, 8, 30


def _asked(y, dealers, skus, **attributes):
    static = pd.DataFrame({"dealer_id": dealers, "sku_id": skus} | attributes)
    return replace(panel_of(y), static=static)


@pytest.fixture(scope="module")
def known():
    """Units = dealer's size x product's size x luck; dealers of the north are four times as large."""
    rng = np.random.default_rng(0)
    dealer, product = np.divmod(np.arange(DEALERS * PRODUCTS), PRODUCTS)
    north = dealer % 2 == 0
    size = np.where(north, 40.0, 10.0) * rng.lognormal(0, 0.3, DEALERS)[dealer] * 2.0 ** (product / 2)
    size = size * rng.lognormal(0, 0.3, len(dealer))
    y = size[:, None] * rng.gamma(25, 1 / 25, (len(dealer), T))
    names = {"dealers": [f"D{d:02}" for d in dealer], "skus": [f"S{p}" for p in product]}
    return _asked(y, **names, territory_id=np.where(north, "north", "south"))


@pytest.fixture(scope="module")
def fitted(known):
    return Analogues().fit(known)


def test_a_new_dealer_is_told_by_its_product_and_territory(fitted):
    asked = _asked(
        np.full((3, 5), np.nan), ["?"] * 3, ["S6", "S6", "S0"], territory_id=["north", "south", "south"]
    )
    guess = fitted.answer(asked, 2)
    large, middling, small = guess.mean[:, 0]
    assert large > 2 * middling > 8 * small
    assert (guess.mean[:, 0] == guess.mean[:, 1]).all()


def test_the_analogues_are_named_with_what_they_share(fitted):
    asked = _asked(np.full((1, 5), np.nan), ["?"], ["S6"], territory_id=["north"])
    named = fitted.answer(asked, 1).named[0]
    assert len(named) == 5
    for like in named:
        assert like.unique_id.endswith("/S6")
        assert like.shared == ("sku_id", "territory_id")
        assert like.units == pytest.approx(
            np.exp(fitted.size_[fitted.ids_.tolist().index(like.unique_id)]), abs=1e-3
        )


def test_own_months_move_the_answer_and_narrow_the_band(fitted):
    months = [np.r_[np.full(12 - k, np.nan), np.full(k, 400.0)] for k in (0, 1, 3, 6)]
    asked = _asked(months, ["?"] * 4, ["S0"] * 4, territory_id=["south"] * 4)
    guess = fitted.answer(asked, 1)
    assert (np.diff(guess.mean[:, 0]) > 0).all()
    width = np.log(guess.quantiles[:, 0, -1] / guess.quantiles[:, 0, 0])
    assert width[3] < width[1] < width[0]


def test_months_of_years_ago_say_nothing_about_today(fitted):
    y = np.vstack([np.r_[np.full(6, 900.0), np.full(20, np.nan)], np.full(26, np.nan)])
    found = fitted.answer(_asked(y, ["?"] * 2, ["S1"] * 2), 1).mean
    assert found[0] == found[1]


@pytest.mark.parametrize("hide", ["pair", "dealer", "product"])
def test_bands_of_hidden_series_keep_their_promise(known, hide):
    """A quarter of the series, dealers or products is hidden from the fit, then asked for."""
    key = {
        "pair": np.arange(known.n) * 7,
        "dealer": np.arange(known.n) // PRODUCTS,
        "product": np.arange(known.n),
    }[hide]
    inside = []
    for part in range(4):
        out = key % (PRODUCTS if hide == "product" else 4) % 4 == part
        asked = known.take(out)
        guess = (
            Analogues()
            .fit(known.at(T - 3).take(~out))
            .answer(replace(asked, y=np.full_like(asked.y, np.nan)), 3)
        )
        inside.append(
            (guess.quantiles[..., 1] <= asked.y[:, -3:]) & (asked.y[:, -3:] <= guess.quantiles[..., 5])
        )
    assert 0.7 < np.concatenate(inside).mean() < 0.9


def test_it_beats_the_quantiles_of_everybody(known):
    out = np.arange(known.n) % 5 == 0
    train, asked = known.at(T - 3).take(~out), known.take(out)
    guess = Analogues().fit(train).answer(replace(asked, y=np.full_like(asked.y, np.nan)), 3)
    everybody = np.broadcast_to(np.quantile(train.y[:, -12:], LEVELS), guess.quantiles.shape)
    truth = asked.y[:, -3:]
    ours, theirs = (
        mean_pinball(truth.ravel(), q.reshape(-1, len(LEVELS)), list(LEVELS))
        for q in (guess.quantiles, everybody)
    )
    assert ours < 0.6 * theirs


@pytest.mark.parametrize("y", [np.zeros((3, 12)), np.full((3, 12), np.nan)])
def test_a_channel_without_a_sale_still_answers(y):
    guess = Analogues().fit(panel_of(y)).answer(panel_of(y), 2)
    assert np.isfinite(guess.quantiles).all()
    assert (guess.quantiles >= 0).all()
    assert guess.named == [(), (), ()]
    assert np.isnan(guess.zero_probability).all()  # nobody knows


def test_a_new_series_sells_nothing_as_often_as_those_like_it(known):
    rng = np.random.default_rng(3)
    y = np.where(rng.random(known.y.shape) < 0.4, 0.0, known.y)
    guess = Analogues().fit(replace(known, y=y)).answer(replace(known, y=np.full_like(y, np.nan)), 2)
    assert guess.zero_probability.mean() == pytest.approx(0.4, abs=0.05)
    assert (guess.quantiles[np.asarray(LEVELS) <= guess.zero_probability[..., None]] == 0).all()


def test_a_young_channel_and_gaps_are_answered(known):
    y = known.y[:, :2].copy()
    y[::3, 1] = np.nan
    guess = Analogues().fit(replace(known, y=y)).answer(replace(known, y=y), 3)
    assert np.isfinite(guess.quantiles).all()
    assert (np.diff(guess.quantiles, axis=2) >= 0).all()


def test_unfitted_analogues_say_so(known):
    with pytest.raises(NotFitted):
        Analogues().answer(known, 1)
