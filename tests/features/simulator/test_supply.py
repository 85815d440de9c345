from dataclasses import replace

import pandas as pd
import pytest

from features.simulator import World, simulate
from features.tables import check

NEW = ("supply_terms", "product_costs", "freights", "rebate_awards")


@pytest.mark.parametrize("name", NEW)
def test_a_table_keeps_its_schema_and_its_bytes(channel, name):
    check(name, channel.tables[name])
    again = simulate(channel.world).tables[name]
    pd.testing.assert_frame_equal(again, channel.tables[name])
    other = simulate(replace(channel.world, seed=8)).tables[name]
    assert not other.equals(channel.tables[name])


def test_every_product_has_terms_and_a_cost_below_what_is_paid(channel):
    tables = channel.tables
    assert set(tables["supply_terms"]["sku_id"]) == set(tables["products"]["sku_id"])
    assert set(tables["product_costs"]["sku_id"]) == set(tables["products"]["sku_id"])
    paid = tables["prices"].groupby("sku_id")["net_price"].median()
    cost = tables["product_costs"].set_index("sku_id")["unit_cost_amount"]
    assert (cost < paid).all()


def test_a_pack_is_a_case_and_the_least_quantity_whole_packs(channel):
    rows = channel.tables["supply_terms"].merge(channel.tables["products"][["sku_id", "units_per_case"]])
    assert (rows["pack_units"] == rows["units_per_case"]).all()
    assert (rows["moq_units"] % rows["pack_units"] == 0).all()


def test_freight_is_free_at_home_only(channel):
    rows = channel.tables["freights"]
    home = rows["from_territory_id"] == rows["to_territory_id"]
    assert ((rows["freight_amount"] == 0) == home).all()
    assert len(rows) == channel.world.territories**2


def test_an_award_belongs_to_a_ladder_and_is_known_with_it(channel):
    ladders = channel.tables["rebate_programmes"].drop_duplicates(["programme_id", "dealer_id"])
    rows = channel.tables["rebate_awards"].merge(
        ladders, on=["programme_id", "dealer_id"], how="left", suffixes=("", "_ladder")
    )
    assert (rows["known_at"] == rows["known_at_ladder"]).all()
    assert (rows["award_rate"].notna() ^ rows["award_amount"].notna()).all()


def test_terms_costs_and_awards_move_nothing_else(channel, monkeypatch):
    from features.simulator import channel as made

    for name in NEW:
        monkeypatch.setattr(made, name, lambda n, name=name: channel.tables[name])
    again = simulate(World(months=36))
    for name, frame in again.tables.items():
        pd.testing.assert_frame_equal(frame, channel.tables[name])
