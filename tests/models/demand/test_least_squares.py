import numpy as np
from scipy.optimize import least_squares as scipy_least_squares

from models.demand.least_squares import Ridge, least_squares


def _line(n=6, t=40, p=3):
    rng = np.random.default_rng(9)
    x, truth = rng.normal(size=(t, p)), rng.normal(size=(p, n))
    return x, x @ truth + rng.normal(0, 0.3, (t, n))


def _ridge(p, n, pull):
    return Ridge(pull=np.full((p, n), pull), centre=np.full((p, 1), 0.5), bound=np.full((p, 1), np.inf))


def _straight(x, y):
    return lambda theta, rows: np.einsum("tp,pcr->tcr", x, theta) - y[:, None, rows]


def test_a_straight_problem_has_the_ridge_solution():
    x, y = _line()
    fit = least_squares(_straight(x, y), np.zeros((3, 6)), _ridge(3, 6, 4.0))
    by_hand = np.linalg.solve(x.T @ x + 4 * np.eye(3), x.T @ y + 4 * 0.5)
    np.testing.assert_allclose(fit.theta, by_hand, rtol=1e-2)
    hat = np.trace(np.linalg.solve(x.T @ x + 4 * np.eye(3), x.T @ x))
    np.testing.assert_allclose(fit.n_effective, hat, rtol=1e-4)


def test_a_curve_is_fitted_as_well_as_by_scipy():
    rng = np.random.default_rng(10)
    x = np.linspace(0, 3, 30)
    y = 2 * np.exp(-0.7 * x)[:, None] * rng.uniform(0.5, 2, 5) + rng.normal(0, 0.02, (30, 5))

    def residuals(theta, rows):
        return theta[0] * np.exp(theta[1] * x[:, None, None]) - y[:, None, rows]

    fit = least_squares(residuals, np.vstack([np.ones(5), np.zeros(5)]), Ridge.none(2, 5))
    for i in range(5):
        theirs = scipy_least_squares(lambda b, i=i: b[0] * np.exp(b[1] * x) - y[:, i], [1.0, 0.0])
        assert fit.sse[i] <= 2 * theirs.cost * 1.001


def test_company_changes_nothing():
    x, y = _line()
    together = least_squares(_straight(x, y), np.zeros((3, 6)), _ridge(3, 6, 1.0))
    alone = least_squares(_straight(x, y[:, 2:3]), np.zeros((3, 1)), _ridge(3, 1, 1.0))
    np.testing.assert_allclose(together.theta[:, 2:3], alone.theta, rtol=1e-9)


def test_a_bound_holds():
    x, y = _line()
    tight = Ridge(pull=np.zeros((3, 6)), centre=np.zeros((3, 1)), bound=np.full((3, 1), 0.1))
    assert np.abs(least_squares(_straight(x, y), np.zeros((3, 6)), tight).theta).max() <= 0.1


def test_a_perfect_first_guess_stays():
    x, _ = _line()
    fit = least_squares(_straight(x, x @ np.ones((3, 6))), np.ones((3, 6)), Ridge.none(3, 6))
    np.testing.assert_allclose(fit.theta, 1.0)
