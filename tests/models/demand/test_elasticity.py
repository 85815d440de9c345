from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.frequency import MONTHLY
from features.panel import RIVAL_PRICE, Panel
from features.rivals import with_rival_price
from models.demand.elasticity import Elasticity
from models.errors import NotFitted
from tests.panels import FIRST, changed_after, panel_of

TRUE = {"soap": -0.8, "beer": -2.5}
N, T, AHEAD = 60, 48, 3


@pytest.fixture(scope="module")
def market() -> Panel:
    """Two products with their own price elasticity; a deal lifts by e^0.4; a common event by e^0.7."""
    rng = np.random.default_rng(0)
    static = pd.DataFrame(
        {"dealer_id": [f"D{i:02}" for i in range(N)], "sku_id": ["soap", "beer"] * (N // 2)}
    )
    price = rng.lognormal(2, 0.5, (N, 1)) * np.exp(rng.normal(0, 0.15, (N, T + AHEAD)))
    deal = (rng.random(price.shape) < 0.2).astype(float)
    event = np.tile((np.arange(T + AHEAD) % 12 == 3).astype(float), (N, 1))
    own = static["sku_id"].map(TRUE).to_numpy()[:, None]
    season = 1 + 0.5 * np.sin(np.arange(T + AHEAD) * np.pi / 6)
    units = rng.lognormal(4, 1, (N, 1)) * season * price**own * np.exp(0.4 * deal + 0.7 * event)
    y = (units * np.exp(rng.normal(0, 0.2, units.shape)))[:, :T]
    plans = {"net_price": price, "deal": deal, "event": event}
    return Panel(static=static, first=FIRST["M"], freq=MONTHLY, y=y, plans=plans)


@pytest.fixture(scope="module")
def fitted(market) -> Elasticity:
    return Elasticity().fit(market)


def test_each_products_price_response_is_recovered(market, fitted):
    found = fitted.coefficients(market)[:, fitted.names_.index("net_price")]
    for sku, true in TRUE.items():
        assert found[market.static["sku_id"] == sku].mean() == pytest.approx(true, abs=0.15)


def test_the_lift_of_a_deal_is_recovered(market, fitted):
    assert fitted.coefficients(market)[:, fitted.names_.index("deal")].mean() == pytest.approx(0.4, abs=0.05)


def test_an_event_common_to_all_is_left_to_the_calendar(market, fitted):
    np.testing.assert_array_equal(fitted.coefficients(market)[:, fitted.names_.index("event")], 0.0)


def _less_their_year(values: np.ndarray) -> np.ndarray:
    return values - pd.DataFrame(values.T).rolling(13, center=True, min_periods=1).mean().to_numpy().T


def test_the_pooled_response_is_least_squares_with_series_and_period_dummies(market):
    bare = replace(market, plans={k: market.plans[k] for k in ("deal", "net_price")})
    drivers = [bare.plans["deal"][:, :T], np.log(bare.plans["net_price"][:, :T])]
    x = np.stack([_less_their_year(v).ravel() for v in drivers], axis=1)
    dummies = np.hstack([np.kron(np.eye(N), np.ones((T, 1))), np.kron(np.ones((N, 1)), np.eye(T))])
    answer, *_ = np.linalg.lstsq(
        np.hstack([x, dummies]), _less_their_year(np.log(bare.y)).ravel(), rcond=None
    )
    fitted = Elasticity().fit(bare)
    np.testing.assert_allclose(fitted.overall_, answer[:2] * fitted.strength_, rtol=2e-3)


def test_a_response_that_does_not_come_again_is_not_believed(market):
    rng = np.random.default_rng(2)
    noise = replace(market, y=rng.lognormal(4, 1, market.y.shape))
    assert Elasticity().fit(noise).strength_ < 0.3
    assert Elasticity().fit(market).strength_ > 0.9


def test_what_the_net_price_holds_is_not_told_twice(market):
    price = market.plans["net_price"]
    plans = market.plans | {"list_price": price * 1.1, "discount": np.full_like(price, 0.1)}
    assert Elasticity().fit(replace(market, plans=plans)).names_ == ("deal", "event", "net_price")


def test_a_series_without_evidence_answers_like_its_product_and_a_stranger_like_all(market, fitted):
    static = pd.DataFrame({"dealer_id": ["new", "new"], "sku_id": ["beer", "?"]})
    asked = replace(market.take(np.array([0, 1])), static=static)
    np.testing.assert_allclose(fitted.coefficients(asked)[0], fitted.group_.loc["beer"])
    np.testing.assert_allclose(fitted.coefficients(asked)[1], fitted.overall_)


def test_a_deeper_cut_than_any_seen_still_sells_more(market, fitted):
    uplift = [fitted.uplift(_priced(market, factor), AHEAD)[:, T] for factor in (0.9, 0.6, 0.4)]
    assert (uplift[2] > uplift[1]).all()
    assert (uplift[1] > uplift[0]).all()
    own = fitted.coefficients(market)[:, fitted.names_.index("net_price")]
    np.testing.assert_allclose(uplift[2] - uplift[1], own * np.log(0.4 / 0.6))


def test_no_effect_is_more_than_the_square_of_the_largest_on_record(market, fitted):
    extreme = fitted.uplift(_priced(market, 1e-6), AHEAD)[:, T]
    seen = np.abs(fitted.uplift(market, AHEAD)[:, :T]).max()
    np.testing.assert_allclose(extreme, np.clip(2 * seen, np.log(2), np.log(20)))


def test_a_price_in_another_unit_at_most_doubles_what_a_quiet_channel_sells(market):
    plans = {name: np.ones_like(plan) for name, plan in market.plans.items()}
    quiet = replace(market, plans=plans)
    assert Elasticity().fit(quiet).uplift(_priced(quiet, 1e-3), AHEAD).max() <= np.log(2) + 1e-12


def _priced(panel: Panel, factor: float) -> Panel:
    """The usual price until the cutoff, `factor` of it after."""
    usual = np.exp(np.log(panel.plans["net_price"][:, T - 12 : T]).mean(axis=1, keepdims=True))
    price = np.hstack([panel.plans["net_price"][:, :T], np.repeat(usual * factor, AHEAD, axis=1)])
    still = {
        k: np.hstack([v[:, :T], np.repeat(v[:, T - 12 : T].mean(axis=1, keepdims=True), AHEAD, 1)])
        for k, v in panel.plans.items()
    }
    return replace(panel, plans=still | {"net_price": price})


def test_a_missing_plan_counts_as_the_usual_one(market, fitted):
    blank = {k: np.where(np.arange(T + AHEAD) >= T, np.nan, v) for k, v in market.plans.items()}
    np.testing.assert_array_equal(fitted.uplift(replace(market, plans=blank), AHEAD)[:, T:], 0.0)
    np.testing.assert_array_equal(fitted.uplift(market.without_plans(), AHEAD), 0.0)


def test_a_first_price_has_no_effect_while_none_is_usual(market, fitted):
    first = np.where(np.arange(T + AHEAD) >= T, 250.0, np.nan) * np.ones((N, 1))
    asked = replace(market.without_plans(), plans={"net_price": first})
    np.testing.assert_array_equal(fitted.uplift(asked, AHEAD), 0.0)


def test_periods_without_a_sale_say_nothing(market, fitted):
    rng = np.random.default_rng(1)
    y = np.where(rng.random(market.y.shape) < 0.2, 0.0, market.y)
    found = Elasticity().fit(replace(market, y=y)).overall_
    np.testing.assert_allclose(found, fitted.overall_, atol=0.05)


def test_no_plans_no_response():
    panel = panel_of(np.ones((3, 20)))
    fitted = Elasticity().fit(panel)
    assert fitted.coefficients(panel).shape == (3, 0)
    np.testing.assert_array_equal(fitted.uplift(panel, 2), np.zeros((3, 22)))


def test_what_comes_later_does_not_move_the_response(market):
    one, two = (Elasticity().fit(p.at(30)) for p in (market, changed_after(market, 30, 3)))
    pd.testing.assert_frame_equal(one.series_, two.series_)
    then = market.at(30, ahead=3)
    np.testing.assert_array_equal(one.uplift(market.at(30), 3), one.uplift(then, 3))


def test_an_unfitted_response_says_so(market):
    with pytest.raises(NotFitted, match="Elasticity is not fitted yet"):
        Elasticity().coefficients(market)


def test_on_one_shelf_own_and_rivals_prices_are_told_apart():
    """Less the period's mean, the rivals' price of one shelf is the own price turned round."""
    rng = np.random.default_rng(4)
    deals = rng.random((7, 200)) < 0.15
    price = 5 * np.exp(-0.4 * deals + rng.normal(0, 0.03, deals.shape))
    static = pd.DataFrame({"dealer_id": "D", "sku_id": list("ABCDEFG")})
    bare = Panel(
        static=static, first=FIRST["M"], freq=MONTHLY, y=np.ones(price.shape), plans={"net_price": price}
    )
    rivals = with_rival_price(bare).plans[RIVAL_PRICE]
    y = 100 * (price / 5) ** -3.0 * rivals**1.5 * np.exp(rng.normal(0, 0.3, price.shape))
    fitted = Elasticity().fit(with_rival_price(replace(bare, y=y)))
    own, rival = fitted.overall_
    assert own == pytest.approx(-3.0, abs=0.5)
    assert rival == pytest.approx(1.5, abs=1.0)
