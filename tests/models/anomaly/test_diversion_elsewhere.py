"""The detector in channels of another kind: another generator, weeks, territories it cannot match."""

import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate
from tests.other_channel import other_channel
from tests.small_diversion import LATER, fitted, hits, scores


@pytest.fixture(scope="module", params=[1, 2])
def other(request):
    return other_channel(request.param, dealers=200, cases=16)


def chance(truth, tables):
    months = tables["sell_in"]["period_start"].nunique() * tables["dealers"]["dealer_id"].nunique()
    return len(truth[["seller_dealer_id", "period_start"]].drop_duplicates()) / months


def test_what_was_learned_holds_for_another_generator(other):
    tables, truth = other
    found = fitted().dealer_months(tables, LATER)
    assert hits(found, truth, 25) > 0.6
    assert hits(found, truth, 25) > 20 * chance(truth, tables)


def test_it_holds_there_without_scans_too(other):
    tables, truth = other
    sales = {name: tables[name] for name in ("dealers", "sell_in")}
    assert hits(fitted().dealer_months(sales, LATER), truth, 25) > 6 * chance(truth, tables)


def test_the_receiving_territory_is_found_there(other):
    tables, truth = other
    pairs = fitted().detect(tables, LATER)
    real = pairs[pairs["probability"] > 0.5].merge(
        truth, on=["seller_dealer_id", "sku_id"], suffixes=("", "_true")
    )
    real = real[real["period_start"].between(real["first_period"], real["last_period"])]
    assert len(real) > 5
    assert (real["receiver_territory_id"] == real["receiver_territory_id_true"]).mean() > 0.8


def test_territories_of_another_kind_are_learned_from_the_scans(other):
    tables, truth = other
    strange = dict(tables)
    strange["dealers"] = tables["dealers"].assign(territory_id="North")
    assert hits(fitted().dealer_months(strange, LATER), truth, 25) > 0.5


def test_weeks_are_judged_by_the_month():
    weekly = World.diversion_test(5, dealers=60, months=18)
    channel = simulate(World(**{**vars(weekly), "freq": "W", "diversion_share": 0.3}))
    found = fitted().dealer_months(channel.tables, LATER)
    assert (found["period_start"].dt.day == 1).all()
    truth = channel.truth["diversions"]
    truth = truth.assign(period_start=truth["period_start"].dt.to_period("M").dt.start_time.astype("M8[us]"))
    rate = len(truth[["seller_dealer_id", "period_start"]].drop_duplicates()) / len(found)
    assert hits(found, truth, 25) > 3 * rate


def test_an_alarm_rises_while_the_diversion_lasts(other):
    tables, truth = other
    first = truth.groupby("seller_dealer_id")["period_start"].min()
    starts = pd.DatetimeIndex(sorted(tables["sell_in"]["period_start"].unique()))
    caught = 0
    for seller, start in first[first > starts[6]].items():
        end = start + pd.DateOffset(months=3)
        now = scores(fitted().dealer_months(tables, end))
        mine = now[seller]
        caught += bool(mine[mine.index >= start].max() > 3 * np.quantile(now, 0.95))
    assert caught >= 0.5 * (first > starts[6]).sum()
