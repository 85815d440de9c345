import numpy as np
import pytest

from models.demand.forecast import LEVELS
from models.demand.spread import Clues, Spread
from models.errors import NotFitted
from models.scoring import brier, ece


def _world(seed, n=3000, *, noise=1.0):
    """Forecasts whose error grows with size, variation and step: gamma around the mean, [n, 3]."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(3, 1.5, n)
    wobble = rng.uniform(0.05, 0.8, n) * noise  # relative error
    mean = size[:, None] * rng.uniform(0.5, 1.5, (n, 3))
    relative = np.minimum(wobble[:, None] * np.array([0.7, 1.0, 1.3]), 1.5)
    y = mean * rng.gamma(1 / relative**2, relative**2)
    clues = Clues(
        mean=mean,
        level=size,
        deviation=wobble * size * rng.gamma(25, 0.04, n),
        disagreement=0.3 * relative * mean * rng.gamma(9, 1 / 9, mean.shape),
        zero_rate=np.zeros(n),
    )
    return clues, y, wobble


def _labels(n, name="A smooth"):
    return np.full(n, name, dtype=object)


@pytest.fixture(scope="module")
def fitted():
    clues, y, _ = _world(0)
    return Spread(levels=LEVELS).fit(clues, y, _labels(3000))


@pytest.mark.parametrize(("low", "high", "promised"), [(0, 6, 0.9), (1, 5, 0.8), (2, 4, 0.5)])
def test_the_promise_holds_on_fresh_data(fitted, low, high, promised):
    clues, y, _ = _world(1)
    quantiles = fitted.quantiles(clues, _labels(3000))
    inside = (quantiles[..., low] <= y) & (y <= quantiles[..., high])
    assert inside.mean() == pytest.approx(promised, abs=0.02)


def test_small_and_large_calm_and_wild_series_are_covered_alike(fitted):
    clues, y, wobble = _world(2)
    quantiles = fitted.quantiles(clues, _labels(3000))
    inside = ((quantiles[..., 1] <= y) & (y <= quantiles[..., 5])).mean(axis=1)
    for split in (clues.level > np.median(clues.level), wobble > np.median(wobble)):
        assert inside[split].mean() == pytest.approx(0.8, abs=0.06)
        assert inside[~split].mean() == pytest.approx(0.8, abs=0.06)


def test_a_band_is_wider_where_errors_are_larger(fitted):
    clues, _, wobble = _world(3)
    quantiles = fitted.quantiles(clues, _labels(3000))
    width = (quantiles[..., 5] - quantiles[..., 1]).mean(axis=1) / clues.level
    assert width[wobble > 0.6].mean() > 3 * width[wobble < 0.15].mean()


def test_every_quantile_is_as_rare_as_it_says(fitted):
    clues, y, _ = _world(4)
    below = (y[..., None] <= fitted.quantiles(clues, _labels(3000))).mean(axis=(0, 1))
    np.testing.assert_allclose(below, LEVELS, atol=0.025)


def test_quantiles_ascend_and_are_never_negative(fitted):
    clues, _, _ = _world(5, noise=3.0)
    quantiles = fitted.quantiles(clues, _labels(3000))
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert (quantiles >= 0).all()
    assert (quantiles == 0).any()


def test_a_segment_with_evidence_has_its_own_errors_and_a_stranger_those_of_all():
    (calm, y_calm, _), (wild, y_wild, _) = _world(6), _world(7, noise=0.2)
    clues = Clues(**{k: np.concatenate([getattr(calm, k), getattr(wild, k)]) for k in calm.__dict__})
    same_look = Clues(**(clues.__dict__ | {"deviation": clues.level, "disagreement": clues.mean}))
    segment = np.concatenate([_labels(3000, "wild"), _labels(3000, "calm")])
    fitted = Spread(levels=LEVELS).fit(same_look, np.concatenate([y_calm, y_wild]), segment)
    assert fitted.scores_["wild"][5] > 1.5 * fitted.scores_["calm"][5]
    one = Clues(**{k: v[:1] for k, v in same_look.__dict__.items()})
    expected = fitted.quantiles(one, _labels(1, "unseen"))[0, 0]
    size = fitted._size(one.design(), one.level)[0, 0]
    np.testing.assert_allclose(expected, np.maximum(one.mean[0, 0] + size * fitted.pooled_, 0.0))


def test_unknown_truths_and_silent_forecasts_are_left_out(fitted):
    clues, y, _ = _world(0)
    more = Clues(**{k: np.concatenate([v, v[:50]]) for k, v in clues.__dict__.items()})
    more.mean[3000:3025] = np.nan
    unknown = np.concatenate([y, np.full((50, 3), np.nan)])
    again = Spread(levels=LEVELS).fit(more, unknown, _labels(3050))
    np.testing.assert_allclose(again.beta_, fitted.beta_)
    np.testing.assert_allclose(again.pooled_, fitted.pooled_)


def test_a_perfect_past_gives_a_narrow_band_not_a_fault():
    clues, _, _ = _world(8, 200)
    quantiles = Spread(levels=LEVELS).fit(clues, clues.mean, _labels(200)).quantiles(clues, _labels(200))
    np.testing.assert_allclose(quantiles, clues.mean[..., None] * np.ones(7))


def test_an_unfitted_spread_says_so():
    clues, _, _ = _world(9, 5)
    with pytest.raises(NotFitted, match="Spread is not fitted yet"):
        Spread(levels=LEVELS).quantiles(clues, _labels(5))


def _sparse(seed, n=3000):
    """Small parts: Poisson sales at a tenth to one a month, forecasts a little off, [n, 3]."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(0.1, 1.0, (n, 1)) * np.ones(3)
    past = rng.poisson(rate[:, :1], (n, 12))
    clues = Clues(
        mean=rate * rng.lognormal(0, 0.2, rate.shape),
        level=np.where(past.sum(axis=1) > 0, past.mean(axis=1), 1.0),
        deviation=past.std(axis=1),
        disagreement=0.2 * rate,
        zero_rate=(past == 0).mean(axis=1),
    )
    return clues, rng.poisson(rate).astype(float)


@pytest.fixture(scope="module")
def sparse():
    clues, y = _sparse(0)
    return Spread(levels=LEVELS).fit(clues, y, _labels(3000, "C lumpy"))


def test_where_most_periods_sell_nothing_low_quantiles_are_zero_and_high_ones_hold(sparse):
    clues, y = _sparse(1)
    quantiles = sparse.quantiles(clues, _labels(3000, "C lumpy"))
    assert (quantiles[..., :3] == 0).mean() > 0.99
    above = (y[..., None] > quantiles).mean(axis=(0, 1))
    np.testing.assert_allclose(above[5:], [0.1, 0.05], atol=0.01)


def test_a_lumpy_series_that_sold_nothing_and_is_promised_nothing_has_a_finite_band(sparse):
    clues, _ = _sparse(2, 1)
    nothing = {"mean": 0 * clues.mean, "disagreement": 0 * clues.mean, "deviation": np.zeros(1)}
    still = Clues(**nothing, level=np.ones(1), zero_rate=np.ones(1))
    assert 0 <= sparse.quantiles(still, _labels(1, "C lumpy")).max() < 3


def test_smooth_segments_are_told_the_same_beside_lumpy_ones(fitted):
    (smooth, y, _), (lumpy, seldom) = _world(0), _sparse(0, 30)
    both = Clues(**{k: np.concatenate([v, getattr(lumpy, k)]) for k, v in smooth.__dict__.items()})
    segment = np.concatenate([_labels(3000), _labels(30, "C lumpy")])
    few = Spread(levels=LEVELS).fit(both, np.concatenate([y, seldom]), segment)
    assert few.seldom_ is None  # 90 rows say too little
    expected = fitted.quantiles(smooth, _labels(3000))
    assert np.abs(few.quantiles(smooth, _labels(3000)) - expected).mean() < 0.05 * expected.mean()


def test_a_silent_forecast_of_a_lumpy_series_has_no_quantiles(sparse):
    clues, _ = _sparse(3, 2)
    clues.mean[0] = np.nan
    quantiles = sparse.quantiles(clues, _labels(2, "C lumpy"))
    assert np.isnan(quantiles[0]).all()
    assert np.isfinite(quantiles[1]).all()


def _mixed(seed):
    """Series that never sell nothing beside small parts, with their segments."""
    (smooth, y, _), (lumpy, seldom) = _world(seed), _sparse(seed)
    both = Clues(**{k: np.concatenate([v, getattr(lumpy, k)]) for k, v in smooth.__dict__.items()})
    return both, np.concatenate([y, seldom]), np.concatenate([_labels(3000), _labels(3000, "C lumpy")])


@pytest.fixture(scope="module")
def mixed():
    return Spread(levels=LEVELS).fit(*_mixed(0))


def test_the_probability_of_zero_comes_true_and_beats_the_own_past(mixed):
    clues, y, segment = _mixed(1)
    told, past = mixed.told(clues, segment)[1], np.repeat(clues.zero_rate[:, None], 3, axis=1)
    zero = (y == 0).ravel()
    assert ((told >= 0) & (told <= 1)).all()
    assert ece(zero, told.ravel()) < 0.02
    assert brier(zero, told.ravel()) < brier(zero, past.ravel())
    assert told[:3000].max() < 0.01  # those that always sell


def test_a_quantile_up_to_the_probability_of_zero_is_zero(mixed):
    clues, _, segment = _mixed(2)
    zero = np.asarray(LEVELS) <= mixed.told(clues, segment)[1][..., None]
    assert zero.mean() > 0.2
    assert (mixed.quantiles(clues, segment)[zero] == 0).all()


def test_too_few_lumpy_rows_share_the_zeros_of_all_and_silence_has_none():
    clues, y = _sparse(4, 30)
    told = Spread(levels=LEVELS).fit(clues, y, _labels(30, "C lumpy"))
    clues.mean[0] = np.nan
    zero = told.told(clues, _labels(30, "C lumpy"))[1]
    assert np.isnan(zero[0]).all()
    assert zero[1:].mean() == pytest.approx((y[1:] == 0).mean(), abs=0.05)
