"""Units: the clauses of one contract, ready for the learners.

A unit is a stretch of the text with its language, title and the way its contract names the parties.
`units` cuts; `parted` cuts once more where a paragraph without a number changes its topic; `joined` puts
neighbours without a number of their own together when they stand in one group
and are of one type, since a clause may run over several paragraphs.

>>> [unit.language for unit in units("第一条 付款\\n乙方应付款。\\nThe dealer shall pay.")]
['zh', 'en']
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from features.languages import Language, language
from features.parties import Sides, sides
from features.segments import MOST_CHARACTERS, Kind, Segment, segments, sentences
from models.contract.said import Said, said

_LEAST_PARTED = 80  # characters of a paragraph that may hold two topics
_HEAD = 4_000  # characters in which a contract says who is who


@dataclass(frozen=True)
class Unit:
    """`text[start:end]` of the contract."""

    start: int
    end: int
    heading: str
    kind: Kind
    article: int
    numbered: bool
    language: Language
    said: Said
    body: int = 0  # where the words begin, after the number


def units(text: str) -> list[Unit]:
    """Everything in a contract that is a clause, and its parties and signatures."""
    who = sides(text[:_HEAD])
    return [_unit(text, segment, who) for segment in segments(text)]


def lone(text: str) -> Unit:
    """A text that is one clause."""
    return _unit(text, Segment(0, len(text), "", "clause", 0, True, 0), None)


def joined(text: str, found: Sequence[Unit], types: Sequence[str]) -> list[Unit]:
    """Neighbours of one group and type as one unit; those that were joined are looked at anew."""
    out: list[Unit] = []
    last = ""
    for unit, kind in zip(found, types, strict=True):
        if out and kind == last and _one_clause(out[-1], unit):
            words = said(text[out[-1].body : unit.end], title=unit.heading)
            out[-1] = replace(out[-1], end=unit.end, said=words)
        else:
            out.append(unit)
        last = kind
    return out


def sentences_of(text: str, unit: Unit) -> list[tuple[int, int]]:
    """Where a unit may be parted: its sentences, when it stands without number and heading and "
    "has several."""
    free = (
        unit.kind == "clause"
        and not unit.numbered
        and not unit.heading
        and len(unit.said.plain) >= _LEAST_PARTED
    )
    return sentences(text, unit.body, unit.end) if free else []


def parted(text: str, unit: Unit, spans: Sequence[tuple[int, int]], starts: Sequence[int]) -> list[Unit]:
    """The unit in pieces that begin with the sentences numbered in `starts`."""
    ends = [*(spans[i - 1][1] for i in starts[1:]), unit.end]
    who = sides(text[:_HEAD])
    pieces = [(unit.start if i == 0 else spans[i][0], end) for i, end in zip(starts, ends, strict=True)]
    return [
        replace(unit, start=a, end=b, body=max(a, unit.body), said=said(text[max(a, unit.body) : b], who=who))
        for a, b in pieces
    ]


def _one_clause(first: Unit, second: Unit) -> bool:
    same = first.article == second.article and first.kind == second.kind == "clause" and bool(first.heading)
    return same and not second.numbered and second.end - first.start <= MOST_CHARACTERS


def _unit(text: str, segment: Segment, who: Sides | None) -> Unit:
    words = text[segment.body : segment.end]
    return Unit(
        segment.start,
        segment.end,
        segment.heading,
        segment.kind,
        segment.article,
        segment.numbered,
        language(words),
        said(words, title=segment.heading, who=who),
        segment.body,
    )
