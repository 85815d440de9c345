import numpy as np
import pytest

from models.demand.seldom import Seldom
from models.errors import NotFitted
from models.scoring import ece

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95)


def _parts(seed, n=20_000):
    """Clues [n, 2] (ones, chance of a sale), sizes and truths: gamma around size when they sell."""
    rng = np.random.default_rng(seed)
    chance, size = rng.uniform(0.05, 0.95, n), rng.lognormal(3, 1, n)
    y = np.where(rng.random(n) < chance, size * rng.gamma(4, 0.25, n), 0.0)
    return np.stack([np.ones(n), chance], axis=1), size, y


@pytest.fixture(scope="module")
def fitted():
    return Seldom(levels=LEVELS).fit(*_parts(0))


def test_every_class_of_rarity_keeps_the_promise(fitted):
    x, size, y = _parts(1)
    quantiles = fitted.quantiles(x, size)
    for rare in (x[:, 1] < 0.3, (x[:, 1] > 0.4) & (x[:, 1] < 0.6), x[:, 1] > 0.7):
        below = (y[rare, None] <= quantiles[rare]).mean(axis=0)
        zero = (y[rare] == 0).mean()
        np.testing.assert_allclose(below, np.maximum(LEVELS, zero), atol=0.04)


def test_a_quantile_is_zero_where_nothing_sold_is_likelier_than_its_level(fitted):
    x = np.array([[1.0, 0.1], [1.0, 0.45], [1.0, 0.9]])
    zero = fitted.quantiles(x, np.full(3, 10.0)) == 0
    assert zero.tolist() == [[True] * 4 + [False] * 2, [True] * 3 + [False] * 3, [True] + [False] * 5]


def test_quantiles_ascend_grow_with_size_and_are_never_negative(fitted):
    x, size, _ = _parts(2, 500)
    quantiles = fitted.quantiles(x, size)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()
    np.testing.assert_allclose(fitted.quantiles(x, 2 * size), 2 * quantiles)


def test_order_of_rows_and_equal_clues_do_not_matter(fitted):
    x, size, y = _parts(0)
    order = np.random.default_rng(9).permutation(len(y))
    again = Seldom(levels=LEVELS).fit(x[order], size[order], y[order])
    np.testing.assert_allclose(again.scores_, fitted.scores_, rtol=1e-6)
    alike = Seldom(levels=LEVELS).fit(np.ones((len(y), 1)), size, y)
    assert len(alike.scores_) == 1


def test_a_past_of_nothing_but_zeros_foretells_zero():
    x, size, y = _parts(3, 150)
    assert (Seldom(levels=LEVELS).fit(x, size, 0 * y).quantiles(x, size) == 0).all()


def test_unfitted_it_says_so():
    with pytest.raises(NotFitted, match="Seldom is not fitted yet"):
        Seldom(levels=LEVELS).quantiles(np.ones((1, 2)), np.ones(1))
    with pytest.raises(NotFitted, match="Seldom is not fitted yet"):
        Seldom(levels=LEVELS).zero_probability(np.ones((1, 2)))


def test_the_probability_of_zero_comes_true(fitted):
    x, _, y = _parts(4)
    told = fitted.zero_probability(x)
    assert ((told >= 0) & (told <= 1)).all()
    assert ece(y == 0, told) < 0.02
    np.testing.assert_allclose(told, 1 - x[:, 1], atol=0.06)


def test_a_small_past_of_one_class_still_tells_rare_from_common():
    x, size, y = _parts(5, 150)
    told = Seldom(levels=LEVELS).fit(x, size, y).zero_probability(np.array([[1.0, 0.1], [1.0, 0.9]]))
    np.testing.assert_allclose(told, [0.9, 0.1], atol=0.12)


def test_nothing_seen_but_zeros_is_not_certainty():
    x, size, y = _parts(3, 150)
    told = Seldom(levels=LEVELS).fit(x, size, 0 * y).zero_probability(x)
    assert 0.98 < told.max() <= 151 / 152
