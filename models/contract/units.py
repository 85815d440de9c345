"""Units: the clauses of one contract, ready for the learners.

A unit is a stretch of the text with its language, title and the way its contract names the parties.
`units` cuts; `joined` puts neighbours without a number of their own together when they stand in one group
and are of one type, since a clause may run over several paragraphs.

>>> [unit.language for unit in units("第一条 付款\\n乙方应付款。\\nThe dealer shall pay.")]
['zh', 'en']
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from features.languages import Language, language
from features.parties import Sides, sides
from features.segments import MOST_CHARACTERS, Kind, segments
from models.contract.said import Said, said

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


def units(text: str) -> list[Unit]:
    """Everything in a contract that is a clause, and its parties and signatures."""
    who = sides(text[:_HEAD])
    return [
        _unit(text, (s.start, s.end), s.heading, s.kind, (s.article, s.numbered), who) for s in segments(text)
    ]


def lone(text: str) -> Unit:
    """A text that is one clause."""
    return _unit(text, (0, len(text)), "", "clause", (0, True), None)


def joined(text: str, found: Sequence[Unit], types: Sequence[str]) -> list[Unit]:
    """Neighbours of one group and type as one unit; those that were joined are looked at anew."""
    out: list[Unit] = []
    last = ""
    for unit, kind in zip(found, types, strict=True):
        if out and kind == last and _one_clause(out[-1], unit):
            words = said(text[out[-1].start : unit.end], title=unit.heading)
            out[-1] = replace(out[-1], end=unit.end, said=words)
        else:
            out.append(unit)
        last = kind
    return out


def _one_clause(first: Unit, second: Unit) -> bool:
    same = first.article == second.article and first.kind == second.kind == "clause" and bool(first.heading)
    return same and not second.numbered and second.end - first.start <= MOST_CHARACTERS


def _unit(
    text: str,
    place: tuple[int, int],
    heading: str,
    kind: Kind,
    group: tuple[int, bool],
    who: Sides | None,
) -> Unit:
    piece = text[place[0] : place[1]]
    words = said(piece, title=heading, who=who)
    return Unit(*place, heading, kind, *group, language(piece), words)
