"""Risk: how much a clause of a given type endangers the brand: low, medium or high.

In:   clauses as `Said` [n] and their types [n].
Out:  `probabilities` [n, 3] in the order of RISKS; `found`, which expressions spoke, by risk.

One set of linear heads sees every feature twice: once for all types and once for the clause's own type, so
that "the brand shall bear" counts everywhere and "30 days" only where it matters. Beside n-grams there are
expressions by type and risk (configs/contract/risks_*.yaml), and days, rates and the balance of the parties.

Source: Daume III (2007), Frustratingly easy domain adaptation (features shared and own).
Limits: risk is a convention (docs/rooms/contract.md); a clause whose type is mistaken is judged as that type.
Errors: models.errors.NotFitted, features.errors.TooFewRows, models.contract.cues.BadCue.

>>> from models.contract.said import said
>>> texts = [said(t) for t in ["甲方承担一切损失", "甲方承担全部费用", "乙方承担运费", "乙方承担损失"] * 3]
>>> model = Risk((Block("cast", "char", 1, 2, min_df=1),), folds=2)
>>> model = model.fit(texts, ["delivery_risk"] * 12, ["high", "high", "low", "low"] * 3)
>>> RISKS[model.probabilities([said("乙方承担货损")], ["delivery_risk"]).argmax()]
'low'
"""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.clauses import facts
from features.errors import TooFewRows
from features.parties import BRAND, DEALER
from models.contract.blocks import Block, Blocks, unit_rows
from models.contract.classifier import out_of_fold
from models.contract.cues import Cues
from models.contract.heads import Heads
from models.contract.said import Said
from models.contract.softmax import Softmax
from models.errors import NotFitted

Array = NDArray[np.float64]
Bits = NDArray[np.bool_]
RISKS = ("low", "medium", "high")
ANY = "any"  # the key of expressions that hold for every type
Expressions = Mapping[str, Mapping[str, Sequence[str]]]  # type -> risk -> expressions
_TERMS = (30.0, 59.0, 120.0, np.inf)  # days up to which a period is short, middling, long, very long
_CUE_WEIGHT, _TYPE_WEIGHT, _FACT_WEIGHT = 0.35, 0.2, 0.2


class Risk:
    """Stores the design; `own` weighs the copy of the features that belongs to the type."""

    def __init__(
        self,
        blocks: Sequence[Block],
        expressions: Expressions | None = None,
        *,
        c: float = 0.5,
        own: float = 0.8,
        folds: int = 5,
    ) -> None:
        self.blocks, self.c, self.own, self.folds = tuple(blocks), c, own, folds
        self.expressions = {kind: Cues(listed) for kind, listed in (expressions or {}).items()}

    def fit(
        self,
        texts: Sequence[Said],
        types: Sequence[str],
        risks: Sequence[str],
        *,
        groups: Sequence[str] | None = None,
    ) -> Self:
        """Learn vocabulary, heads and calibration."""
        if len(set(risks)) < 2:
            raise TooFewRows("A judge of clause risk (two levels or more)", 2, len(set(risks)))
        self.types_ = sorted(set(types))
        self.features_ = Blocks(self.blocks).fit(texts)
        found = self._hits(texts, types).sum(axis=0)
        self.rarity_ = (np.log((1 + len(texts)) / (1 + found)) + 1).astype(np.float32)
        x = self._matrix(texts, types)
        truth = np.array([RISKS.index(risk) for risk in risks])
        y = np.eye(len(RISKS), dtype=bool)[truth]
        self.heads_ = Heads(self.c).fit(x, y)
        held = out_of_fold(Heads(self.c), x, y, groups, folds=self.folds)
        self.calibration_ = Softmax().fit(held, truth)
        return self

    def probabilities(self, texts: Sequence[Said], types: Sequence[str]) -> Array:
        """Calibrated probabilities of the three levels."""
        if not hasattr(self, "heads_"):
            raise NotFitted(self)
        return self.calibration_.predict(self.heads_.margins(self._matrix(texts, types)))

    def found(self, texts: Sequence[Said], types: Sequence[str]) -> list[dict[str, int]]:
        """How many expressions of each risk are found in each clause."""
        labels = np.array([label for cues in self.expressions.values() for label in cues.labels])
        hits = self._hits(texts, types)
        counts = [hits[:, labels == risk].sum(axis=1) for risk in RISKS]
        return [dict(zip(RISKS, map(int, row), strict=True)) for row in np.array(counts).T]

    def _hits(self, texts: Sequence[Said], types: Sequence[str]) -> Bits:
        """Expressions of every type at their own clauses only. [n, k]"""
        kinds = np.asarray(types)
        parts = [np.zeros((len(texts), 0), dtype=bool)]
        for kind, cues in self.expressions.items():
            part = np.zeros((len(texts), len(cues.labels)), dtype=bool)
            rows = np.arange(len(texts)) if kind == ANY else np.flatnonzero(kinds == kind)
            part[rows] = cues.hits([texts[i].cast for i in rows.tolist()])
            parts.append(part)
        return np.hstack(parts)

    def _matrix(self, texts: Sequence[Said], types: Sequence[str]) -> sparse.csr_matrix:
        cues = unit_rows(self._hits(texts, types) * self.rarity_)
        kinds = np.array([[kind == known for known in self.types_] for kind in types], dtype=np.float32)
        shared = sparse.hstack(
            [
                self.features_.transform(texts),
                sparse.csr_matrix(_CUE_WEIGHT * cues),
                sparse.csr_matrix(_TYPE_WEIGHT * kinds.reshape(len(texts), len(self.types_))),
                sparse.csr_matrix(_FACT_WEIGHT * numbers(texts)),
            ],
            format="csr",
            dtype=np.float32,
        )
        return self._with_own(shared, types)

    def _with_own(self, shared: sparse.csr_matrix, types: Sequence[str]) -> sparse.csr_matrix:
        """The features, and a copy of them in the columns of the clause's type."""
        place = {kind: i for i, kind in enumerate(self.types_)}
        number = np.array([place.get(kind, -1) for kind in types], dtype=np.int64)
        entries = shared.tocoo()
        known = number[entries.row] >= 0
        rows, data = entries.row[known], self.own * entries.data[known]
        columns = entries.col[known].astype(np.int64) + shared.shape[1] * number[rows]
        shape = (shared.shape[0], shared.shape[1] * len(self.types_))
        own = sparse.csr_matrix((data.astype(np.float32), (rows, columns)), shape=shape)
        return sparse.csr_matrix(sparse.hstack([shared, own], format="csr", dtype=np.float32))


def numbers(texts: Sequence[Said]) -> NDArray[np.float32]:
    """Longest period in classes, rates, length and how often each party is named. [n, 9], each "
    "about 0 to 2."""
    out = np.zeros((len(texts), len(_TERMS) + 5), dtype=np.float32)
    for i, text in enumerate(texts):
        stated = facts(text.plain)
        days = [f.value for f in stated if f.kind == "days"]
        rates = [f.value for f in stated if f.kind == "rate"]
        if days:
            out[i, int(np.searchsorted(_TERMS, max(days)))] = 1.0
        out[i, -5:-3] = bool(rates), min(max(rates, default=0.0), 2.0)
        out[i, -3:] = len(text.plain) / 200, text.cast.count(BRAND) / 5, text.cast.count(DEALER) / 5
    return np.minimum(out, 4.0)
