"""Markers: the number or letter that a line of a contract begins with, and how deep it stands.

Known are 第一章, 第一条, 一、, （一）, 1. 1.1 1、 1) (1) ①, Article 3, SECTION 3.2, Clause 4, (a) a) (i)
and bullets.
Depth orders them: a larger number stands further in.
Limits: one line at a time; whether a `1.` counts articles or items is for its neighbours to say.

>>> [(m.kind, m.depth, m.end) for m in map(marker, ["第五条 窜货", "5.1 首次", "(二)再次"]) if m]
[('article', 2, 3), ('decimal', 5, 3), ('bracketed', 8, 3)]
>>> marker("Section 4.2 Price")
Marker(kind='section', depth=3, end=11)
>>> marker("本合同一式两份。") is None
True
"""

import re
from dataclasses import dataclass

_ZH = "一二三四五六七八九十百零〇两"
_ROMAN = r"[ivxIVX]{1,5}"
_KINDS: tuple[tuple[str, int, str], ...] = (
    ("chapter", 1, rf"第\s?[{_ZH}\d]{{1,4}}\s?[章编部篇节](?![{_ZH}\w]*[规约]定)"),
    (
        "article",
        2,
        rf"第\s?[{_ZH}\d]{{1,4}}\s?条(?:之[{_ZH}])?(?!第|规定|约定|所|款|的|之|、|和|及|项)[.、:]?",
    ),
    ("chapter", 1, rf"(?i:part|chapter)\s+(?:\d{{1,3}}|{_ROMAN})\b[.:]?"),
    (
        "section",
        3,
        r"(?i:section|sec\.|clause)\s+\d{1,3}(?:\.\d{1,3})*\b[.:)]?(?!\s+(?:of|above|below|hereof))",
    ),
    ("article", 2, rf"(?i:article)\s+(?:\d{{1,3}}|{_ROMAN})\b[.:]?(?!\s+(?:of|above|below|hereof))"),
    ("counted", 3, rf"[{_ZH}]{{1,3}}\s?[、.,:](?!\d)"),
    ("decimal", 5, r"\d{1,3}(?:\.\d{1,3})+(?!\d|%|万|元|亿|折)[.、)]?"),
    ("numbered", 4, r"\d{1,3}\s?(?:[、.)](?!\d)|:(?=\s))"),
    ("bracketed", 8, rf"\(\s?[{_ZH}]{{1,3}}\s?\)"),
    ("itemised", 9, r"\(\s?\d{1,2}\s?\)|[\u2460-\u2473\u2776-\u277f\u2474-\u2487]"),
    ("lettered", 10, rf"\(\s?(?:[a-zA-Z]|{_ROMAN}|[a-z]{{2}})\s?\)|[a-hA-H][.)](?=\s)"),
    ("bullet", 11, r"[-*•·●○■□◆▪–—]\s?(?=\S)"),
)
_MARKERS = [(kind, depth, re.compile(pattern)) for kind, depth, pattern in _KINDS]


@dataclass(frozen=True)
class Marker:
    """What a line begins with: `end` is the number of characters it takes."""

    kind: str
    depth: int
    end: int


def marker(line: str) -> Marker | None:
    """The marker of a line in plain characters (`glyphs.plain`) without blanks before it."""
    for kind, depth, pattern in _MARKERS:
        if found := pattern.match(line):
            dots = found[0].rstrip(".").count(".") if kind == "decimal" else 1
            return Marker(kind, depth + min(dots - 1, 2), found.end())
    return None
