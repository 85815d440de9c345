"""Curve: demand over prices, and the level that the asked panel gives it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.frequency import WEEKLY
from features.panel import Panel
from features.rivals import with_rival_price
from models.demand.curve import Curve
from models.errors import NotFitted

T, H, SEEN = 90, 8, slice(None, 90)


@pytest.fixture(scope="module")
def world() -> tuple[Panel, np.ndarray]:
    """Twelve dealers with four products each, and the true means, also of the periods ahead."""
    rng = np.random.default_rng(3)
    static = pd.DataFrame(
        {"dealer_id": np.repeat([f"D{i}" for i in range(12)], 4), "sku_id": list("ABCD") * 12}
    )
    deal = (rng.random((48, T + H)) < 0.15).astype(float)
    price = 10 * np.exp(-0.3 * deal + rng.normal(0, 0.03, deal.shape))
    bare = Panel(
        static=static, first=pd.Timestamp("2022-01-03"), freq=WEEKLY, y=np.ones((48, T)),
        plans={"net_price": price, "deal": deal},
    )  # fmt: skip
    rivals = with_rival_price(bare).plans["rival_price"]
    mean = rng.gamma(4, 25, (48, 1)) * (price / 10) ** -2.5 * rivals**1.0
    y = rng.gamma(20, mean[:, SEEN] / 20)
    return with_rival_price(replace(bare, y=y)), mean


def _wape(told, truth):
    return float(np.abs(told - truth).sum() / truth.sum())


def test_it_finds_the_curve_that_made_the_units(world):
    panel, mean = world
    told = Curve().fit(panel, H).predict(panel)
    flat = np.repeat(panel.y[:, -13:].mean(axis=1, keepdims=True), H, axis=1)
    assert _wape(told, mean[:, T:]) < 0.12
    assert _wape(told, mean[:, T:]) < 0.4 * _wape(flat, mean[:, T:])


def test_the_level_is_that_of_the_panel_asked_not_of_the_training(world):
    panel, _ = world
    curve = Curve().fit(panel.at(T - 20), H)
    once = curve.predict(panel)
    twice = curve.predict(replace(panel, y=2 * panel.y))
    np.testing.assert_allclose(twice, 2 * once)


def test_a_dearer_price_promises_less_and_dearer_rivals_more(world):
    panel, _ = world
    curve = Curve().fit(panel, H)
    usual = curve.predict(panel)
    for name, sign in (("net_price", -1), ("rival_price", 1)):
        plan = panel.plans[name].copy()
        plan[:, T:] *= 1.1
        moved = curve.predict(replace(panel, plans={**panel.plans, name: plan}))
        assert (sign * (moved - usual)[:, 0] > 0).mean() > 0.95


def test_a_series_is_told_the_same_whoever_is_asked_with_it(world):
    panel, _ = world
    curve = Curve().fit(panel, H)
    alone = curve.predict(panel.take(np.array([9])))
    np.testing.assert_allclose(alone[0], curve.predict(panel)[9], rtol=1e-12)


def test_a_series_without_a_price_is_left_to_the_others(world):
    panel, _ = world
    price = panel.plans["net_price"].copy()
    price[5] = np.nan
    asked = replace(panel, plans={**panel.plans, "net_price": price})
    told = Curve().fit(asked, H).predict(asked)
    assert np.isnan(told[5]).all()
    assert np.isfinite(np.delete(told, 5, axis=0)).all()


def test_prices_without_a_sale_teach_nothing(world):
    panel, _ = world
    nothing = replace(panel, y=np.full((48, T), np.nan))
    assert np.isnan(Curve().fit(nothing, H).predict(panel)).all()


def test_a_new_series_has_the_curve_of_its_product(world):
    panel, _ = world
    known = panel.take(np.arange(44))
    told = Curve().fit(known, H).predict(panel)
    assert np.isfinite(told[44:]).all()


def test_what_never_changed_answers_no_price(world):
    panel, _ = world
    y = panel.y.copy()
    y[7] = 9.0
    asked = replace(panel, y=y)
    told = Curve().fit(asked, H).predict(asked)
    assert np.isnan(told[7]).all()
    assert np.isfinite(np.delete(told, 7, axis=0)).all()


def test_what_never_sold_is_promised_nothing(world):
    panel, _ = world
    y = panel.y.copy()
    y[7] = 0.0
    asked = replace(panel, y=y)
    assert (Curve().fit(asked, H).predict(asked)[7] == 0).all()


def test_a_changed_future_moves_no_forecast_of_the_past(world):
    panel, _ = world
    cut = panel.at(60, ahead=H)
    y, price = panel.y.copy(), panel.plans["net_price"].copy()
    y[:, 60:] *= 3
    price[:, 60 + H :] *= 2
    changed = replace(panel, y=y, plans={**panel.plans, "net_price": price}).at(60, ahead=H)
    np.testing.assert_array_equal(Curve().fit(cut, H).predict(cut), Curve().fit(changed, H).predict(changed))


def test_an_unfitted_curve_says_so(world):
    with pytest.raises(NotFitted, match="Curve is not fitted yet"):
        Curve().predict(world[0])
