"""One story from data to decision, told over HTTP.

A dealer diverts, another stops paying. Alerts rise with the right pair and in time, a person
confirms one, the credit limit falls, and every decision can be taken again.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from live import Live, free_port, wait

from features.known import known
from features.lake import Lake
from features.simulator import simulate, story_world
from models.registry import Registry
from serving.answers import ANSWERS
from serving.decisions import Decisions
from serving.launch import environment
from serving.score_batch import Wanted, score_room
from serving.security.audit import Audit
from serving.security.keys import Keyring
from serving.settings import Settings
from training.recipes import anomaly, price, rebate
from training.scorers import ROOMS, load, train_scores

SELLER, RECEIVER, GOODS = "D013", "D019", "S006"  # from May 2025 on
BROKE = "D030"  # pays nothing from 5 September 2025 on
EARLY, LATE = pd.Timestamp("2025-07-05"), pd.Timestamp("2026-01-01")
SMALL = {
    "anomaly": anomaly.Config(learned_worlds=2, judged_worlds=1, diversion_worlds=4),
    "rebate": rebate.Config(trees=10, most_rows=1_000, judged_cutoffs=1),
    "price": price.Config(judged_cutoffs=1),
}
ROOT = Path(__file__).parents[2]
CALLS = re.findall(
    r"```sh\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), flags=re.DOTALL
)
ALERTS, CREDIT, ORDERS = "/v1/alerts", "/v1/dealers/credit", "/v1/risk/orders"


@pytest.fixture(scope="module")
def channel():
    return simulate(story_world())


@pytest.fixture(scope="module")
def home(channel, tmp_path_factory):
    """A home with six released rooms, trained on what was known in July."""
    folder = tmp_path_factory.mktemp("story")
    lake, registry = Lake(folder / "warehouse"), Registry(root=folder)
    lake.merge(known(channel.tables, EARLY), source="first half")
    for room in ROOMS:
        config = SMALL.get(room) or load(room).Config()
        version = train_scores(room, lake, registry, config, moment=EARLY).version
        registry.promote(room, version)
    return folder


@pytest.fixture(scope="module")
def service(home):
    live = Live(home, Settings(home=home, port=free_port(), rate_per_minute=10_000, poll_seconds=0.5)).start()
    with live.client("planner") as client:
        wait(lambda: client.get(ALERTS).status_code == 200, seconds=240)
    yield live
    live.stop()


@pytest.fixture(scope="module")
def planner(service):
    with service.client("planner") as client:
        yield client


@pytest.fixture(scope="module")
def told(planner, home, channel):
    """What was said, step by step."""
    said = {"july": alerts(planner), "limit in july": credit(planner, SELLER, BROKE)}
    lake = Lake(home / "warehouse")
    lake.merge(known(channel.tables, LATE), source="second half")
    wait(lambda: planner.get(ALERTS).json()["as_of"] >= "2025-12-31", seconds=180)
    said |= {"january": alerts(planner), "limit before": credit(planner, SELLER, BROKE)}
    alert = diversion(said["january"])["alert_id"]
    verdict = {"verdict": "confirmed", "reason": "600 cases found in the other territory."}
    said["verdict"] = planner.post(f"{ALERTS}/{alert}/verdict", json=verdict).json()
    said["after"] = alerts(planner)
    data = said["limit before"]["data_version"]
    wait(lambda: credit(planner, SELLER)["data_version"] != data, seconds=180)
    return said | {"limit after": credit(planner, SELLER, BROKE)}


def command(home, *words):
    """What the command line says in this home."""
    env = environment(Settings(home=home), os.environ) | {"QUDAO_HOME": str(home), "COLUMNS": "200"}
    line = [sys.executable, "-m", "qudao", *map(str, words)]
    done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def alerts(client):
    return client.get(ALERTS, params={"limit": 1000}).json()


def credit(client, *dealers):
    answer = client.post(CREDIT, json={"dealer_ids": list(dealers)})
    assert answer.status_code == 200, answer.text
    return answer.json() | {"request_id": answer.headers["x-request-id"]}


def diversion(listed):
    """The gravest alert of diversion by the seller of the story."""
    found = [a for a in listed["alerts"] if a["type"] == "diversion" and a["dealer_id"] == SELLER]
    return min(found, key=lambda alert: alert["rank"]) if found else None


def limit(answer, dealer):
    return next(d["limit"] for d in answer["dealers"] if d["dealer_id"] == dealer)


def test_two_months_after_it_began_the_diversion_is_a_warning_with_the_right_pair(told):
    alert = diversion(told["july"])
    assert (alert["receiver_dealer_id"], alert["sku_id"]) == (RECEIVER, GOODS)
    assert alert["level"] in ("warning", "critical")
    assert alert["evidence"]
    assert alert["suggestions"]


def test_it_stays_one_alert_while_it_goes_on(told):
    assert diversion(told["january"])["alert_id"] == diversion(told["july"])["alert_id"]
    july, january = (diversion(told[month])["expected_loss_amount"] for month in ("july", "january"))
    assert january > july


def test_the_number_in_the_evidence_is_the_one_in_the_books(told, channel):
    sold = channel.tables["sell_out"].groupby(["dealer_id", "sku_id", "period_start"])["qty_sell_out"].sum()
    shown = [e for e in diversion(told["january"])["evidence"] if e["series"] == "sell_out.qty_sell_out"]
    assert shown
    for one in shown:
        assert one["value"] in (
            pytest.approx(sold[SELLER, GOODS, pd.Timestamp(one["period"])]),
            pytest.approx(sold[RECEIVER, GOODS, pd.Timestamp(one["period"])]),
        )


def test_a_dealer_that_stopped_paying_is_a_critical_alert_and_gets_no_credit(told):
    default = [a for a in told["january"]["alerts"] if a["type"] == "default" and a["dealer_id"] == BROKE]
    assert [a["level"] for a in default] == ["critical"]
    assert limit(told["limit before"], BROKE)["amount"] == 0
    assert limit(told["limit in july"], BROKE)["amount"] > 0


def test_a_confirmed_alert_brings_the_limit_down(told):
    before, after = limit(told["limit before"], SELLER), limit(told["limit after"], SELLER)
    assert after["amount"] <= 0.55 * before["amount"]
    assert "ALERT_CUT" in after["rules"]


def test_the_verdict_is_shown_at_once_with_its_author(told):
    alert = diversion(told["after"])
    assert alert["status"] == "confirmed"
    assert told["verdict"]["alert"] == alert
    assert [one["author"] for one in alert["history"]] == ["test planner"]


def test_every_decision_replays_to_the_same_answer(told, home):
    registry, lake = Registry(root=home), Lake(home / "warehouse")
    kept, again = Decisions(home / "private" / "decisions.jsonl"), {r: a.again for r, a in ANSWERS.items()}
    for step in ("limit in july", "limit before", "limit after"):
        replayed = kept.replay(told[step]["request_id"], registry, lake, again)
        assert replayed.same
        assert limit(replayed.answer, SELLER) == limit(told[step], SELLER)


def test_the_command_line_replays_a_decision(told, home):
    said = command(home, "replay", told["limit before"]["request_id"], "--quiet")
    assert "the same answer" in said


def test_the_command_line_reads_contracts_and_loses_no_line(home, tmp_path):
    texts, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    texts.write_text(
        '{"id": "1", "text": "乙方不得跨区销售，违者扣除保证金。"}\nnot json\n', encoding="utf-8"
    )
    command(home, "contract", "review", texts, "--out", out, "--quiet")
    first, second = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert [clause["type"] for clause in first["clauses"]] == ["diversion_ban"]
    assert second["error"]


def test_the_audit_names_who_asked_and_which_model_answered(told, home):
    lines = list(Audit(home / "private" / "audit.jsonl").read())
    verdict = next(line for line in lines if line["path"] == f"{ALERTS}/{{alert_id}}/verdict")
    assert (verdict["role"], verdict["status"]) == ("planner", 200)
    assert verdict["model"].startswith("anomaly/")


def test_a_batch_says_what_the_service_says(told, home, tmp_path):
    lake, registry = Lake(home / "warehouse"), Registry(root=home)
    score_room(lake, registry, Wanted(room="credit", as_of="2025-12", out=tmp_path))
    batch = pd.read_parquet(tmp_path / "dealers.parquet").set_index("dealer_id")
    for dealer in told["limit after"]["dealers"]:
        row = batch.loc[dealer["dealer_id"]]
        assert dealer["probability"] == pytest.approx(row["probability"])
        assert dealer["limit"]["amount"] == row["limit_amount"]
        assert dealer["reasons"] == list(row["reasons"])


def test_an_order_is_screened_and_an_odd_one_does_not_pass(told, planner):
    usual = {"order_id": "1", "dealer_id": "D001", "currency": "CNY"}
    sold = planner.post(ORDERS, json={"orders": [usual | {"lines": [{"sku_id": "S001", "qty": 1e7}]}]})
    assert sold.status_code == 200, sold.text
    assert sold.json()["orders"][0]["decision"] in ("review", "hold")
    assert sold.json()["orders"][0]["reasons"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/dealers/health", {"dealer_ids": ["NOBODY"]}, 404),
        (CREDIT, {"dealer_ids": ["NOBODY"]}, 404),
        ("/v1/rebates/attainment", {"dealer_ids": ["NOBODY"]}, 404),
        (
            "/v1/rebates/simulate",
            {
                "ladder": {"rule": "marginal", "currency": "CNY", "tiers": []},
                "cases": [{"purchases_amount": 1}],
            },
            422,
        ),
        (CREDIT, {"dealer_ids": "D001"}, 422),
        ("/v1/contracts/review", {"text": " \n "}, 422),
        ("/v1/contracts/review", {"document": {"media_type": "application/pdf", "content": "bm8="}}, 422),
        (f"{ALERTS}/A-0/verdict", {"verdict": "confirmed"}, 404),
        (f"{ALERTS}/A-0/verdict", {"verdict": "perhaps"}, 422),
        (
            ORDERS,
            {"orders": [{"order_id": "1", "dealer_id": "D001", "lines": [{"sku_id": "S9", "qty": 1}]}]},
            404,
        ),
        (
            ORDERS,
            {"orders": [{"order_id": "1", "dealer_id": "D001", "lines": [{"sku_id": "S001", "qty": -1}]}]},
            422,
        ),
    ],
)
def test_a_question_nobody_can_answer_is_refused_with_its_place(planner, path, body, status):
    answer = planner.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["next_step"]


def test_every_dealer_is_scored_in_one_call(planner):
    answer = planner.post("/v1/dealers/health", json={"regions": True}).json()
    assert len(answer["dealers"]) == 30
    assert all(0 <= d["score"] <= 100 and 0 <= d["probability"] <= 1 for d in answer["dealers"])
    assert np.isfinite([r["score"] for r in answer["regions"]]).all()


def test_a_contract_is_read_with_places_that_are_in_the_text(planner):
    text = "第一条 付款\n乙方应于收货后180日内付款。\n第二条 窜货\n乙方不得跨区销售，违者扣除保证金。"
    answer = planner.post("/v1/contracts/review", json={"text": text}).json()
    assert {"payment_terms", "diversion_ban"} <= {clause["type"] for clause in answer["clauses"]}
    assert all(text[clause["start"] : clause["end"]] == clause["text"] for clause in answer["clauses"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("call", CALLS)
def test_the_calls_in_the_guide_work(service, call):
    key = Keyring(service.settings.keys_folder).create_key("guide", "planner")
    env = {"PATH": os.environ["PATH"], "QUDAO": service.url, "QUDAO_KEY": key}
    done = subprocess.run(
        ["bash", "-c", f"{call.strip()} -w '\n%{{http_code}}'"], env=env, capture_output=True, text=True
    )
    assert done.stdout.endswith("200"), done.stdout + done.stderr


def test_the_models_that_answer_are_listed(planner):
    listed = planner.get("/v1/models").json()
    assert {one["name"] for one in listed["scorers"]} == set(ROOMS)
