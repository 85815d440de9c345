"""Where dealers stand in their programmes, against slow answers."""

import numpy as np
import pandas as pd
import pytest

from features.measures import in_time
from features.planned import by_month, planned_prices
from features.rebates import Statements
from features.simulator import World, simulate

NOW = pd.Timestamp("2025-08-20")


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=6, products=3, months=24, seed=2, contract_share=0)).tables


@pytest.fixture(scope="module")
def progress(tables):
    return Statements.of(tables).at(NOW)


def test_months_are_sums_of_documents(progress, tables):
    sold = tables["sell_in"].query("known_at <= @NOW")
    slow = sold.groupby(["dealer_id", "period_start"])["amount"].sum()
    for row, dealer in enumerate(progress.accounts["dealer_id"]):
        for column, month in enumerate(progress.months):
            assert progress.amounts[row, column] == pytest.approx(slow.get((dealer, month), 0.0))


def test_outlets_that_bought_are_counted_once(progress, tables):
    sold = tables["sell_out"].query("known_at <= @NOW and period_start >= '2025-01-01' and qty_sell_out > 0")
    slow = sold[sold["outlet_id"] != ""].groupby("dealer_id")["outlet_id"].nunique()
    told = progress.rows.set_index("dealer_id")["outlets"].dropna()
    assert len(told) > 0
    assert told.to_dict() == slow.astype(float).to_dict()


def test_collections_count_money_paid_by_its_due_day(progress, tables):
    bills = tables["invoices"].query("'2025-01-01' <= due_at < @NOW and known_at <= @NOW")
    payments = tables["payments"].query("known_at <= @NOW")
    for row in progress.rows.itertuples():
        mine = bills[bills["dealer_id"] == row.dealer_id]
        paid = sum(
            min(
                bill.amount,
                payments.query("invoice_id == @bill.invoice_id and paid_at <= @bill.due_at")["amount"].sum(),
            )
            for bill in mine.itertuples()
        )
        assert row.collections == pytest.approx(paid / mine["amount"].sum())


def test_a_correction_counts_from_the_day_it_was_known(tables):
    late = tables["sell_in"].query("dealer_id == 'D001' and period_start == '2025-03-01'")
    wrong = late.assign(amount=late["amount"] + 1000, known_at=pd.Timestamp("2025-08-01"))
    both = tables | {"sell_in": pd.concat([tables["sell_in"], wrong])}
    before, after = (
        Statements.of(both).at(pd.Timestamp(day)).rows["amount_to_date"].iloc[0]
        for day in ("2025-07-31", "2025-08-02")
    )
    plain = [
        Statements.of(tables).at(pd.Timestamp(d)).rows["amount_to_date"].iloc[0]
        for d in ("2025-07-31", "2025-08-02")
    ]
    assert before == pytest.approx(plain[0])
    assert after == pytest.approx(plain[1] + 1000 * len(late))


def test_the_highest_rate_on_offer_is_told_by_month(progress, tables):
    ladders = tables["rebate_programmes"].query("dealer_id == 'D001' and programme_id == 'R2025'")
    inside = progress.months.year == 2025
    assert np.allclose(progress.top_rate[0, : len(progress.months)][inside], ladders["rebate_rate"].max())


def test_a_programme_that_has_not_begun_does_not_run(tables):
    statements = Statements.of(tables)
    assert set(statements.running(pd.Timestamp("2025-12-15"))["programme_id"]) == {"R2025"}
    assert set(statements.running(pd.Timestamp("2026-01-01"))["programme_id"]) == {"R2026"}


def test_invoices_that_nobody_paid_are_not_paid_in_time(tables):
    rows = pd.DataFrame({"dealer_id": ["D001", "nobody"], "starts_at": NOW, "ends_at": NOW})
    rows["starts_at"] = pd.Timestamp("2025-01-01")
    told = in_time(tables["invoices"], tables["payments"].iloc[:0], rows, NOW)
    assert told["share"].iloc[0] == 0
    assert np.isnan(told["share"].iloc[1])


def test_planned_prices_are_the_last_on_record(tables):
    keys = tables["prices"][["dealer_id", "sku_id"]].drop_duplicates().assign(currency="CNY").head(5)
    far = pd.DatetimeIndex(["2025-09-01", "2030-01-01"])
    told = planned_prices(keys.reset_index(drop=True), far, tables, NOW)
    prices = tables["prices"].sort_values("period_start").set_index(["dealer_id", "sku_id"])
    for row, key in enumerate(keys.itertuples()):
        mine = prices.loc[[(key.dealer_id, key.sku_id)]]
        assert told[row, 0] == mine[mine["period_start"] <= "2025-09-01"]["net_price"].iloc[-1]
        assert told[row, 1] == mine["net_price"].iloc[-1]


def test_weeks_by_month_lose_no_amount():
    weeks = pd.date_range("2025-01-06", periods=8, freq="7D")
    amounts = np.random.default_rng(0).random((2, 8, 3))
    months, covered = by_month(amounts, weeks, pd.Timestamp("2025-01-01"), months=4)
    assert months.sum(axis=1) == pytest.approx(amounts.sum(axis=1))
    assert covered[0] == pytest.approx(26 / 31)
