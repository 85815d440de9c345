"""The currency room's promises on a simulated channel of which a part lies abroad."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.draws import Draws
from features.exposure import converted
from features.known import known
from features.simulator import World, simulate
from features.tables import coerce
from models.currency.model import CURRENCIES, CurrencyModel, hedges
from models.currency.terms import Terms
from models.errors import NotFitted

NOW = pd.Timestamp("2026-01-01")
NAMED = ["dealer_id", "currency", "rank", "expected_cost_rate", "risk_rate", "score", "probability"]


@pytest.fixture(scope="module")
def channel():
    """Dealers of whom most lie abroad."""
    world = World(seed=3, dealers=14, products=2, territories=7, months=36, abroad_share=0.8)
    return simulate(world)


@pytest.fixture(scope="module")
def owns(channel):
    return channel.truth["own_currencies"].set_index("dealer_id")["own_currency"].to_dict()


@pytest.fixture(scope="module")
def model(channel, owns):
    return CurrencyModel(Terms(own_currencies=owns)).fit(channel.tables, NOW)


@pytest.fixture(scope="module")
def scored(model, channel):
    return model.score(channel.tables, NOW)


def frame_of(model, tables, moment=NOW, **others):
    return model.score(tables, moment, others)["currencies"]


def refit(model, tables, moment=NOW, **terms):
    return CurrencyModel(replace(model.terms, **terms)).fit(tables, moment)


def test_every_dealer_has_ranked_currencies_the_best_first(scored, channel):
    frame = scored["currencies"]
    assert list(frame.columns[:7]) == NAMED
    assert set(frame["dealer_id"]) == set(channel.tables["dealers"]["dealer_id"])
    for _, rows in frame.groupby("dealer_id"):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert (rows["expected_cost_rate"].diff().dropna() > -1e-4).all()
        assert {"CNY", rows["own_currency"].iloc[0]} <= set(rows["currency"])
    assert frame["score"].between(0, 100).all()
    assert frame["probability"].between(0, 1).all()


def test_reasons_speak_the_language_of_scores(scored):
    told = [reason for reasons in scored["currencies"]["reasons"] for reason in reasons]
    assert all(set(one) == {"code", "text", "effect"} for one in told)


def test_rates_tell_day_worth_volatility_and_age(scored):
    rates = scored["rates"].set_index("currency")
    assert sorted(rates.index) == ["EUR", "HKD", "JPY", "USD", "VND"]
    assert (rates["rate_date"] == pd.Timestamp("2025-12-31")).all()
    assert (rates["stale_days"] == 1).all()
    assert rates["volatility"].between(0.01, 0.4).all()
    assert (rates["low_rate"] < rates["rate"]).all()
    assert (rates["rate"] < rates["high_rate"]).all()


def test_the_future_moves_nothing(model, channel):
    moment = pd.Timestamp("2025-06-15")
    cut = {name: frame[frame["known_at"] <= moment] for name, frame in channel.tables.items()}
    wild = dict(channel.tables)
    for name, column in [
        ("fx_rates", "rate"),
        ("invoices", "amount"),
        ("payments", "amount"),
        ("sell_in", "amount"),
    ]:
        later = wild[name]["known_at"] > moment
        wild[name] = wild[name].assign(**{column: np.where(later, 1e6, wild[name][column])})
    for other in (cut, wild):
        for name, frame in model.score(other, moment).items():
            pd.testing.assert_frame_equal(frame, model.score(channel.tables, moment)[name])


def test_the_model_learns_only_what_was_known(model, channel):
    moment = pd.Timestamp("2025-06-15")
    rates = channel.tables["fx_rates"]
    cut = {"fx_rates": rates[rates["known_at"] <= moment]}
    one, two = (refit(model, t, moment).movement_ for t in (channel.tables, cut))
    assert (one.stretch_, one.models_) == (two.stretch_, two.models_)


def test_row_order_does_not_matter_and_a_saved_model_says_the_same(model, channel, scored):
    shuffled = {name: f.sample(frac=1, random_state=0) for name, f in channel.tables.items()}
    again = pickle.loads(pickle.dumps(model)).score(shuffled, NOW)
    for name, frame in scored.items():
        pd.testing.assert_frame_equal(again[name], frame, rtol=1e-9)


def test_the_input_is_untouched(model, channel):
    before = {name: frame.copy() for name, frame in channel.tables.items()}
    model.score(channel.tables, NOW)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(channel.tables[name], frame)


def test_all_in_one_currency_is_one_row_a_dealer_at_home():
    tables = simulate(World(dealers=6, products=2, months=30)).tables
    frame = frame_of(CurrencyModel().fit(tables, NOW), tables)
    assert frame["dealer_id"].is_unique
    assert set(frame["currency"]) == {"CNY"}
    assert (frame["rank"] == 1).all()
    assert (frame["expected_cost_rate"] == 0).all()


def test_without_rates_everybody_is_told_home_and_the_note_says_why(model, channel):
    tables = {name: frame for name, frame in channel.tables.items() if name != "fx_rates"}
    scored = refit(model, tables).score(tables, NOW)
    frame = scored["currencies"]
    assert scored["rates"].empty
    assert set(frame.loc[frame["rank"] == 1, "currency"]) == {"CNY"}
    assert frame["note"].str.contains("no_fx_rates").all()
    foreign = frame[frame["own_currency"] != "CNY"]
    assert foreign["note"].str.contains("own_currency_refused").all()


def test_a_stale_rate_is_refused_for_its_currency_and_for_no_other(model, channel, owns):
    rates = channel.tables["fx_rates"]
    stale = (rates["base_currency"] == "VND") & (rates["rate_date"] > "2025-12-15")
    scored = model.score(channel.tables | {"fx_rates": rates[~stale]}, NOW)
    frame = scored["currencies"].set_index("currency")
    assert frame.loc[["VND"], "rank"].isna().all()
    assert frame.loc[["VND"], "refused"].str.contains(r"VND/CNY is of 2025-12-15, 13 business days").all()
    assert frame.loc[["VND"], "expected_cost_rate"].isna().all()
    others = frame[frame["own_currency"] != "VND"].drop(index="VND", errors="ignore")
    assert (others["refused"] == "").all()
    assert "stale rate" in scored["rates"].set_index("currency").loc["VND", "note"]


def test_a_dealer_whose_own_rate_is_stale_is_offered_home_alone(model, channel, owns):
    own = next(c for c in owns.values() if c != "CNY")
    rates = channel.tables["fx_rates"]
    stale = (rates["base_currency"] == own) & (rates["rate_date"] > "2025-12-01")
    frame = frame_of(model, channel.tables | {"fx_rates": rates[~stale]})
    mine = frame[frame["own_currency"] == own]
    assert set(mine.loc[mine["rank"].notna(), "currency"]) == {"CNY"}
    assert mine["note"].str.contains("own_currency_refused").all()


def test_without_a_demand_model_purchases_are_those_of_the_last_year(scored, channel):
    frame = scored["currencies"].drop_duplicates("dealer_id").set_index("dealer_id")
    bills = channel.tables["invoices"]
    year = bills[bills["issued_at"] > "2025-01-01"]
    home = converted(
        year["amount"].to_numpy(),
        list(year["currency"]),
        year["issued_at"] + pd.Timedelta(days=1),
        channel.tables["fx_rates"],
        currency="CNY",
    )
    slow = pd.Series(home, year["dealer_id"].to_numpy()).groupby(level=0).sum() / 12
    assert frame["monthly_amount"].reindex(slow.index).to_numpy() == pytest.approx(slow.to_numpy(), rel=0.02)
    assert frame["note"].str.contains("no_forecast").all()


def test_draws_are_priced_at_what_the_dealer_pays_and_added_up_draw_by_draw(model, channel):
    sold = channel.tables["sell_in"].query("dealer_id == 'D001'")
    keys = sold[["dealer_id", "sku_id"]].drop_duplicates().reset_index(drop=True)
    units = np.random.default_rng(0).gamma(2, 50, (len(keys), 3, 40)).astype(np.float32)
    draws = Draws(keys=keys, periods=pd.date_range("2026-01-01", periods=3, freq="MS"), units=units)
    row = frame_of(model, channel.tables, draws=draws.frame()).set_index("dealer_id").loc[["D001"]].iloc[0]
    year = sold[sold["period_start"] > "2025-01-01"].groupby("sku_id")[["amount", "qty_sell_in"]].sum()
    price = (year["amount"] / year["qty_sell_in"]).reindex(keys["sku_id"]).to_numpy()
    months = [sum(u[:, s].mean() * p for u, p in zip(units, price, strict=True)) for s in range(40)]
    assert row["monthly_amount"] == pytest.approx(np.mean(months), rel=1e-5)
    assert row["monthly_high_amount"] == pytest.approx(np.quantile(months, 0.9), rel=1e-5)
    assert row["note"] == ""


def test_what_is_open_is_told_in_its_own_currency(model, channel):
    seen = known(channel.tables, NOW)
    paid = seen["payments"].groupby("invoice_id")["amount"].sum()
    bills = seen["invoices"]
    left = (bills["amount"] - bills["invoice_id"].map(paid).fillna(0)).clip(lower=0)
    slow = left[left > 0.01 * bills["amount"]].groupby([bills["dealer_id"], bills["currency"]]).sum()
    open_ = frame_of(model, channel.tables).set_index(["dealer_id", "currency"])["open_amount"]
    assert open_[open_ > 0].to_dict() == pytest.approx(slow[slow > 0.005].round(2).to_dict(), abs=0.02)


def test_the_own_currency_is_read_off_the_invoices_where_nobody_states_it(channel, owns):
    frame = frame_of(CurrencyModel().fit(channel.tables, NOW), channel.tables)
    told = frame.drop_duplicates("dealer_id").set_index("dealer_id")["own_currency"]
    foreign = channel.tables["invoices"].query("currency != 'CNY' and issued_at > '2024-01-02'")
    assert set(told[told != "CNY"].index) == set(foreign["dealer_id"])
    named = frame_of(
        CurrencyModel(Terms(own_currencies={"T001": "EUR"})).fit(channel.tables, NOW), channel.tables
    )
    at_t001 = channel.tables["dealers"].query("territory_id == 'T001'")["dealer_id"]
    assert set(named[named["dealer_id"].isin(at_t001)]["own_currency"]) == {"EUR"}


def test_days_outstanding_are_drawn_to_the_channel_and_longer_for_late_payers(scored, channel):
    days = scored["currencies"].drop_duplicates("dealer_id").set_index("dealer_id")["days_outstanding"]
    bills = channel.tables["invoices"].set_index("invoice_id")
    first = channel.tables["payments"].groupby("invoice_id")["paid_at"].max()
    own = (first - bills["issued_at"]).dt.days.groupby(bills["dealer_id"]).mean()
    assert days.corr(own.reindex(days.index), method="spearman") > 0.8


def test_payables_hedge_the_receipts_of_a_month(model, channel):
    one = refit(model, channel.tables, payables={"USD": 1000.0})
    exposure, rates = one.exposure(channel.tables, NOW), one.rates(channel.tables, NOW)
    used = exposure.history["USD"] > 0
    receipts = exposure.dealers.loc[
        used | (exposure.dealers["own_currency"] == "USD"), "monthly_amount"
    ].sum()
    assert hedges(one.terms, rates, exposure) == {
        "USD": pytest.approx(1000 * rates.require("USD") / receipts)
    }
    plain, hedged = (frame_of(m, channel.tables).query("currency == 'USD'") for m in (model, one))
    assert (hedged["expected_cost_rate"].to_numpy() < plain["expected_cost_rate"].to_numpy()).all()


def test_candidates_are_offered_to_everybody(model, channel):
    frame = frame_of(refit(model, channel.tables, candidates=("EUR",)), channel.tables)
    assert (frame.groupby("dealer_id")["currency"].agg(set).map(lambda names: "EUR" in names)).all()


def test_nothing_at_all_gives_empty_frames_with_their_columns():
    scored = CurrencyModel().fit({}, NOW).score({}, NOW)
    assert scored["currencies"].empty
    assert tuple(scored["currencies"].columns) == CURRENCIES
    with pytest.raises(NotFitted):
        CurrencyModel().score({}, NOW)


def test_a_currency_that_came_after_training_is_answered(model, channel):
    rates = channel.tables["fx_rates"]
    new = rates[rates["base_currency"] == "EUR"].assign(base_currency="GBP")
    late = coerce("fx_rates", pd.concat([rates, new[new["rate_date"] > "2025-10-01"]]))
    told = model.score(channel.tables | {"fx_rates": late}, NOW)["rates"].set_index("currency")
    assert told.loc["GBP", "volatility"] > 0
    assert told.loc["GBP", "note"] == "no_garch"
