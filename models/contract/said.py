"""Said: what a clause says, in the forms that the learner looks at.

`plain` is the clause in plain, lower-case characters; `cast` the same with the parties, numbers and blanks
under one name each (features/parties.py); `title` the heading it stands under, or ""; `opening` how the
cast form
begins, where a clause tends to name its topic. Chinese forms have no blanks, others single ones.

>>> said("乙方 应付 5万元", title="付款")
Said(plain='乙方应付5万元', cast='Ｄ应付#万元', title='付款')
"""

import re
from dataclasses import dataclass

from features.glyphs import plain
from features.parties import Sides, cast

_HAN = re.compile(r"[\u4e00-\u9fff]")
_BLANKS = re.compile(r"\s+")
_OPENING, _LATIN_OPENING = 24, 70  # characters


@dataclass(frozen=True)
class Said:
    """One clause, ready to be looked at."""

    plain: str
    cast: str
    title: str = ""

    @property
    def opening(self) -> str:
        """The beginning of the cast form."""
        return self.cast[: _OPENING if _HAN.search(self.cast) else _LATIN_OPENING]


def said(text: str, *, title: str = "", who: Sides | None = None) -> Said:
    """The forms of a clause; `who` says which way round its contract names the parties."""
    blank = "" if _HAN.search(text) else " "
    forms = (plain(text).lower(), cast(text, who), plain(title).lower())
    return Said(*(_BLANKS.sub(blank, form).strip() for form in forms))
