import numpy as np
import pytest

from models.anomaly.tabular import Tabular
from models.errors import ModelError, NotFitted
from models.scoring import auc
from tests.oracles import anomalies as oracle


def table(n=400, bad=12, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) * [1, 10, 100, 1]
    X[:bad] += np.array([4, -40, 400, 0]) * rng.choice([-1, 1], (bad, 1))
    return X, np.r_[np.ones(bad), np.zeros(n - bad)]


def test_rows_far_out_score_highest_and_random_ones_do_not():
    X, y = table()
    assert auc(y, Tabular().fit(X).score(X)) > 0.99
    assert abs(auc(y, np.random.default_rng(0).random(len(y))) - 0.5) < 0.2


def test_a_dense_clump_of_bad_rows_is_seen_that_a_small_k_misses():
    rng = np.random.default_rng(1)
    X = np.vstack([rng.normal(size=(500, 3)), rng.normal([7, 7, 7], 0.05, (12, 3))])
    y = np.r_[np.zeros(500), np.ones(12)]
    near = oracle.neighbour_distance(X, 4)
    assert auc(y, Tabular().fit(X).parts(X)["distance"]) > 0.99 > 0.5 > auc(y, near)


def test_the_distance_is_that_of_the_slow_way():
    X, _ = table(80)
    model = Tabular().fit(X)
    rows = model._scaled(X)
    np.testing.assert_allclose(
        model.parts(X)["distance"], oracle.neighbour_distance(rows, model.k_), rtol=1e-6
    )


def test_units_of_a_column_do_not_matter_and_a_seed_gives_the_same_answer():
    X, _ = table(150)
    first = Tabular().fit(X).score(X)
    np.testing.assert_allclose(
        Tabular().fit(X * 1000).parts(X * 1000)["distance"], Tabular().fit(X).parts(X)["distance"]
    )
    np.testing.assert_array_equal(first, Tabular().fit(X).score(X))


def test_a_missing_number_is_no_fault_of_the_table_but_counts():
    X, _ = table(200, 0)
    X[3, 1:] = np.nan
    scores = Tabular().fit(X).score(X)
    assert np.isfinite(scores).all()
    assert scores[3] > np.median(scores)


def test_a_new_row_further_out_than_all_scores_higher_still():
    X, _ = table(200, 0)
    model = Tabular().fit(X)
    near, far = model.score([[3.0, 30, 300, 3]])[0], model.score([[9.0, 90, 900, 9]])[0]
    assert far > near


@pytest.mark.parametrize("X", [np.zeros((0, 3)), np.zeros(3), np.zeros((4, 0))])
def test_what_is_no_table_is_refused(X):
    with pytest.raises(ModelError, match="rows and columns"):
        Tabular().fit(X)


def test_another_number_of_columns_is_refused_and_so_is_asking_before_fitting():
    with pytest.raises(ModelError, match="expected 4 as in fit"):
        Tabular().fit(table(50)[0]).score(np.zeros((1, 2)))
    with pytest.raises(NotFitted):
        Tabular().score(np.zeros((1, 2)))
