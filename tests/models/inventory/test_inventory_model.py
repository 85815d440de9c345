"""Orders and transfers of a whole channel, monthly and weekly, with much on record and with little."""

import numpy as np
import pandas as pd
import pytest

from features.draws import Draws
from features.known import known
from features.shelves import Shelves
from features.simulator import World, simulate
from models.errors import NotFitted
from models.inventory.belief import Belief, Past, pinball
from models.inventory.levels import Costs
from models.inventory.model import InventoryModel
from models.inventory.plan import costs_of
from models.inventory.sources import filled
from models.inventory.terms import BadTerms, Defaults, terms
from models.inventory.tier import tier_units
from training.recipes import inventory

NOW = pd.Timestamp("2026-01-01")
QUICK = inventory.Config(forecast=False, cutoffs=5, judged_cutoffs=2, draws=100)


@pytest.fixture(scope="module")
def channel():
    return simulate(World(dealers=14, products=4, months=30, territories=2))


@pytest.fixture(scope="module")
def tables(channel):
    return channel.tables


@pytest.fixture(scope="module")
def model(tables):
    return inventory.fit(tables, NOW, QUICK).model


@pytest.fixture(scope="module")
def frames(model, tables):
    return model.score(tables, NOW)


def only(tables, *names):
    return {name: tables[name] for name in names}


def draws_of(tables, units=30.0):
    keys = tables["sell_in"][["dealer_id", "sku_id"]].drop_duplicates().reset_index(drop=True)
    rng = np.random.default_rng(0)
    ahead = pd.date_range(NOW, periods=3, freq="MS")
    return Draws(
        keys=keys, periods=ahead, units=rng.gamma(3, units / 3, (len(keys), 3, 100)).astype("f4")
    ).frame()


def test_orders_keep_packs_moq_and_what_shelves_may_hold(frames, tables):
    orders = frames["orders"].dropna(subset=["suggested_units"])
    units, pack = orders["suggested_units"], orders["pack_units"]
    assert (units >= 0).all()
    assert np.allclose(units % pack, 0)
    assert ((units == 0) | (units >= orders["moq_units"])).all()
    assert (units > 0).any()
    assert (units == 0).any()


def test_an_order_lowers_the_chance_of_running_out_and_both_are_probabilities(frames):
    orders = frames["orders"].dropna(subset=["probability"])
    assert orders["probability"].between(0, 1).all()
    assert (orders["probability_after"] <= orders["probability"] + 1e-12).all()
    assert np.allclose(orders["score"], 100 * (1 - orders["probability"]))


def test_transfers_stay_in_their_territory_and_are_worth_their_freight(model, tables):
    moved = tables["stock"].copy()
    last = moved["period_start"] == moved["period_start"].max()
    moved.loc[last & (moved["dealer_id"] == "D001"), "qty_on_hand"] *= 30
    moved.loc[last & (moved["dealer_id"] != "D001"), "qty_on_hand"] = 0.0
    told = model.score({**tables, "stock": moved}, NOW)["transfers"]
    assert len(told) > 0
    assert (told["from_territory_id"] == told["to_territory_id"]).all()
    assert (told["gain_amount"] > 0).all()
    assert (told["from_dealer_id"] == "D001").all()


def test_changing_the_future_does_not_move_the_past(model, tables):
    then = pd.Timestamp("2025-07-01")
    later = {
        name: frame.assign(
            **{
                c: frame[c].where(frame["known_at"] <= then, frame[c] * 7)
                for c in frame
                if c.startswith("qty_")
            }
        )
        for name, frame in tables.items()
    }
    before, after = (model.score(t, then)["orders"] for t in (tables, later))
    pd.testing.assert_frame_equal(before, after)


def test_rows_in_another_order_give_the_same_orders(model, tables, frames):
    mixed = {name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()}
    pd.testing.assert_frame_equal(model.score(mixed, NOW)["orders"], frames["orders"])


def test_without_stock_there_are_levels_and_no_orders(model, tables):
    told = model.score(only(tables, "sell_out", "supply_terms", "products"), NOW)["orders"]
    assert told["suggested_units"].isna().all()
    assert told["probability"].isna().all()
    assert (told["order_up_to_units"] > 0).any()
    assert told["note"].str.contains("no_stock").all()


def test_sell_in_alone_is_enough_and_what_was_assumed_is_said(model, tables):
    told = model.score(only(tables, "sell_in"), NOW)["orders"]
    assert told["order_up_to_units"].notna().all()
    assert (told["lead_time_days"] == Defaults().lead_time_days).all()
    for word in ("no_stock", "no_sell_out", "no_supply_terms", "no_price", "no_forecast"):
        assert told["note"].str.contains(word).all()


def test_the_demand_rooms_draws_are_heard(model, tables, frames):
    model_ = model
    few, many = (model_.score(tables, NOW, {"draws": draws_of(tables, u)})["orders"] for u in (30.0, 3000.0))
    assert not few["note"].str.contains("no_forecast").any()
    assert many["order_up_to_units"].sum() > 2 * few["order_up_to_units"].sum()
    assert (many["probability"].dropna() >= few["probability"].dropna() - 0.2).all()


def test_a_weekly_channel_is_answered_in_weeks():
    weekly = simulate(World(dealers=5, products=2, months=14, freq="W")).tables
    config = QUICK.model_copy(update={"cutoffs": 3, "judged_cutoffs": 1})
    orders = inventory.fit(weekly, NOW, config).model.score(weekly, NOW)["orders"]
    assert (orders["review_days"] == 7).all()
    assert orders["suggested_units"].notna().any()


def test_an_unfitted_model_says_so(tables):
    with pytest.raises(NotFitted):
        InventoryModel().score(tables, NOW)


@pytest.mark.parametrize(
    ("column", "value"), [("lead_time_days", 0.0), ("pack_units", 0.0), ("moq_units", -1.0)]
)
def test_terms_that_make_no_sense_are_refused_by_name(tables, column, value):
    wrong = tables["supply_terms"].assign(**{column: value})
    with pytest.raises(BadTerms, match=column):
        terms(
            pd.DataFrame({"dealer_id": ["D001"], "sku_id": ["S001"]}),
            {"supply_terms": wrong},
            NOW,
            Defaults(),
        )


def test_an_amount_in_another_currency_is_converted_or_left_out_with_a_word(tables):
    lines = pd.DataFrame({"dealer_id": ["D001"], "sku_id": ["S001"]})
    foreign = tables["product_costs"].assign(currency="XAU")
    told = terms(lines, {**tables, "product_costs": foreign}, NOW, Defaults()).iloc[0]
    assert "unconverted_currency" in told["note"]
    assert told["unit_cost_amount"] == pytest.approx(told["net_price"] * 0.7)


def test_missed_sales_are_nearer_to_what_was_wanted(channel):
    shelves = Shelves.of(known(channel.tables, NOW))
    truth = channel.truth["demand"].merge(
        shelves.keys.assign(row=range(len(shelves.keys))), on=["dealer_id", "sku_id"]
    )
    truth = truth[truth["period_start"] < NOW]
    step = shelves.freq.position(truth["period_start"], shelves.first).to_numpy()
    wanted = np.full(shelves.sold.shape, np.nan)
    wanted[truth["row"], step] = truth["units_wanted"]
    cut = shelves.short & np.isfinite(wanted) & np.isfinite(shelves.sold)
    off = {
        name: (y[cut].sum() - wanted[cut].sum()) / wanted[cut].sum()
        for name, y in (("sold", shelves.sold), ("filled", filled(shelves)))
    }
    assert cut.sum() > 20
    assert off["sold"] < 0
    assert abs(off["filled"]) < abs(off["sold"])
    assert (filled(shelves)[~shelves.short] == shelves.sold[~shelves.short])[
        np.isfinite(shelves.sold[~shelves.short])
    ].all()


def test_the_quantile_of_a_sum_is_below_the_sum_of_quantiles(model, tables):
    book = model.book(tables, NOW)
    lead, review = (np.quantile(d, 0.95, axis=1) for d in (book.demand.lead, book.demand.review))
    assert np.quantile(book.demand.wanted, 0.95, axis=1).sum() < (lead + review).sum()


def past(k, said, y, *, forecast=None, worth=1.0):
    cutoff, n = pd.Timestamp("2024-01-01") + pd.DateOffset(months=k), len(y)
    over = np.broadcast_to(worth, n).astype(float)
    return Past(
        cutoff=cutoff,
        ends=cutoff + pd.DateOffset(months=1),
        forecast=forecast,
        history=said,
        y=y,
        segment=np.full(n, "steady", dtype=object),
        costs=Costs(short=9 * over, over=over, order=np.zeros(n)),
    )


def test_shifts_follow_what_happened_and_later_cutoffs_count_more():
    rng = np.random.default_rng(1)

    def month(k, scale):
        return past(k, rng.gamma(4, 25, (400, 100)), scale * rng.gamma(4, 25, 400))

    turned = [month(k, 1.0 if k < 12 else 1.5) for k in range(18)]
    later = month(19, 1.5)
    cost = {}
    for name, seen in {"all": turned, "old": turned[:12]}.items():
        q = np.quantile(Belief().fit(seen).predict(None, later.history, later.segment), 0.9, axis=1)
        cost[name] = pinball(later.y, q, 0.9).mean()
    assert cost["all"] < cost["old"]


@pytest.mark.parametrize(("dear_worth", "weight"), [(1000.0, 1.0), (0.001, 0.0)])
def test_the_source_is_heard_whose_levels_cost_least_money(dear_worth, weight):
    rng = np.random.default_rng(2)
    dear = np.arange(300) < 30

    def month(k):
        y, right, wrong = rng.gamma(4, 25, 300), rng.gamma(4, 25, (300, 100)), rng.gamma(4, 75, (300, 100))
        told, own = np.where(dear[:, None], right, wrong), np.where(dear[:, None], wrong, right)
        return past(k, own, y, forecast=told, worth=np.where(dear, dear_worth, 1.0))

    assert Belief().fit([month(k) for k in range(6)]).weight_ == weight


def test_draws_that_kept_their_promise_are_not_moved_by_luck():
    rng = np.random.default_rng(3)
    fair = [past(k, rng.gamma(4, 25, (40, 100)), rng.gamma(4, 25, 40)) for k in range(8)]
    now = fair[-1]
    told = Belief().fit(fair[:-1]).predict(None, now.history, now.segment)
    np.testing.assert_array_equal(told, np.sort(now.history, axis=1))


def test_a_source_that_fails_is_left_even_where_too_few_cutoffs_were_over():
    rng = np.random.default_rng(4)
    wrong, own = rng.gamma(4, 75, (200, 100)), rng.gamma(4, 25, (200, 100))
    one = past(0, own, rng.gamma(4, 25, 200), forecast=wrong)
    assert Belief().fit([one]).weight_ == 0.0


def test_what_lies_ties_up_what_the_dealer_paid():
    line = {"net_price": [10.0], "unit_cost_amount": [6.0], "holding_rate": [0.365], "review_days": [30.0]}
    costs = costs_of(pd.DataFrame(line | {"order_cost_amount": [5.0]}))
    assert costs.over[0] == pytest.approx(0.365 * 10 * 30 / 365)
    assert costs.short[0] == pytest.approx(10 - 6)


def near_tier(threshold):
    return pd.DataFrame(
        {
            "dealer_id": ["D1"],
            "currency": "CNY",
            "starts_at": NOW,
            "ends_at": NOW + pd.Timedelta(days=40),
            "amount_to_date": 0.0,
            "expected_amount": 1000.0,
            "next_threshold_amount": threshold,
            "next_rebate_gain_amount": 50.0,
        }
    )


@pytest.mark.parametrize(
    ("threshold", "code"),
    [
        (900.0, "TIER_REACHED_ANYWAY"),
        (1100.0, "TIER_EXTRA"),
        (9000.0, "TIER_WOULD_STUFF"),
        (1590.0, "TIER_NOT_WORTH"),
    ],
)
def test_extra_units_to_a_tier_never_stuff(threshold, code):
    lines = pd.DataFrame(
        {
            "dealer_id": ["D1", "D1"],
            "net_price": 10.0,
            "currency": "CNY",
            "pack_units": 5.0,
            "suggested_units": [10.0, 0.0],
            "days_of_stock": [10.0, 30.0],
            "room_units": [40.0, 22.0],
            "hold_cost": 1.0,
        }
    )
    units, codes = tier_units(lines, near_tier(threshold), NOW)
    assert codes == {"D1": code}
    assert (units <= lines["room_units"]).all()
    assert np.allclose(units % 5, 0)
    assert (units.sum() > 0) == (code == "TIER_EXTRA")
