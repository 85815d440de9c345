"""Languages: whether a piece of text is Chinese, English, both, or something this product does not read.

Out: "zh", "en", "mixed" (both in earnest), or "other": another script, another language in Latin letters,
or no letters at all.
Latin text counts as English when enough of its words are among the most frequent English ones; a short
piece without such words is taken for English, because headings have none.
Limits: judged by script and function words; Japanese is told from Chinese by its kana.

>>> [language(t) for t in ("甲方不得窜货。", "The Distributor shall pay.", "12 %")]
['zh', 'en', 'other']
>>> language("Der Händler zahlt die Ware nach Erhalt und trägt alle Kosten der Lieferung.")
'other'
>>> language("甲方 shall grant the Distributor 独家经销权 in 华东 region")
'mixed'
"""

import re
from typing import Literal

Language = Literal["zh", "en", "mixed", "other"]

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:['\u2019-][A-Za-z]+)*")
_FOREIGN = re.compile(
    r"[\u0370-\u03ff\u0400-\u052f\u0590-\u06ff\u0900-\u0dff\u0e00-\u0eff\u3041-\u30fa\u30fc-\u30ff\uac00-\ud7af]"
)
_FREQUENT = frozenset(
    [
        "the",
        "of",
        "and",
        "to",
        "in",
        "a",
        "or",
        "for",
        "any",
        "by",
        "be",
        "this",
        "that",
        "is",
        "with",
        "as",
        "shall",
        "on",
        "not",
        "will",
        "may",
        "from",
        "at",
        "an",
        "its",
        "it",
        "such",
        "which",
        "all",
        "are",
        "other",
        "under",
        "if",
        "no",
        "party",
        "agreement",
        "have",
        "has",
        "must",
        "than",
        "when",
        "upon",
        "without",
        "either",
        "each",
        "unless",
        "only",
        "our",
        "we",
        "you",
        "your",
        "their",
        "they",
        "after",
        "before",
        "until",
        "where",
    ]
)
_HAN_LETTERS = 1.8  # Han characters that carry as much as one English word
_BOTH_RATE = 0.25  # of the words in the weaker language, to call a text mixed
_FOREIGN_RATE = 0.25
_FREQUENT_RATE = 0.15
_WORDS_TO_JUDGE = 8


def language(text: str) -> Language:
    """Which language a text is in."""
    han = len(_HAN.findall(text)) / _HAN_LETTERS
    words = _LATIN.findall(text)
    foreign = len(_FOREIGN.findall(text)) / _HAN_LETTERS
    total = han + len(words) + foreign
    if total == 0 or foreign > _FOREIGN_RATE * total:
        return "other"
    if min(han, len(words)) > _BOTH_RATE * total:
        return "mixed"
    if han >= len(words):
        return "zh"
    return "en" if _is_english(words) else "other"


def _is_english(words: list[str]) -> bool:
    frequent = sum(word.lower() in _FREQUENT for word in words)
    return len(words) < _WORDS_TO_JUDGE or frequent >= _FREQUENT_RATE * len(words)
