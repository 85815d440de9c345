import json

import pandas as pd
import pytest

from features.errors import TooFewRows
from features.industries import CLAUSES
from models.scoring import auc, average_precision
from training.clauses import BadCorpus, public_clauses, read_corpus
from training.config import BadSettings
from training.fitted import EVIDENCE
from training.recipes import contract
from training.recipes.contract import Config

MOMENT = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def fitted():
    return contract.fit({}, MOMENT, Config(folds=2, languages=("zh",), public_clauses=0))


def test_settings_are_those_of_the_file():
    assert Config.read() == Config()
    with pytest.raises(BadSettings, match='Did you mean "folds"'):
        Config.parse({"fold": 3})


def test_evidence_is_whole_and_better_than_keywords(fitted):
    evidence = fitted.evidence
    assert set(EVIDENCE) <= set(evidence.columns)
    assert not evidence.duplicated(["task", "subject"]).any()
    assert fitted.model.cutoff_ == MOMENT
    types = evidence[evidence["task"] == "type"]
    assert average_precision(types["y"], types["probability"]) > average_precision(
        types["y"], types["baseline_cues"]
    )
    risk = evidence[evidence["task"] == "high_risk"]
    assert auc(risk["y"], risk["probability"]) > auc(risk["y"], risk["baseline_expressions"]) > 0.7


def test_the_model_reads_chinese_and_names_what_is_missing(fitted):
    review = fitted.model.review(
        "第一条 付款\n1.1 乙方先付款后提货,款到发货。", required=["payment_terms", "ip_brand"]
    )
    assert [clause.type for clause in review.clauses] == ["payment_terms"]
    assert [missing.type for missing in review.missing] == ["ip_brand"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_corpora_hold_every_type_and_risk(language):
    clauses = read_corpus(language)
    assert set(clauses["type"]) == set(CLAUSES)
    assert clauses["id"].is_unique
    assert clauses.groupby("type").size().min() >= 25
    assert clauses["style"].nunique() >= 5


def test_wrong_lines_of_a_corpus_are_told_by_number_and_never_quoted(tmp_path):
    good = {"id": "a", "type": "other", "risk": "low", "style": "plain", "text": "secret"}
    rows = [json.dumps(good), "{", json.dumps(good | {"type": "x"}), json.dumps(good | {"text": ""})]
    (tmp_path / "contract_zh_a.jsonl").write_text("\n".join(rows), encoding="utf-8")
    with pytest.raises(BadCorpus, match=r"3 wrong lines") as error:
        read_corpus("zh", tmp_path)
    assert "contract_zh_a.jsonl:2: not JSON" in str(error.value)
    assert "secret" not in str(error.value)


def test_no_corpus_is_too_few(tmp_path):
    with pytest.raises(TooFewRows, match="zh contracts"):
        read_corpus("zh", tmp_path)


def test_public_clauses_are_optional(tmp_path, monkeypatch):
    monkeypatch.setenv("QUDAO_DATA", str(tmp_path))
    assert public_clauses(10).empty
    (tmp_path / "cuad_channel_contracts").mkdir()
    text = "The liability of the supplier is limited to the fees paid in the year before."
    spans = pd.DataFrame(
        {
            "contract": "c",
            "category": ["Cap on Liability"] * 3 + ["Document Name"],
            "text": [text + str(i) for i in range(4)],
            "split": ["train", "train", "test", "train"],
        }
    )
    spans.to_parquet(tmp_path / "cuad_channel_contracts" / "cuad_clauses_all510.parquet")
    assert public_clauses(10)["type"].tolist() == ["liability_cap"] * 2
