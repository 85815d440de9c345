import numpy as np
import pytest

from models.demand import croston
from models.demand.croston import croston_sba, imapa, tsb
from tests.oracles import croston as slow


def _parts(n=60, t=51):
    """Spare parts: seldom sold, in lots; the first ones never."""
    rng = np.random.default_rng(21)
    y = rng.poisson(3.0, (n, t)) * (rng.random((n, t)) < rng.uniform(0.05, 0.9, (n, 1)))
    y[:2] = 0
    return y.astype(float)


def test_croston_is_the_textbook_with_the_best_constant():
    y = _parts()
    by_hand = [slow.picked(row, slow.croston_path, croston._CROSTON_ALPHAS) for row in y]
    np.testing.assert_allclose(croston_sba(y, season=12, horizon=2)[:, 1], by_hand, atol=1e-9)


def test_tsb_is_the_textbook_with_the_best_constants():
    y = _parts()
    by_hand = [slow.picked(row, slow.tsb_path, croston._SIZE_ALPHAS, croston._CHANCE_ALPHAS) for row in y]
    np.testing.assert_allclose(tsb(y, season=12, horizon=2)[:, 1], by_hand, atol=1e-9)


def test_imapa_is_the_mean_over_sums_of_periods():
    y = _parts()
    by_hand = [slow.imapa(row, croston._IMAPA_ALPHAS) for row in y]
    np.testing.assert_allclose(imapa(y, season=12, horizon=2)[:, 1], by_hand, atol=1e-9)


@pytest.mark.parametrize("method", [croston_sba, tsb, imapa])
def test_every_intermittent_method_keeps_the_contract(method, panel_contract):
    panel_contract(method)


@pytest.mark.parametrize("method", [croston_sba, tsb])
def test_a_gap_is_skipped_and_not_a_period_without_sales(method):
    y = _parts(n=20, t=30)
    gappy = np.insert(y, [10, 10, 25], np.nan, axis=1)
    np.testing.assert_allclose(method(gappy, season=12, horizon=1), method(y, season=12, horizon=1))


def test_what_died_fades_in_tsb_but_not_in_croston():
    y = np.hstack([np.full((1, 24), 5.0), np.zeros((1, 24))])
    assert tsb(y, season=12, horizon=1)[0, 0] < 0.5 < croston_sba(y, season=12, horizon=1)[0, 0]
