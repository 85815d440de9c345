import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate
from features.tables import check

WORLD = {"dealers": 14, "products": 2, "months": 18, "territories": 6, "seed": 2}


@pytest.fixture(scope="module")
def abroad():
    return simulate(World(**WORLD, abroad_share=0.7))


@pytest.fixture(scope="module")
def at_home():
    return simulate(World(**WORLD))


def test_nothing_but_the_currency_of_invoices_and_payments_changes(abroad, at_home):
    changed = [n for n in abroad.tables if not abroad.tables[n].equals(at_home.tables[n])]
    assert changed == ["invoices", "payments"]
    for name in changed:
        assert check(name, abroad.tables[name]) == []
        pd.testing.assert_series_equal(abroad.tables[name]["dealer_id"], at_home.tables[name]["dealer_id"])


def test_an_invoice_is_worth_at_its_day_what_it_was_at_home(abroad, at_home):
    bills = abroad.tables["invoices"].assign(home=at_home.tables["invoices"]["amount"])
    rates = abroad.tables["fx_rates"].sort_values("known_at")
    for row in bills[bills["currency"] == "USD"].itertuples():
        usd = rates[(rates["base_currency"] == "USD") & (rates["known_at"] <= row.issued_at)]
        assert row.amount * usd["rate"].iloc[-1] == pytest.approx(row.home, abs=0.05)


def test_what_was_paid_in_full_at_home_is_paid_in_full_abroad(abroad, at_home):
    def left(channel):
        paid = channel.tables["payments"].groupby("invoice_id")["amount"].sum()
        bills = channel.tables["invoices"].set_index("invoice_id")["amount"]
        return (1 - paid.reindex(bills.index).fillna(0) / bills).to_numpy()

    np.testing.assert_allclose(left(abroad), left(at_home), atol=0.01)


def test_dealers_settle_in_their_own_currency_at_home_or_in_dollars(abroad):
    own = abroad.truth["own_currencies"].set_index("dealer_id")["own_currency"]
    bills = abroad.tables["invoices"]
    mine = bills["dealer_id"].map(own)
    assert ((bills["currency"] == mine) | bills["currency"].isin(["CNY", "USD"])).all()
    assert (bills.loc[mine == "CNY", "currency"] == "CNY").all()
    assert bills["currency"].nunique() > 2


def test_without_a_share_abroad_everything_is_at_home(at_home):
    assert set(at_home.truth["own_currencies"]["own_currency"]) == {"CNY"}
    assert set(at_home.tables["invoices"]["currency"]) == {"CNY"}
