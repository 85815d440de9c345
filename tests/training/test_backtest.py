from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.demand.baselines import PLANNERS
from tests.oracles import blocks
from tests.oracles import metrics as oracle
from tests.panels import changed_after
from training.backtest import backtest
from training.rehearsal import Rehearsals

H = 3


@pytest.fixture(scope="module")
def frame(panel, past):
    return backtest(panel, {t: past.model(t) for t in (30 + H,)}, horizon=H)


def _row(panel, frame, at):
    row = frame.iloc[at]
    return row, panel.ids.tolist().index(row["unique_id"]), panel.periods().get_loc(row["ds"])


def test_every_row_holds_the_truth_of_its_series_and_period(panel, frame):
    for at in range(len(frame)):
        row, i, j = _row(panel, frame, at)
        assert row["y"] == panel.y[i, j]
        assert row["cutoff"] == panel.periods()[32]
    assert len(frame) == np.isfinite(panel.y[:, 33:]).sum()


def test_the_mean_is_what_the_model_of_the_cutoff_says(panel, past, frame):
    said = past.model(33).predict(panel.at(33, ahead=H)).frame()
    both = frame.merge(said, on=["unique_id", "ds", "cutoff"], suffixes=("", "_said"))
    assert len(both) == len(frame)
    for name in ("mean", "q05", "q95", "boosted", "theta"):
        np.testing.assert_allclose(both[name], both[f"{name}_said"], rtol=1e-9)


def test_planners_methods_saw_what_the_model_saw(panel, frame):
    for name, method in PLANNERS["M"].items():
        by_hand = method(panel.y[:, :33], season=12, horizon=H)
        for at in range(0, len(frame), 7):
            row, i, j = _row(panel, frame, at)
            assert row[name] == by_hand[i, j - 33]


def test_scales_levels_and_zero_rates_are_those_of_the_history(panel, frame):
    for at in range(0, len(frame), 5):
        row, i, _ = _row(panel, frame, at)
        history = list(panel.y[i, :33])
        mase, rmsse = oracle.naive_scales(history, 12)
        np.testing.assert_allclose(row[["scale_mase", "scale_rmsse"]].astype(float), [mase, rmsse])
        assert row["level"] == pytest.approx(blocks.level(history, 12))
        assert row["zero_rate"] == blocks.zero_rate(history, 12)


def test_a_history_of_a_year_is_scaled_by_its_steps(panel, quick):
    short = panel.at(13)
    past = Rehearsals(panel=short, horizon=H, make=quick, windows=1)
    frame = backtest(short, {10: past.model(10)}, horizon=H)
    row, i, _ = _row(short, frame, 0)
    assert row["scale_mase"] == pytest.approx(oracle.naive_scales(list(short.y[i, :10]), 1)[0])


@pytest.fixture(scope="module")
def late(panel, quick):
    """Sales reach us two periods late: the model of 31 forecasts from 33 on."""
    past = Rehearsals(panel=panel, horizon=H + 2, make=quick, windows=2)
    return backtest(panel, {31: past.model(31)}, horizon=H, delay=2)


def test_what_reaches_us_late_is_neither_seen_nor_judged(panel, late):
    assert sorted(late["ds"].unique()) == panel.periods()[33:].tolist()
    assert late["cutoff"].unique().tolist() == [panel.periods()[32]]
    for at in range(0, len(late), 5):
        row, i, _ = _row(panel, late, at)
        assert row["last_value"] == blocks.seen(list(panel.y[i, :31]))[-1]


@pytest.mark.parametrize(("delay", "t"), [(0, 33), (2, 31)])
def test_an_earlier_window_does_not_know_what_came_later(panel, quick, late, frame, delay, t):
    other = changed_after(panel, t, H + delay)
    past = Rehearsals(panel=other, horizon=H + delay, make=quick, windows=2)
    again = backtest(other, {t: past.model(t)}, horizon=H, delay=delay)
    one, two = (f.set_index(["unique_id", "ds"]).drop(columns="y") for f in (late if delay else frame, again))
    shared = one.index.intersection(two.index)  # a truth may be a gap in one of the worlds
    assert len(shared) > 20
    pd.testing.assert_frame_equal(one.loc[shared], two.loc[shared], check_exact=True)


def test_a_plan_that_was_not_on_record_is_carried(panel, past):
    price = panel.plans["net_price"].copy()
    price[:, 34:] = np.nan
    carried = np.where(np.arange(39) >= 34, price[:, [33]], price)
    one, two = (
        backtest(replace(panel, plans=panel.plans | {"net_price": p}), {33: past.model(33)}, horizon=H)
        for p in (price, carried)
    )
    pd.testing.assert_frame_equal(one, two)
