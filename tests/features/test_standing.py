"""Where dealers stood: arrays, what is absent, and that the future moves nothing."""

import numpy as np
import pandas as pd
import pytest

from features.condition import COLUMNS, condition, reference, season
from features.known import known
from features.punctuality import punctuality
from features.simulator import World, simulate
from features.standing import Books, NoSales

NOW = pd.Timestamp("2026-01-01")
THEN = pd.Timestamp("2025-07-01")


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=12, products=4, months=30, seed=5, contract_share=0)).tables


@pytest.fixture(scope="module")
def then(tables):
    return Books.of(tables).at(THEN)


def test_the_layers_are_plain_sums_of_the_tables(tables, then):
    rows = known(tables, THEN)["sell_in"]
    month = rows["period_start"].dt.to_period("M").dt.to_timestamp()
    slow = rows.groupby(["dealer_id", month])["amount"].sum()
    for (dealer, day), amount in slow.sample(50, random_state=0).items():
        cell = then.dealer_ids.get_loc(dealer), then.months.get_loc(day)
        assert then.layers["sales"][cell] == pytest.approx(amount)


def test_one_month_of_the_future_moves_nothing(tables, then):
    later = {
        name: frame[frame["known_at"] <= THEN + pd.DateOffset(months=1)].assign(
            **({"qty_sell_in": 9e6} if name == "sell_in" else {})
        )
        for name, frame in tables.items()
    }
    later["sell_in"] = pd.concat(
        [tables["sell_in"][tables["sell_in"]["known_at"] <= THEN], later["sell_in"].query("known_at > @THEN")]
    )
    changed = Books.of(later).at(THEN)
    pd.testing.assert_frame_equal(condition(changed), condition(then))


def test_a_revision_counts_from_the_moment_it_is_known(tables, then):
    rows = tables["sell_in"]
    revised = rows[rows["known_at"] == rows["known_at"].min()].assign(amount=1e6, known_at=THEN)
    with_it = tables | {"sell_in": pd.concat([rows, revised])}
    before, after = (Books.of(with_it).at(THEN - pd.Timedelta(days=d)) for d in (1, 0))
    assert np.nansum(after.layers["sales"][:, 0]) == pytest.approx(1e6 * len(revised))
    assert np.nansum(before.layers["sales"][:, 0]) == pytest.approx(np.nansum(then.layers["sales"][:, 0]))


@pytest.mark.parametrize("absent", ["stock", "sell_out", "invoices", "payments", "outlets", "dealers"])
def test_every_table_but_sell_in_may_be_absent(tables, absent):
    standing = Books.of({name: f for name, f in tables.items() if name != absent}).at(THEN)
    assert f"no_{absent}" in standing.notes
    assert list(condition(standing).columns) == list(COLUMNS)


def test_without_sell_in_the_next_step_is_told(tables):
    with pytest.raises(NoSales, match="qudao ingest"):
        Books.of({"sell_in": tables["sell_in"].iloc[:0]}).at(THEN)
    with pytest.raises(NoSales):
        Books.of(tables).at(pd.Timestamp("2001-01-01"))


def test_weeks_count_in_the_month_in_which_they_begin_and_half_a_month_waits():
    weeks = pd.date_range("2024-01-01", periods=20, freq="W-MON")
    rows = pd.DataFrame({"dealer_id": ["D1"], "sku_id": "S1", "document_id": "", "qty_sell_in": 1.0})
    rows = pd.concat([rows.assign(period_start=w, known_at=w + pd.Timedelta(days=7)) for w in weeks])
    standing = Books.of({"sell_in": rows.assign(amount=1.0, currency="CNY")}).at(NOW)
    assert standing.months[-1] == pd.Timestamp("2024-04-01")
    assert standing.layers["sales"].tolist() == [[5.0, 4.0, 4.0, 5.0]]


def test_amounts_in_another_currency_are_converted_or_noted():
    rows = pd.DataFrame(
        {"dealer_id": ["D1", "D1", "D2"], "sku_id": "S1", "document_id": ["a", "b", "c"], "qty_sell_in": 1.0}
    )
    rows = rows.assign(amount=10.0, currency=["CNY", "CNY", "USD"], period_start=pd.Timestamp("2024-01-01"))
    rows["known_at"] = pd.Timestamp("2024-02-01")
    rate = {"base_currency": ["USD"], "quote_currency": ["CNY"], "rate_date": [NOW], "rate": [7.0]}
    fx = pd.DataFrame(rate).assign(known_at=pd.Timestamp("2024-01-15"))
    assert Books.of({"sell_in": rows, "fx_rates": fx}).at(NOW).layers["sales"].tolist() == [[20.0], [70.0]]
    assert "unconverted_currency" in Books.of({"sell_in": rows}).at(NOW).notes


@pytest.mark.parametrize("seed", range(5))
def test_paying_later_never_looks_better(seed):
    rng = np.random.default_rng(seed)
    n = 30
    due = NOW - pd.to_timedelta(rng.integers(0, 500, n), unit="D")
    ids = [f"I{i}" for i in range(n)]
    invoices = pd.DataFrame(
        {"invoice_id": ids, "dealer_id": "D1", "amount": rng.uniform(1, 9, n), "due_at": due}
    )
    days = pd.to_timedelta(rng.integers(-20, 200, n), unit="D")
    paid = pd.DataFrame({"invoice_id": ids, "amount": invoices["amount"], "paid_at": due + days})
    later = paid.assign(paid_at=paid["paid_at"] + pd.to_timedelta(rng.integers(0, 90, n), unit="D"))
    before, after = (punctuality(invoices, p[p["paid_at"] <= NOW], NOW).iloc[0] for p in (paid, later))
    for name in ("late_days", "late_days_lately", "late_rate", "overdue_rate"):
        assert after[name] >= before[name] - 1e-12


def test_the_reference_is_last_years_months_or_the_last_six():
    two_years = np.arange(1.0, 25.0)[None]
    assert reference(two_years)[0] == sum(range(13, 19))
    assert reference(two_years[:, -8:])[0] == sum(range(19, 25))
    assert reference(two_years[:, -2:])[0] == pytest.approx(23.5 * 6)


def test_a_season_is_found_half_way():
    months = pd.date_range("2023-01-01", periods=24, freq="MS")
    sales = np.tile(np.where(np.arange(12) == 6, 3.0, 1.0), 2)[None]
    found = season(sales, months)
    assert found[6] == found[18] == found[30] == pytest.approx(1 + (36 / 14 - 1) / 2)
