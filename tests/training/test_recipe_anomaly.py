from datetime import datetime

import pandas as pd
import pytest

from features.simulator import World, simulate
from models.anomaly.rules import Rules
from models.scoring import auc
from training.config import BadSettings
from training.fitted import EVIDENCE
from training.recipes import anomaly
from training.recipes.anomaly import Config, fit, read_policy, taught_ranker
from training.truths import channel_world, label, scenes

MOMENT = pd.Timestamp("2025-12-01")
QUICK = Config(learned_worlds=2, judged_worlds=1, diversion_worlds=0)


@pytest.fixture(scope="module", autouse=True)
def worlds_are_drawn_once():
    """The simulated channels are the same in every fit: they are looked at once."""
    draw, seen = anomaly.observed, {}

    def observed(seeds, config):
        if tuple(seeds) not in seen:
            seen[tuple(seeds)] = draw(seeds, config)
        return seen[tuple(seeds)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anomaly, "observed", observed)
        yield


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=16, survey_share=0.5, breach_share=0.5, contract_share=0.0, seed=21)).tables


@pytest.fixture(scope="module")
def fitted(tables):
    return fit(tables, MOMENT, QUICK)


def test_the_file_holds_the_defaults():
    assert Config.read() == Config()


def test_settings_with_a_misspelt_name_are_refused_with_a_hint():
    with pytest.raises(BadSettings, match='Did you mean "industry"'):
        Config.parse({"industri": "fmcg"})


def test_evidence_is_what_the_report_needs_and_ours_beats_the_baselines(fitted):
    evidence = fitted.evidence
    assert set(EVIDENCE) <= set(evidence.columns)
    assert evidence[list(EVIDENCE)].notna().all().all()
    assert {"baseline_rule", "baseline_size"} <= set(evidence.columns)
    for kind in ("excess", "stuffing"):
        rows = evidence[evidence["task"] == f"anomaly_{kind}"]
        assert auc(rows["y"], rows["probability"]) > auc(rows["y"], rows["baseline_size"])


def test_judged_worlds_were_not_learned_from():
    assert not set(anomaly.LEARNED) & set(anomaly.JUDGED)


def test_about_tells_what_is_boosted_and_what_fell_back_to_its_rule(fitted):
    about = fitted.about
    assert set(about["fallback"]) == {kind for kind, has in about["boosted"].items() if not has}
    assert about["verdicts"] == 0


def test_what_is_known_after_the_moment_teaches_nothing(tables, fitted):
    later = {k: v.copy() for k, v in tables.items()}
    late = later["signals"]["known_at"] > MOMENT
    later["signals"].loc[late, "value"] *= 0.3
    again = fit(later, MOMENT, QUICK).model
    assert again.habits == fitted.model.habits
    assert fitted.model.cutoff_ == MOMENT


def test_the_client_needs_no_tables_of_any_kind(fitted):
    alone = fit({}, MOMENT, QUICK)
    assert len(alone.model.score({}, MOMENT)["alerts"]) == 0


def test_past_verdicts_teach_the_ranker_and_later_ones_do_not(tables, fitted):
    model = fitted.model
    stood = model.score(tables, pd.Timestamp("2025-10-05"))["alerts"].head(14)
    rows = pd.DataFrame(
        {"alert_id": stood["alert_id"], "verdict": ["confirmed", "dismissed"] * 7, "author": "li"}
    )
    rows["verdict_id"] = [f"V{i}" for i in range(len(rows))]
    rows = rows.assign(reason="", decided_at=pd.Timestamp("2025-10-05"), known_at=pd.Timestamp("2025-10-05"))
    assert taught_ranker(model, tables | {"verdicts": rows}, MOMENT, QUICK).verdicts_ == 14
    after = rows.assign(known_at=pd.Timestamp("2026-01-05"), decided_at=pd.Timestamp("2026-01-05"))
    late = fit(tables | {"verdicts": after}, MOMENT, QUICK)
    assert late.about["verdicts"] == 0


def test_a_policy_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(BadSettings, match=r"none\.yaml"):
        read_policy(tmp_path / "none.yaml")
    bad = tmp_path / "bad.yaml"
    bad.write_text("{", encoding="utf-8")
    with pytest.raises(BadSettings, match=r"bad\.yaml"):
        read_policy(bad)


def test_truths_are_those_of_the_simulator():
    one = channel_world(5, dealers=12, months=24)
    breach = one.truth["price_breaches"].iloc[[0]]
    row = breach[["dealer_id", "sku_id"]].assign(
        first_period=breach["starts_at"], last_period=breach["starts_at"]
    )
    long_ago = row.assign(first_period=datetime(2000, 1, 1), last_period=datetime(2000, 1, 1))
    assert label(one, "undercut", row).tolist() == [1.0]
    assert label(one, "undercut", long_ago).tolist() == [0.0]
    assert 0 < len(one.loaders) < 12
    assert len(list(scenes(one, rules=Rules()))) == 6
