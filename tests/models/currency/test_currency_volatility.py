"""Volatility: the recursions are those of the papers, and the paths keep what they foretell."""

import numpy as np
import pytest
from arch import arch_model

from features.errors import TooFewRows
from models.currency.coverage import kupiec, qlike
from models.currency.volatility import (
    RECENT_DAYS,
    Anchored,
    Constant,
    Ewma,
    Garch,
    belief,
    horizon_variance,
    paths,
    standardised,
)
from models.errors import NotFitted
from tests.oracles.currency import garch


def drawn(n=1500, seed=1, news=0.08, memory=0.87, variance=1e-5):
    """Returns of a GARCH(1,1) with Student's t."""
    rng = np.random.default_rng(seed)
    v, out = variance, []
    for shock in rng.standard_t(6, n) / np.sqrt(1.5):
        out.append(np.sqrt(v) * shock)
        v = variance * (1 - news - memory) + news * out[-1] ** 2 + memory * v
    return np.array(out)


RETURNS = drawn()
KINDS = (Constant, Ewma, Garch)  # pure recursions


def test_the_parameters_are_those_of_arch():
    ours = Garch().fit(RETURNS)
    theirs = arch_model(1000 * RETURNS, mean="Zero", vol="GARCH", dist="t").fit(disp="off")
    assert ours.news_ == pytest.approx(theirs.params["alpha[1]"], abs=0.015)
    assert ours.memory_ == pytest.approx(theirs.params["beta[1]"], abs=0.02)
    assert ours.freedom_ == pytest.approx(theirs.params["nu"], rel=0.1)
    assert ours.likelihood_ > theirs.loglikelihood + len(RETURNS) * np.log(1000) - 1.5


def test_the_variances_are_those_of_arch_at_the_same_parameters():
    ours = Garch().fit(RETURNS)
    theirs = arch_model(RETURNS, mean="Zero", vol="GARCH", dist="t", rescale=False)
    fixed = theirs.fix([*ours.weights, ours.freedom_])
    later = slice(300, None)  # the start of the recursion is forgotten by then
    assert ours.variances(RETURNS)[:-1][later] == pytest.approx(
        fixed.conditional_volatility[later] ** 2, rel=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_filter_is_the_recursion_written_as_a_loop(kind):
    one = kind().fit(RETURNS)
    fast = one.variances(RETURNS)
    slow = garch(RETURNS, *one.weights, first=fast[0])
    assert fast == pytest.approx(np.array(slow), rel=1e-9)


def test_no_nearby_parameters_are_likelier():
    one = Garch().fit(RETURNS)
    for news, memory in [(0.01, 0), (-0.01, 0), (0, 0.02), (0, -0.02), (0.01, -0.01)]:
        other = Garch().fit(RETURNS)
        other.news_, other.memory_ = one.news_ + news, one.memory_ + memory
        assert likelihood(other, one.freedom_) < one.likelihood_ + 1e-3


def likelihood(model, freedom):
    from scipy.stats import t

    scale = np.sqrt(model.variances(RETURNS)[:-1] * (freedom - 2) / freedom)
    return t(freedom, scale=scale).logpdf(RETURNS).sum()


def test_the_stated_likelihood_is_that_of_scipy():
    one = Garch().fit(RETURNS)
    assert one.likelihood_ == pytest.approx(likelihood(one, one.freedom_), abs=1e-6)


@pytest.mark.parametrize("kind", [*KINDS, Anchored])
def test_the_variance_of_the_sum_is_that_of_many_paths(kind):
    one = kind().fit(RETURNS)
    scores = standardised(one, RETURNS)
    rng = np.random.default_rng(0)
    ends = paths(one, RETURNS, scores[rng.integers(0, len(scores), (20, 20_000))])[-1]
    assert ends.var() == pytest.approx(horizon_variance(one, RETURNS, 20), rel=0.06)


def test_the_anchored_variance_is_half_of_what_the_last_days_were():
    one, plain = Anchored().fit(RETURNS), Garch().fit(RETURNS)
    for t in (RECENT_DAYS, 700, len(RETURNS)):
        recent = np.mean(RETURNS[t - RECENT_DAYS : t] ** 2)
        expected = 0.5 * plain.variances(RETURNS)[t] + 0.5 * recent
        assert one.variances(RETURNS)[t] == pytest.approx(expected)


def test_a_new_regime_is_believed_sooner_than_by_the_mean_of_all_days():
    calm = RETURNS / 5
    both = np.append(calm, RETURNS[:150])
    anchored, plain = (horizon_variance(k().fit(both), both, 250) for k in (Anchored, Garch))
    truth = 250 * np.mean(RETURNS**2)
    assert abs(np.log(anchored / truth)) < abs(np.log(plain / truth))


def test_variance_returns_to_its_mean_after_a_storm():
    stormy = np.append(RETURNS, 0.05)
    one = Garch().fit(RETURNS)
    ahead = [horizon_variance(one, stormy, days) / days for days in (1, 20, 20_000)]
    assert ahead[0] > ahead[1] > ahead[2] == pytest.approx(one.variance_, rel=0.1)


def test_the_model_grows_with_the_history():
    kinds = [type(belief(RETURNS[:n])) for n in (30, 100, 800)]
    assert kinds == [Constant, Ewma, Anchored]


def test_ten_times_the_returns_are_ten_times_the_volatility():
    one, ten = (Garch().fit(f * RETURNS).variances(f * RETURNS) for f in (1.0, 10.0))
    assert ten == pytest.approx(100 * one, rel=0.02)


def test_a_rate_that_is_held_has_no_volatility_and_no_nan():
    held = np.zeros(800)
    one = belief(held)
    assert 0 < horizon_variance(one, held, 20) < 1e-8
    assert np.isfinite(paths(one, held, standardised(one, held)[:40].reshape(20, 2))).all()


def test_too_little_is_refused_and_nothing_is_said_before_fit():
    with pytest.raises(TooFewRows, match="at least 60 rows; got 10"):
        Garch().fit(RETURNS[:10])
    for kind in KINDS:
        with pytest.raises(NotFitted):
            kind().variances(RETURNS)


def test_a_second_fit_forgets_the_first():
    other = drawn(seed=9, variance=1e-4)
    assert Garch().fit(other).fit(RETURNS) == Garch().fit(RETURNS)


def test_the_kupiec_test_is_a_ratio_of_two_binomial_likelihoods():
    from scipy.stats import binom, chi2

    hits = np.arange(250) % 25 > 2  # 88 %
    ratio = -2 * (binom.logpmf(hits.sum(), 250, 0.95) - binom.logpmf(hits.sum(), 250, hits.mean()))
    assert kupiec(hits, 0.95) == pytest.approx(chi2.sf(ratio, 1))
    assert np.isnan(kupiec(hits[:0], 0.9))


def test_qlike_is_least_for_the_true_variance_though_it_is_seen_through_noise():
    rng = np.random.default_rng(0)
    seen = 4.0 * rng.chisquare(5, 20_000) / 5
    losses = {v: qlike(seen, np.full(len(seen), v)).mean() for v in (3.0, 3.7, 4.0, 4.3, 5.0)}
    assert min(losses, key=losses.get) == 4.0
