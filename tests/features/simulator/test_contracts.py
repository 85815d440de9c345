import re

from features.simulator import World, simulate
from features.simulator.clauses import CLAUSES


def signed():
    made = simulate(World(dealers=60, products=1, months=2))
    return made.tables["contracts"], made.truth["clauses"].merge(made.tables["contracts"], on="contract_id")


def test_a_true_span_is_the_wording_of_its_clause():
    _, clauses = signed()
    for row in clauses.itertuples():
        wordings = [text for risk, text in CLAUSES[row.language][row.clause_type] if risk == row.risk]
        patterns = [re.sub(r"\\\{\w+\\\}", ".+", re.escape(text)) for text in wordings]
        assert any(re.fullmatch(pattern, row.text[row.begins : row.ends]) for pattern in patterns)


def test_contracts_differ_in_language_and_clauses():
    contracts, clauses = signed()
    assert contracts["text"].is_unique
    assert set(contracts["language"]) == {"zh", "en"}
    assert set(clauses["risk"]) == {"low", "medium", "high"}
    assert set(clauses["clause_type"]) == set(CLAUSES["zh"])


def test_a_contract_lacks_some_clauses():
    _, clauses = signed()
    kept = clauses.groupby("contract_id").size()
    assert kept.max() <= len(CLAUSES["zh"])
    assert kept.mean() < 0.9 * len(CLAUSES["zh"])


def test_every_wording_can_be_filled():
    slots = {"days", "rate", "amount", "area", "months", "place"}
    texts = [text for kinds in CLAUSES.values() for wordings in kinds.values() for _, text in wordings]
    assert all(set(re.findall(r"\{(\w+)\}", text)) <= slots for text in texts)
