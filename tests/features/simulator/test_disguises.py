"""What makes diversion hard to see: travel, price wars, several receivers, books; and the story."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.simulator import ImpossibleWorld, World, simulate, story_world

CELL = ["dealer_id", "sku_id", "period_start"]
PLAIN = World(
    dealers=60, products=3, months=18, diversion_share=0.0, scan_coverage_share=0.05, slow_share=0.0
)


def away(channel):
    """Share of each dealer's scans that are away from home."""
    scans, home = (
        channel.tables["trace_scans"],
        channel.tables["dealers"].set_index("dealer_id")["territory_id"],
    )
    far = scans["scanned_territory_id"] != scans["shipped_dealer_id"].map(home)
    return far.groupby(scans["shipped_dealer_id"]).mean()


def test_mixed_worlds_divert_about_one_dealer_month_in_a_hundred():
    rates = []
    for seed in range(101, 107):
        moved = simulate(World.diversion_test(seed)).truth["diversions"]
        months = moved[["seller_dealer_id", "period_start"]].drop_duplicates()
        rates.append(len(months) / (480 * 24))
    assert 0.008 < np.mean(rates) < 0.014
    assert len(set(rates)) == len(rates)


def test_mixed_worlds_differ_in_strength_and_equal_seeds_are_equal_worlds():
    one, again, other = (World.diversion_test(seed) for seed in (1, 1, 2))
    assert one == again
    assert one.scan_coverage_share != other.scan_coverage_share


def test_new_troubles_leave_the_luck_of_older_nouns_as_it_was():
    loud = replace(PLAIN, travel_spread=0.5, commuter_share=0.3, tourist_share=0.1, decoys_per_year=1.0)
    one, other = simulate(PLAIN).tables, simulate(loud).tables
    for name in ("sell_in", "sell_out", "stock", "payments", "prices"):
        assert one[name].equals(other[name]), name


@pytest.mark.parametrize(
    "trouble", [{"commuter_share": 0.5}, {"tourist_share": 0.3}, {"excursion_share": 0.1}]
)
def test_honest_reasons_carry_codes_away(trouble):
    assert away(simulate(replace(PLAIN, **trouble))).mean() > 1.3 * away(simulate(PLAIN)).mean()


def test_some_dealers_always_sell_to_another_territory():
    share = away(simulate(replace(PLAIN, commuter_share=0.3)))
    assert share.quantile(0.9) > 0.05 > share.median()


def test_dealers_without_scans_have_none_and_others_differ_in_coverage():
    channel = simulate(replace(PLAIN, scanless_share=0.5, scan_spread=0.5))
    scanned = channel.tables["trace_scans"]["shipped_dealer_id"].nunique()
    assert 15 < scanned < 45


def street(channel):
    key = channel.tables["signals"][CELL]
    listed = key.merge(channel.tables["prices"][[*CELL, "list_price"]], on=CELL)["list_price"]
    return channel.tables["signals"].assign(ratio=channel.tables["signals"]["value"] / listed)


def test_a_price_war_lowers_the_street_price_and_moves_demand():
    calm, war = (simulate(replace(PLAIN, survey_share=1.0, wars_per_year=w)) for w in (0.0, 2.0))
    assert street(war)["ratio"].mean() < street(calm)["ratio"].mean() - 0.01
    assert war.truth["demand"]["units_mean"].sum() > calm.truth["demand"]["units_mean"].sum()
    assert "price war" in set(war.truth["shocks"]["kind"]) - set(calm.truth["shocks"]["kind"])


def test_a_decoy_lowers_the_street_price_and_nothing_else():
    calm, decoy = (simulate(replace(PLAIN, survey_share=1.0, decoys_per_year=d)) for d in (0.0, 2.0))
    assert street(decoy)["ratio"].mean() < street(calm)["ratio"].mean() - 0.01
    assert decoy.truth["demand"].equals(calm.truth["demand"])


def test_several_receivers_share_one_episode():
    world = replace(PLAIN, diversion_share=1.0, diversion_several_share=1.0)
    moved = simulate(world).truth["diversions"]
    receivers = moved.groupby("episode_id")["receiver_dealer_id"].nunique()
    assert receivers.max() >= 2
    assert moved.groupby("episode_id")["seller_dealer_id"].nunique().eq(1).all()


def test_a_wide_episode_takes_along_other_products():
    moved = simulate(replace(PLAIN, diversion_share=1.0, diversion_wide_share=1.0)).truth["diversions"]
    assert moved.groupby("episode_id")["sku_id"].nunique().max() >= 2


def test_far_episodes_go_further_than_near_ones():
    def luck(share):
        moved = simulate(replace(PLAIN, territories=12, diversion_share=1.0, diversion_far_share=share)).truth
        home = moved["diversions"].drop_duplicates("episode_id")
        return home[["seller_dealer_id", "receiver_territory_id"]]

    base = World(territories=12, dealers=60, products=3, months=18)
    travel = simulate(replace(base, diversion_share=0.0, scan_coverage_share=0.2)).tables
    home = travel["dealers"].set_index("dealer_id")["territory_id"]
    scans = travel["trace_scans"]
    lanes = pd.Series(
        list(zip(scans["shipped_dealer_id"].map(home), scans["scanned_territory_id"], strict=True))
    )
    often = lanes.value_counts()
    used = [
        np.mean([often.get((home[d], to), 0) for d, to in luck(share).itertuples(index=False)])
        for share in (0.0, 1.0)
    ]
    assert used[1] < 0.8 * used[0]


def test_unreported_units_stay_on_the_books_and_the_books_balance():
    world = replace(PLAIN, diversion_share=1.0, unreported_share=1.0)
    hidden, open_ = simulate(world), simulate(replace(world, unreported_share=0.0))
    sold = [c.tables["sell_out"].groupby(CELL)["qty_sell_out"].sum() for c in (hidden, open_)]
    sent = open_.truth["diversions"]["units"].sum()
    assert (sold[1] - sold[0]).sum() == sent > 0
    assert hidden.tables["sell_in"]["qty_sell_in"].equals(open_.tables["sell_in"]["qty_sell_in"])
    rows = hidden.tables["stock"].merge(sold[0].reset_index(), on=CELL)
    rows = rows.merge(hidden.tables["sell_in"][[*CELL, "qty_sell_in"]], on=CELL).sort_values(CELL)
    before = rows.groupby(["dealer_id", "sku_id"])["qty_on_hand"].shift(fill_value=0)
    assert (before + rows["qty_sell_in"] - rows["qty_sell_out"] == rows["qty_on_hand"]).all()


def test_diverted_goods_press_the_street_price():
    world = replace(PLAIN, diversion_share=1.0, survey_share=1.0)
    calm, pressed = (simulate(replace(world, diversion_price_rate=r)) for r in (0.0, 0.5))
    moved = (
        calm.truth["diversions"].rename(columns={"receiver_dealer_id": "dealer_id"})[CELL].drop_duplicates()
    )
    lower = street(pressed).merge(moved)["ratio"].mean() - street(calm).merge(moved)["ratio"].mean()
    assert lower < -0.005


@pytest.mark.parametrize("seed", [1, 7, 11])
def test_the_story_holds_one_diversion_and_one_default_of_the_last_year(seed):
    channel = simulate(story_world(seed))
    moved, solvency = channel.truth["diversions"], channel.truth["solvency"]
    assert moved["episode_id"].nunique() == 1
    assert moved["period_start"].min() >= pd.Timestamp("2025-01-01")
    assert len(moved) >= 4
    assert (solvency["defaulted_at"] >= "2025-01-01").any()
    assert not solvency.set_index("dealer_id").loc[moved["seller_dealer_id"].iloc[0], "defaulted"]


def test_episodes_cannot_end_before_they_begin():
    with pytest.raises(ImpossibleWorld, match="diversion_most_months"):
        World(diversion_least_months=5, diversion_most_months=3)
