"""The promises that every member of the demand room keeps, whatever it believes."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.panel import Panel
from models.demand.baselines import Forecaster
from models.demand.model import DemandModel
from tests.panels import small_channel
from tests.toy_room import toy
from training.recipes import demand
from training.rehearsal import Rehearsals


def _panel(n: int = 24, t: int = 44) -> np.ndarray:
    rng = np.random.default_rng(11)
    season = 1 + 0.4 * np.sin(2 * np.pi * np.arange(t) / 12)
    y = rng.gamma(4.0, 25.0, size=(n, 1)) * season * rng.gamma(9.0, 1 / 9, size=(n, t))
    y[: n // 3] *= rng.random((n // 3, t)) < 0.3  # intermittent
    y[n // 3 : n // 2, :30] = np.nan  # began late
    y[rng.random((n, t)) < 0.05] = np.nan  # gaps
    return y


def _odd_panel() -> np.ndarray:
    y = np.full((4, 40), np.nan)
    y[1, -1] = 7.0  # one point
    y[2] = 0.0
    y[3] = np.arange(40.0)[::-1] ** 2  # falls to zero
    return y


def _check_odd_series(method: Forecaster) -> None:
    nothing, one_point, zeros, falling = method(_odd_panel(), season=12, horizon=6)
    assert np.isnan(nothing).all()
    np.testing.assert_array_equal(one_point, 7.0)
    np.testing.assert_array_equal(zeros, 0.0)
    assert (falling >= 0).all()
    assert method(np.empty((0, 40)), season=12, horizon=6).shape == (0, 6)
    assert np.isnan(method(np.empty((2, 0)), season=12, horizon=6)).all()


def _check_contract(method: Forecaster) -> None:
    y = _panel()
    before = y.copy()
    forecast = method(y, season=12, horizon=5)
    np.testing.assert_array_equal(y, before)
    assert forecast.shape == (len(y), 5)
    assert np.isfinite(forecast).all()
    assert (forecast >= 0).all()
    np.testing.assert_array_equal(forecast, method(y, season=12, horizon=5))
    np.testing.assert_allclose(forecast[::-1], method(y[::-1], season=12, horizon=5), rtol=1e-6)
    np.testing.assert_allclose(forecast[:1], method(y[:1], season=12, horizon=5), rtol=1e-6)
    np.testing.assert_allclose(1000 * forecast, method(1000 * y, season=12, horizon=5), rtol=1e-3)
    np.testing.assert_allclose(forecast[:, :2], method(y, season=12, horizon=2), rtol=1e-6)
    longer = np.hstack([y, 1e6 * np.ones_like(y)])  # another future
    np.testing.assert_array_equal(forecast, method(longer[:, : y.shape[1]], season=12, horizon=5))
    _check_odd_series(method)


@pytest.fixture
def panel_contract() -> Callable[[Forecaster], None]:
    """Shape, sign, purity, row order, company, scale, and the odd series."""
    return _check_contract


@pytest.fixture(scope="session")
def panel() -> Panel:
    """18 series, 36 months, prices and deals three months ahead."""
    return small_channel(6, 3, t=36)


@pytest.fixture(scope="session")
def rehearsals(panel: Panel) -> Rehearsals:
    """All members of the room at toy size, tried at two cutoffs and fitted at the last."""
    past = demand.rehearsals(panel, 3, toy())
    past.prepare([panel.t])
    return past


@pytest.fixture(scope="session")
def model(rehearsals: Rehearsals, panel: Panel) -> DemandModel:
    """The whole room, trained on `panel`."""
    return rehearsals.model(panel.t)


@pytest.fixture(scope="session")
def stallion() -> np.ndarray:
    """Public beer sales, 350 agency x SKU series [n, t] of 60 months to 2017-12."""
    root = Path(__file__).parents[3]
    folder = Path(os.environ.get("QUDAO_DATA", root.parent / "shared" / "data"))
    file = folder / "stallion_agency_sku_monthly" / "stallion.parquet"
    if not file.exists():
        pytest.skip("public data is not under $QUDAO_DATA")
    sales = pd.read_parquet(file, columns=["agency", "sku", "date", "volume"])
    by_series = sales.astype({"agency": str, "sku": str}).pivot(index=["agency", "sku"], columns="date")
    return by_series.to_numpy(dtype=float)
