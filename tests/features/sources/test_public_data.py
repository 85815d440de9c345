"""What the shipped profiles make of the public data they are for."""

import pandas as pd
import pytest


def series(frame):
    return frame.groupby(["dealer_id", "sku_id"]).ngroups


def test_stallion_is_350_series_of_60_months_with_the_leak_masked(public):
    tables = public("stallion").accepted()
    prices, sell_in = tables["prices"], tables["sell_in"]
    assert (len(sell_in), series(sell_in), sell_in["period_start"].nunique()) == (21_000, 350, 60)
    masked = prices["net_price"].isna()
    assert (masked.sum(), prices.loc[masked, "list_price"].notna().sum()) == (2_579, 0)
    discount = tables["promotions"].query("kind == 'discount'")["value"]
    assert discount.isna().sum() == 2_579
    assert (len(tables["dealers"]), len(tables["products"])) == (58, 25)


def test_stallion_weather_is_known_only_after_its_month(public):
    signals = public("stallion").accepted()["signals"]
    assert (signals["known_at"] > signals["period_start"] + pd.Timedelta(days=27)).all()


def test_orange_juice_keeps_its_weeks_and_their_gaps(public):
    tables = public("orange_juice").accepted()
    sell_in = tables["sell_in"]
    assert (len(sell_in), series(sell_in)) == (106_139, 913)
    assert (sell_in["period_start"].dt.day_of_week == 0).all()
    first, last = sell_in["period_start"].min(), sell_in["period_start"].max()
    assert (first, last) == (pd.Timestamp("1990-06-11"), pd.Timestamp("1990-06-11") + pd.Timedelta(weeks=120))
    assert set(tables["promotions"]["kind"]) == {"deal", "feature"}


@pytest.mark.parametrize(
    ("name", "n_rows", "n_series"), [("m3", 167_562, 1_428), ("carparts", 130_252, 2_674)]
)
def test_the_other_public_sets_load_without_a_fault(public, name, n_rows, n_series):
    sell_in = public(name).accepted()["sell_in"]
    assert (len(sell_in), series(sell_in)) == (n_rows, n_series)
