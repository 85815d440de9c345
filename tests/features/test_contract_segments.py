import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.glyphs import plain
from features.markers import marker
from features.segments import MOST_CHARACTERS, segments, sentences
from features.simulator import World, simulate

PIECES = st.sampled_from(
    [
        *(
            "第一条 价格",
            "第二章 总则",
            "3.2 乙方应付款。",
            "(一)首次窜货扣返利;",
            "（２）停货。",
            "①口头警告",
            "甲方（盖章）：",
        ),
        *(
            "乙方\t应于　30日内付款：",
            "\r\n",
            "\n",
            "\u2028",
            "😀𠮷甲方不得转让",
            "ARTICLE V. TERM",
            "(a) the other; or",
            "\ufeff",
        ),
        *(
            "1. Payment. The Distributor shall pay within",
            "等级|返点|备注",
            "A\t3%",
            "。",
            "  ",
            "地址：某市",
            "________",
            "\x00",
        ),
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=30)), max_size=25))
def test_segments_are_ordered_literal_pieces_without_blanks_at_the_ends(parts):
    text = "\n".join(parts)
    found = segments(text)
    assert all(0 <= s.start < s.end <= len(text) for s in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert all(text[s.start : s.end] == text[s.start : s.end].strip() for s in found)
    assert all(s.end - s.start <= MOST_CHARACTERS for s in found)


@given(st.text())
def test_one_form_of_characters_keeps_the_length_and_is_stable(text):
    assert len(plain(text)) == len(text)
    assert plain(plain(text)) == plain(text)


def test_every_character_has_one_form_that_is_its_own():
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x30000))))
    assert plain(plain(every)) == plain(every)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_sentences_cover_everything_but_blanks(text):
    spans = sentences(text, 0, len(text))
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())


def pieces(text, kind="clause"):
    return [text[s.start : s.end] for s in segments(text) if s.kind == kind]


def test_simulated_contracts_are_cut_exactly():
    made = simulate(World(dealers=30, months=12, seed=5))
    texts = made.tables["contracts"].set_index("contract_id")["text"]
    for key, truth in made.truth["clauses"].groupby("contract_id"):
        cut = {(s.start, s.end) for s in segments(texts[key]) if s.kind == "clause"}
        assert cut == set(zip(truth["begins"], truth["ends"], strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第三条 价格\n甲方定价。\n第四条 付款\n款到发货。", ["甲方定价。", "款到发货。"]),
        (
            "一、价格:甲方有权随时调整供货价格。\n二、其他\n1、本合同一式两份。",
            ["甲方有权随时调整供货价格。", "1、本合同一式两份。"],
        ),
        (
            "5.1 违者:\n(1)扣返利;\n(2)停货。\n5.2 乙方应付款。",
            ["5.1 违者:\n(1)扣返利;\n(2)停货。", "5.2 乙方应付款。"],
        ),
        (
            "第一条 授权 甲方授权乙方经销产品。第二条 价格 价格由甲方单方确定。",
            ["甲方授权乙方经销产品。", "价格由甲方单方确定。"],
        ),
        ("乙方应在收货后\n三日内提出异议。", ["乙方应在收货后\n三日内提出异议。"]),
        (
            "1.1 返利标准如下:\n等级\t返点\nA\t3%\n1.2 年底兑现。",
            ["1.1 返利标准如下:\n等级\t返点\nA\t3%", "1.2 年底兑现。"],
        ),
        (
            "SECTION 2. Payment. The Distributor shall pay.\nSECTION 3. TERM\n3.1 It ends.",
            ["The Distributor shall pay.", "3.1 It ends."],
        ),
        ("按照第五条约定执行。", ["按照第五条约定执行。"]),
    ],
)
def test_titles_lie_outside_and_numbers_and_items_inside(text, expected):
    assert pieces(text) == expected


def test_parties_and_signatures_stand_apart_from_clauses():
    head, foot = "经销合同\n甲方:某公司\n地址:某市\n乙方:某店\n", "甲方(盖章)  乙方(签字)\n日期:2024年1月1日"
    text = head + "第一条 价格\n由甲方定。\n" + foot
    assert pieces(text, "parties") == ["甲方:某公司\n地址:某市\n乙方:某店"]
    assert pieces(text, "signature") == ["甲方(盖章)  乙方(签字)\n日期:2024年1月1日"]
    assert pieces(text) == ["由甲方定。"]


def test_a_very_long_clause_is_cut_between_sentences():
    text = "乙方应按月付款。" * 1000
    cut = pieces(text)
    assert "".join(cut) == text
    assert all(piece.endswith("。") for piece in cut)


@pytest.mark.parametrize(
    "line", ["第3条", "第三条 价格", "一、", "（一）付款", "1.1 甲方", "1、甲方", "(a) the", "Article 5 Term"]
)
def test_numbers_of_all_sorts_are_markers(line):
    assert marker(plain(line)) is not None


@pytest.mark.parametrize(
    "line", ["第三条约定的义务", "3.5%的返利", "10万元", "乙方付款", "2024年起", "1.5万元罚款"]
)
def test_numbers_in_a_sentence_are_no_markers(line):
    assert marker(line) is None
