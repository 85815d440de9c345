"""Segments: a contract cut into clauses, each a literal substring of the text.

In:   a contract as text, any line ends, numbered or not.
Out:  `Segment`s in the order of the text that do not overlap. Titles and group headings lie outside; the
      nearest ones are told beside the clause. The number of a clause belongs to it unless a title stands
      between; the words begin at `body`. Items after a colon stay with the clause that announces them;
      rows of a table stay with it too; a line broken in the middle of a sentence is joined
      to the next. Parties at the head and signatures at the foot are one segment each, kind "parties" and
      "signature". A clause of more than `MOST_CHARACTERS` is cut at the end of a sentence.

`article` numbers the group under one heading, so that paragraphs without a number of their own
(`numbered` False) can be put together again when they speak of one thing.

Limits: by form only; a contract printed in one line is cut at 第X条 and at 1.1 after a full stop.

>>> text = "第一条 窜货\\n1.1 乙方不得窜货。\\n1.2 违者:\\n(1)扣返利;\\n(2)停货。\\n甲方(盖章)"
>>> for s in segments(text):
...     print(s.kind, s.heading, repr(text[s.start : s.end]))
clause 窜货 '1.1 乙方不得窜货。'
clause 窜货 '1.2 违者:\\n(1)扣返利;\\n(2)停货。'
signature  '甲方(盖章)'
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from features.glyphs import plain
from features.markers import Marker, marker

MOST_CHARACTERS = 2_400  # of one clause
Kind = Literal["clause", "parties", "signature"]

_LINE = re.compile(r"[^\n\r]+")
_INNER = re.compile(  # where a line that holds several clauses is cut
    r"(?<=[。;!?])\s*(?=第[一二三四五六七八九十百零\d]{1,4}条(?![规约]定|第|所|款|的|之|、|和|及))"
    r"|(?<=[\u4e00-\u9fff)])\s{1,4}(?=第[一二三四五六七八九十百零\d]{1,4}条[\s:、])"
    r"|(?<=[。;!?])\s*(?=\d{1,2}\.\d{1,2}(?:\.\d{1,2})?[\s\u4e00-\u9fff、])"
    r"|(?<=[。!?])\s*(?=[一二三四五六七八九十]{1,3}、)"
    r"|(?<=[.;])\s+(?=(?:Article|ARTICLE|Section|SECTION)\s+\d+[.:\s]\s*[A-Z])"
    r"|(?<=[.;])\s+(?=\d{1,2}\.\d{1,2}\.?\s+[A-Z])"
)
_CLOSED = re.compile(r"[。!?;.:][”’\"')\]】》]*$|[-–—]{3,}$")
_ANNOUNCES = re.compile(
    r"(?:[::—]|以下|如下|下列\S{0,12}|following|provided that|as follows)[。,.]?\s*$", re.IGNORECASE
)
_ITEM_GOES_ON = re.compile(r"[;,,;]\s*(?:and|or|和|或|以及|及)?\s*$")
_RULES = re.compile(
    r"应|不得|须|有权|负责|承担|可以|必须|视为|不予|不再|无权|为准|不设|不收|不付|执行|支付|赔偿|禁止|管辖|同意"
    r"|\b(?:shall|must|will|may|is|are|agrees?|cannot|has|have)\b"
)
_TITLE_INLINE = re.compile(
    r"[【\[《](?P<a>[^】\]》\n]{2,24})[】\]》]\s*[::]?\s*"
    r"|(?P<b>[\u4e00-\u9fff、/与和及()]{2,16})(?:\s*[::]\s*|\s+)(?=\S{8})"
    r"|(?P<c>(?:[A-Z][\w'’/-]*|of|and|or|for|the|to|on|in|by|&)(?:[ ,]+(?:[A-Z][\w'’/-]*|of|and"
    r"|or|for|the|to|on|in|by|with|&)){0,8})"
    r"(?:\s*[.:]\s+|\s+[-–—]+\s+)(?=[A-Z(\"“])"
)
_PARTY = re.compile(
    r"^\W{0,3}(?:[甲乙丙丁供需买卖厂商]\s*方|供应商|经销商|代理商|分销商|厂\s*[方家]|商\s*家|特许人|被特许人|加盟商|品牌方|总部|门店"
    r"|被?授权[方人]|委托方|受托方|制造商|出卖人|买受人|法定代表人|负责人|委托代理人|联系人|联系电话|电\s*话|传\s*真|手\s*机|地\s*址|住\s*所\s*地?"
    r"|邮\s*编|邮\s*箱|开户行|开户银行|账\s*号|户\s*名|税\s*号|统一社会信用代码|身份证号?码?|合同编号|协议编号|编\s*号|签订地点?|签约地点?|签订时间|签订日期"
    r"|签署日期|签约日期|日\s*期|Company|Supplier|Distributor|Dealer|Manufacturer|Brand Owner"
    r"|Address|Registered (?:office|address)|Tel|Phone"
    r"|E-?mail|Fax|Contract No|Agreement No|Date|Between|and between|AND|Party [AB]|Represented "
    r"by|Attn|Attention)"
    r"\s*(?:[((][^))]{0,24}[))])?\s*(?:[((][^))]{0,16}[))])?\s*(?:[::_]|$|\s{2,})|^(?:by and "
    r")?between\s.{4,120}(?:\(|$)",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"[(\[](?:盖章|公章|签章|签字|签名|签字盖章|签署|盖公章|seal|signature)[^)\]]{0,12}[)\]]|签字盖章[::]|(?:签字|签章|盖章|签名|签署人)\s*[::_]"
    r"|(?:^|\s)(?:By|Signed|Signature|Name|Title)\s*:|^\s*Signed (?:for|by)|IN WITNESS WHEREOF"
    r"|EXECUTED (?:as|by)"
    r"|本页(?:以下)?无正文|以下无正文|签署页|签字页",
    re.IGNORECASE,
)
_SHORT_DATE = re.compile(r"^[\s_\d年月日./:：日期Date-]{4,60}$")
_STOPS = re.compile(r"[.!?]$|[,。;]")
_CONTENTS = re.compile(r"(?:\.{3,}|…{1,}|\s{3,})\s*\d{1,3}\s*$")
_ZH_HEADING, _LATIN_HEADING = 18, 80  # characters, at most
_LABEL_DEPTH = 5
_CONTRACT_TITLE = re.compile(
    r"(?:合同|协议|协议书|合同书|承诺书|agreement|contract)(?:\(.*\))?$", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[。!?;])|(?<=[.;])\s+(?=[A-Z(])")


@dataclass(frozen=True)
class Segment:
    """One clause: `text[start:end]`, the titles above it, and the group it belongs to."""

    start: int
    end: int
    heading: str
    kind: Kind
    article: int
    numbered: bool
    body: int  # where the words begin, after the number


@dataclass(frozen=True)
class _Line:
    """A line without its blanks: [start, end) in the text; `said` is its body, in plain characters."""

    start: int
    end: int
    body: int
    said: str
    mark: Marker | None
    tabular: bool


@dataclass
class _Reader:
    """Goes through the lines; what it found so far, and the clause that is open."""

    found: list[Segment] = field(default_factory=list)
    titles: list[tuple[int, str]] = field(default_factory=list)
    article: int = 0
    depth: int = 99
    announced: int | None = None  # depth of the clause that announced items
    tail: str = ""
    seen_clause: bool = False

    def heading(self) -> str:
        """The nearest title, with the one above it when it is only the label of a sub-clause."""
        deep = len(self.titles) > 1 and self.titles[-1][0] >= _LABEL_DEPTH
        return " ".join(title for _, title in self.titles[-2 if deep else -1 :])

    def title(self, depth: int, said: str) -> None:
        self.titles = [t for t in self.titles if t[0] < depth] + ([(depth, said)] if said else [])
        self.article += 1
        self.announced, self.tail, self.depth = None, "", 99

    def open(self, line: _Line, body: int, said: str, kind: Kind = "clause") -> None:
        numbered = line.mark is not None
        start = line.start if body <= line.body else body  # a title between leaves the number outside
        self.found.append(Segment(start, line.end, self.heading(), kind, self.article, numbered, body))
        self.depth = line.mark.depth if line.mark else self.depth
        self.announced = self.depth if kind == "clause" and _ANNOUNCES.search(said) else None
        self.tail = said
        self.seen_clause |= kind == "clause" and numbered

    def extend(self, line: _Line) -> None:
        self.found[-1] = replace(self.found[-1], end=line.end)
        self.tail = line.said


def segments(text: str) -> list[Segment]:
    """The clauses of a contract, and its blocks of parties and signatures."""
    lines = list(_lines(text))
    reader = _Reader()
    foot = _foot(lines)
    for i, line in enumerate(lines):
        nxt = lines[i + 1] if i + 1 < len(lines) else None
        if i >= foot:
            _sign(reader, line)
        else:
            _read(reader, line, nxt)
    return [piece for segment in reader.found for piece in _pieces(text, segment)]


def sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The sentences of a stretch of the text, as offsets without the blanks around them.

    >>> sentences("甲方供货。乙方付款;逾期停货。", 0, 15)
    [(0, 5), (5, 10), (10, 15)]
    """
    cuts = [start, *(start + m.end() for m in _SENTENCE.finditer(plain(text[start:end]))), end]
    spans = [_trim(text, a, b) for a, b in itertools.pairwise(cuts)]
    return [(a, b) for a, b in spans if a < b]


def _lines(text: str) -> Iterator[_Line]:
    same = plain(text)
    for whole in _LINE.finditer(same):
        cuts = [0, *(m.end() for m in _INNER.finditer(whole[0])), len(whole[0])]
        for a, b in itertools.pairwise(cuts):
            start, end = _trim(same, whole.start() + a, whole.start() + b)
            if start < end:
                yield _line(same, text, start, end)


def _line(same: str, text: str, start: int, end: int) -> _Line:
    mark = marker(same[start:end])
    body = _trim(same, start + (mark.end if mark else 0), end)[0]
    raw = text[start:end]
    tabular = "\t" in raw or raw.count("|") >= 2 or raw.count("│") >= 2
    return _Line(start, end, min(body, end), same[min(body, end) : end], mark, tabular)


def _read(reader: _Reader, line: _Line, nxt: _Line | None) -> None:
    if _CONTENTS.search(line.said) and len(line.said) < _LATIN_HEADING and not _CLOSED.search(line.said[:-4]):
        return reader.title(line.mark.depth if line.mark else 0, "")
    if not reader.seen_clause and not line.mark and _PARTY.match(line.said):
        return _party(reader, line)
    if _belongs(reader, line):
        return reader.extend(line)
    if not line.tabular and _is_heading(reader, line, nxt):
        said = line.said.strip(" :【】[]")
        named = line.mark is not None or not _CONTRACT_TITLE.search(said)
        return reader.title(line.mark.depth if line.mark else 0, said if named else "")
    return _clause(reader, line)


def _clause(reader: _Reader, line: _Line) -> None:
    """A clause, with the title that stands before it in its own line."""
    start, said = line.body, line.said
    if line.mark and (title := _TITLE_INLINE.match(said)) and not _RULES.search(_name(title)):
        if not _PARTY.match(said):
            if line.mark.depth <= 5:
                reader.title(line.mark.depth, _name(title))
            start, said = line.body + title.end(), said[title.end() :]
    elif line.mark and line.mark.depth <= 4:
        reader.title(line.mark.depth, "")
    if start < line.end:
        reader.open(line, start, said)


def _name(title: "re.Match[str]") -> str:
    return next(part for part in title.groups() if part)


def _belongs(reader: _Reader, line: _Line) -> bool:
    """Whether a line goes on with the open clause: an item it announced, a row, the rest of a sentence."""
    if not reader.found or reader.found[-1].kind != "clause" or not reader.tail:
        return False
    if line.tabular:
        return True
    if line.mark is None:
        broken = not _CLOSED.search(reader.tail) and not (_is_short(line) and not _CLOSED.search(line.said))
        return broken or (reader.announced is not None and bool(_ANNOUNCES.search(reader.tail)))
    if line.mark.depth <= min(reader.depth, 4) and not _item_of(reader, line):
        return False
    return _item_of(reader, line) or bool(
        _ITEM_GOES_ON.search(reader.tail) and line.mark.depth > reader.depth
    )


def _item_of(reader: _Reader, line: _Line) -> bool:
    mark = line.mark
    return mark is not None and reader.announced is not None and mark.depth > min(reader.announced, 98)


def _is_short(line: _Line) -> bool:
    han = sum("\u4e00" <= c <= "\u9fff" for c in line.said)
    return len(line.said) <= (_ZH_HEADING if han * 3 > len(line.said) else _LATIN_HEADING)


def _is_heading(reader: _Reader, line: _Line, nxt: _Line | None) -> bool:
    """A short line that says nothing, with something under it that is not its sibling."""
    said = line.said.strip(" :【】[]")
    if not re.search(r"\w", said):
        return True
    if not _is_short(line) or _STOPS.search(line.said.rstrip(" :")) or _RULES.search(said):
        return False
    if line.mark is None or line.mark.depth <= 2:
        return True
    if nxt is not None and nxt.tabular and line.said.endswith(":"):
        return False  # it announces a table
    deeper = nxt is not None and nxt.mark is not None and nxt.mark.depth > line.mark.depth
    if line.said.endswith(":") and deeper and line.mark.depth >= _LABEL_DEPTH:
        return False  # it announces items
    sibling = nxt is not None and nxt.mark is not None and nxt.mark.depth == line.mark.depth
    return deeper or not (sibling or reader.depth == line.mark.depth or nxt is None)


def _party(reader: _Reader, line: _Line) -> None:
    if reader.found and reader.found[-1].kind == "parties" and not reader.titles:
        reader.extend(line)
        return
    reader.titles = []
    reader.open(line, line.start, line.said, "parties")
    reader.tail = ""


def _sign(reader: _Reader, line: _Line) -> None:
    if reader.found and reader.found[-1].kind == "signature":
        reader.extend(line)
        return
    reader.title(0, "")
    reader.titles = []
    reader.open(line, line.start, line.said, "signature")


def _foot(lines: Sequence[_Line]) -> int:
    """Where the signatures begin: the first signing line after the last clause that rules something."""
    foot = len(lines)
    for i in range(len(lines) - 1, -1, -1):
        said = lines[i].said
        if _SIGNED.search(said) or _PARTY.match(said) or _SHORT_DATE.match(said):
            foot = i
        elif lines[i].mark or _RULES.search(said) or len(said) > _ZH_HEADING * 3:
            break
    signed = [i for i in range(foot, len(lines)) if _SIGNED.search(lines[i].said)]
    return foot if signed else len(lines)


def _pieces(text: str, segment: Segment) -> Iterator[Segment]:
    """The segment itself, or pieces of at most MOST_CHARACTERS, cut between sentences when there are any."""
    if segment.end - segment.start <= MOST_CHARACTERS:
        yield segment
        return
    start = segment.start
    last = start
    for _, end in sentences(text, segment.start, segment.end):
        while end - start > MOST_CHARACTERS:
            cut = last if last > start else start + MOST_CHARACTERS
            a, b = _trim(text, start, cut)
            if a < b:
                yield replace(segment, start=a, end=b, body=max(a, min(segment.body, b)))
            start = last = cut
        last = end
    a, b = _trim(text, start, segment.end)
    if a < b:
        yield replace(segment, start=a, end=b, body=max(a, min(segment.body, b)))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """[start, end) without the blanks at its ends."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
