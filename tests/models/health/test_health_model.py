"""The health room's promises on a simulated channel."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from features.errors import TooFewRows
from features.industries import DIMENSIONS
from features.simulator import World, simulate
from features.standing import NoSales
from models.health.model import HealthModel, forecast_growth
from training.recipes import health

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=40, products=5, months=36, seed=4, contract_share=0, survey_share=0)).tables


@pytest.fixture(scope="module")
def fitted(tables):
    return health.fit(tables, NOW, health.Config())


@pytest.fixture(scope="module")
def scored(fitted, tables):
    return fitted.model.score(tables, NOW)


def dealers_of(fitted, tables, moment=NOW, **others):
    return fitted.model.score(tables, moment, others)["dealers"].set_index("dealer_id")


def test_every_dealer_has_one_row_in_the_language_of_scores(scored, tables):
    frame = scored["dealers"]
    assert frame["dealer_id"].tolist() == sorted(tables["dealers"]["dealer_id"])
    assert frame["score"].between(0, 100).all()
    assert frame["probability"].between(0, 1, inclusive="neither").all()
    assert frame[list(DIMENSIONS)].stack().dropna().between(0, 100).all()
    assert all({"code", "text", "effect"} == set(r) for reasons in frame["reasons"] for r in reasons)


def test_a_healthier_dealer_is_less_likely_to_decline(scored):
    frame = scored["dealers"]
    assert kendalltau(frame["score"], -frame["probability"]).statistic > 0.75


def test_the_future_moves_nothing(fitted, tables):
    moment = pd.Timestamp("2025-06-15")
    cut = {name: frame[frame["known_at"] <= moment] for name, frame in tables.items()}
    month = moment + pd.DateOffset(months=1)
    wild = tables | {
        "sell_in": pd.concat(
            [cut["sell_in"], tables["sell_in"].query("known_at > @moment").assign(amount=1e9)]
        ),
        "payments": tables["payments"][tables["payments"]["known_at"] <= month],
    }
    for later in (cut, wild):
        for name, frame in fitted.model.score(later, moment).items():
            pd.testing.assert_frame_equal(frame, fitted.model.score(tables, moment)[name])


def test_the_model_learns_only_what_was_known(tables):
    moment = pd.Timestamp("2025-03-01")
    cut = {name: frame[frame["known_at"] <= moment] for name, frame in tables.items()}
    now, then = (health.fit(t, moment, health.Config()).model for t in (tables, cut))
    pd.testing.assert_frame_equal(now.score(tables, moment)["dealers"], then.score(cut, moment)["dealers"])


def test_earlier_scores_are_what_the_model_says_of_that_moment(fitted, tables, scored):
    then = dealers_of(fitted, tables, NOW - pd.DateOffset(months=6))["score"]
    told = scored["dealers"].set_index("dealer_id")["score_6m_ago"].dropna()
    assert told.to_numpy() == pytest.approx(then[told.index].to_numpy())


def test_ranks_stay_under_one_percent_of_noise(fitted, tables, scored):
    rng = np.random.default_rng(0)
    noisy = {}
    for name, frame in tables.items():
        cells = [c for c in frame.columns if c.startswith("qty_") or c == "amount"]
        noisy[name] = frame.assign(**{c: frame[c] * rng.normal(1, 0.01, len(frame)) for c in cells})
    again = fitted.model.score(noisy, NOW)["dealers"]
    assert kendalltau(scored["dealers"]["score"], again["score"]).statistic > 0.9


@pytest.mark.parametrize("days", [5, 40, 400])
def test_paying_later_never_raises_a_score(fitted, tables, scored, days):
    late = tables["payments"]["dealer_id"] < "D020"
    shift = pd.to_timedelta(np.where(late, days, 0), unit="D")
    payments = tables["payments"].assign(
        paid_at=tables["payments"]["paid_at"] + shift, known_at=tables["payments"]["known_at"] + shift
    )
    changed = dealers_of(fitted, tables | {"payments": payments})["score"]
    before = scored["dealers"].set_index("dealer_id")["score"]
    assert (changed <= before + 1e-9).all()
    assert (changed < before - 0.5).any()


def test_row_order_does_not_matter_and_a_saved_model_says_the_same(fitted, tables, scored):
    shuffled = {name: f.sample(frac=1, random_state=0) for name, f in tables.items()}
    again = pickle.loads(pickle.dumps(fitted.model)).score(shuffled, NOW)["dealers"]
    pd.testing.assert_frame_equal(again, scored["dealers"], rtol=1e-9)


def test_a_new_or_silent_dealer_gets_the_stated_rate_and_a_note(fitted, tables):
    recent = tables["sell_in"]["period_start"] >= "2025-10-01"
    new = tables["sell_in"][recent & (tables["sell_in"]["dealer_id"] == "D001")].assign(dealer_id="Z1")
    old = tables["sell_in"][~recent & (tables["sell_in"]["dealer_id"] == "D001")]
    gone = old[old["period_start"] < "2025-05-01"].assign(dealer_id="Z2")
    frame = dealers_of(fitted, tables | {"sell_in": pd.concat([tables["sell_in"], new, gone])})
    assert frame.loc["Z1", "note"].startswith("short_history")
    assert frame.loc["Z2", "note"].startswith("dormant")
    assert frame.loc["Z2", "probability"] > frame.loc["Z1", "probability"]
    assert frame.loc["Z1", "reasons"][0]["code"] == "SHORT_HISTORY"


def test_sell_in_alone_is_enough_and_the_notes_say_so(tables):
    alone = {"sell_in": tables["sell_in"]}
    frame = health.fit(alone, NOW, health.Config()).model.score(alone, NOW)["dealers"]
    assert frame["collections"].isna().all()
    assert frame["note"].str.contains("no_invoices").all()


def test_a_forecast_speaks_in_the_growth_dimension(fitted, tables, scored):
    forecast = pd.DataFrame({"dealer_id": ["D001"], "sku_id": ["S001"], "period_start": [NOW], "mean": [1e5]})
    with_it = dealers_of(fitted, tables, forecast=forecast)
    before = scored["dealers"].set_index("dealer_id")
    assert with_it.loc["D001", "growth"] > before.loc["D001", "growth"]
    assert with_it.loc["D001", "forecast_growth"] > 0
    assert "no_forecast" in before.loc["D001", "note"]
    assert "no_forecast" not in with_it.loc["D001", "note"]
    assert forecast_growth(forecast.iloc[:0], None) is None


def test_regions_are_their_dealers_weighted_by_sales(scored):
    dealers, regions = scored["dealers"], scored["regions"].set_index("territory_id")
    for place, part in dealers.groupby("territory_id"):
        slow = np.average(part["score"], weights=np.maximum(part["sales_12m"], 1e-9))
        assert regions.loc[place, "score"] == pytest.approx(slow, rel=1e-6)


def test_potential_is_never_below_what_is_sold_and_levers_fit_into_the_gap(scored):
    frame = scored["dealers"].dropna(subset=["attainable"])
    assert (frame["attainable"] >= frame["sales_12m"] - 1e-6).all()
    assert all(sum(row.levers.values()) <= row.gap + 0.05 for row in frame.itertuples())


def test_evidence_is_of_later_cutoffs_and_beats_recency(fitted):
    from models.scoring import auc

    evidence = fitted.evidence
    assert evidence["cutoff"].nunique() == 4
    assert auc(evidence["y"], evidence["probability"]) > auc(evidence["y"], evidence["baseline_recency"])


def test_too_little_is_refused_with_the_next_step(tables):
    with pytest.raises(NoSales, match="qudao ingest"):
        health.fit({}, NOW, health.Config())
    few = {"sell_in": tables["sell_in"][tables["sell_in"]["dealer_id"] < "D003"]}
    with pytest.raises(TooFewRows, match="at least 5 rows; got 2"):
        health.fit(few, NOW, health.Config())
    assert isinstance(HealthModel(), HealthModel)
