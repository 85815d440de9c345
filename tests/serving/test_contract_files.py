import json

import pytest

from features.errors import UnreadableFile
from serving.review import classify_file, review_file
from tests.small_reader import small_model

LINES = [
    json.dumps({"id": "a", "text": "第一条 付款\n1.1 乙方先付款后提货。"}, ensure_ascii=False),
    "{not json",
    "",
    json.dumps({"id": "c", "text": "  "}),
    json.dumps(["no", "object"]),
    json.dumps({"id": "e", "text": "乙方不得窜货,违者罚款并解除合同。"}, ensure_ascii=False),
]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes("\n".join(LINES).encode() + b"\n\xff\xfe\n")
    return path


def answers(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("work", [review_file, classify_file])
def test_a_bad_line_is_told_by_number_and_loses_nobody(work, source, tmp_path):
    report = work(small_model(), source, tmp_path / "sub" / "out.jsonl")
    told = answers(report.out)
    assert [row.get("line") for row in told if "error" in row] == [2, 4, 5, 7]
    assert [row["id"] for row in told if "error" not in row] == ["a", "e"]
    assert (report.answered, report.faulty) == (2, (2, 4, 5, 7))
    assert "2, 4, 5, 7" in str(report)


def test_review_gives_literal_spans_and_missing_types(source, tmp_path):
    first = answers(review_file(small_model(), source, tmp_path / "out.jsonl").out)[0]
    clause = first["clauses"][-1]
    text = json.loads(LINES[0])["text"]
    assert text[clause["start"] : clause["end"]] == "1.1 乙方先付款后提货。"
    assert (clause["type"], clause["risk"]) == ("payment_terms", "low")
    assert "dispute_law" in first["missing"]
    assert first["suggestions"].keys() == set(first["missing"])


def test_classify_tells_type_risk_and_their_probabilities(source, tmp_path):
    last = [
        row
        for row in answers(classify_file(small_model(), source, tmp_path / "o.jsonl").out)
        if "type" in row
    ][-1]
    assert last["type"] == "diversion_ban"
    assert last["probability"] == pytest.approx(max(last["types"].values()), abs=1e-5)
    assert last["risk_probability"] == pytest.approx(max(last["risks"].values()), abs=1e-5)


def test_nothing_is_half_written(source, tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("before", encoding="utf-8")

    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        review_file(small_model(), source, out, told=stop)
    assert out.read_text(encoding="utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_input_and_output_are_two_files_and_the_input_is_there(source, tmp_path):
    with pytest.raises(UnreadableFile, match="is the input"):
        classify_file(small_model(), source, source)
    with pytest.raises(UnreadableFile, match="cannot be read"):
        classify_file(small_model(), tmp_path / "absent.jsonl", tmp_path / "out.jsonl")
