import numpy as np
import pytest

from features.panel import Panel
from tests.panels import small_channel


@pytest.fixture(scope="session")
def panel() -> Panel:
    return small_channel()


@pytest.fixture(scope="session")
def odd_series() -> np.ndarray:
    """Gaps, late starts, lumps, zeros, one point, nothing at all: [12, 30] units."""
    rng = np.random.default_rng(5)
    y = rng.gamma(2.0, 30.0, (12, 30))
    y[rng.random(y.shape) < 0.2] = np.nan
    y[:3] *= rng.random((3, 30)) < 0.4
    y[3:5, :22] = np.nan  # began late
    y[5, 12:] = np.nan  # silent for longer than a year
    y[6] = 0.0
    y[7], y[7, -1] = np.nan, 4.0
    y[8] = np.nan
    return y
