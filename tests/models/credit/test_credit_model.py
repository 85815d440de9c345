"""The room's model on simulated channels whose solvency is known."""

import pickle

import numpy as np
import pandas as pd
import pytest

from features.exposure import MissingRate
from features.payments import Ledger
from features.simulator import World, simulate
from models.credit.default import Default
from models.credit.late import Late
from models.credit.limit import LimitDecision, LimitFacts, LimitPolicy, decide
from models.credit.model import CreditModel
from models.scoring import auc

TAUGHT, ASKED = pd.Timestamp("2024-07-01"), pd.Timestamp("2025-01-01")
NAMES = ("invoices", "payments", "dealers", "sell_in", "fx_rates")


def channel(seed, dealers=60):
    made = simulate(World(dealers=dealers, seed=seed, default_share=0.25))
    return {name: made.tables[name] for name in NAMES}, made.truth["solvency"]


@pytest.fixture(scope="module")
def tables():
    return channel(4)[0]


@pytest.fixture(scope="module")
def model(tables):
    ledger = Ledger.of({name: frame[frame["known_at"] <= TAUGHT] for name, frame in tables.items()})
    late = Late().fit(ledger, tables["dealers"], TAUGHT)
    return CreditModel(default=Default().fit(ledger, TAUGHT), late=late, currency="CNY", cutoff_=TAUGHT)


@pytest.fixture(scope="module")
def told(model, tables):
    return model.score(tables, ASKED)


def test_dealers_that_fail_are_told_from_others_in_worlds_never_seen(model):
    y, p = [], []
    for seed in (31, 32, 33):
        tables, truth = channel(seed)
        dealers = model.score(tables, ASKED)["dealers"].merge(truth, on="dealer_id")
        asked = dealers[~(dealers["defaulted_at"] <= ASKED) & (dealers["invoices"] > 0)]
        y += (asked["defaulted_at"] <= ASKED + pd.DateOffset(months=6)).tolist()
        p += asked["pd_6m"].tolist()
    assert sum(y) >= 5
    assert auc(y, p) > 0.75


def test_a_changed_future_moves_no_answer(model, tables, told):
    changed = {}
    for name, frame in tables.items():
        later = frame["known_at"] > ASKED
        number = "rate" if name == "fx_rates" else "amount"
        frame = frame.copy()
        if number in frame:
            frame.loc[later, number] = frame.loc[later, number] * 9
        changed[name] = frame.drop(frame.index[later][::3])
    again = model.score(changed, ASKED)
    for name, frame in told.items():
        pd.testing.assert_frame_equal(frame, again[name])


def test_learning_sees_nothing_later_than_its_moment(tables):
    cut = {name: frame[frame["known_at"] <= TAUGHT] for name, frame in tables.items()}
    ledgers = Ledger.of(cut), Ledger.of(tables)
    when = pd.DatetimeIndex([TAUGHT] * len(ledgers[0].dealer_ids))
    ids = list(ledgers[0].dealer_ids)
    p = [Default().fit(ledger, TAUGHT).predict(ledgers[0], ids, when) for ledger in ledgers]
    assert np.allclose(p[0], p[1])


def test_probabilities_rise_with_the_horizon_and_default_is_certain(told):
    pds = told["dealers"][["pd_3m", "pd_6m", "pd_12m"]].to_numpy()
    assert (np.diff(pds, axis=1) >= 0).all()
    assert ((pds >= 0) & (pds <= 1)).all()
    failed = told["dealers"][told["dealers"]["in_default"]]
    assert len(failed) > 2
    assert (failed["credit_class"] == 5).all()
    assert (failed["limit_amount"] == 0).all()


def test_more_overdue_never_lowers_the_probability(model):
    from models.credit.default import _rows

    tables, _ = channel(31)
    ledger = model.ledger(tables, ASKED)
    ids = list(ledger.dealer_ids)
    rows = _rows(ledger, ids, pd.DatetimeIndex([ASKED] * len(ids)), 1)
    before = model.default.boosted_.predict(rows)
    worse = rows.copy()
    for name in ("overdue_months", "overdue_share", "overdue_15d_months", "overdue_30d_months"):
        worse[name] = worse[name] * 2 + 0.2
    assert (model.default.boosted_.predict(worse) >= before - 1e-12).all()


def test_every_limit_replays_from_its_own_answer(told):
    for row in told["dealers"].itertuples():
        again = decide(LimitFacts(**row.limit_inputs["facts"]), LimitPolicy(**row.limit_inputs["policy"]))
        assert isinstance(again, LimitDecision)
        assert (again.limit_amount, list(again.rules)) == (row.limit_amount, row.limit_rules)


def test_a_confirmed_critical_alert_cuts_the_limit_and_a_dismissed_one_does_not(model, tables, told):
    before = told["dealers"]
    one = before[(before["limit_amount"] > 1000) & (before["credit_class"] < 4)].iloc[0]
    alert = pd.DataFrame({"dealer_id": [one["dealer_id"]], "type": "diversion", "level": "critical"})
    limits = {}
    for status in ("open", "confirmed", "dismissed"):
        others = {"credit": before, "alerts": alert.assign(status=status)}
        after = model.score(tables, ASKED, others)["dealers"].set_index("dealer_id").loc[one["dealer_id"]]
        limits[status] = after["limit_amount"], after["credit_class"]
    assert limits["confirmed"][0] <= 0.5 * one["limit_amount"] + 1
    assert limits["confirmed"][1] >= 4
    assert limits["open"] == limits["dismissed"] == (one["limit_amount"], one["credit_class"])


def test_the_need_comes_from_the_forecast_when_there_is_one(model, tables, told):
    sales = tables["sell_in"]
    some = sales[sales["known_at"] <= ASKED].drop_duplicates(["dealer_id", "sku_id"])[["dealer_id", "sku_id"]]
    forecast = some.assign(period_start=pd.Timestamp("2025-02-01"), mean=1e6)
    rich = model.score(tables, ASKED, {"forecast": forecast})["dealers"]
    both = rich.merge(told["dealers"], on="dealer_id", suffixes=("", "_before"))
    grown = [
        t["demand_need"] > b["demand_need"]
        for t, b in zip(both["limit_terms"], both["limit_terms_before"], strict=True)
    ]
    assert np.mean(grown) > 0.9
    assert told["dealers"]["note"].str.contains("no forecast").all()
    assert not rich["note"].str.contains("no forecast").all()


def test_open_invoices_have_a_late_probability_and_the_overdue_are_late(told):
    bills = told["invoices"]
    overdue = bills["due_at"] < ASKED.normalize()
    assert 0 < overdue.sum() < len(bills)
    assert (bills.loc[overdue, "late_probability"] == 1).all()
    assert bills.loc[~overdue, "late_probability"].between(0, 1).all()
    assert (bills["expected_paid_at"] >= ASKED.normalize() - pd.Timedelta(days=1)).all()
    assert 0 < told["cash"]["expected_amount"].sum() <= bills["open_amount"].sum()


def test_days_late_are_where_they_are_said_to_be(model, tables):
    ledger = Ledger.of(tables)
    bills = ledger.invoices[(ledger.invoices["known_at"] > TAUGHT) & ledger.invoices["settled_at"].notna()]
    bills = bills[bills["known_at"] < TAUGHT + pd.DateOffset(months=9)].assign(moment=lambda f: f["known_at"])
    said = model.late.predict(ledger, tables["dealers"], bills)
    inside = (bills["late_days"] <= said["q90_days"]) & (bills["late_days"] >= said["q10_days"])
    assert inside.mean() == pytest.approx(0.8, abs=0.08)
    assert (bills["late_days"] - said["expected_days"]).mean() == pytest.approx(0, abs=4)
    assert said["probability"].mean() == pytest.approx(bills["late"].mean(), abs=0.06)


def test_a_new_invoice_is_asked_in_its_currency_or_the_pair_is_named(model, tables):
    dealer = tables["invoices"]["dealer_id"].iloc[0]
    bill = pd.DataFrame(
        {
            "dealer_id": [dealer],
            "amount": [100.0],
            "currency": ["USD"],
            "issued_at": ASKED,
            "due_at": ASKED + pd.Timedelta(days=30),
        }
    )
    assert 0 < model.new_invoices(tables, ASKED, bill)["probability"].iloc[0] < 1
    with pytest.raises(MissingRate, match="XXX/CNY"):
        model.new_invoices(tables, ASKED, bill.assign(currency="XXX"))


def test_saved_and_loaded_it_says_the_same(model, tables, told):
    again = pickle.loads(pickle.dumps(model)).score(tables, ASKED)
    pd.testing.assert_frame_equal(again["dealers"], told["dealers"])


def test_without_any_table_it_answers_nothing(model):
    told = model.score({}, ASKED)
    assert [len(told[name]) for name in ("dealers", "invoices")] == [0, 0]
    assert told["cash"]["expected_amount"].sum() == 0


def test_few_defaults_let_the_prior_speak(tables):
    ledger = Ledger.of({name: frame[frame["known_at"] <= "2023-01-01"] for name, frame in tables.items()})
    default = Default().fit(ledger, pd.Timestamp("2023-01-01"))
    ids = list(ledger.dealer_ids)
    p = default.predict(ledger, ids, pd.DatetimeIndex(["2023-01-01"] * len(ids)))
    assert default.fallback_
    assert (np.diff(p, axis=1) >= 0).all()
