import numpy as np
import pytest

from features.calendar import spring_festival_share
from features.frequency import MONTHLY, WEEKLY
from models.demand.elasticity import Elasticity
from training.synthetic import Span, _festival, _out_of_stock, synthetic

SMALL = Span(dealers=4, products=3, periods=48, ahead=3)


def made(seed, span=SMALL):
    return synthetic(np.random.default_rng(seed), span)


@pytest.fixture(scope="module")
def channels():
    return [made(seed) for seed in range(40)]


def test_the_same_seed_makes_the_same_channel_and_another_another():
    one, again, other = made(3), made(3), made(4)
    assert one.panel.fingerprint() == again.panel.fingerprint() != other.panel.fingerprint()
    assert one.lunar == again.lunar


def test_units_are_never_negative_and_plans_reach_the_horizon(channels):
    for one in channels:
        units = one.panel.y[np.isfinite(one.panel.y)]
        assert (units >= 0).all()
        assert np.isfinite(units).all()
        assert one.panel.plans == {} or one.panel.require_plans(SMALL.ahead)
        assert one.panel.y.shape == (SMALL.series, SMALL.periods)


def test_channels_differ_in_temper(channels):
    zeros = [np.nanmean(one.panel.y == 0) for one in channels]
    assert min(zeros) < 0.02
    assert max(zeros) > 0.4
    assert {bool(one.panel.plans) for one in channels} == {True, False}
    assert {one.lunar for one in channels} == {True, False}
    assert any(np.isnan(one.panel.y[:, 0]).any() for one in channels)  # began late


def test_what_is_cheaper_sells_more(channels):
    learned = [Elasticity().fit(one.panel) for one in channels if one.panel.plans]
    responses = [dict(zip(e.names_, e.overall_, strict=True)) for e in learned]
    assert np.median([r["net_price"] for r in responses]) < -0.5
    assert np.median([r["deal"] for r in responses]) > 0.05


def test_some_channels_keep_plans_that_say_nothing(channels):
    plans = {len(one.panel.plans) for one in channels}
    assert {0, 2} < plans
    assert max(plans) > 3


def test_the_lunar_new_year_moves_and_demand_moves_with_it():
    span, rng = Span(dealers=2, products=50, periods=72), np.random.default_rng(0)
    first = MONTHLY.range(made(0).panel.first, 1)[0].replace(month=1)
    share = spring_festival_share(MONTHLY.range(first, span.width + 1))
    effect = np.mean([_festival(rng, span, first).mean(axis=0) for _ in range(40)], axis=0)
    january, february = share[::12] > 0.6, share[1::12] > 0.6
    assert january.any()
    assert february.any()
    assert effect[::12][january].mean() > effect[::12][~january].mean()


def test_being_out_of_stock_only_takes_away():
    units = np.full((20, 60), 10.0)
    cut = np.stack([_out_of_stock(np.random.default_rng(seed), units) for seed in range(12)])
    assert (cut <= units).all()
    assert 0 < (cut < units).mean() < 0.1


def test_weeks_are_mondays():
    panel = made(1, Span(dealers=2, products=2, periods=110, ahead=13, freq=WEEKLY)).panel
    assert panel.first.day_of_week == 0
    assert panel.y.shape == (4, 110)
