"""The gate of scoring rooms, and what their evidence says."""

import numpy as np
import pandas as pd
import pytest

from models import scoring
from training.admission import ScoreRules, admit_scores, compare_scores
from training.score_report import write_score_report
from training.trust import fairness, reliability, scorecard


def evidence(n=900, *, seed=0, power=1.0, noise=0.0):
    """Rows of one task whose model knows the truth, bent by `power` and blurred by `noise`."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.03, 0.7, n)
    y = (rng.random(n) < truth).astype(float)
    told = 1 / (1 + np.exp(-(np.log(truth / (1 - truth)) + noise * np.random.default_rng(9).normal(size=n))))
    return pd.DataFrame(
        {
            "task": "decline",
            "subject": [f"D{i % 300}" for i in range(n)],
            "cutoff": pd.to_datetime("2024-01-01") + pd.to_timedelta(30 * (np.arange(n) // 300), unit="D"),
            "y": y,
            "probability": told**power,
            "baseline_recency": rng.random(n),
            "territory_id": np.where(np.arange(n) % 2, "N", "S"),
            "tier": np.where(np.arange(n) % 3, "A", "B"),
        }
    )


def test_a_first_model_that_ranks_and_is_calibrated_is_admitted():
    verdict = admit_scores(evidence())
    assert verdict.passes
    assert "decline: AUC" in verdict.reasons[0]


def test_a_first_model_that_promises_too_much_is_not():
    verdict = admit_scores(evidence(power=0.4))
    assert verdict.better
    assert not verdict.covers


def test_a_first_model_no_better_than_a_simple_thing_is_not():
    rows = evidence()
    verdict = admit_scores(rows.assign(baseline_recency=rows["probability"]))
    assert not verdict.better


def test_a_simple_thing_that_ranks_surely_better_stands_in_the_way():
    rows = evidence(noise=2.0)
    verdict = admit_scores(rows.assign(baseline_recency=evidence()["probability"]))
    assert not verdict.better
    assert "surely behind recency" in " ".join(verdict.reasons)


def test_a_challenger_has_to_be_surely_better():
    good, blurred = evidence(), evidence(noise=1.0)
    assert compare_scores(blurred, good, seed=0).better
    assert not compare_scores(good, blurred, seed=0).better
    assert not compare_scores(good, good, seed=0).better


def test_a_handful_of_outcomes_is_not_judged():
    few = evidence(25)
    assert not admit_scores(few).passes
    assert "nothing can be judged" in admit_scores(few).reasons[-1]


def test_evidence_of_other_rows_cannot_be_compared():
    other = evidence().assign(subject=lambda f: "X" + f["subject"])
    verdict = compare_scores(other, evidence(), seed=0, rules=ScoreRules(resamples=50))
    assert not verdict.passes
    assert "share too little" in verdict.reasons[-1]


def test_the_scorecard_holds_what_the_metrics_say():
    rows = evidence()
    card = scorecard(rows).set_index("method")
    assert card.loc["model", "auc"] == pytest.approx(scoring.auc(rows["y"], rows["probability"]))
    assert card.loc["recency", "gini"] == pytest.approx(scoring.gini(rows["y"], rows["baseline_recency"]))
    last = rows["cutoff"] == rows["cutoff"].max()
    psi = scoring.psi(rows.loc[~last, "probability"], rows.loc[last, "probability"])
    assert card.loc["model", "psi"] == pytest.approx(psi)


def test_every_region_and_tier_is_in_the_fairness_table():
    groups = fairness(evidence())
    assert set(zip(groups["by"], groups["group"], strict=True)) == {
        ("territory_id", "N"), ("territory_id", "S"), ("tier", "A"), ("tier", "B"),
    }  # fmt: skip
    assert groups["n"].sum() == 2 * len(evidence())


def test_unknown_outcomes_are_not_judged():
    rows = evidence()
    rows.loc[:99, "y"] = np.nan
    assert scorecard(rows)["n"].tolist() == [800, 800]
    assert reliability(rows)["n"].sum() == 800


def test_the_report_escapes_names_and_holds_every_task(tmp_path):
    rows = evidence().assign(territory_id="<b>N</b>")
    write_score_report(rows, out=tmp_path, title="Health <scores>", about={"data_version": "abc"})
    page = (tmp_path / "scores.html").read_text("utf-8")
    assert "<b>N</b>" not in page
    assert "&lt;scores&gt;" in page
    assert page.count("<circle") == 10


def costs(n=60, *, ours=1.0, seed=0):
    """Rows of a room that decides: losses beside those of two simple rules."""
    rng = np.random.default_rng(seed)
    usual = rng.gamma(4, 5, n)
    return pd.DataFrame(
        {
            "task": "order_cost",
            "subject": [f"D{i}" for i in range(n)],
            "cutoff": pd.Timestamp("2024-01-01"),
            "loss": usual * ours * rng.uniform(0.9, 1.1, n),
            "baseline_mean_12": usual,
            "baseline_last_value": usual * 1.3,
        }
    )


def test_decisions_that_cost_less_than_every_simple_rule_are_admitted():
    verdict = admit_scores(pd.concat([costs(ours=0.8), evidence()]))
    assert verdict.passes
    assert any(said.startswith("order_cost: mean loss") for said in verdict.reasons)
    assert admit_scores(costs(ours=0.8)).passes


def test_decisions_that_cost_more_than_one_simple_rule_are_not():
    verdict = admit_scores(costs(ours=1.2))
    assert not verdict.better
    assert "surely behind mean_12" in verdict.reasons[0]


def test_a_few_decisions_judge_nothing():
    assert not admit_scores(costs(n=10, ours=0.5)).passes


def test_a_challenger_has_to_decide_surely_better_than_the_champion():
    champion, worse, better = (costs(ours=x, seed=3) for x in (1.0, 1.1, 0.9))
    assert compare_scores(champion, better, seed=0).passes
    assert not compare_scores(champion, worse, seed=0).better
    assert not compare_scores(champion, champion, seed=0).better
