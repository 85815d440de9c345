"""The estimators on files as they come."""

import pickle

import numpy as np
import pandas as pd
import pytest

from models.credit.boosted import Boosted
from models.credit.columns import BadFrame
from models.credit.scorecard import Scorecard, folds_of
from models.credit.woe import Woe, pooled
from models.errors import NotFitted
from models.scoring import auc, ece
from tests.oracles.credit import woe as slow_woe

SMALL = {"rounds": 60, "pair_columns": 6}
ESTIMATORS = [Scorecard, lambda **k: Boosted(**SMALL, **k)]


def cases(n=700, seed=0):
    """A file with everything that files have."""
    rng = np.random.default_rng(seed)
    debt, assets, region = rng.lognormal(size=n), rng.lognormal(size=n), rng.choice(list("abcd"), n)
    y = (rng.random(n) < 1 / (1 + np.exp(2.2 - 1.2 * np.log(debt / assets) - (region == "a")))).astype(int)
    X = pd.DataFrame({"debt": debt, "assets": assets, "region": region, "constant": 3.0, "copy": debt})
    X["holes"] = np.where(rng.random(n) < 0.6, np.nan, rng.normal(size=n) + y)
    X["wild"] = np.where(rng.random(n) < 0.01, 1e300, rng.normal(size=n))
    X["endless"] = np.where(rng.random(n) < 0.01, np.inf, 1.0 * np.arange(n))
    X["flag"] = rng.random(n) < 0.5
    X["name"] = [f"firm {i}" for i in range(n)]
    X["empty"] = np.nan
    X["as_text"] = [f"{v:.3f}" for v in rng.normal(size=n)]
    X["kind"] = pd.Categorical(rng.choice(["x", "y", None], n))
    X["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 999, n), unit="D")
    return X, y


@pytest.mark.parametrize("make", ESTIMATORS)
def test_a_file_as_it_comes_is_learned_and_told_apart(make):
    X, y = cases()
    ask, truth = cases(n=500, seed=1)
    untouched = X.copy(deep=True)
    p = make().fit(X, y).predict(ask)
    pd.testing.assert_frame_equal(X, untouched)
    assert p.shape == (500,)
    assert ((p > 0) & (p < 1)).all()
    assert auc(truth, p) > 0.75
    assert ece(truth, p, bins=5) < 0.08


@pytest.mark.parametrize("make", ESTIMATORS)
def test_same_rows_same_answer_also_after_saving(make):
    X, y = cases(n=400)
    one, two = make().fit(X, y), make().fit(X, y)
    assert np.array_equal(one.predict(X), two.predict(X))
    assert np.array_equal(one.predict(X), pickle.loads(pickle.dumps(one)).predict(X))
    assert np.allclose(one.predict(X.iloc[5:9]), one.predict(X)[5:9])


@pytest.mark.parametrize("make", ESTIMATORS)
def test_what_was_never_seen_is_answered(make):
    X, y = cases(n=400)
    model = make().fit(X, y)
    strange = X.head(3).drop(columns=["holes"]).assign(region="nowhere", debt=[-1e12, np.nan, np.inf], more=1)
    assert np.isfinite(model.predict(strange)).all()
    assert len(model.predict(X.head(0))) == 0


@pytest.mark.parametrize("make", ESTIMATORS)
@pytest.mark.parametrize("bad", [0, 1, 3, 12])
def test_a_tiny_class_gives_modest_probabilities(make, bad):
    X, y = cases(n=300)
    y = np.zeros(300, int)
    y[:bad] = 1
    p = make().fit(X, y).predict(X)
    assert np.isfinite(p).all()
    assert p.mean() == pytest.approx((bad + 0.5) / 301, abs=0.03)


@pytest.mark.parametrize("make", ESTIMATORS)
def test_labels_may_be_words_and_bad_files_are_refused(make):
    X, y = cases(n=200)
    words = np.where(y == 1, "late", "fine")
    assert np.allclose(make().fit(X, words).predict(X), make().fit(X, words == "late").predict(X))
    with pytest.raises(BadFrame, match="No rows"):
        make().fit(X.head(0), [])
    with pytest.raises(BadFrame, match="two values"):
        make().fit(X, np.arange(200))
    with pytest.raises(NotFitted):
        make().predict(X)


@pytest.mark.parametrize("make", ESTIMATORS)
def test_a_stated_direction_holds_everywhere(make):
    X, y = cases(n=600)
    model = make(directions={"debt": 1, "assets": -1}).fit(X, y)
    for name, sign in (("debt", 1), ("assets", -1)):
        ladder = pd.concat([X.head(1)] * 40, ignore_index=True).assign(
            **{name: np.linspace(0.01, 9, 40)}, copy=1.0
        )
        steps = np.diff(model.predict(ladder))
        assert (sign * steps >= -1e-12).all()
        assert np.abs(steps).sum() > 0.01


def test_copies_of_a_group_stay_in_one_fold():
    groups = np.repeat(np.arange(50), 4)
    fold = folds_of((groups % 7 == 0).astype(float), 5, 0, groups)
    assert (pd.Series(fold).groupby(groups).nunique() == 1).all()
    assert len(set(fold)) == 5


def test_ratios_of_columns_are_found():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.lognormal(size=(1500, 4)), columns=list("abcd"))
    y = ((X["a"] / X["b"] > 2.5) ^ (rng.random(1500) < 0.05)).astype(int)
    with_pairs, without = (Boosted(rounds=60, pair_columns=k).fit(X.head(1000), y.head(1000)) for k in (4, 0))
    gains = [auc(y.tail(500), m.predict(X.tail(500))) for m in (with_pairs, without)]
    assert gains[0] > gains[1] + 0.005
    shares = np.abs(with_pairs.contributions(X.tail(50))).sum(axis=0)
    assert set(np.argsort(-shares)[:2]) == {with_pairs.names_.index("a"), with_pairs.names_.index("b")}


def test_weights_of_evidence_are_those_counted_by_hand():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(500) < 0.1, np.nan, rng.normal(size=500))
    y = (rng.random(500) < np.where(np.isnan(x), 0.6, 1 / (1 + np.exp(1 - x)))).astype(float)
    woe = Woe().fit(x, y)
    assert np.allclose(woe.transform(x), slow_woe(woe.place(x).tolist(), y.tolist()))
    assert len(woe.bins_) > 3


def test_pooling_leaves_rates_in_order():
    rng = np.random.default_rng(1)
    n, bad = np.full(30, 20.0), rng.binomial(20, 0.3, 30).astype(float)
    starts = pooled(n, bad, 1)
    rates = np.add.reduceat(bad, starts) / np.add.reduceat(n, starts)
    assert (np.diff(rates) > 0).all()


def test_a_clerk_can_add_the_points_up():
    X, y = cases(n=900)
    card = Scorecard().fit(X, y)
    table, points = card.table(), card.points(X)
    start = int(table["start"].iloc[0])
    assert (points["points"] == start + points.drop(columns="points").sum(axis=1)).all()
    for name, own in table.groupby("column"):
        assert set(points[name]) <= set(own["points"].astype(int))
        ranked = own[own["n"] > 0].sort_values("bad_rate")["points"]
        assert (ranked.diff().dropna() <= 1).all()  # worse bins never earn more, but for rounding
    by_points = card.probability_of(points["points"])
    assert np.abs(by_points - card._raw(card._frame(X))).max() < 0.08


def test_contributions_add_up_to_the_raw_log_odds():
    X, y = cases(n=500)
    card = Scorecard().fit(X, y)
    raw = card._raw(card._frame(X))
    assert np.allclose(np.log(raw / (1 - raw)), card.contributions(X).sum(axis=1) + card.level_)
