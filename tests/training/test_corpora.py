"""The clauses that the contract room learns from keep their form."""

import json
from collections import Counter
from pathlib import Path

import pytest

from features.industries import CLAUSES

CORPORA = sorted((Path(__file__).parents[2] / "training" / "corpora").glob("*.jsonl"))


def clauses(paths):
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("path", CORPORA, ids=lambda path: path.stem)
def test_every_clause_has_a_type_and_a_risk_that_are_known(path):
    for clause in clauses([path]):
        assert clause["type"] in CLAUSES
        assert clause["risk"] in ("low", "medium", "high")
        assert clause["text"].strip()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_clause_stands_twice_and_every_id_once(language):
    every = clauses(path for path in CORPORA if path.stem.startswith(f"contract_{language}"))
    assert max(Counter(clause["id"] for clause in every).values()) == 1
    assert max(Counter(clause["text"] for clause in every).values()) == 1


def test_there_are_forty_chinese_clauses_of_every_type():
    every = clauses(path for path in CORPORA if "_zh_" in path.stem)
    counted = Counter(clause["type"] for clause in every)
    assert min(counted[kind] for kind in CLAUSES) >= 40


def test_no_clause_of_the_test_set_is_learned_from():
    tests = Path(__file__).parents[1] / "models" / "contract"
    learned = {clause["text"] for clause in clauses(CORPORA)}
    assert learned.isdisjoint(clause["text"] for clause in clauses([tests / "zh_test.jsonl"]))
