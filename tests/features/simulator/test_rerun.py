from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate
from features.simulator.deliveries import Deliveries
from features.simulator.nouns import Nouns
from features.simulator.rerun import ImpossibleOrder, Rerun
from features.tables import check

WORLD = World(
    months=36, diversion_share=0.6, unreported_share=0.5, outlet_reporting_share=0.0, scan_coverage_share=0.0
)
FIRST = 24
CELL = ["dealer_id", "sku_id", "period_start"]


@pytest.fixture(scope="module")
def nouns() -> Nouns:
    return Nouns.draw(WORLD)


def started() -> Rerun:
    return Rerun.of(WORLD, first=FIRST)


def cover(again: Rerun, months: float = 2.0) -> np.ndarray:
    """Orders up to so many months of last month's stock and sales, in whole packs."""
    mean, packs = again.mean(again.at), again.deliveries.pack_units
    need = np.maximum(months * mean - again.left - again.transit, 0)
    units = np.ceil(need / packs) * packs
    return np.where(units < again.deliveries.moq_units, 0.0, units)


def played(months: int = 12, cover_months: float = 2.0, **january) -> Rerun:
    again = started()
    if "top_rate" in january:
        again.offer(january["top_rate"])
    if "factor" in january:
        again.reprice(january["factor"])
    for _ in range(months):
        again.step(cover(again, cover_months))
    return again


@pytest.fixture(scope="module")
def year() -> Rerun:
    return played()


def test_the_decisions_of_history_give_history_again(nouns):
    again = Rerun.of(WORLD, first=FIRST, deliveries=Deliveries.at_once(nouns))
    while not again.is_over:
        again.step(nouns.flow.sell_in[:, again.at] - nouns.diversion.sent[:, again.at])
    expected, found = simulate(WORLD).tables, again.tables()
    for name in ("sell_in", "sell_out", "stock", "invoices", "payments", "prices", "rebate_programmes"):
        pd.testing.assert_frame_equal(found[name], expected[name], obj=name)


def test_goods_are_conserved_to_the_unit(year):
    sold = year.nouns.sold.observed[:, FIRST:36]
    stock, delivered, out = (year.done[name][:, FIRST:] for name in ("stock", "delivered", "sold"))
    begins = (
        year.nouns.flow.stock[:, FIRST - 1]
        - np.cumsum(year.nouns.diversion.sent - year.nouns.diversion.reported, axis=1)[:, FIRST - 1]
    )
    opening = np.column_stack([begins, stock[:, :-1]])
    assert (stock == opening + delivered - out)[sold].all()
    assert (out <= year.done["wanted"][:, FIRST:]).all()
    assert (stock >= 0).all()


def test_what_was_ordered_is_delivered_short_or_under_way(year):
    lasting = year.nouns.sold.observed[:, FIRST:36].all(axis=1)
    sent = np.stack([year.deliveries.sent(t, year.done["ordered"][:, t]) for t in range(FIRST, 36)], axis=1)
    arrived = year.done["delivered"][:, FIRST:].sum(axis=1)
    assert (sent.sum(axis=1) == arrived + year.transit)[lasting].all()
    assert (sent <= year.done["ordered"][:, FIRST:]).all()
    assert year.transit.sum() == 0 or year.deliveries.lead_days.max() > 30


def test_goods_take_their_lead_time(nouns):
    slow = Deliveries.draw(nouns)
    slow = replace(slow, lead_days=np.full_like(slow.lead_days, 45))
    again = Rerun.of(WORLD, first=FIRST, deliveries=slow)
    again.step(cover(again))
    under_way = again.transit
    again.step(np.zeros(again.n))
    assert again.done["delivered"][:, FIRST].sum() == 0
    lasting = again.nouns.sold.observed[:, FIRST + 1]
    assert (again.done["delivered"][:, FIRST + 1] == under_way)[lasting].all()


def test_equal_prices_and_ladders_meet_equal_demand(year):
    thrifty = played(cover_months=0.5)
    assert (thrifty.done["wanted"] == year.done["wanted"]).all()
    assert thrifty.ledger()["missed_units"].sum() > year.ledger()["missed_units"].sum()


def test_demand_answers_by_the_true_elasticity_and_ladder():
    dear, plan = played(1, factor=np.full(started().n, 1.05)), played(1)
    n = plan.nouns
    np.testing.assert_allclose(
        dear.mean(FIRST), plan.mean(FIRST) * 1.05**n.prices.elasticity, rtol=5e-3, atol=1e-9
    )
    none = played(1, top_rate=np.zeros(WORLD.dealers))
    rate, most, half = n.rebates.top_rate[:, 2], n.rebates.max_uplift, n.rebates.half_rate
    lost = 1 / (1 + most * rate / (rate + half))
    np.testing.assert_allclose(none.mean(FIRST), plan.mean(FIRST) * lost[n.sold.grid.dealer], rtol=1e-5)


def test_the_same_luck_never_wants_less_when_the_mean_rises(nouns):
    market = started().market
    steps = np.linspace(-0.4, 0.4, 9)
    wanted = np.stack([market.wanted(30, np.full(nouns.sold.grid.n, x)) for x in steps])
    assert (np.diff(wanted, axis=0) >= 0).all()
    assert abs(wanted[-1].sum() / wanted[4].sum() - np.exp(0.4)) < 0.03
    assert abs(wanted[0].sum() / wanted[4].sum() - np.exp(-0.4)) < 0.03


def test_later_decisions_move_nothing_that_is_past():
    known = played(6).tables()
    again = played(6)
    moment = pd.Timestamp(again.now)
    again.reprice(np.full(again.n, 0.9))
    for _ in range(4):
        again.step(np.zeros(again.n))
    later = again.tables()
    for name, frame in known.items():
        then = later[name][later[name]["known_at"] <= moment]
        if name == "prices":  # of months to come, decided anew
            frame, then = (rows[rows["period_start"] < moment] for rows in (frame, then))
        pd.testing.assert_frame_equal(then.reset_index(drop=True), frame.reset_index(drop=True), obj=name)


def test_a_policy_sees_nothing_of_the_month_to_be_decided():
    again = played(3)
    for name, frame in again.tables().items():
        assert (frame["known_at"] <= pd.Timestamp(again.now)).all(), name
        if name in ("sell_in", "sell_out", "stock"):
            assert frame["period_start"].max() < pd.Timestamp(again.now)


def test_its_tables_keep_their_schemas(year):
    tables = year.tables()
    for name in ("sell_in", "stock", "prices", "rebate_programmes"):
        check(name, tables[name])


def test_a_rebate_is_its_ladder_on_what_was_bought(year):
    tables, paid = year.tables(), year.rebates(2).set_index("dealer_id")
    bought = tables["sell_in"].query("period_start >= '2025'").groupby("dealer_id")["amount"].sum()
    for dealer, ladder in tables["rebate_programmes"].query("programme_id == 'R2025'").groupby("dealer_id"):
        amount, tiers = bought.get(dealer, 0.0), ladder.sort_values("tier_no").to_dict("records")
        expected, last = 0.0, 0.0
        for tier in tiers:
            if amount >= tier["threshold_amount"] and tier["tier_rule"] == "retroactive":
                expected = amount * tier["rebate_rate"]
            elif tier["tier_rule"] == "marginal":
                expected += max(amount - tier["threshold_amount"], 0) * (tier["rebate_rate"] - last)
                last = tier["rebate_rate"]
        assert paid["rebate_amount"][dealer] == pytest.approx(expected, abs=0.0051)


def test_both_ladder_rules_are_paid_exactly(nouns):
    rebates = replace(nouns.rebates, rule=np.array([0, 1, 0, 1]), usual_amount=np.full(WORLD.dealers, 1000.0))
    rebates.top_rate[:] = 0.1  # tiers: 900 at 4 % (rounded to hundreds), 1000 at 7 %, 1200 at 10 %
    bought = np.full(WORLD.dealers, 1300.0)
    below = round(float(np.round(850, -2)), 2)
    marginal = (1000 - below) * 0.04 + 200 * 0.07 + 100 * 0.1
    assert rebates.paid(0, bought)[0] == pytest.approx(marginal)
    assert rebates.paid(1, bought)[0] == pytest.approx(130.0)
    assert rebates.paid(1, bought * 0)[0] == 0.0


def test_the_ledger_adds_up(year):
    rows = year.ledger()
    assert (rows["margin_amount"] <= rows["sales_amount"]).all()
    assert rows["wanted_units"].sum() == rows["sold_units"].sum() + rows["missed_units"].sum()
    held = (rows["holding_amount"] > 0) | (rows["stock_units"] == 0)
    assert held.all()
    assert ((rows["order_amount"] > 0) == (rows["ordered_units"] > 0)).all()


@pytest.mark.parametrize("wrong", [-1.0, 1.0])
def test_an_impossible_order_is_refused_by_name(wrong):
    again = started()
    orders = np.zeros(again.n)
    broken = int(np.flatnonzero(again.is_open & (again.deliveries.pack_units > 1))[0])
    orders[broken] = wrong
    with pytest.raises(ImpossibleOrder, match=again.keys().agg("/".join, axis=1)[broken]):
        again.step(orders)


def test_a_ladder_is_offered_in_january_only():
    again = played(1)
    with pytest.raises(ImpossibleOrder, match="January"):
        again.offer(np.zeros(WORLD.dealers))
