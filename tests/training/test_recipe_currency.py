"""The recipe of currency: settings, evidence of later months, losses beside simple rules."""

import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate
from training.admission import admit_scores
from training.config import BadSettings
from training.losses import loss_table
from training.recipes import currency
from training.settlements import Paid, judged

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def channel():
    return simulate(World(seed=5, dealers=16, products=2, territories=8, months=42, abroad_share=0.8))


@pytest.fixture(scope="module")
def config(channel):
    owns = channel.truth["own_currencies"].set_index("dealer_id")["own_currency"].to_dict()
    return currency.Config(own_currencies=owns, judged_months=8, refit_months=4)


@pytest.fixture(scope="module")
def fitted(channel, config):
    return currency.fit(channel.tables, NOW, config)


def test_the_file_holds_the_defaults():
    assert currency.Config.read() == currency.Config()


def test_a_wrong_setting_is_named():
    with pytest.raises(BadSettings, match='Did you mean "home_currency"'):
        currency.Config.parse({"home_curency": "CNY"})
    with pytest.raises(BadSettings, match="payables holds home"):
        currency.Config.parse({"payables": {"CNY": 5.0}})
    with pytest.raises(BadSettings, match="payables"):
        currency.Config.parse({"payables": {"USD": -5.0}})


def test_evidence_is_losses_of_later_months_beside_the_simple_rules(fitted):
    evidence = fitted.evidence
    assert set(evidence["task"]) == {"volatility", "settlement"}
    assert evidence["cutoff"].nunique() == 8
    assert not evidence.duplicated(["task", "subject", "cutoff"]).any()
    assert evidence["y"].isna().all()
    assert set(fitted.baselines()) == {"constant", "rolling_60", "home", "last_used", "own"}


def test_foretold_variances_lose_less_than_constant_ones(fitted):
    losses = loss_table(fitted.evidence).set_index(["task", "method"])["mean"]
    assert losses["volatility", "model"] < losses["volatility", "constant"]


def test_the_gate_reads_the_evidence(fitted):
    verdict = admit_scores(fitted.evidence)
    assert "volatility.loss" in verdict.numbers
    assert any("volatility: mean loss" in reason for reason in verdict.reasons)
    assert verdict.covers


def test_rules_that_choose_the_same_currency_cost_the_same(fitted, channel):
    model, cutoff = fitted.model, pd.Timestamp("2025-06-01")
    rates = model.rates(channel.tables, NOW)
    told = model.score(channel.tables, cutoff)["currencies"]
    always_home = told[told["currency"] == "CNY"].assign(rank=1)
    found = judged(
        model, always_home, cutoff, model.rates(channel.tables, cutoff), Paid.of(channel.tables, rates)
    )
    assert len(found["cost"]) > 1
    np.testing.assert_allclose(found["cost"]["loss"], found["cost"]["baseline_home"])
    assert (found["charge"]["baseline_home"] == found["cost"]["baseline_home"]).all()  # home never moves


def test_only_paid_invoices_of_the_month_and_of_dealers_abroad_are_judged(fitted, channel, config):
    model, cutoff = fitted.model, pd.Timestamp("2025-06-01")
    told = model.score(channel.tables, cutoff)["currencies"]
    best = told[told["rank"] == 1].set_index("dealer_id")
    paid = Paid.of(channel.tables, model.rates(channel.tables, NOW)).month(cutoff, best)
    bills = channel.tables["invoices"]
    june = bills[(bills["issued_at"] >= cutoff) & (bills["issued_at"] < "2025-07-01")]
    abroad = june[june["dealer_id"].map(config.own_currencies) != "CNY"]
    done = channel.tables["payments"].groupby("invoice_id")["amount"].sum()
    settled = abroad[abroad["invoice_id"].map(done).fillna(0) >= 0.99 * abroad["amount"]]
    assert sorted(paid["invoice_id"]) == sorted(settled["invoice_id"])


def test_what_is_told_of_a_month_does_not_hang_on_what_came_later(channel, config):
    moment = pd.Timestamp("2025-07-01")
    cut = {name: frame[frame["known_at"] <= moment] for name, frame in channel.tables.items()}
    small = config.model_copy(update={"judged_months": 2})
    one, two = (currency.fit(tables, moment, small).evidence for tables in (channel.tables, cut))
    pd.testing.assert_frame_equal(one, two)


def test_without_rates_there_is_no_evidence_and_the_card_says_so(channel, config):
    tables = {name: channel.tables[name] for name in ("invoices", "payments", "dealers")}
    fitted = currency.fit(tables, NOW, config)
    assert fitted.evidence.empty
    assert "everybody is told home" in fitted.about["fallback"]
    assert not admit_scores(fitted.evidence).passes
