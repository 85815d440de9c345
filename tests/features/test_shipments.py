import numpy as np
import pandas as pd
import pytest

from features.shipments import Shipments
from features.simulator import World, simulate
from tests.oracles.diversion import flows_by_loop

CHANNEL = simulate(World(dealers=12, products=4, months=14, scan_coverage_share=0.05, diversion_share=0.5))


def goods(**tables):
    return Shipments.of(CHANNEL.tables | tables)


@pytest.mark.parametrize(("name", "column"), [("sell_in", "qty_sell_in"), ("sell_out", "qty_sell_out")])
def test_units_are_those_of_the_table(name, column):
    found = goods()
    frame = CHANNEL.tables[name]
    total = frame.groupby(["dealer_id", "sku_id", "period_start"])[column].sum()
    for (dealer, sku, start), units in list(total.items())[::17]:
        row = (found.dealer_ids[found.dealer] == dealer) & (found.sku_ids[found.sku] == sku)
        assert getattr(found, name)[row, found.months.get_loc(start)][0] == pytest.approx(units)
    assert np.nansum(getattr(found, name)) == pytest.approx(frame[column].sum())


def test_scans_away_from_home_are_counted_by_place_and_month():
    found, slow = goods(), flows_by_loop(CHANNEL.tables)
    assert found.flow.sum() == sum(slow.values()) > 50
    for (dealer, sku, place, month), count in list(slow.items())[::5]:
        row = (found.dealer_ids[found.dealer[found.flow_row]] == dealer) & (
            found.sku_ids[found.sku[found.flow_row]] == sku
        )
        flow = row & (found.territory_ids[found.flow_to] == place)
        assert found.flow[flow, found.months.get_loc(pd.Timestamp(f"{month}-01"))][0] == count


def test_every_scan_is_at_home_or_away():
    found = goods()
    away = np.zeros_like(found.seen)
    np.add.at(away, found.flow_row, found.flow)
    assert (found.seen == found.at_home + away).all()
    assert not (found.flow_to == found.place[found.flow_row]).any()


def test_a_missing_month_inside_is_a_zero_and_before_the_first_nothing():
    frame = pd.DataFrame({"period_start": pd.to_datetime(["2024-02-01", "2024-05-01", "2024-09-01"])})
    rows = frame.assign(dealer_id=["D1", "D1", "D2"], sku_id="S", qty_sell_in=5.0)
    first = pd.DataFrame({"period_start": pd.to_datetime(["2024-01-01"]), "dealer_id": "D2", "sku_id": "S"})
    rows = pd.concat([rows, first.assign(qty_sell_in=1.0)])
    found = Shipments.of({"sell_in": rows})
    assert np.array_equal(found.sell_in[0], [np.nan, 5, 0, 0, 5, 0, 0, 0, np.nan], equal_nan=True)


def test_weeks_become_months_of_the_same_level():
    weeks = pd.date_range("2024-01-01", periods=52, freq="W-MON")
    rows = pd.DataFrame({"dealer_id": "D", "sku_id": "S", "period_start": weeks, "qty_sell_out": 7.0})
    found = Shipments.of({"sell_out": rows})
    assert np.allclose(found.sell_out, 365.25 / 12)


def test_home_is_where_most_codes_are_scanned_when_nobody_says():
    told, untold = goods(), goods(dealers=pd.DataFrame())
    scanned = np.zeros(len(told.dealer_ids))
    np.add.at(scanned, told.dealer, told.seen.sum(axis=1))
    enough = scanned > 20
    assert enough.sum() > 5
    homes = [told.territory_ids[told.home[enough]], untold.territory_ids[untold.home[enough]]]
    assert (homes[0] == homes[1]).mean() > 0.8  # who diverts most of its goods is at home elsewhere


def test_what_is_taken_away_is_not_on_record():
    less = goods().without("sell_out", "scans", "plans")
    assert np.isnan(less.sell_out).all()
    assert less.seen.sum() == less.flow.size == less.plans.size == 0
    assert np.isfinite(less.sell_in).any()


def test_earlier_months_are_the_same_as_from_earlier_tables():
    early = goods().until(8)
    cut = {
        n: CHANNEL.tables[n][CHANNEL.tables[n]["period_start"] < "2025-07-01"]
        for n in ("sell_in", "sell_out")
    }
    from_cut = goods(**cut)
    assert early.months.equals(from_cut.months)
    rows = np.isfinite(early.sell_in).any(axis=1)
    assert np.nansum(early.sell_in[rows]) == np.nansum(from_cut.sell_in)


def test_an_empty_channel_has_no_rows():
    empty = Shipments.of({})
    assert (empty.n, empty.t) == (0, 0)
