import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.totals import Totals
from models.demand.reconcile import MinTrace, shrinkage
from models.errors import NotFitted
from tests.oracles import reconcile as oracle

M = 25


def _channel(seed: int, *, dealers: int = 5, products: int = 3):
    """Totals of a grouped hierarchy, past errors that hang together, and forecasts, some near zero."""
    rng = np.random.default_rng(seed)
    pairs = [(f"D{d}", f"S{s}") for d in range(dealers) for s in range(products)]
    static = pd.DataFrame(pairs, columns=["dealer_id", "sku_id"])
    parents = pd.DataFrame({"dealer_id": [f"D{d}" for d in range(dealers)], "parent_dealer_id": "D0"})
    parents.loc[0, "parent_dealer_id"] = None
    totals = Totals.of(static, parents)
    truth = rng.gamma(0.7, 30, (len(static), 2))
    size = np.concatenate([totals.sums(truth), truth])
    errors = (0.1 + 0.3 * size[:, :1]) * (rng.normal(size=(len(size), M)) + rng.normal(size=M))
    return totals, errors, size * rng.normal(1, 0.4, size.shape) - 3.0


def _fitted(totals, errors):
    return MinTrace(totals=totals).fit(errors[: totals.count], errors[totals.count :])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_answer_is_the_best_that_adds_up_and_is_not_negative(seed):
    totals, errors, forecast = _channel(seed)
    trace = _fitted(totals, errors)
    found = trace.series(forecast[: totals.count], forecast[totals.count :])
    w = oracle.covariance(errors, trace.shrinkage_)
    for step in range(2):
        expected = oracle.min_trace_not_negative(totals.matrix.toarray(), w, forecast[:, step])
        np.testing.assert_allclose(found[:, step], expected, atol=1e-5 * np.abs(forecast).max())


@pytest.mark.parametrize("seed", range(3))
def test_without_a_negative_series_it_is_the_textbooks_min_trace(seed):
    totals, errors, forecast = _channel(seed)
    forecast = np.abs(forecast) + 1e4  # far from zero
    forecast[: totals.count] = totals.sums(forecast[totals.count :]) + 30
    trace = _fitted(totals, errors)
    found = trace.series(forecast[: totals.count], forecast[totals.count :])
    w = oracle.covariance(errors, trace.shrinkage_)
    expected = oracle.min_trace(totals.matrix.toarray(), w, forecast)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_shrinkage_is_that_of_all_pairs(seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(9, M)) + rng.uniform(0, 2) * rng.normal(size=M)
    z /= np.sqrt((z**2).mean(axis=1, keepdims=True))
    assert shrinkage(z) == pytest.approx(oracle.correlation_shrinkage(z), rel=1e-9)


def test_forecasts_that_add_up_stay():
    totals, errors, forecast = _channel(1)
    series = np.abs(forecast[totals.count :])
    found = _fitted(totals, errors).series(totals.sums(series), series)
    np.testing.assert_allclose(found, series, atol=1e-6)


def test_a_total_that_was_always_right_is_kept_and_a_series_that_was_never_gives_way():
    totals, errors, forecast = _channel(2)
    errors[0] *= 1e-3
    series = np.abs(forecast[totals.count :]) + 50
    wanted = totals.sums(series)
    wanted[0] *= 1.2
    found = _fitted(totals, errors).series(wanted, series)
    np.testing.assert_allclose(totals.sums(found)[0], wanted[0], rtol=0.01)


def test_errors_that_are_not_known_do_not_stop_it():
    totals, errors, forecast = _channel(3)
    errors[:, : M // 2][np.random.default_rng(0).random((len(errors), M // 2)) < 0.5] = np.nan
    errors[-1] = np.nan  # never a truth
    found = _fitted(totals, errors).series(forecast[: totals.count], forecast[totals.count :])
    assert np.isfinite(found).all()
    assert (found >= 0).all()


def test_children_add_up_to_parents():
    totals, errors, forecast = _channel(4, dealers=40, products=8)
    series = _fitted(totals, errors).series(forecast[: totals.count], forecast[totals.count :])
    units, nodes = totals.sums(series), totals.nodes
    for level in ("dealer_id", "sku_id", "dealer_tier_1"):
        np.testing.assert_allclose(units[nodes["level"] == level].sum(axis=0), units[0], atol=1e-6)


def test_without_correlation_forecasts_below_zero_end_at_zero():
    totals, errors, forecast = _channel(5)
    trace = _fitted(totals, errors)
    trace.shrinkage_ = 1.0
    assert trace.series(-np.abs(forecast[: totals.count]), -np.abs(forecast[totals.count :])).max() == 0


def test_it_says_when_it_was_not_fitted_or_shapes_disagree():
    totals, errors, forecast = _channel(6)
    with pytest.raises(NotFitted):
        MinTrace(totals=totals).series(forecast[:1], forecast[1:])
    with pytest.raises(ValueError, match="totals"):
        MinTrace(totals=totals).fit(errors[:2], errors[2:])
