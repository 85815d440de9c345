import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.errors import ChannelError, TooFewRows
from features.frequency import WEEKLY
from features.panel import Panel
from models.demand.baselines import PLANNERS
from models.metrics import score_frame
from tests.panels import changed_after, panel_of, small_channel
from tests.toy_room import toy
from training.config import BadSettings
from training.recipes import demand
from training.settings import CONFIG, DemandConfig
from training.trial import panel_of_file

EVERY = ("boosted", "lstm", "ets", "theta", "croston", "tsb", "imapa", "curve")


def _trained(panel: Panel, config: DemandConfig, horizon: int = 3):
    return demand.fit(demand.rehearsals(panel, horizon, config), config)


def _check_honest(forecast) -> None:
    assert np.isfinite(forecast.mean).all()
    assert np.isfinite(forecast.quantiles).all()
    assert (forecast.mean >= 0).all()
    assert (forecast.quantiles >= 0).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
    assert set(forecast.notes) <= {"", "short_history", "no_history"}


def test_the_shipped_settings_are_the_defaults(panel):
    shipped, bare = DemandConfig.read(CONFIG), DemandConfig()
    learners = {"boosted", "lstm"}
    assert shipped.model_dump(exclude=learners) == bare.model_dump(exclude=learners)
    made = ({name: repr(m) for name, m in demand.members(c, panel).items()} for c in (shipped, bare))
    assert next(made) == next(made)


def test_members_come_in_the_order_of_the_settings_and_fresh_each_time(panel):
    config = toy(members=EVERY)
    one, two = demand.members(config, panel), demand.members(config, panel)
    assert tuple(one) == EVERY
    assert all(one[name] is not two[name] for name in EVERY)


def test_without_prices_there_is_no_curve(panel):
    config = toy(members=("curve", "ets"))
    assert list(demand.members(config, panel)) == ["curve", "ets"]
    assert list(demand.members(config, panel.without_plans())) == ["ets"]
    with pytest.raises(ChannelError, match="needs prices"):
        demand.members(toy(members=("curve",)), panel.without_plans())


@pytest.fixture(scope="module")
def whole(panel):
    """Every member the room has, backtested at two cutoffs with sales one period late."""
    config = toy(members=EVERY, delay=1)
    past = demand.rehearsals(panel, 3, config)
    return demand.backtest(past, config, windows=2)


def test_a_backtest_has_every_member_and_every_planners_method(whole):
    assert {*EVERY, *PLANNERS["M"], "mean", "q05", "q95", "y"} <= set(whole.columns)
    numbers = whole[["mean", "q05", "q50", "q95", *PLANNERS["M"]]]
    assert np.isfinite(numbers.to_numpy()).all()
    assert (numbers >= 0).all(axis=None)
    assert (np.diff(whole[["q05", "q10", "q25", "q50", "q75", "q90", "q95"]].to_numpy(), axis=1) >= 0).all()


def test_an_earlier_window_of_the_whole_room_does_not_know_what_came_later(panel, whole):
    config = toy(members=EVERY, delay=1)
    first = whole["cutoff"].min()
    t = panel.position(first) - 1  # on record then
    past = demand.rehearsals(changed_after(panel, t, 4), 3, config)
    again = demand.backtest(past, config, windows=2)
    keys = ["unique_id", "ds"]
    one, two = (f[f["cutoff"] == first].set_index(keys).drop(columns="y") for f in (whole, again))
    shared = one.index.intersection(two.index)
    assert len(shared) > 15
    pd.testing.assert_frame_equal(one.loc[shared], two.loc[shared], check_exact=True)


def test_the_same_seed_trains_the_same_room_and_another_seed_another(panel):
    few = {"members": ("lstm",), "replays": {"M": 1, "W": 1}}
    one, two, other = (_trained(panel, toy(seed=s, **few)).predict(panel).mean for s in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("t", [8, 13])
@pytest.mark.parametrize("delay", [0, 1])
def test_a_very_short_history_is_enough(t, delay):
    panel = small_channel(4, 2, t=t, ahead=4)
    _check_honest(_trained(panel, toy(delay=delay)).predict(panel))


def test_too_short_a_history_is_refused_with_what_is_needed():
    with pytest.raises(TooFewRows, match="at least 7 rows; got 5"):
        _trained(small_channel(4, 2, t=5), toy())


def test_a_short_weekly_history_is_enough():
    panel = small_channel(4, 2, t=32, ahead=13, freq=WEEKLY)
    forecast = _trained(panel, toy(), 13).predict(panel)
    _check_honest(forecast)
    assert forecast.mean.shape == (8, 13)


ODD_CHANNELS = {
    "never sold": np.zeros((6, 24)),
    "always the same": np.full((6, 24), 12.0),
    "one series": np.arange(24.0)[None] + 5,
    "one giant among the tiny": np.vstack([np.full((7, 24), 1e-3), np.full((1, 24), 1e9)]),
    "a jump in the last period": np.hstack([np.full((6, 23), 3.0), np.full((6, 1), 3e6)]),
    "one that has no sale on record": np.vstack([np.full((5, 24), 8.0), np.full((1, 24), np.nan)]),
    "one that began yesterday": np.vstack([np.full((5, 24), 8.0), np.r_[np.full(23, np.nan), 5.0]]),
    "only lumps": np.where(np.add.outer(np.arange(6), np.arange(24)) % 5 == 0, 40.0, 0.0),
}


@pytest.mark.parametrize("name", ODD_CHANNELS)
def test_an_odd_channel_is_forecast_without_a_fault(name):
    panel = panel_of(ODD_CHANNELS[name])
    config = toy(members=("boosted", "lstm", "ets"), replays={"M": 1, "W": 1})
    _check_honest(_trained(panel, config).predict(panel))


def test_a_channel_that_never_sold_is_forecast_to_sell_nothing():
    panel = panel_of(np.zeros((6, 24)))
    forecast = _trained(panel, toy(members=("boosted", "ets"))).predict(panel)
    np.testing.assert_allclose(forecast.mean, 0.0, atol=1e-6)


def test_units_do_not_matter(panel):
    """Pieces or thousands of pieces: the same forecast."""
    config = toy(members=("boosted", "lstm"), replays={"M": 1, "W": 1})
    panel = panel.at(24, ahead=3)
    pieces = _trained(panel, config).predict(panel).mean
    thousands = replace(panel, y=panel.y / 1000)
    found = _trained(thousands, config).predict(thousands).mean
    sold = np.nan_to_num(panel.y).sum(axis=1) > 0
    np.testing.assert_allclose(1000 * found[sold], pieces[sold], rtol=0.05)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"windws": 2}, 'windws: not a setting. Did you mean "windows"'),
        ({"members": ["lightgmb"]}, "members.0: Input should be 'boosted'"),
        ({"members": []}, "members: Tuple should have at least 1 item"),
        ({"boosted": {"round": 5}}, 'Did you mean "rounds"'),
        ({"horizon": {"M": 0}}, "horizon"),
        ({"horizon": {"D": 7}}, "horizon.D"),
    ],
)
def test_a_wrong_setting_is_told_with_the_one_that_was_meant(found, said):
    with pytest.raises(BadSettings) as caught:
        DemandConfig.parse(found)
    assert said in str(caught.value)


def test_a_setting_of_one_rhythm_leaves_the_other_as_it_was():
    config = DemandConfig.parse({"horizon": {"M": 2}, "replays": {"W": 1}})
    assert config.horizon == {"M": 2, "W": 13}
    assert config.replays == {"M": 5, "W": 1}


STALLION = "stallion_agency_sku_monthly/stallion.parquet"


@pytest.fixture(scope="module")
def stallion() -> Panel:
    root = Path(__file__).parents[2]
    file = Path(os.environ.get("QUDAO_DATA", root.parent / "shared" / "data")) / STALLION
    if not file.exists():
        pytest.skip(f"the public Stallion data is not at {file}")
    return panel_of_file([file], "stallion")


def test_stallion_is_350_series_of_60_months_with_its_plans(stallion):
    assert (stallion.n, stallion.t, stallion.freq.letter) == (350, 60, "M")
    assert {"net_price", "list_price", "discount", "event_christmas"} <= set(stallion.plans)
    assert {"avg_max_temp", "industry_volume", "soda_volume"} <= set(stallion.signals)
    assert not np.isnan(stallion.y).any()


def test_on_stallion_a_small_room_is_better_than_every_planners_method(stallion):
    config = toy(
        members=("boosted", "theta"), boosted={"rounds": 60, "learning_rate": 0.15}, replays={"M": 1, "W": 1}
    )
    frame = demand.backtest(demand.rehearsals(stallion, 3, config), config, windows=1)
    scores = score_frame(frame, ["mean", *PLANNERS["M"]], aggregate=3).set_index("method")["wape"]
    assert len(frame) == 350 * 3
    assert scores["mean"] < 0.97 * scores[list(PLANNERS["M"])].min()
