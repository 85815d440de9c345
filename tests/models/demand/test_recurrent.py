from dataclasses import replace

import cloudpickle
import numpy as np
import pytest
import torch

from features.frequency import WEEKLY
from models.demand.forecast import LEVELS
from models.demand.recurrent import Recurrent
from models.demand.sequences import AHEAD, OWN, PAST, Reader, plan_sizes
from tests.panels import changed_after, panel_of, small_channel
from training.loop import train

H = 3
SMALL = {"loop": train, "steps": 5, "batch": 32, "hidden": 8, "seeds": 1, "years_back": 1.0}


@pytest.fixture(scope="module")
def fitted(panel):
    return Recurrent(**SMALL).fit(panel, H)


def test_it_learns_which_simple_forecast_to_believe():
    rng = np.random.default_rng(0)
    season = rng.lognormal(0, 0.8, (1, 12))  # a shape that only last year tells
    y = rng.lognormal(3, 1, (15, 1)) * np.tile(season, 4)[:, :42]
    panel = panel_of(y[:, :39])
    network = Recurrent(**SMALL | {"steps": 60, "learning_rate": 0.02}).fit(panel, H)
    error = np.abs(network.predict(panel) - y[:, 39:]).sum() / y[:, 39:].sum()
    assert error < 0.15 < np.abs(y[:, [38]] - y[:, 39:]).sum() / y[:, 39:].sum()


def test_quantiles_do_not_cross_and_are_never_negative(fitted, panel):
    quantiles = fitted.quantiles(panel)
    assert quantiles.shape == (panel.n, H, len(LEVELS))
    assert (np.diff(quantiles, axis=2) >= 0).all()
    assert (quantiles >= 0).all()


def test_the_mean_is_the_area_under_the_quantiles(fitted, panel):
    quantiles = fitted.quantiles(panel)[4, 1]
    grid = (np.arange(100_000) + 0.5) / 100_000
    nearest = [min(range(len(LEVELS)), key=lambda j, p=p: abs(LEVELS[j] - p)) for p in grid[::50]]
    assert fitted.predict(panel)[4, 1] == pytest.approx(quantiles[nearest].mean(), rel=1e-3)


@pytest.mark.parametrize("rows", [[0], [17, 3], range(10)])
def test_a_series_alone_has_the_forecast_it_has_in_company(fitted, panel, rows):
    rows = np.array(rows)
    np.testing.assert_allclose(fitted.predict(panel.take(rows)), fitted.predict(panel)[rows], rtol=1e-9)


def test_changing_the_future_moves_nothing_that_is_read(fitted, panel):
    then, other = panel.at(25), changed_after(panel, 25, H).at(25)
    one, two = fitted.reader_.read(then)[0], fitted.reader_.read(other)[0]
    assert set(one) == {"past", "ahead", "candidates", *OWN}
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)


def test_windows_are_read_with_a_response_that_has_not_seen_their_answer(panel):
    reader = Reader.of(panel, H, years_back=1.0)
    louder = panel.y.copy()
    louder[:, 20:26] *= 1 + 3 * panel.plans["deal"][:, 20:26]
    other = replace(panel, y=louder)
    hidden = [reader.without(p, 20, 26).response.coefficients(panel) for p in (panel, other)]
    np.testing.assert_array_equal(*hidden)
    seen = Reader.of(other, H, years_back=1.0).response.coefficients(panel)
    assert not np.allclose(seen, reader.response.coefficients(panel))


def test_the_lunar_new_year_is_read_where_it_is_kept(panel):
    read = {c: Reader.of(panel, H, years_back=1.0, country=c).read(panel)[0] for c in ("CN", "MX")}
    festival = AHEAD.index("festival"), PAST.index("festival")
    assert read["CN"]["past"][:, :, festival[1]].max() > 0
    assert read["MX"]["past"][:, :, festival[1]].max() == read["MX"]["ahead"][:, :, festival[0]].max() == 0


def test_a_promotion_is_read_over_its_size_at_training(panel):
    deal = panel.plans["deal"][:, : panel.t]
    assert plan_sizes(panel) == {"net_price": 1.0, "deal": pytest.approx(deal.std())}
    assert plan_sizes(panel_of(np.ones((2, 3)), plans={"deal": np.zeros((2, 3))})) == {"deal": 1.0}


@pytest.mark.parametrize(
    ("freq", "t", "horizon"), [(None, 4, 3), (None, 5, 4), (WEEKLY, 4, 13), (WEEKLY, 30, 13)]
)
def test_a_history_shorter_than_the_horizon_is_enough(freq, t, horizon):
    panel = small_channel(4, 2, t=t, ahead=horizon, **{"freq": freq} if freq else {})
    forecast = Recurrent(**SMALL).fit(panel, horizon).predict(panel)
    assert forecast.shape == (8, horizon)
    assert np.isfinite(forecast).all()


def test_another_seed_is_another_network_and_seeds_are_averaged(panel):
    one, two = (Recurrent(**SMALL, seed=s).fit(panel, H) for s in (0, 1))
    both = Recurrent(**SMALL | {"seeds": 2}).fit(panel, H)
    assert not np.allclose(one.predict(panel), two.predict(panel))
    each = [Recurrent(**SMALL) for _ in range(2)]
    for single, network in zip(each, both.networks_, strict=True):
        single.networks_, single.reader_ = [network], both.reader_
    np.testing.assert_allclose(both.predict(panel), sum(e.predict(panel) for e in each) / 2)


def test_what_is_kept_needs_no_trainer(fitted, panel):
    copy = cloudpickle.loads(cloudpickle.dumps(fitted))
    assert copy.loop is None
    np.testing.assert_array_equal(copy.predict(panel), fitted.predict(panel))
    with pytest.raises(ValueError, match=r"pass loop=training\.loop\.train"):
        copy.fit(panel, H)


def test_a_window_is_drawn_in_proportion_to_its_size():
    from models.demand.recurrent import _Drawer

    windows = {"row": np.arange(3)}
    draw = _Drawer(windows, np.array([1.0, 0.0, 3.0]), 4000, seed=0)
    share = torch.bincount(draw()["row"], minlength=3) / 4000
    np.testing.assert_allclose(share, [0.25, 0.0, 0.75], atol=0.03)
