"""The rebate room's promises on a simulated channel."""

import pickle

import numpy as np
import pandas as pd
import pytest

from features.draws import Draws
from features.rebates import Statements
from models.errors import NotFitted
from models.rebate.model import RebateModel
from models.scoring import auc
from tests.models.rebate.conftest import NOW
from training.recipes import rebate


def one(tables, **changes):
    """Tables with the programmes changed."""
    return tables | {"rebate_programmes": tables["rebate_programmes"].assign(**changes)}


def draws_of(tables, units, moment=NOW, months=3, count=50):
    """Draws that want the same units in every month."""
    keys = tables["sell_in"][["dealer_id", "sku_id"]].drop_duplicates()
    periods = pd.date_range(moment, periods=months, freq="MS")
    shape = (len(keys), months, count)
    return Draws(keys=keys, periods=periods, units=np.full(shape, units, np.float32)).frame()


def test_every_running_programme_has_one_row_in_the_language_of_scores(scored, tables):
    frame = scored["attainment"]
    assert frame["dealer_id"].tolist() == sorted(tables["dealers"]["dealer_id"])
    assert (frame["programme_id"] == "R2025").all()
    assert frame["score"].between(0, 100).all()
    assert frame["probability"].between(0, 1, inclusive="neither").all()
    assert all({"code", "text", "effect"} == set(r) for reasons in frame["reasons"] for r in reasons)


def test_what_was_bought_is_counted_in_the_programmes_time(scored, tables):
    sold = tables["sell_in"].query("'2025-01-01' <= period_start and known_at <= @NOW")
    assert scored["attainment"].set_index("dealer_id")["amount_to_date"].to_dict() == pytest.approx(
        sold.groupby("dealer_id")["amount"]
        .sum()
        .reindex(scored["attainment"]["dealer_id"])
        .fillna(0)
        .to_dict()
    )


def test_higher_tiers_are_never_likelier_and_accruals_are_in_order(scored):
    frame = scored["attainment"]
    for tiers in frame["tiers"]:
        assert np.all(np.diff([tier["probability"] for tier in tiers]) <= 0)
    assert (frame["accrual_p50"] <= frame["accrual_p90"]).all()
    assert (frame["accrual_to_date"] <= frame["accrual_p90"] + 1e-9).all()


def test_the_shortfall_leads_to_the_next_tier(scored):
    frame = scored["attainment"].dropna(subset=["shortfall_amount"])
    assert frame["next_threshold_amount"].to_numpy() == pytest.approx(
        (frame["amount_to_date"] + frame["shortfall_amount"]).to_numpy()
    )
    assert (frame["shortfall_cases"].dropna() % 1 == 0).all()
    assert (frame["next_rebate_gain_amount"] >= 0).all()


def test_the_future_moves_nothing(fitted, tables, scored):
    cut = {name: frame[frame["known_at"] <= NOW] for name, frame in tables.items()}
    later = tables["sell_in"].query("known_at > @NOW").assign(amount=1e9)
    wild = tables | {"sell_in": pd.concat([cut["sell_in"], later]), "payments": cut["payments"]}
    for changed in (cut, wild):
        for name, frame in fitted.model.score(changed, NOW).items():
            pd.testing.assert_frame_equal(frame, scored[name])


def test_the_model_learns_only_what_was_known(tables):
    cut = {name: frame[frame["known_at"] <= NOW] for name, frame in tables.items()}
    now, then = (RebateModel(trees=10, most_rows=1_000).fit(Statements.of(t).at(NOW)) for t in (tables, cut))
    frames = (model.score(tables, NOW)["attainment"] for model in (now, then))
    pd.testing.assert_frame_equal(*frames)


def test_row_order_does_not_matter_and_a_saved_model_says_the_same(fitted, tables, scored):
    shuffled = {name: f.sample(frac=1, random_state=0) for name, f in tables.items()}
    again = pickle.loads(pickle.dumps(fitted.model)).score(shuffled, NOW)["attainment"]
    pd.testing.assert_frame_equal(again, scored["attainment"], rtol=1e-9)


def test_without_programmes_the_frames_are_empty_and_have_their_columns(fitted, tables, scored):
    none = {name: frame for name, frame in tables.items() if name != "rebate_programmes"}
    over = one(tables, ends_at=pd.Timestamp("2023-01-01"))
    for changed in (none, over):
        for name, frame in fitted.model.score(changed, NOW).items():
            assert frame.empty
            assert list(frame.columns) == list(scored[name].columns)


def test_sell_in_and_programmes_alone_are_enough(fitted, tables):
    alone = {name: tables[name] for name in ("sell_in", "rebate_programmes")}
    frame = fitted.model.score(alone, NOW)["attainment"]
    assert frame["accrual_mean"].notna().all()
    assert frame["note"].str.contains("no_case_size").all()


def test_draws_of_demand_are_heard_and_without_them_the_note_says_so(fitted, tables, scored):
    few, many = (
        fitted.model.score(tables, NOW, {"draws": draws_of(tables, units)})["attainment"]
        for units in (0, 900)
    )
    assert scored["attainment"]["note"].str.contains("no_forecast").all()
    assert not many["note"].str.contains("no_forecast").any()
    assert (few["expected_amount"] < many["expected_amount"]).all()


def test_purchases_of_the_draws_are_units_at_planned_prices(fitted, tables):
    moment = pd.Timestamp("2025-10-01")  # three months to the end: draws say everything
    frame = fitted.model.score(tables, moment, {"draws": draws_of(tables, 100, moment)})["attainment"]
    prices = tables["prices"].query("'2025-10-01' <= period_start < '2026-01-01' and known_at <= @moment")
    keys = tables["sell_in"][["dealer_id", "sku_id"]].drop_duplicates()
    complete = prices.groupby(["dealer_id", "sku_id"]).size().eq(3).groupby("dealer_id").all()
    series = keys.groupby("dealer_id").size().eq(prices.groupby("dealer_id")["sku_id"].nunique())
    worth = 100 * prices.groupby("dealer_id")["net_price"].sum()
    gained = frame.set_index("dealer_id").eval("expected_amount - amount_to_date")
    asked = [dealer for dealer in worth.index if complete[dealer] and series[dealer]]
    assert len(asked) > 3
    assert gained[asked].to_numpy() == pytest.approx(worth[asked].to_numpy(), abs=0.02)


def test_draws_that_reach_one_month_are_not_stretched(fitted, tables, scored):
    short = draws_of(tables, 900, months=1)
    frame = fitted.model.score(tables, NOW, {"draws": short})["attainment"]
    assert frame["note"].str.contains("short_forecast").all()


def test_a_dealer_that_never_bought_gets_the_stated_guess(fitted, tables):
    ladder = tables["rebate_programmes"].query("programme_id == 'R2025' and dealer_id == 'D001'")
    added = pd.concat([tables["rebate_programmes"], ladder.assign(dealer_id="Z1")])
    frame = fitted.model.score(tables | {"rebate_programmes": added}, NOW)["attainment"].set_index(
        "dealer_id"
    )
    assert "no_history" in frame.loc["Z1", "note"]
    assert frame.loc["Z1", "amount_to_date"] == 0


def test_currencies_are_converted_at_a_known_rate_or_left_out_with_a_note(fitted, tables):
    mine = tables["rebate_programmes"]["dealer_id"] == "D001"
    dollars = one(tables, currency=np.where(mine, "USD", "CNY"))
    rates = pd.DataFrame(
        {
            "base_currency": "USD",
            "quote_currency": "CNY",
            "rate_date": pd.Timestamp("2020-01-01"),
            "rate": 8.0,
        },
        index=[0],
    ).assign(known_at=pd.Timestamp("2020-01-01"), event_at=pd.Timestamp("2020-01-01"))
    dollars = {name: frame for name, frame in dollars.items() if name != "rebate_awards"}
    told = [
        fitted.model.score(dollars | {"fx_rates": fx}, NOW)["attainment"].set_index("dealer_id").loc["D001"]
        for fx in (rates, rates.iloc[:0])
    ]
    plain = fitted.model.score(tables, NOW)["attainment"].set_index("dealer_id").loc["D001"]
    assert told[0]["amount_to_date"] == pytest.approx(plain["amount_to_date"] / 8)
    assert told[1]["amount_to_date"] == 0
    assert "unconverted_currency" in told[1]["note"]


def test_returns_are_taken_off_what_was_bought(fitted, tables, scored):
    bought = tables["sell_in"].query("dealer_id == 'D001' and period_start == '2025-03-01' and amount > 0")
    back = bought.rename(columns={"qty_sell_in": "qty_returned"}).drop(columns="document_id")
    frame = fitted.model.score(tables | {"returns": back.assign(amount=np.nan)}, NOW)["attainment"]
    gap = scored["attainment"]["amount_to_date"] - frame["amount_to_date"]
    assert gap.iloc[0] == pytest.approx(bought["amount"].sum())
    assert (gap.iloc[1:] == 0).all()


def test_a_ladder_that_cannot_be_paid_is_named_and_the_others_answered(fitted, tables, scored):
    bad = (tables["rebate_programmes"]["dealer_id"] == "D002") & (tables["rebate_programmes"]["tier_no"] == 2)
    broken = one(tables, threshold_amount=tables["rebate_programmes"]["threshold_amount"].mask(bad, 1.0))
    frames = fitted.model.score(broken, NOW)
    assert frames["refused"]["dealer_id"].tolist() == ["D002"]
    assert "tier 2: threshold not above" in frames["refused"]["faults"].iloc[0]
    assert len(frames["attainment"]) == len(scored["attainment"]) - 1


def test_the_same_facts_give_the_same_plan_in_both_languages(scored, fitted, tables):
    again = fitted.model.score(tables, NOW)["attainment"]
    for column in ("plan_zh", "plan_en"):
        assert again[column].tolist() == scored["attainment"][column].tolist()
        assert all(plan.count("R2025") == 1 for plan in again[column])


def test_the_purchases_frame_holds_the_same_chances(scored):
    points = scored["purchases"].set_index("dealer_id").iloc[:, 2:]
    for row in scored["attainment"].itertuples():
        shares = [(points.loc[row.dealer_id] >= t["threshold_amount"]).mean() for t in row.tiers]
        assert shares == pytest.approx([tier["probability"] for tier in row.tiers], abs=0.03)


def test_the_spends_frame_holds_the_accruals_world_by_world(scored):
    frame, worlds = scored["attainment"], scored["spends"].filter(regex=r"^w\d+$").to_numpy(float)
    assert scored["spends"]["dealer_id"].tolist() == frame["dealer_id"].tolist()
    assert worlds.mean(axis=1) == pytest.approx(frame["accrual_mean"].to_numpy(float), rel=0.2, abs=50)
    assert worlds.sum(axis=0).mean() == pytest.approx(frame["accrual_mean"].sum(), rel=0.05)


def test_evidence_is_of_programmes_that_are_over_and_beats_the_run_rate(fitted):
    evidence = fitted.evidence
    assert set(evidence["task"]) == {"tier_reached", "higher_tier", "accrual"}
    assert evidence["subject"].str.contains("R2024").all()
    assert not evidence.duplicated(["task", "subject", "cutoff"]).any()
    told = evidence[evidence["y"].notna()]
    assert auc(told["y"], told["probability"]) > auc(told["y"], told["baseline_run_rate"])


def test_without_programmes_on_record_the_room_is_trained_without_evidence(tables):
    none = {"sell_in": tables["sell_in"]}
    fitted = rebate.fit(none, NOW, rebate.Config(trees=10, most_rows=1_000))
    assert fitted.evidence.empty
    assert fitted.about["running"] == 0


def test_an_unfitted_model_says_so(tables):
    with pytest.raises(NotFitted):
        RebateModel().score(tables, NOW)
