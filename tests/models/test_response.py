"""What the shared response promises: signs, shrinkage, unbiased totals, no answer beyond what was seen."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from features.errors import TooFewRows
from models.errors import NotFitted
from models.pooled import Driver, Pooled
from models.response import OutsideSeen, Response, concave
from models.shrinkage import Said, boxed, shrink
from tests.oracles import pricing

DRIVERS = (Driver("log_price", -1), Driver("promo", 1))


def made(series=30, steps=48, slope=-2.0, spread=0.2, seed=0):
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {"unique_id": np.repeat(np.arange(series), steps), "step": np.tile(np.arange(steps), series)}
    )
    rows["group"] = rows["unique_id"] % 3
    slopes = rng.normal(slope, spread, series)
    rows["log_price"] = rng.normal(1.0, 0.15, len(rows))
    rows["promo"] = (rng.random(len(rows)) < 0.2).astype(float)
    log = 5 + slopes[rows["unique_id"]] * (rows["log_price"] - 1) + 0.4 * rows["promo"]
    rows["y"] = rng.poisson(np.exp(log + rng.normal(0, 0.3, len(rows)) - 0.045)).astype(float)
    return rows, slopes


@pytest.fixture(scope="module")
def world():
    return made()


@pytest.fixture(scope="module")
def response(world):
    return Response(drivers=DRIVERS).fit(world[0])


def test_shrinkage_is_the_posterior_of_the_whole_hierarchy():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(12, 2, 5))
    A = root @ np.swapaxes(root, 1, 2)
    b, group = rng.normal(size=(12, 2)), np.arange(12) % 3
    unit, pulls = np.array([0.5, 1.0]), (np.array([3.0, 2.0]), np.array([1.5, 4.0]))
    open_ = np.full(2, -99.0), np.full(2, 99.0)
    found = shrink(Said(A, b), group, unit=unit, bounds=open_, pulls=pulls)
    series, spread, groups, overall = pricing.hierarchy(A, b, group, pulls[0] * unit, pulls[1] * unit, unit)
    np.testing.assert_allclose(found.overall, overall, rtol=1e-9)
    np.testing.assert_allclose(found.group, groups, rtol=1e-9)
    np.testing.assert_allclose(found.series, series, rtol=1e-9)
    assert (np.abs(found.series_var - spread) < 0.15 * np.abs(spread).max()).all()


def test_a_bound_is_kept_by_the_best_coefficients_that_keep_it():
    rng = np.random.default_rng(2)
    root = rng.normal(size=(40, 3, 6))
    A, b = root @ np.swapaxes(root, 1, 2), rng.normal(size=(40, 3)) * 5
    low, high = np.array([-9.0, 0.1, -9.0]), np.array([-0.1, 9.0, 9.0])
    found = boxed(A, b, low, high)
    slow = np.array([pricing.boxed(one, c, low, high) for one, c in zip(A, b, strict=True)])
    np.testing.assert_allclose(found, slow, atol=1e-5)


def test_one_long_series_is_fitted_as_a_generalised_linear_model_would():
    rows, _ = made(series=1, steps=4000)
    family = sm.families.Tweedie(var_power=1.5, link=sm.families.links.Log())
    slow = sm.GLM(rows["y"], sm.add_constant(rows[["log_price", "promo"]]), family=family).fit().params
    fast = Pooled(drivers=DRIVERS).fit(rows).coefficients(rows.head(1))[0]
    np.testing.assert_allclose(fast, slow.iloc[1:], rtol=5e-3)


def test_shrunk_slopes_are_nearer_to_the_truth_than_each_series_own(world):
    rows, truth = world
    found = Pooled(drivers=DRIVERS).fit(rows).slopes(rows.drop_duplicates("unique_id"))["slope"].to_numpy()
    own = []
    for _, part in rows[rows["y"] > 0].groupby("unique_id"):
        X = sm.add_constant(part[["log_price", "promo"]])
        own.append(sm.OLS(np.log(part["y"]), X).fit().params["log_price"])
    error = [np.sqrt(np.mean((slopes - truth) ** 2)) for slopes in (found, np.array(own))]
    assert error[0] < 0.8 * error[1]


def test_intervals_of_slopes_hold_the_truth_as_often_as_they_say():
    inside = []
    for seed in range(4):
        rows, truth = made(seed=seed + 10)
        pooled = Pooled(drivers=DRIVERS).fit(rows)
        told = pooled.slopes(rows.drop_duplicates("unique_id"))
        inside.append(np.abs(told["slope"] - truth) <= 1.645 * told["slope_sd"])
    assert 0.83 <= np.mean(inside) <= 0.98


@pytest.mark.parametrize("slope", [1.5, 0.0])
def test_a_price_slope_is_negative_even_where_data_say_otherwise(slope):
    rows, _ = made(slope=slope, spread=0.0)
    response = Response(drivers=DRIVERS).fit(rows)
    told = response.slopes(rows.drop_duplicates("unique_id"))
    assert (told[["slope", "low", "high"]] < 0).all(axis=None)
    units = [response.means(rows.head(50).assign(log_price=x)) for x in (0.8, 1.0, 1.2)]
    assert (units[0] >= units[1] - 1e-9).all()
    assert (units[1] >= units[2] - 1e-9).all()


def test_totals_of_later_periods_are_not_understated(world):
    rows, _ = world
    earlier, later = rows[rows["step"] < 38], rows[rows["step"] >= 38]
    told = Response(drivers=DRIVERS).fit(earlier).predict(later)
    assert abs(told["mean"].sum() / later["y"].sum() - 1) < 0.05
    assert 0.8 < ((later["y"] >= told["q05"]) & (later["y"] <= told["q95"])).mean() < 0.97


def test_quantiles_do_not_cross(response, world):
    told = response.predict(world[0].head(100)).drop(columns="mean").to_numpy()
    assert (np.diff(told, axis=1) >= 0).all()


def test_row_order_does_not_matter(response, world):
    rows, _ = world
    again = Response(drivers=DRIVERS).fit(rows.sample(frac=1, random_state=0))
    np.testing.assert_allclose(again.means(rows), response.means(rows), rtol=1e-6)


def test_a_new_series_answers_as_its_group_and_a_new_group_as_all(response, world):
    one = world[0].head(1)
    told = response.slopes(pd.concat([one, one.assign(unique_id=-1), one.assign(unique_id=-1, group=99)]))
    assert told["whose"].tolist() == ["series", "group", "all"]
    assert (told["slope_sd"].iloc[1:] > told["slope_sd"].iloc[0]).all()
    assert told["slope_sd"].iloc[2] > told["slope_sd"].iloc[1]


def test_beyond_what_was_seen_is_refused_without_naming_rows(response, world):
    rows = world[0].head(3)
    response.check(rows)
    with pytest.raises(OutsideSeen, match="1 of 3 rows ask for log_price beyond"):
        response.check(rows.assign(log_price=[1.0, 9.0, 1.0]))
    with pytest.raises(OutsideSeen, match="3 of 3"):
        response.check(rows.assign(unique_id=-1, group=99))


def test_few_periods_and_an_unfitted_response_are_refused(world):
    with pytest.raises(TooFewRows, match="periods"):
        Response(drivers=DRIVERS).fit(world[0].query("step < 2"))
    with pytest.raises(NotFitted):
        Response(drivers=DRIVERS).means(world[0])


def test_the_concave_curve_is_the_least_one_above():
    rng = np.random.default_rng(3)
    for _ in range(20):
        x, y = np.sort(rng.random(7)) + np.arange(7), rng.normal(size=7)
        np.testing.assert_allclose(concave(x, y[None])[0], pricing.least_concave(x, y), atol=1e-9)
