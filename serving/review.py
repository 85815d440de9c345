"""Review: contracts or clauses from a file, one JSON object a line, to a file of answers.

In:   JSONL, {"id", "text"} a line (UTF-8, blank lines allowed).
Out:  JSONL, one line an input line in the same order, written aside and renamed when it is whole.

    review_file     {"id", "language", "score", "probability", "clauses": [{start, end, type, risk,
    probability,
                    risk_probability, high_probability, ...}], "missing": [types], "suggestions": {type:
                    text}, "notes"}
    classify_file   {"id", "type", "risk", "probability", "risk_probability", "types": {...}, "risks": {...}}

`probability` of a clause is that of its type, of a contract that some clause is of high risk for the brand.
A line that cannot be read gives {"line", "id", "error"}; it stops nobody and no other line is lost.

Errors: features.errors.UnreadableFile (no such file, not UTF-8, OUT is IN).
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from features.errors import ChannelError, UnreadableFile
from models.contract.model import MOST_CHARACTERS, ContractModel
from models.contract.review import Clause

Told = Callable[[int], None]
Answer = dict[str, Any]
_AT_ONCE = 500  # clauses that are judged together
_SHOWN = 5  # faulty lines named in a report


@dataclass(frozen=True)
class Line:
    """One line: what it asks, or what is wrong with it."""

    number: int
    id: Any = None
    text: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """What was written."""

    out: Path
    answered: int
    faulty: tuple[int, ...]

    def __str__(self) -> str:
        told = f"{self.answered:,} lines answered: {self.out}"
        if not self.faulty:
            return told
        shown = ", ".join(map(str, self.faulty[:_SHOWN])) + (" ..." if len(self.faulty) > _SHOWN else "")
        return (
            f'{told}\n{len(self.faulty):,} lines could not be read: {shown}; each has an "error" in the file.'
        )


def review_file(
    model: ContractModel, source: Path, out: Path, *, told: Told = lambda done: None
) -> FileReport:
    """Review every contract of a file."""
    return _write(source, out, lambda lines: (_reviewed(model, line) for line in lines), told)


def classify_file(
    model: ContractModel, source: Path, out: Path, *, told: Told = lambda done: None
) -> FileReport:
    """Say type and risk of every clause of a file."""
    return _write(source, out, lambda lines: _classified(model, lines), told)


def _write(
    source: Path, out: Path, answers: Callable[[Iterator[Line]], Iterable[Answer]], told: Told
) -> FileReport:
    if out.exists() and source.exists() and out.samefile(source):
        raise UnreadableFile(str(out), "is the input; name another file for the answers.")
    faulty, done = [], 0
    with _aside(out) as target:
        for done, answer in enumerate(answers(_lines(source)), 1):
            if "error" in answer:
                faulty.append(int(answer["line"]))
            target.write(json.dumps(answer, ensure_ascii=False) + "\n")
            told(done)
    return FileReport(out=out, answered=done - len(faulty), faulty=tuple(faulty))


@contextlib.contextmanager
def _aside(out: Path) -> Iterator[Any]:
    """A file beside OUT that takes its name when all is written, and goes when something fails."""
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as target:
            yield target
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _lines(source: Path) -> Iterator[Line]:
    try:
        with source.open("rb") as raw:
            for number, line in enumerate(raw, 1):
                if line.strip():
                    yield _line(number, line)
    except OSError as error:
        raise UnreadableFile(str(source), f"cannot be read ({type(error).__name__}).") from None


def _line(number: int, raw: bytes) -> Line:
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return Line(number, error="not UTF-8")
    except (json.JSONDecodeError, RecursionError):
        return Line(number, error="not JSON")
    if not isinstance(row, dict):
        return Line(number, error='expected an object {"id", "text"}')
    text, key = row.get("text"), row.get("id", number)
    if not isinstance(text, str) or not text.strip():
        return Line(number, key, error='"text" should be a string with something in it')
    if len(text) > MOST_CHARACTERS:
        return Line(
            number, key, error=f"text of {len(text):,} characters; at most {MOST_CHARACTERS:,} are read"
        )
    return Line(number, key, text)


def _fault(line: Line, error: str) -> Answer:
    return {"line": line.number, "id": line.id, "error": error}


def _reviewed(model: ContractModel, line: Line) -> Answer:
    if line.error:
        return _fault(line, line.error)
    try:
        review = model.review(line.text)
    except ChannelError as error:
        return _fault(line, str(error))
    return {
        "id": line.id,
        "language": review.language,
        "score": review.score,
        "probability": review.probability,
        "clauses": [_clause(clause) for clause in review.clauses],
        "missing": [m.type for m in review.missing],
        "suggestions": {m.type: m.suggestion for m in review.missing},
        "notes": review.notes,
    }


def _clause(clause: Clause) -> Answer:
    return {
        "start": clause.start,
        "end": clause.end,
        "type": clause.type,
        "risk": clause.risk,
        "probability": clause.probability,
        "risk_probability": clause.risks[clause.risk],
        "high_probability": clause.high_probability,
        "risks": clause.risks,
        "language": clause.language,
        "heading": clause.heading,
        "evidence": [list(span) for span in clause.evidence],
        "reasons": clause.reasons,
        "suggestion": clause.suggestion,
    }


def _classified(model: ContractModel, lines: Iterator[Line]) -> Iterator[Answer]:
    while part := list(islice(lines, _AT_ONCE)):
        good = [line for line in part if not line.error]
        rows = iter(model.classify([line.text for line in good]).to_dict("records") if good else [])
        for line in part:
            yield _fault(line, line.error) if line.error else {"id": line.id} | _plain(next(rows))


def _plain(row: dict[Any, Any]) -> Answer:
    return {str(k): round(float(v), 6) if isinstance(v, float) else v for k, v in row.items()}
