"""The price room's promises on a simulated channel."""

import pickle

import numpy as np
import pandas as pd
import pytest

from features.draws import Draws
from features.errors import TooFewRows
from features.known import known
from features.rivals import shelves
from features.simulator import World, simulate
from models.errors import NotFitted
from models.price.model import PriceModel
from models.price.rows import Market, NoPrices
from training.recipes import price

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def channel():
    return simulate(World(dealers=14, products=6, months=36, seed=4, contract_share=0, survey_share=0))


@pytest.fixture(scope="module")
def tables(channel):
    return channel.tables


@pytest.fixture(scope="module")
def market(tables):
    return Market.of(known(tables, NOW))


@pytest.fixture(scope="module")
def model(market):
    return PriceModel().fit(market, NOW)


@pytest.fixture(scope="module")
def scored(model, tables):
    return model.score(tables, NOW)


def draws_of(market, factor=1.0):
    keys = market.lines[["dealer_id", "sku_id"]]
    units = np.random.default_rng(0).gamma(5, 20 * factor, (len(keys), 3, 50)).astype(np.float32)
    return Draws(keys=keys, periods=pd.date_range(NOW, periods=3, freq="MS"), units=units).frame()


def test_every_selling_line_has_one_price_inside_its_bounds(scored):
    frame = scored["prices"]
    assert frame["line_id"].is_unique
    assert frame["suggested_price"].between(frame["floor_price"] - 1e-9, frame["ceiling_price"] + 1e-9).all()
    assert frame["score"].between(0, 100).all()
    assert frame["probability"].dropna().between(0, 1).all()
    assert (frame[["elasticity", "elasticity_low", "elasticity_high"]] < 0).all(axis=None)
    assert all({"code", "text", "effect"} == set(r) for reasons in frame["reasons"] for r in reasons)


def test_moves_are_expected_to_earn_unless_a_corridor_or_a_floor_asks_for_them(scored):
    moved = scored["prices"].query("score > 0")
    codes = moved["reasons"].map(lambda reasons: reasons[0]["code"])
    earn = codes.isin(["RAISE", "LOWER"])
    assert earn.any()
    assert (moved.loc[earn, "margin_change_amount"] > 0).all()
    assert (moved.loc[earn, "probability"] >= PriceModel().rules.least_probability - 0.15).all()


def test_the_future_moves_nothing(model, tables):
    moment = pd.Timestamp("2025-06-15")
    cut = {name: frame[frame["known_at"] <= moment] for name, frame in tables.items()}
    dear = tables["prices"].assign(net_price=1e6).query("known_at > @moment")
    wild = tables | {"prices": pd.concat([cut["prices"], dear]), "sell_out": cut["sell_out"]}
    for later in (cut, wild):
        for name, frame in model.score(later, moment).items():
            pd.testing.assert_frame_equal(frame, model.score(tables, moment)[name])


def test_the_model_learns_only_what_was_known(tables):
    moment = pd.Timestamp("2025-03-01")
    cut = {name: frame[frame["known_at"] <= moment] for name, frame in tables.items()}
    pd.testing.assert_frame_equal(Market.of(known(tables, moment)).rows, Market.of(cut).rows)


def test_margins_are_drawn_from_the_demand_room(model, market, tables):
    one, two = (model.score(tables, NOW, {"draws": draws_of(market, f)})["prices"] for f in (1.0, 2.0))
    assert two["units_mean"].to_numpy() == pytest.approx(2 * one["units_mean"].to_numpy(), rel=1e-5)
    assert two["margin_change_amount"].sum() == pytest.approx(2 * one["margin_change_amount"].sum(), rel=0.02)
    assert not one["note"].str.contains("no_forecast").any()


def test_without_costs_freights_or_a_forecast_the_room_answers_and_says_so(model, tables):
    bare = {name: frame for name, frame in tables.items() if name not in ("product_costs", "freights")}
    frame = model.score(bare, NOW)["prices"]
    assert frame["note"].str.contains("no_unit_cost").all()
    assert frame["note"].str.contains("no_freights").all()
    assert (frame["suggested_price"] == frame["net_price"]).all()


def test_amounts_of_sell_in_speak_where_no_price_list_is_loaded(tables):
    rows = Market.of({"sell_in": tables["sell_in"], "products": tables["products"]}).rows
    paid = tables["sell_in"]["amount"] / tables["sell_in"]["qty_sell_in"]
    assert np.exp(rows["log_price"]).between(paid.min() - 1e-9, paid.max() + 1e-9).all()
    with pytest.raises(NoPrices, match="qudao ingest"):
        Market.of({"sell_in": tables["sell_in"].assign(amount=np.nan)})
    with pytest.raises(TooFewRows):
        Market.of({})


def test_the_cross_price_is_that_of_the_rest_of_the_shelf(market):
    rows = market.rows.set_index(["unique_id", "step"])
    shelf = pd.Series(shelves(market.panel), index=market.panel.ids)
    usual = np.log(market.panel.plans["net_price"][:, : market.panel.t])
    usual = usual - np.nanmean(usual, axis=1, keepdims=True)
    weight = market.shares + 1e-3
    for name, step in list(rows.index[::400]):
        mates = [
            i for i, other in enumerate(market.panel.ids) if shelf[other] == shelf[name] and other != name
        ]
        seen = [i for i in mates if np.isfinite(usual[i, step])]
        slow = np.average(usual[seen, step], weights=weight[seen]) if seen else 0.0
        assert rows.loc[(name, step), "cross_price"] == pytest.approx(slow, abs=1e-9)


def test_periods_without_stock_are_left_out(tables, market):
    short = tables["stock"][tables["stock"]["is_stockout"].astype(bool)].iloc[0]
    rows = market.rows[market.rows["unique_id"] == f"{short['dealer_id']}/{short['sku_id']}"]
    assert len(rows) > 5
    assert market.panel.periods().get_loc(short["period_start"]) not in set(rows["step"])


def test_row_order_does_not_matter_and_a_saved_model_says_the_same(model, tables, scored):
    shuffled = {name: frame.sample(frac=1, random_state=0) for name, frame in tables.items()}
    again = pickle.loads(pickle.dumps(model)).score(shuffled, NOW)["prices"]
    pd.testing.assert_frame_equal(again, scored["prices"], rtol=1e-9)


def test_evidence_is_of_later_periods_and_beats_a_regression_of_each_line(tables):
    fitted = price.fit(tables, NOW, price.Config(judged_cutoffs=1))
    evidence = fitted.evidence
    assert evidence["subject"].is_unique
    assert evidence["cutoff"].unique().tolist() == [pd.Timestamp("2025-10-01")]
    assert evidence["loss"].mean() < evidence["baseline_own_log_log"].mean()
    assert fitted.about["elasticity_negative_share"] == 1.0


def test_too_little_is_refused_with_the_next_step(tables):
    few = {**tables, "sell_out": tables["sell_out"].query("period_start < '2023-06-01'")}
    with pytest.raises(TooFewRows, match="periods with prices"):
        price.fit(few, NOW, price.Config())
    with pytest.raises(NotFitted):
        PriceModel().score(tables, NOW)
