import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.simulator import World, simulate
from training.config import BadSettings
from training.fitted import EVIDENCE
from training.recipes import credit

MOMENT = pd.Timestamp("2025-10-01")


@pytest.fixture(scope="module")
def tables():
    made = simulate(World(dealers=45, seed=8, default_share=0.3)).tables
    return {name: made[name] for name in ("invoices", "payments", "dealers")}


@pytest.fixture(scope="module")
def fitted(tables):
    return credit.fit(tables, MOMENT, credit.Config(judged_months=(12,)))


def test_the_shipped_settings_are_the_defaults():
    shipped, bare = credit.Config.read(), credit.Config()
    assert shipped.model_dump(exclude={"limit"}) == bare.model_dump(exclude={"limit"})
    pack = credit.industry("general")
    assert shipped.policy(pack) == bare.policy(pack)
    with pytest.raises(BadSettings, match="grace_days"):
        credit.Config.parse({"grace_dais": 3})


def test_evidence_is_later_than_what_taught_and_comes_with_a_baseline(fitted):
    evidence = fitted.evidence
    assert set(EVIDENCE) <= set(evidence)
    assert set(evidence["task"]) == {"default_3m", "default_6m", "default_12m", "late_payment"}
    assert set(fitted.baselines()) == {"overdue", "late_rate"}
    assert (evidence["cutoff"] < MOMENT).all()
    assert evidence["probability"].between(0, 1).all()
    assert not evidence.duplicated(["task", "subject", "cutoff"]).any()


def test_it_tells_who_fails_better_than_what_is_overdue(fitted):
    from models.scoring import auc

    rows = fitted.evidence[fitted.evidence["task"] == "default_12m"]
    assert auc(rows["y"], rows["probability"]) > auc(rows["y"], rows["baseline_overdue"])


def test_the_model_is_of_its_moment(fitted, tables):
    assert fitted.model.cutoff_ == MOMENT
    assert len(fitted.model.score(tables, MOMENT)["dealers"]) == 45
    assert fitted.about["currency"] == "CNY"


def test_what_is_known_later_changes_neither_model_nor_evidence(fitted, tables):
    later = {name: frame[frame["known_at"] <= MOMENT] for name, frame in tables.items()}
    again = credit.fit(later, MOMENT, credit.Config(judged_months=(12,)))
    pd.testing.assert_frame_equal(again.evidence, fitted.evidence)
    p = [f.model.score(tables, MOMENT)["dealers"]["pd_12m"] for f in (fitted, again)]
    assert np.array_equal(p[0], p[1])


def test_too_few_invoices_are_told(tables):
    with pytest.raises(TooFewRows, match="invoices with a known outcome"):
        credit.fit({**tables, "invoices": tables["invoices"].head(20)}, MOMENT, credit.Config())
