"""Reasons: why a score is what it is, as codes and sentences.

In:   contributions [n, k] of each feature to the log-odds of the bad event (`pred_contrib` without
      its last column, or scorecard points in log-odds), and a `Wording` for each feature.
Out:  for each row a list of {"code", "text", "effect"}, the largest effect first. Features of one
      code count as one reason: their effects are added.

A feature without a wording gives no reason; what it moves stays in the score.

>>> wordings = {"late_rate": Wording("LATE", "Pays late more often than others.", "Pays on time.")}
>>> top_reasons(np.array([[0.7], [-0.2]]), ["late_rate"], wordings)[0]
[{'code': 'LATE', 'text': 'Pays late more often than others.', 'effect': 0.7}]
>>> top_reasons(np.array([[-0.2]]), ["late_rate"], wordings, adverse=True)
[[]]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Reason = dict[str, Any]  # code: str, text: str, effect: float
_LEAST_EFFECT = 0.005  # log-odds; less is no reason


@dataclass(frozen=True)
class Wording:
    """What a feature is called, and what to say when it raises or lowers the risk."""

    code: str
    raises: str
    lowers: str


def top_reasons(
    contributions: Array,
    columns: Sequence[str],
    wordings: Mapping[str, Wording],
    *,
    most: int = 4,
    adverse: bool = False,
) -> list[list[Reason]]:
    """The strongest reasons of each row; with `adverse` only those that raise the risk."""
    codes = list(dict.fromkeys(wordings[c].code for c in columns if c in wordings))
    texts = {w.code: w for w in reversed([wordings[c] for c in columns if c in wordings])}
    effects = np.zeros((len(contributions), len(codes)))
    for position, column in enumerate(columns):
        if column in wordings:
            effects[:, codes.index(wordings[column].code)] += contributions[:, position]
    strength = np.where(adverse & (effects < 0), 0.0, np.abs(effects))
    order = np.argsort(-strength, axis=1, kind="stable")[:, :most]
    return [
        [_reason(texts[codes[j]], effects[i, j]) for j in row if strength[i, j] >= _LEAST_EFFECT]
        for i, row in enumerate(order)
    ]


def _reason(wording: Wording, effect: float) -> Reason:
    text = wording.raises if effect > 0 else wording.lowers
    return {"code": wording.code, "text": text, "effect": round(float(effect), 4)}
