import io

import docx
import pypdf
import pytest

from features.sources.documents import DOCX, PDF, PLAIN, UnreadableDocument, read_document


def word_file():
    document = docx.Document()
    document.add_heading("第一条 付款", level=1)
    document.add_paragraph("乙方应付款。")
    table = document.add_table(rows=1, cols=2)
    table.cell(0, 0).text, table.cell(0, 1).text = "A级", "3%"
    return saved(document)


def pdf(text="", password=None):
    """A page with Latin text in a standard font, or with none."""
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(300, 300)
    if text:
        font = pypdf.generic.DictionaryObject(
            {pypdf.generic.NameObject(k): pypdf.generic.NameObject(v) for k, v in
             {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}.items()}
        )  # fmt: skip
        fonts = pypdf.generic.DictionaryObject({pypdf.generic.NameObject("/F1"): font})
        page[pypdf.generic.NameObject("/Resources")] = pypdf.generic.DictionaryObject(
            {pypdf.generic.NameObject("/Font"): fonts}
        )
        stream = pypdf.generic.DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
        page[pypdf.generic.NameObject("/Contents")] = stream
    if password:
        writer.encrypt(password)
    return saved(writer, "write")


def saved(document, method="save"):
    out = io.BytesIO()
    getattr(document, method)(out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_plain_text_is_read_in_the_encodings_that_offices_use(encoding):
    assert read_document("乙方应付款。".encode(encoding), PLAIN).strip("\ufeff") == "乙方应付款。"


def test_word_gives_paragraphs_and_rows_in_order():
    assert read_document(word_file(), DOCX) == "第一条 付款\n乙方应付款。\nA级\t3%"


def test_pdf_gives_its_text_and_the_kind_is_seen_from_the_bytes():
    assert "The Distributor shall pay" in read_document(pdf("The Distributor shall pay"))


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"", PLAIN, "is empty"),
        (b"  \n", None, "is empty"),
        (pdf(), PDF, "without text, probably a scan"),
        (pdf("secret words here", "pw"), PDF, "locked by a password"),
        (pdf("words")[:150], PDF, "broken PDF"),
        (word_file()[:200], DOCX, "broken DOCX"),
        (b"PK\x03\x04rubbish", DOCX, "broken DOCX"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 50, None, "old .doc"),
        (bytes(range(32)) * 20, PLAIN, "no text"),
        (b"\xff\x00\x81" * 40, PLAIN, "no text"),
        (b"hello", "image/png", "media type"),
        (b"hello there", PDF, "is plain text"),
        (b"a" * (21 * 2**20), PLAIN, "at most 20"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_next_step(content, kind, told):
    with pytest.raises(UnreadableDocument, match=told) as refusal:
        read_document(content, kind)
    assert refusal.value.next_step.endswith(".")
