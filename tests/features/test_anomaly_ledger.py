import numpy as np
import pandas as pd

from features.ledger import Ledger, carried
from features.pricing import gaps, habits, market_moves, passed_on
from features.simulator import World, simulate
from features.stocking import days_of_stock, idle_periods, pace, quarter_ends, usual
from features.tables import coerce
from tests.oracles import anomalies as oracle

RNG = np.random.default_rng(3)


def channel(**fields):
    return simulate(World(dealers=4, products=3, months=14, contract_share=0.0, **fields)).tables


def test_a_cell_is_the_sum_of_its_rows():
    tables = channel(outlet_reporting_share=1.0)
    books = Ledger.of(tables)
    rows = tables["sell_out"]
    one = rows.iloc[len(rows) // 2]
    mine = rows[
        (rows[["dealer_id", "sku_id", "period_start"]] == one[["dealer_id", "sku_id", "period_start"]]).all(
            axis=1
        )
    ]
    i = np.flatnonzero(
        (books.dealer_ids[books.dealer] == one["dealer_id"]) & (books.sku_ids[books.sku] == one["sku_id"])
    )
    t = books.periods.get_loc(one["period_start"])
    assert len(mine) > 1
    assert books.sell_out[i, t] == [mine["qty_sell_out"].sum()]


def test_what_has_no_row_is_unknown_and_the_order_of_rows_does_not_matter():
    tables = channel()
    stock = tables["stock"].drop(index=5)
    books = Ledger.of(tables | {"stock": stock})
    shuffled = Ledger.of(
        {k: v.sample(frac=1, random_state=1) for k, v in (tables | {"stock": stock}).items()}
    )
    assert np.isnan(books.stock).sum() == np.isnan(Ledger.of(tables).stock).sum() + 1
    np.testing.assert_array_equal(books.stock, shuffled.stock)


def test_plans_beyond_the_last_observed_period_are_left_out():
    tables = channel()
    assert Ledger.of(tables).periods[-1] == tables["sell_in"]["period_start"].max()


def test_an_empty_channel_and_a_weekly_one_are_ledgers_too():
    assert Ledger.of({}).n == 0
    assert Ledger.of({"sell_in": coerce("sell_in", channel()["sell_in"].iloc[:0])}).t == 0
    weekly = Ledger.of(channel(freq="W"))
    assert (weekly.freq.letter, weekly.periods[0].day_of_week) == ("W", 0)


def test_days_of_stock_are_those_of_the_slow_way():
    stock, sold = RNG.integers(0, 50, (5, 9)).astype(float), RNG.integers(0, 9, (5, 9)).astype(float)
    stock[0, 3] = sold[1, 4] = sold[1, 5] = np.nan
    np.testing.assert_allclose(
        days_of_stock(stock, sold, period_days=30.0), oracle.days_of_stock(stock, sold, 30.0)
    )


def test_nothing_about_stock_sees_a_later_column():
    stock, sold = RNG.random((4, 12)), RNG.random((4, 12))
    later_stock, later_sold = stock.copy(), sold.copy()
    later_stock[:, 8:], later_sold[:, 8:] = 99, 99
    for block in (lambda s, o: days_of_stock(s, o, period_days=30), idle_periods, lambda s, o: usual(s, 5)):
        np.testing.assert_array_equal(block(stock, sold)[:, :8], block(later_stock, later_sold)[:, :8])
    np.testing.assert_array_equal(pace(sold)[:, :8], pace(later_sold)[:, :8])


def test_idle_periods_count_stock_without_sales():
    stock, sold = np.array([[5.0, 5, 0, 5, 5]]), np.array([[0.0, 0, 0, 0, 2]])
    assert idle_periods(stock, sold).tolist() == [[1, 2, 0, 1, 0]]


def test_quarter_ends_of_months_and_weeks():
    months = pd.date_range("2025-01-01", periods=12, freq="MS")
    assert months[quarter_ends(months)].month.tolist() == [3, 6, 9, 12]
    weeks = pd.date_range("2025-01-06", periods=52, freq="W-MON")
    assert weeks[quarter_ends(weeks)].strftime("%m-%d").tolist() == ["03-31", "06-30", "09-29", "12-29"]


def test_market_moves_are_those_of_the_slow_way():
    own = RNG.normal(0, 0.1, (9, 6))
    own[RNG.random(own.shape) < 0.4] = np.nan
    dealer, market = np.array([0, 0, 1, 1, 2, 2, 3, 4, 4]), np.array([0, 1, 0, 1, 0, 0, 1, 1, 2])
    np.testing.assert_allclose(
        market_moves(own, dealer, market), oracle.market_moves(own, dealer, market, 1.0)
    )


def test_a_habit_is_known_before_the_period_and_a_market_never_holds_the_dealer_itself():
    gap = np.full((2, 5), -0.05)
    changed = gap.copy()
    changed[0, 4] = -0.5
    dealer = np.array([0, 1])
    np.testing.assert_array_equal(habits(gap, dealer), habits(changed, dealer))
    same = market_moves(gap, dealer, np.array([0, 0]))[0], market_moves(changed, dealer, np.array([0, 0]))[0]
    np.testing.assert_array_equal(*same)


def test_the_share_of_a_discount_that_reaches_the_street_is_found_again():
    discount = np.where(RNG.random((30, 20)) < 0.3, 0.2, 0.0)
    street = 10 * (1 - discount) ** 0.6
    rate = passed_on(street, np.full((30, 20), 10.0), discount)
    assert abs(rate - 0.6) < 1e-9
    assert np.abs(gaps(street, np.full((30, 20), 10.0), discount, passed_on_rate=rate)).max() < 1e-9


def test_carried_repeats_the_last_known_value():
    assert carried(np.array([[np.nan, 2.0, np.nan, 3.0]])).tolist()[0][1:] == [2.0, 2.0, 3.0]
