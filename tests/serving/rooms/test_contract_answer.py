import base64
import io
from types import SimpleNamespace

import docx
import pypdf
import pytest
from pydantic import ValidationError

from features.sources.documents import DOCX, PDF
from serving.errors import Wrong
from serving.rooms.contract import EXAMPLE, FIELDS, Request, answer
from tests.small_reader import small_model


@pytest.fixture(scope="module")
def scores():
    return SimpleNamespace(
        name="contract", version="3", data_version="v1", as_of="2026-01-01", model=small_model(), frames={}
    )


def asked(**fields):
    return Request.model_validate(fields)


def file(content, kind):
    return {"media_type": kind, "content": base64.b64encode(content).decode()}


def word_file():
    document, out = docx.Document(), io.BytesIO()
    for line in ("第一条 窜货", "乙方不得跨区销售,违者扣减返利并解除合同。"):
        document.add_paragraph(line)
    document.save(out)
    return out.getvalue()


def test_the_example_is_answered_with_literal_spans(scores):
    told = answer(asked(**EXAMPLE), scores)
    assert [clause.type for clause in told.clauses] == ["payment_terms", "dispute_law"]
    assert all(EXAMPLE["text"][c.start : c.end] == c.text for c in told.clauses)
    assert (told.model.version, told.as_of, told.data_version) == ("3", "2026-01-01", "v1")
    assert told.text is None
    assert told.clauses[0].type_name == "货款结算"


def test_a_word_file_is_read_and_its_text_returned(scores):
    told = answer(asked(document=file(word_file(), DOCX)), scores)
    assert told.clauses[0].type == "diversion_ban"
    assert told.text[told.clauses[0].start : told.clauses[0].end] == told.clauses[0].text


def test_the_industry_says_what_is_missing(scores):
    text = EXAMPLE["text"]
    general = {m.type for m in answer(asked(text=text), scores).missing}
    pharma = {m.type for m in answer(asked(text=text, industry="pharma"), scores).missing}
    assert "data_privacy" in pharma - general
    assert answer(asked(text=text, required=["force_majeure"]), scores).missing[0].type == "force_majeure"


def test_another_language_than_stated_is_noted(scores):
    assert any("not en" in note for note in answer(asked(text=EXAMPLE["text"], language="en"), scores).notes)


def scan():
    writer, out = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(200, 200)
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("request_", "field", "told"),
    [
        ({"text": "  "}, "text", "no text"),
        ({"text": "乙方应付款。" * 100_000}, "text", "200,000"),
        ({"text": "甲方", "industry": "farma"}, "industry", "pharma"),
        ({"text": "甲方", "required": ["payment_terms", "price"]}, "required[1]", "no clause type"),
        ({"document": {"media_type": PDF, "content": "***"}}, "document.content", "base64"),
        ({"document": file(scan(), PDF)}, "document.content", "scan"),
        ({"document": file(b"just text", PDF)}, "document.content", "plain text"),
    ],
)
def test_what_cannot_be_read_names_the_field_and_the_next_step(scores, request_, field, told):
    with pytest.raises(Wrong, match=told) as problem:
        answer(asked(**request_), scores)
    assert problem.value.faults[0].field == field
    assert problem.value.next_step


@pytest.mark.parametrize(
    "fields", [{}, {"text": "a", "document": file(b"a", PDF)}, {"text": "a", "x": 1}, {"text": 3}]
)
def test_a_request_has_one_source_and_no_unknown_field(fields):
    with pytest.raises(ValidationError):
        asked(**fields)


def test_fields_are_named_for_the_parser():
    assert {"text", "document", "media_type", "content", "industry"} <= FIELDS
