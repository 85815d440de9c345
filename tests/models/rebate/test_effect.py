"""What depth brings: recovered from ladders drawn as if by experiment, and refused beyond them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.rebates import Statements
from features.simulator import World, simulate
from models.errors import NotFitted
from models.rebate.effect import Effect, account_names, effect_rows
from models.rebate.offers import OFFERS, Terms, learned, offered
from models.rebate.options import BadOptions
from models.response import OutsideSeen

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def channel():
    world = World(dealers=60, products=5, months=60, seed=5, survey_share=0, scan_coverage_share=0)
    return simulate(dataclasses.replace(world, contract_share=0))


@pytest.fixture(scope="module")
def progress(channel):
    return Statements.of(channel.tables).at(NOW)


@pytest.fixture(scope="module")
def effect(progress):
    return Effect().fit(progress)


def truth(channel, names, depths, reference):
    """Purchases at depths over those at a reference, as the simulator made them."""
    curve = channel.truth["rebate_responses"].set_index("dealer_id").loc[names.str.split("/").str[0]]
    most, half = (curve[[name]].to_numpy(float) for name in ("max_uplift", "half_rate"))
    moved = [1 + most * np.atleast_2d(rate) / (np.atleast_2d(rate) + half) for rate in (depths, [reference])]
    return moved[0] / moved[1]


def unsold(progress, amounts):
    """Accounts of which only purchases are on record."""
    layers = progress.standing.layers
    layers = {**layers, "sold_out": np.full_like(layers["sold_out"], np.nan)}
    standing = dataclasses.replace(progress.standing, layers=layers)
    return dataclasses.replace(progress, amounts=amounts, standing=standing)


def test_the_effect_is_nearer_the_truth_than_the_same_uplift_at_every_depth(channel, effect):
    names, depths = effect.seen_.index, np.array([0.01, 0.02, 0.05, 0.075])
    real = np.log(truth(channel, names, depths, 0.03))
    told = effect.curves(names, depths, np.full(len(names), 0.03))
    assert np.abs(np.log(told.ratio) - real).mean() < 0.6 * np.abs(real).mean()
    assert effect.source_ == "sell_out"
    assert ((np.log(told.low) <= real) & (real <= np.log(told.high))).mean() > 0.85


def test_deeper_never_brings_less_and_ever_less_more(effect):
    depths = np.linspace(effect.depth_low_, effect.depth_high_, 9)
    told = effect.curves(effect.seen_.index, depths, np.full(len(effect.seen_), 0.03))
    concave = told.concave()
    assert (np.diff(told.ratio, axis=1) > 0).all()
    assert (concave >= told.ratio - 1e-9).all()
    assert (np.diff(concave, n=2, axis=1) <= 1e-9).all()


def test_a_known_slope_is_found(progress):
    rng = np.random.default_rng(0)
    depth = progress.top_rate[:, : progress.amounts.shape[1]]
    level = rng.lognormal(8, 1, len(depth))[:, None]
    amounts = level * np.where(depth > 0, depth, 0.03) ** 0.3 * rng.lognormal(0, 0.05, depth.shape)
    effect = Effect().fit(unsold(progress, amounts))
    assert effect.source_ == "sell_in"
    told = effect.curves(effect.seen_.index, [0.06], np.full(len(effect.seen_), 0.03))
    assert told.ratio.mean() == pytest.approx(2**0.3, rel=0.02)


def test_a_year_of_an_account_holds_one_change_of_its_ladder(progress):
    years = effect_rows(progress).groupby("unique_id")
    assert years["step"].agg(np.ptp).max() < 12
    assert years["log_depth"].nunique().max() == 2


def test_accounts_that_double_between_changes_of_ladders_say_nothing_of_depth(progress, effect):
    """A jump in mid year, half of the accounts, would be a slope where levels are not of the year."""
    amounts, jump = progress.amounts.copy(), 30 + np.argmin(np.abs(progress.months[30:42].month - 7))
    effect, names = Effect().fit(unsold(progress, amounts)), effect.seen_.index
    amounts[::2, jump:] *= 2
    again = Effect().fit(unsold(progress, amounts))
    first, second = (one.curves(names, [0.06], np.full(len(names), 0.03)).ratio for one in (effect, again))
    np.testing.assert_allclose(second, first, rtol=0.02)


def test_a_depth_that_nobody_was_offered_is_refused_and_one_of_others_is_told(effect):
    names = effect.seen_.index
    with pytest.raises(OutsideSeen, match="a depth beyond what was seen"):
        effect.curves(names, [2 * effect.depth_high_], np.full(len(names), 0.03))
    told = effect.curves(names, [effect.depth_high_], np.full(len(names), 0.03))
    assert 0 < told.beyond_own.sum() < len(names)
    strange = effect.curves(pd.Index(["D999/CNY"]), [0.05], np.array([0.03]))
    assert strange.beyond_own.all()
    assert strange.ratio[0, 0] > 1


def test_what_became_known_later_changes_nothing(channel, effect):
    tables = {name: frame.copy() for name, frame in channel.tables.items()}
    later = tables["sell_in"].tail(500).assign(known_at=NOW + pd.Timedelta(days=3), amount=1e9)
    tables["sell_in"] = pd.concat([tables["sell_in"], later])
    sold = tables["sell_out"].tail(500)
    tables["sell_out"] = pd.concat(
        [tables["sell_out"], sold.assign(known_at=later["known_at"].iloc[0], qty_sell_out=1e6)]
    )
    again = Effect().fit(Statements.of(tables).at(NOW))
    names = effect.seen_.index
    first, second = (one.curves(names, [0.05], np.full(len(names), 0.03)).ratio for one in (effect, again))
    np.testing.assert_array_equal(first, second)


def test_too_little_is_said_so(progress):
    with pytest.raises(NotFitted):
        Effect().check([0.03])
    same = dataclasses.replace(progress, top_rate=np.full_like(progress.top_rate, 0.03))
    with pytest.raises(TooFewRows, match="depths"):
        Effect().fit(same)
    assert learned(same) is None


def frame(effect, count=4, **columns):
    told = pd.DataFrame(
        {
            "dealer_id": [f"D{i}" for i in range(count)],
            "programme_id": "R",
            "currency": "CNY",
            "territory_id": "T",
            "tier": "A",
            "account": effect.seen_.index[:count],
            "depth": 0.03,
            "expected_amount": 1000.0,
            "paid_share": 0.5,
            "monthly_amount": 80.0,
            "cover_months": 2.0,
        }
    ).assign(**columns)
    return told[OFFERS.columns]


def test_offers_gain_margin_on_what_is_bought_more_less_the_rebate(effect):
    told = offered(frame(effect), effect, [0.02, 0.06], Terms(margin_rate=0.3))
    np.testing.assert_allclose(told.cost, [0.02, 0.06] * told.amount * 0.5)
    np.testing.assert_allclose(told.gain[:, 1], 0.3 * np.diff(told.amount)[:, 0] - np.diff(told.cost)[:, 0])
    assert (told.gain[:, 0] == 0).all()


def test_purchases_above_what_can_be_sold_on_lose_value(effect):
    full = frame(effect, cover_months=[0.0, 6.0, np.nan, 6.0])
    free, bound = (
        offered(full, effect, [0.03, 0.07], Terms(margin_rate=0.3, policy_months=months))
        for months in (None, 3.0)
    )
    assert bound.gain[1, 1] < free.gain[1, 1]
    np.testing.assert_allclose(bound.gain[[0, 2]], free.gain[[0, 2]])


def test_depths_that_do_not_rise_are_refused(effect):
    with pytest.raises(BadOptions, match="rising"):
        offered(frame(effect), effect, [0.03, 0.02], Terms(margin_rate=0.3))


def test_accounts_are_named_by_dealer_and_currency(progress):
    assert account_names(progress.accounts).is_unique
