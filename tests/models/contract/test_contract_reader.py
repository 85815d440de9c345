import itertools
import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.industries import CLAUSES
from features.simulator import World, simulate
from models.contract.model import MOST_CHARACTERS, ContractModel, ContractTooLong, EmptyContract
from models.contract.wording import BadWording, Wording
from models.errors import NotFitted
from tests.small_reader import MOMENT, small_model
from training.clauses import read_data

HERE = Path(__file__).parent
CONTRACT = """经销合同
甲方:某食品公司
乙方:某商贸行
第一条 窜货管理
1.1 乙方不得跨区销售,首次窜货扣减当季返利,再次窜货甲方有权解除合同。
第二条 货款
2.1 乙方于货物卖完之后再与甲方结账,具体时间另议。
3. Governing Law
The courts at the Company's seat have exclusive jurisdiction over all disputes.
甲方(盖章)  乙方(盖章)
"""


def lines(name):
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def channel():
    return simulate(World(dealers=25, months=12, seed=3))


def test_a_review_types_judges_and_quotes_literally(model):
    review = model.review(CONTRACT, required=["payment_terms", "force_majeure"])
    told = {clause.type: clause for clause in review.clauses}
    assert {"diversion_ban", "payment_terms", "dispute_law", "other"} <= set(told)
    assert (told["diversion_ban"].risk, told["payment_terms"].risk) == ("low", "high")
    assert "卖完之后" in CONTRACT[told["payment_terms"].start : told["payment_terms"].end]
    assert told["payment_terms"].suggestion
    assert told["dispute_law"].language == "en"
    assert [m.type for m in review.missing] == ["force_majeure"]
    assert 0 <= review.score <= 100


def test_evidence_and_reasons_belong_to_their_clause(model):
    for clause in model.review(CONTRACT).clauses:
        assert all(clause.start <= a < b <= clause.end for a, b in clause.evidence)
        assert clause.reasons[0]["code"] == f"{clause.type}_{clause.risk}".upper()
        assert sum(clause.risks.values()) == pytest.approx(1, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=300), st.integers(0, 200))
def test_any_text_in_any_place_is_read_with_literal_spans(rubbish, at):
    text = CONTRACT[:at] + rubbish + CONTRACT[at:]
    spans = [(c.start, c.end) for c in small_model().review(text).clauses]
    assert all(text[a:b].strip() for a, b in spans)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))


@pytest.mark.parametrize("text", ["", "  \n\t", "\u3000"])
def test_an_empty_contract_is_refused(model, text):
    with pytest.raises(EmptyContract, match="OCR"):
        model.review(text)


def test_five_megabytes_are_refused_with_the_limit(model):
    with pytest.raises(ContractTooLong, match=f"{MOST_CHARACTERS:,}"):
        model.review("乙方应付款。\n" * 250_000)


def test_what_is_not_a_contract_or_not_readable_is_flagged(model):
    assert any(
        "does not read like" in note for note in model.review("今天天气很好。我们去公园散步,看花。").notes
    )
    review = model.review("Товар оплачивается в течение тридцати дней после поставки.")
    assert (review.clauses[0].language, review.clauses[0].type) == ("other", "other")
    assert review.clauses[0].probability <= 0.2


def test_parties_named_the_other_way_round_turn_the_risk(model):
    clause = "第一条 责任\n甲方应赔偿乙方因本合同产生的一切直接和间接损失,赔偿金额不设上限。"
    brand_pays = model.review("甲方(供方):某厂\n乙方(需方):某店\n" + clause).clauses[-1]
    dealer_pays = model.review("甲方(需方):某店\n乙方(供方):某厂\n" + clause).clauses[-1]
    assert brand_pays.high_probability > dealer_pays.high_probability


def test_one_clause_is_judged_alike_alone_and_among_others(model):
    texts = ["乙方不得窜货。", "乙方应于三十日内付款。", "争议由法院管辖。"]
    pd.testing.assert_frame_equal(model.classify(texts[:1]), model.classify(texts).iloc[:1])


def test_score_reads_only_what_was_known(model, channel):
    table = channel.tables["contracts"]
    moment = table["known_at"].sort_values().iloc[len(table) // 2]
    before = model.score({"contracts": table}, moment)
    later = table.assign(text=table["text"].where(table["known_at"] <= moment, "第一条 付款\n预付。"))
    after = model.score({"contracts": later}, moment)
    assert 0 < len(before["contracts"]) < len(table)
    for name in before:
        pd.testing.assert_frame_equal(before[name], after[name])


def test_score_does_not_mind_the_order_of_rows(model, channel):
    table = channel.tables["contracts"]
    moment = pd.Timestamp("2100-01-01")
    ours = model.score({"contracts": table}, moment)["clauses"]
    pd.testing.assert_frame_equal(ours, model.score({"contracts": table.iloc[::-1]}, moment)["clauses"])
    assert ours["probability"].between(0, 1).all()


def test_simulated_clauses_are_found_and_typed(model, channel):
    told = model.score(channel.tables, pd.Timestamp("2100-01-01"))["clauses"]
    truth = channel.truth["clauses"].rename(columns={"begins": "start", "ends": "end"})
    both = truth.merge(told, on=["contract_id", "start", "end"], suffixes=("_true", ""))
    assert len(both) == len(truth)
    assert (both["clause_type"] == both["type"]).mean() > 0.9
    assert (both["risk_true"] == both["risk"]).mean() > 0.75


def test_an_empty_contract_in_the_table_costs_the_others_nothing(model, channel):
    table = channel.tables["contracts"].copy()
    table.loc[table.index[0], "text"] = " "
    told = model.score({"contracts": table}, pd.Timestamp("2100-01-01"))
    assert len(told["contracts"]) == len(table)
    assert told["contracts"]["note"].str.contains("empty").sum() == 1


@pytest.mark.parametrize("tables", [{}, {"contracts": None}])
def test_no_contracts_give_empty_frames_with_all_columns(model, tables):
    tables = {k: simulate(World(dealers=2, months=12)).tables["contracts"].iloc[:0] for k in tables}
    told = model.score(tables, MOMENT)
    assert told["clauses"].empty
    assert {"dealer_id", "type", "risk", "probability"} <= set(told["clauses"].columns)


def test_saved_and_loaded_it_says_the_same_and_is_small(model):
    stored = pickle.dumps(model)
    assert len(stored) < 40e6
    assert pickle.loads(stored).review(CONTRACT) == model.review(CONTRACT)


def test_chinese_clauses_written_by_others_are_read(model):
    rows = pd.DataFrame(lines("zh_test.jsonl"))
    told = model.classify(rows["text"].tolist())
    assert (told["type"] == rows["type"]).mean() > 0.75  # from a third of the clauses; all of them: docs
    low_high = (
        told["risk"].isin(["low", "high"])
        & rows["risk"].isin(["low", "high"])
        & (told["risk"] != rows["risk"])
    )
    assert low_high.mean() < 0.15


def test_whole_chinese_contracts_are_cut_where_a_lawyer_cuts(model):
    found = wanted = hit = 0
    for contract in lines("zh_contracts.jsonl"):
        spans = [(c.start, c.end) for c in model.review(contract["text"]).clauses]
        gold = [(c["start"], c["end"]) for c in contract["clauses"]]
        hit += sum(max(overlap(g, s) for s in spans) >= 0.5 for g in gold)
        found, wanted = found + len(spans), wanted + len(gold)
    assert 2 * hit / (found + wanted) > 0.85


def overlap(a, b):
    shared = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return shared / (a[1] - a[0] + b[1] - b[0] - shared)


def test_every_type_has_a_wording_in_both_languages():
    wording = Wording.parse(read_data("wording"))
    assert all(wording.suggest(kind, lang) for kind in CLAUSES for lang in ("zh", "en"))
    with pytest.raises(BadWording, match="price_control"):
        Wording.parse({k: v for k, v in read_data("wording").items() if k != "price_control"})


def test_an_unfitted_model_says_so():
    with pytest.raises(NotFitted):
        ContractModel(Wording.parse(read_data("wording"))).classify(["乙方应付款。"])


def test_probabilities_of_types_add_up(model):
    told = model.classify(["乙方应于三十日内付款。", "The dealer shall pay.", "???"])
    assert np.allclose([sum(types.values()) for types in told["types"]], 1, atol=1e-4)
