"""Documents: the text of a plain, DOCX or PDF file that somebody hands over.

In:   the bytes, and their media type when it is known (else their first bytes decide).
Out:  text with "\\n" between paragraphs; cells of a table row with tabs between them.

Errors: UnreadableDocument: empty, too large, of another kind than said, broken, locked by a password, an old
.doc, a PDF of pictures without text, or bytes that are no text. It says what to do, never what the text
holds.
Limits: numbers that Word counts by itself are not in a DOCX's text; columns of a PDF come as its producer
ordered them; pictures are not read.

>>> read_document("甲方：某公司".encode("gb18030"), "text/plain")
'甲方：某公司'
>>> read_document(b"%PDF-1.7 cut off", "text/plain")
Traceback (most recent call last):
    ...
features.sources.documents.UnreadableDocument: The document is a PDF, not text/plain as stated. ...
"""

import io
import logging
import re
import zipfile
from collections.abc import Iterator

import docx
import pypdf
from docx.document import Document
from docx.table import Table
from docx.text.paragraph import Paragraph

from features.errors import SourceError

PLAIN, PDF = "text/plain", "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MEDIA_TYPES = (PLAIN, DOCX, PDF)
MOST_BYTES = 20 * 1024 * 1024
_MOST_UNPACKED = 200 * 1024 * 1024  # of a DOCX, so that a small file cannot fill the memory
_MOST_PAGES = 600
_LEAST_LETTERS_A_PAGE = 8  # fewer on average: pictures of text
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")
_MOST_CONTROL_RATE = 0.01
_MAGIC = ((b"%PDF-", PDF), (b"PK\x03\x04", DOCX), (b"\xd0\xcf\x11\xe0", "application/msword"))
_NAMES = {PLAIN: "plain text", PDF: "a PDF", DOCX: "a DOCX", "application/msword": "an old Word file"}


class UnreadableDocument(SourceError):
    """What was found, and the next step."""

    def __init__(self, found: str, next_step: str) -> None:
        self.next_step = next_step
        super().__init__(f"The document {found}. {next_step}")


def read_document(content: bytes, media_type: str | None = None) -> str:
    """The text of a document."""
    if not content.strip():
        raise UnreadableDocument("is empty", "Send the file itself.")
    if len(content) > MOST_BYTES:
        raise UnreadableDocument(
            f"has {len(content) / 2**20:.0f} MB; at most {MOST_BYTES // 2**20} are read", "Split it by annex."
        )
    kind = _kind(content, media_type)
    text = {PLAIN: _plain, DOCX: _docx, PDF: _pdf}[kind](content)
    if not text.strip():
        raise UnreadableDocument("holds no text", "Recognise scanned pages (OCR) first, then send the text.")
    return text


def _kind(content: bytes, media_type: str | None) -> str:
    found = next((kind for magic, kind in _MAGIC if content.lstrip()[:8].startswith(magic)), PLAIN)
    if found == "application/msword":
        raise UnreadableDocument("is an old .doc or locked by a password", "Save it unlocked as DOCX or PDF.")
    said = (media_type or found).partition(";")[0].strip().lower()
    if said not in MEDIA_TYPES:
        raise UnreadableDocument(
            "has a media type that is not read", f"Send one of {', '.join(MEDIA_TYPES)}."
        )
    if said != found:
        raise UnreadableDocument(f"is {_NAMES[found]}, not {said} as stated", f"State {found}.")
    return found


def _plain(content: bytes) -> str:
    text = _decoded(content)
    if len(_CONTROL.findall(text)) > _MOST_CONTROL_RATE * len(text):
        raise UnreadableDocument("is no text: it is full of control characters", "Send text, DOCX or PDF.")
    return text


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableDocument("is no text in UTF-8, UTF-16 or GB 18030", "Save it as UTF-8.")


def _docx(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if unpacked > _MOST_UNPACKED:
            raise UnreadableDocument("unpacks to more than is read", "Remove its pictures, or split it.")
        return "\n".join(_blocks(docx.Document(io.BytesIO(content))))
    except UnreadableDocument:
        raise
    except Exception as error:  # python-docx raises whatever its parts raise
        raise _broken("DOCX", error) from None


def _blocks(document: Document) -> Iterator[str]:
    """Paragraphs and rows of tables in the order of the document."""
    for block in document.iter_inner_content():
        if isinstance(block, Paragraph):
            yield block.text
        elif isinstance(block, Table):
            for row in block.rows:
                cells = [cell.text.replace("\n", " ").strip() for cell in row.cells]
                yield "\t".join(c for i, c in enumerate(cells) if i == 0 or c != cells[i - 1])


def _pdf(content: bytes) -> str:
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        locked = reader.is_encrypted and not reader.decrypt("")
        pages = [] if locked or len(reader.pages) > _MOST_PAGES else [p.extract_text() for p in reader.pages]
        count = 0 if locked else len(reader.pages)
    except Exception as error:  # pypdf raises many kinds on broken files
        raise _broken("PDF", error) from None
    if locked:
        raise UnreadableDocument("is locked by a password", "Send it without the password.")
    if count > _MOST_PAGES:
        raise UnreadableDocument(f"has {count} pages; at most {_MOST_PAGES} are read", "Split it by annex.")
    text = "\n".join(pages)
    if sum(c.isalnum() for c in text) < _LEAST_LETTERS_A_PAGE * max(count, 1):
        raise UnreadableDocument(
            "is a PDF without text, probably a scan", "Recognise its pages (OCR) first, then send the text."
        )
    return text


def _broken(kind: str, error: Exception) -> UnreadableDocument:
    return UnreadableDocument(
        f"is a broken {kind} ({type(error).__name__})", "Save it anew and send it again."
    )
