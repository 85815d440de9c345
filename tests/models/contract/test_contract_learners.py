import numpy as np
import pytest

from features.errors import TooFewRows
from models.contract.blocks import Block, Blocks
from models.contract.classifier import Classifier, dealt
from models.contract.cues import BadCue, Cues
from models.contract.review import Clause, overall
from models.contract.risk import RISKS, Risk
from models.contract.said import said
from models.contract.softmax import Softmax
from models.contract.topics import turns
from models.errors import NotFitted
from tests.oracles import contracts as oracle

TEXTS = ["乙方不得窜货", "乙方应付货款", "甲方负责运输货物", "窜货者罚款"]


def clause(kind, high, medium=0.0):
    risks = {"low": 1 - high - medium, "medium": medium, "high": high}
    return Clause(
        start=0, end=1, type=kind, probability=1.0, risk="low", risks=risks, language="zh", heading=""
    )


def test_blocks_are_the_tfidf_of_a_slow_count():
    blocks = Blocks((Block("plain", "char", 1, 3, min_df=1),)).fit([said(t) for t in TEXTS])
    names = blocks.vectorizers_[0][1].get_feature_names_out()
    for text in TEXTS:
        row = blocks.transform([said(text)]).toarray()[0]
        slow = oracle.tfidf_row(text, TEXTS, 1, 3, 1)
        np.testing.assert_allclose([slow.get(name, 0.0) for name in names], row, atol=1e-6)


def test_overall_is_the_weighted_mean_and_the_count_of_outcomes():
    clauses = [clause("other", 0.1, 0.4), clause("price_control", 0.6), clause("assignment", 0.2)]
    score, probability = overall(clauses, ["payment_terms"])
    severities = [0.1 + 0.35 * 0.4, 0.6, 0.2, 0.6]
    assert score == pytest.approx(oracle.score(severities, [0.5, 2, 1, 2]), abs=0.05)
    assert probability == pytest.approx(oracle.some_high([0.1, 0.6, 0.2]))


def test_a_safer_clause_never_lowers_the_score():
    risky, safe = overall([clause("assignment", 0.9)], []), overall([clause("assignment", 0.1)], [])
    assert safe[0] > risky[0]
    assert safe[1] < risky[1]


def test_calibration_is_no_worse_than_a_grid_of_temperatures():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    margins = np.eye(3)[truth] * 0.8 + rng.normal(0, 0.6, (300, 3))
    fitted = Softmax().fit(margins, truth)
    ours = oracle.softmax_loss(margins, truth, fitted.steepness_, fitted.offsets_)
    assert ours <= min(oracle.softmax_loss(margins, truth, t, np.zeros(3)) for t in np.linspace(0.2, 5, 25))


def test_held_out_groups_stay_together_and_folds_are_even():
    groups = ["a"] * 30 + ["b"] * 20 + ["c"] * 10 + ["d"] * 10
    fold = dealt(groups, 2)
    assert all(len({f for f, g in zip(fold, groups, strict=True) if g == name}) == 1 for name in "abcd")
    assert np.bincount(fold).tolist() == [40, 30]


def test_a_refit_forgets():
    texts = [said(t) for t in TEXTS]
    blocks = (Block("plain", "char", 1, 2, min_df=1),)
    first = Classifier(blocks).fit(texts, ["a", "b", "c", "a"])
    again = Classifier(blocks).fit(texts[::-1], ["b", "c", "a", "c"]).fit(texts, ["a", "b", "c", "a"])
    np.testing.assert_array_equal(first.margins(texts), again.margins(texts))


def test_one_sentence_gives_a_long_paragraph_its_label():
    filler = "The parties met in the usual place and spoke of the usual things for a while. "
    marked = "The liability of the supplier is limited to the price paid in the year. "
    texts = [said(filler * i + marked + filler * i) for i in range(1, 5)] + [
        said(filler * i) for i in range(1, 7)
    ]
    labels = [{"cap"}] * 4 + [set()] * 6 + [{"rest"}]
    model = Classifier((Block("plain", "word", 1, 2, min_df=1),), sentences=True)
    model.fit([*texts, said("Rest of all kinds stands here alone.")], labels)
    high, low = model.margins([said(filler * 8 + marked), said(filler * 9)])[:, model.labels_.index("cap")]
    assert high > low


def test_a_turn_is_told_only_when_it_pays():
    logp = np.log([[0.9, 0.1], [0.7, 0.3], [0.05, 0.95], [0.1, 0.9]])
    assert turns(logp, price=2.0) == [0, 2]
    assert turns(logp, price=50.0) == [0]


def test_the_type_decides_what_a_wording_means():
    texts = [
        said(t) for t in ["可以转让" * 2, "可以转让", "可以退货", "可以退货" * 2, "不得转让", "不得退货"] * 3
    ]
    types = ["assignment", "assignment", "other", "other", "assignment", "other"] * 3
    model = Risk((Block("cast", "char", 1, 2, min_df=1),), folds=3)
    model.fit(texts, types, ["high", "high", "low", "low", "low", "high"] * 3)
    told = model.probabilities([said("可以转让"), said("可以退货")], ["assignment", "other"]).argmax(axis=1)
    assert [RISKS[i] for i in told] == ["high", "low"]


def test_found_counts_expressions_of_the_type_and_of_all():
    model = Risk(
        (Block("cast", "char", 1, 1, min_df=1),), {"any": {"high": ["无上限"]}, "other": {"low": ["口头"]}}
    )
    assert model.found([said("无上限口头"), said("口头")], ["other", "assignment"]) == [
        {"low": 1, "medium": 0, "high": 1},
        {"low": 0, "medium": 0, "high": 0},
    ]


def test_what_cannot_be_learned_or_asked_is_told():
    with pytest.raises(BadCue, match="Cue 2 of 'other'"):
        Cues({"other": ["a", "(["]})
    with pytest.raises(TooFewRows, match="two labels"):
        Classifier((Block("plain", "char", 1, 1),)).fit([said("a")], ["x"])
    with pytest.raises(NotFitted):
        Classifier(()).margins([said("a")])
