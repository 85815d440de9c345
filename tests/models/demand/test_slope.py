import numpy as np
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from models.demand.slope import proven_line


def _lines(noise, gaps=0.2):
    rng = np.random.default_rng(14)
    y = 100 + rng.uniform(-1.5, 1.5, (12, 1)) * np.arange(40) + rng.normal(0, noise, (12, 40))
    return np.where(rng.random(y.shape) < gaps, np.nan, y)


@pytest.mark.parametrize("noise", [0.1, 4.0, 60.0])
def test_the_slope_is_least_squares_as_far_as_it_is_proven(noise):
    y = _lines(noise)
    for row, last, slope in zip(y, *proven_line(y), strict=True):
        line = OLS(row, add_constant(np.arange(40.0)), missing="drop").fit()
        believed = max(0, 1 - 4 * line.bse[1] ** 2 / line.params[1] ** 2)
        np.testing.assert_allclose(slope, believed * line.params[1], atol=1e-9)
        middle = np.flatnonzero(~np.isnan(row)).mean()
        np.testing.assert_allclose(last - slope * (39 - middle), np.nanmean(row))


def test_a_handful_of_values_has_no_slope():
    y = np.full((1, 30), np.nan)
    y[0, -7:] = np.arange(7.0)
    last, slope = proven_line(y)
    assert (last, slope) == (3.0, 0.0)
