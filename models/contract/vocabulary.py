"""Vocabulary: whether a text is a contract at all.

Contracts bind parties: they name them and say what they shall do. A text in which such words are rare is
flagged, never refused.

>>> looks_like_contract("甲方授权乙方经销产品,乙方应按月付款。")
True
>>> looks_like_contract("今天天气很好,我们去公园散步。")
False
"""

import re

from features.glyphs import plain
from features.parties import BRAND, DEALER, cast

_BINDS = re.compile(
    r"应|须|不得|有权|承担|负责|解除|违约|合同|协议|\b(?:shall|agreement|party|parties|hereby|terminat\w+|liab\w+)\b"
)
_SAMPLE = 20_000  # characters looked at
_LEAST_RATE = 0.012  # binding words and parties a character; Latin letters count a quarter


def looks_like_contract(text: str) -> bool:
    """Whether enough words bind somebody."""
    part = text[:_SAMPLE]
    words = cast(part)
    latin = sum(c.isascii() and c.isalpha() for c in part)
    length = max(len(plain(part).strip()) - 0.75 * latin, 1.0)
    named = words.count(BRAND) + words.count(DEALER)
    return (len(_BINDS.findall(words)) + named) / length >= _LEAST_RATE
