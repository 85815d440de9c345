from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.panel import MissingPlans
from models.demand.forecast import LEVELS
from models.demand.model import LEAST_PERIODS
from models.errors import HorizonTooLong, UnknownLevel
from tests.panels import changed_after

H = 3


@pytest.fixture(scope="module")
def answer(model, panel):
    return model.predict(panel)


@pytest.mark.parametrize("rows", [[0], [17, 3, 8], range(11)])
def test_a_rows_answer_does_not_depend_on_the_other_rows(model, panel, answer, rows):
    rows = np.array(rows)
    alone = model.predict(panel.take(rows))
    assert alone.ids.tolist() == answer.ids[rows].tolist()
    np.testing.assert_allclose(alone.mean, answer.mean[rows], rtol=1e-9)
    np.testing.assert_allclose(alone.quantiles, answer.quantiles[rows], rtol=1e-9, atol=1e-9)
    for name, values in alone.members.items():
        np.testing.assert_allclose(values, answer.members[name][rows], rtol=1e-9, err_msg=name)


@settings(max_examples=6, deadline=None)
@given(t=st.integers(5, 35), seed=st.integers(0, 999))
def test_a_forecast_made_then_does_not_know_what_came_later(model, panel, t, seed):
    other = changed_after(panel, t, H, seed=seed)
    one, two = (model.predict(p.at(t).carry_plans(H)) for p in (panel, other))
    pd.testing.assert_frame_equal(one.frame(), two.frame(), check_exact=True)


def test_plans_beyond_the_horizon_are_of_no_account(model, panel, answer):
    longer = {k: np.hstack([v, np.full((panel.n, 4), 77.0)]) for k, v in panel.plans.items()}
    np.testing.assert_array_equal(model.predict(replace(panel, plans=longer)).mean, answer.mean)


def test_a_price_in_the_plan_moves_the_forecast(model, panel, answer):
    price = panel.plans["net_price"].copy()
    price[:, panel.t] *= 0.5
    cheaper = model.predict(replace(panel, plans=panel.plans | {"net_price": price}))
    assert cheaper.mean[:, 0].sum() > 1.05 * answer.mean[:, 0].sum()


@pytest.mark.parametrize("horizon", [1, 2])
def test_a_shorter_horizon_is_the_beginning_of_the_longer(model, panel, answer, horizon):
    short = model.predict(panel, horizon=horizon)
    assert short.periods.tolist() == answer.periods[:horizon].tolist()
    np.testing.assert_allclose(short.mean, answer.mean[:, :horizon], rtol=1e-9)
    np.testing.assert_allclose(short.quantiles, answer.quantiles[:, :horizon], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("horizon", [4, 0, -1])
def test_a_horizon_that_was_not_learned_is_refused(model, panel, horizon):
    with pytest.raises(HorizonTooLong, match=rf"{horizon} periods ahead; .* trained for 1 to 3"):
        model.predict(panel, horizon=horizon)


def test_a_missing_plan_names_the_series_and_the_month(model, panel):
    price = panel.plans["net_price"].copy()
    price[4, panel.t + 1] = np.nan
    asked = replace(panel, plans=panel.plans | {"net_price": price})
    with pytest.raises(MissingPlans, match="D01/S1 net_price 2022-02-01"):
        model.predict(asked)
    assert np.isfinite(model.predict(asked, horizon=1).mean).all()


def test_more_plans_and_signals_than_learned_are_of_no_account(model, panel, answer):
    more = {"tv": np.ones((panel.n, panel.t + H))} | dict(reversed(panel.plans.items()))
    signals = {"noise": np.ones_like(panel.y)} | dict(panel.signals)
    asked = replace(panel, plans=more, signals=signals)
    np.testing.assert_array_equal(model.predict(asked).mean, answer.mean)


def test_without_signals_plans_or_attributes_it_still_answers(model, panel):
    bare = replace(panel, plans={}, signals={}, static=panel.static[["dealer_id", "sku_id"]])
    forecast = model.predict(bare)
    assert np.isfinite(forecast.mean).all()
    assert set(forecast.notes) == {""}


def test_the_blend_is_never_outside_its_members_but_for_the_bias_factor(model, answer):
    layers = np.stack(list(answer.members.values()), axis=2)
    factors = np.array(list(model.stack_.factors_.values()))
    assert (answer.mean <= layers.max(axis=2) * factors.max() + 1e-9).all()
    assert (answer.mean >= layers.min(axis=2) * factors.min() - 1e-9).all()


def test_the_frame_is_the_long_table_of_the_arrays(answer, panel):
    frame = answer.frame()
    assert len(frame) == panel.n * H
    row = frame[(frame["unique_id"] == "D03/S2") & (frame["ds"] == "2022-02-01")].iloc[0]
    i = answer.ids.tolist().index("D03/S2")
    assert row["mean"] == answer.mean[i, 1]
    assert row["q90"] == answer.quantiles[i, 1, LEVELS.index(0.9)]
    assert row["zero_probability"] == answer.zero_probability[i, 1]
    assert row["lstm"] == answer.members["lstm"][i, 1]
    assert (frame["cutoff"] == panel.cutoff).all()


def test_a_level_between_two_is_between_their_units(answer):
    assert (answer.quantile(0.8) >= answer.quantile(0.75)).all()
    np.testing.assert_allclose(answer.quantile(0.05), answer.quantiles[..., 0])
    with pytest.raises(UnknownLevel, match=r"between 0\.05 and 0\.95; got \[0\.99\]"):
        answer.quantile(0.99)


def test_what_is_not_exceeded_up_to_the_probability_of_zero_is_zero(odd):
    zero = odd.zero_probability
    assert ((zero >= 0) & (zero <= 1)).all()
    assert (zero > 0.3).any()
    for level in (0.05, 0.2, 0.3, 0.6, 0.9):
        assert (odd.quantile(level)[zero >= level] == 0).all()


def test_a_version_that_learned_no_zeros_answers_as_it_did_without_them(model, panel, answer):
    earlier = deepcopy(model)
    del earlier.spread_.others_  # as versions of then are read back
    told = earlier.predict(panel)
    assert np.isnan(told.zero_probability).all()
    np.testing.assert_array_equal(told.mean, answer.mean)
    assert (told.quantile(0.6) >= told.quantile(0.5)).all()


# Odd series, in the company of ordinary ones.

ODD = {
    "nothing": lambda t: np.full(t, np.nan),
    "one point": lambda t: np.r_[np.full(t - 1, np.nan), 40.0],
    "one point long ago": lambda t: np.r_[40.0, np.full(t - 1, np.nan)],
    "zeros": np.zeros,
    "constant": lambda t: np.full(t, 7.0),
    "giant": lambda t: np.full(t, 1e9),
    "tiny": lambda t: np.full(t, 1e-6),
    "shift at the end": lambda t: np.r_[np.full(t - 1, 5.0), 5e6],
    "drop at the end": lambda t: np.r_[np.full(t - 1, 5e6), 0.0],
    "every other month": lambda t: np.where(np.arange(t) % 2, 50.0, np.nan),
    "one sale among zeros": lambda t: np.r_[np.zeros(t - 5), 900.0, np.zeros(4)],
    "ended two years ago": lambda t: np.r_[np.full(t - 24, 30.0), np.full(24, np.nan)],
}


@pytest.fixture(scope="module")
def odd(model, panel):
    """The odd series in the place of the last ones."""
    units = np.vstack([make(panel.t) for make in ODD.values()])
    return model.predict(replace(panel, y=np.vstack([panel.y[: -len(ODD)], units])))


@pytest.mark.parametrize("name", ODD)
def test_an_odd_series_gets_a_finite_labelled_answer(odd, panel, name):
    row = list(ODD).index(name) - len(ODD)
    seen = np.isfinite(ODD[name](panel.t)).sum()
    assert np.isfinite(odd.mean[row]).all()
    assert (odd.mean[row] >= 0).all()
    assert (odd.quantiles[row] >= 0).all()
    assert (np.diff(odd.quantiles[row], axis=1) >= 0).all()
    assert odd.notes[row] == ("no_history" if not seen else "short_history" if seen < LEAST_PERIODS else "")


def test_odd_series_move_no_ordinary_one(odd, answer):
    np.testing.assert_allclose(odd.mean[: -len(ODD)], answer.mean[: -len(ODD)], rtol=1e-9)


@pytest.mark.parametrize(("name", "low", "high"), [("constant", 3, 14), ("zeros", 0, 1), ("giant", 3e8, 3e9)])
def test_an_odd_series_is_forecast_at_its_own_size(odd, name, low, high):
    mean = odd.mean[list(ODD).index(name) - len(ODD)]
    assert ((mean >= low) & (mean <= high)).all()


@pytest.mark.parametrize("t", [1, 2, 5, 8, 13])
def test_asked_with_a_few_months_it_answers_and_says_how_few(model, panel, t):
    forecast = model.predict(panel.at(t, ahead=H))
    assert np.isfinite(forecast.quantiles).all()
    assert (forecast.mean >= 0).all()
    few = np.isfinite(panel.y[:, :t]).sum(axis=1) < LEAST_PERIODS
    assert ((forecast.notes != "") == few).all()


def test_an_unseen_dealer_with_a_history_is_answered_from_it(model, panel, answer):
    static = panel.static.assign(dealer_id=["new"] * panel.n)
    forecast = model.predict(replace(panel, static=static))
    assert set(forecast.notes) == {""}
    ratio = forecast.mean.sum(axis=1) / answer.mean.sum(axis=1)
    assert ((ratio > 0.5) & (ratio < 2)).all()


@pytest.mark.parametrize("months", [0, 1, 3])
def test_a_new_series_is_answered_by_named_analogues_and_says_so(model, panel, months):
    y = np.full((1, panel.t), np.nan)
    y[0, panel.t - months :] = 50.0
    static = pd.DataFrame({"dealer_id": ["new"], "sku_id": ["S1"]})
    asked = replace(panel.take(np.array([0])), y=y, static=static)
    forecast = model.predict(asked)
    guess = model.analogues_.answer(asked, H)
    np.testing.assert_array_equal(forecast.quantiles, guess.quantiles)
    np.testing.assert_array_equal(forecast.zero_probability, guess.zero_probability)
    assert forecast.notes[0] == ("short_history" if months else "no_history")
    assert forecast.analogues[0]
    assert all(like.shared for like in forecast.analogues[0])  # each says what it has in common
    assert set(forecast.analogues) == {0}
