from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.anomaly.alerts import alert_id, deduplicated, restated
from models.anomaly.budget import planned
from models.anomaly.cases import Case, cases, reopened
from models.anomaly.levels import levels
from models.anomaly.policy import Policy, PolicyError
from models.anomaly.rules import LEVELS, TYPES, Rules
from tests.oracles import anomalies as oracle

ROW = {"type": "stock", "kind": "excess", "dealer_id": "D1", "receiver_dealer_id": "", "territory_id": "T1"}
ROW |= {
    "sku_id": "S1",
    "topic": "",
    "first_period": pd.Timestamp("2025-03-01"),
    "probability": 0.5,
    "amount": 9.0,
}
DAY = pd.Timestamp("2025-06-15")


def verdict(alert, word, author="li", reason="", day=DAY):
    row = {
        "verdict_id": f"{alert}{word}{day}",
        "alert_id": alert,
        "author": author,
        "verdict": word,
        "reason": reason,
    }
    return row | {"decided_at": day, "known_at": day}


def test_a_name_depends_on_type_kind_subject_and_window_only():
    names = {
        alert_id(ROW | change)
        for change in ({}, {"probability": 0.1}, {"territory_id": "T2"}, {"amount": 0.0})
    }
    others = [
        {"kind": "dead"},
        {"dealer_id": "D2"},
        {"sku_id": "S2"},
        {"first_period": pd.Timestamp("2025-04-01")},
    ]
    assert len(names) == 1
    assert len({alert_id(ROW | change) for change in others} | names) == 5


def test_two_findings_of_one_name_are_one_alert_the_likelier():
    rows = pd.DataFrame([ROW | {"probability": p} for p in (0.2, 0.9, 0.4)])
    assert deduplicated(rows)["probability"].tolist() == [0.9]


def test_a_level_needs_loss_and_confidence():
    rules = Rules()
    found = levels(np.array([1e9, 1e9, 6000.0, 0.0]), np.array([0.61, 0.1, 0.9, 0.9]), rules)
    assert found == ["critical", "info", "warning", "info"]


def test_more_loss_or_more_confidence_never_lowers_a_level():
    rng = np.random.default_rng(0)
    loss, p = rng.uniform(0, 5e4, 200), rng.random(200)
    before, after = (levels(loss * k, np.minimum(p * k, 1), Rules()) for k in (1.0, 1.3))
    assert all(LEVELS.index(b) >= LEVELS.index(a) for a, b in zip(before, after, strict=True))


def test_the_budget_is_filled_by_loss_a_minute_as_in_the_slow_way():
    rng = np.random.default_rng(1)
    losses, minutes = rng.uniform(10, 1000, 40), rng.choice([10, 20, 45, 90], 40)
    rows = pd.DataFrame({"expected_loss_amount": losses, "minutes": minutes, "status": "open"})
    rows["alert_id"] = [f"A{i:02}" for i in range(40)]
    found = planned(rows, hours=5.0)
    assert set(np.flatnonzero(found["in_budget"])) == oracle.in_budget(losses, minutes, 300)
    assert sorted(found["rank"]) == list(range(1, 41))


def test_decided_alerts_take_no_minutes():
    rows = pd.DataFrame({"expected_loss_amount": [9.0, 1.0], "minutes": 60, "status": ["confirmed", "open"]})
    assert planned(rows.assign(alert_id=["a", "b"]), hours=1.0)["in_budget"].tolist() == [False, True]
    assert planned(rows.assign(alert_id=["a", "b"]), hours=0.0)["in_budget"].tolist() == [False, False]


def test_the_last_verdict_is_the_status_and_the_history_stays():
    days = [DAY, DAY + pd.Timedelta(1, "D"), DAY + pd.Timedelta(2, "D")]
    words = ["acknowledged", "dismissed", "confirmed"]
    rows = [verdict("A-1", w, day=d) for w, d in zip(words, days, strict=True)]
    found = cases(pd.DataFrame(rows[::-1]))["A-1"]
    assert found.status == "confirmed"
    assert [one["verdict"] for one in found.history] == words


@pytest.mark.parametrize(("after", "again"), [(0.0, False), (4.9, False), (5.1, True)])
def test_a_dismissed_alert_opens_only_when_the_evidence_grew_materially(after, again):
    periods = pd.to_datetime(["2025-05-01", "2025-07-01"])
    trail = [{"period": p, "amount": a} for p, a in zip(periods, (10.0, after), strict=True)]
    case = Case("dismissed", "li", "", DAY, [])
    assert reopened(case, trail, rate=0.5) is again
    assert reopened(replace(case, status="confirmed"), trail, rate=0.5) is False


def test_states_follow_verdicts_without_scoring_again(raised):
    name = raised.loc[raised["rank"] == 1, "alert_id"].iloc[0]
    late = pd.Timestamp("2026-01-05")
    told = pd.DataFrame([verdict(name, "dismissed", "wang", "known project", late)])
    found = restated(raised, told, Rules()).set_index("alert_id")
    assert found.loc[name, ["status", "author", "reason"]].tolist() == ["dismissed", "wang", "known project"]
    assert found.loc[name, "rank"] == len(raised)
    assert not found.loc[name, "in_budget"]
    assert (found["status"] == "open").sum() == len(raised) - 1


def test_alerts_are_written_to_a_file_and_read_again(raised, tmp_path):
    raised.to_parquet(tmp_path / "alerts.parquet")
    again = pd.read_parquet(tmp_path / "alerts.parquet")
    assert again["alert_id"].tolist() == raised["alert_id"].tolist()
    assert [list(e) for e in again["evidence"]] == raised["evidence"].tolist()


def test_a_verdict_in_the_tables_is_seen_from_its_moment_on_only(model, channel, raised):
    name = raised["alert_id"].iloc[0]
    told = pd.DataFrame([verdict(name, "confirmed", day=pd.Timestamp("2025-12-20"))])
    seen = model.score(channel.tables | {"verdicts": told}, pd.Timestamp("2026-01-01"))["alerts"]
    later = told.assign(known_at=pd.Timestamp("2026-02-01"))
    unseen = model.score(channel.tables | {"verdicts": later}, pd.Timestamp("2026-01-01"))["alerts"]
    assert seen.set_index("alert_id").loc[name, "status"] == "confirmed"
    assert unseen.set_index("alert_id").loc[name, "status"] == "open"


def test_the_shipped_policy_suggests_something_for_every_type_and_level(model):
    for type_ in TYPES:
        for level in LEVELS:
            assert model.policy.suggestions(type_, level)


def test_a_policy_with_faults_tells_all_of_them():
    with pytest.raises(PolicyError) as error:
        Policy.parse(
            {"actions": {"verify": {"zh": "核实"}, "fire": {}}, "disposals": {"stok": {}}, "extra": 1}
        )
    assert len(error.value.faults) > 20
    assert any('Did you mean "stock"?' in fault for fault in error.value.faults)


@pytest.mark.parametrize(
    "change",
    [
        {"minutes": {"stock": 10}},
        {"review_score": 0.9, "hold_score": 0.5},
        {
            "levels": [
                {"name": "watch", "loss_amount": 1, "probability": 0},
                {"name": "critical", "loss_amount": 2, "probability": 0},
            ]
        },
        {"analyst_hour": 3},
        {"losses": {"dead_rate": 1.5}},
    ],
)
def test_rules_that_make_no_sense_are_refused(change):
    with pytest.raises(ValidationError):
        Rules.model_validate(change)
