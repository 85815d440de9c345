"""Cues: regular expressions over the cast form of clauses, each one a feature.

In:   patterns by label (configs/contract/cues_*.yaml), clauses in cast form.
Out:  `hits` [n, k] bool, in the order of `labels` [k].

Errors: BadCue (an expression that does not compile, by its label and number).

>>> Cues({"price_control": ["破价", "最低.{0,4}价"]}).hits(["Ｄ不得破价"]).tolist()
[[True, False]]
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError


class BadCue(ModelError):
    def __init__(self, label: str, number: int, why: str) -> None:
        super().__init__(
            f"Cue {number} of {label!r} is no regular expression ({why}). Mend it in configs/contract."
        )


class Cues:
    """Compiled once; learns nothing."""

    def __init__(self, patterns: Mapping[str, Sequence[str]]) -> None:
        self.labels = [label for label, listed in patterns.items() for _ in listed]
        self.patterns = [
            _compiled(label, i, p) for label, listed in patterns.items() for i, p in enumerate(listed, 1)
        ]

    def hits(self, casts: Sequence[str]) -> NDArray[np.bool_]:
        """Which expression is found in which clause."""
        found = np.zeros((len(casts), len(self.patterns)), dtype=bool)
        for j, pattern in enumerate(self.patterns):
            search = pattern.search
            found[:, j] = [search(text) is not None for text in casts]
        return found


def _compiled(label: str, number: int, pattern: str) -> "re.Pattern[str]":
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, TypeError) as error:
        raise BadCue(label, number, str(error)) from None
