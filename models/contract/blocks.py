"""Blocks: clauses as one sparse matrix of n-grams, titles and cues.

Each block is a TF-IDF of character or word n-grams of one form of the clause (`Said.plain` or `Said.cast`),
brought to length 1 and weighted; cues are weighted by their rarity and brought to length 1 too. A clause
without a title has zeros there, so that it is judged by its own words.

In:   Said [n].   Out: csr [n, f] float32.
Source: Salton and Buckley (1988), Term-weighting approaches in automatic text retrieval.
Errors: models.errors.NotFitted.

>>> from models.contract.said import said
>>> texts = [said("乙方不得窜货"), said("乙方应付货款")]
>>> Blocks((Block("cast", "char", 1, 2, min_df=1),)).fit(texts).transform(texts).shape
(2, 16)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from models.contract.cues import Cues
from models.contract.said import Said
from models.errors import NotFitted

Csr = sparse.csr_matrix
_CUED = ("cast", "opening")
_FEW = 60  # clauses under which every n-gram is kept


@dataclass(frozen=True)
class Block:
    """N-grams of `shortest` to `longest` characters or words of one form of the clause."""

    form: Literal["plain", "cast", "opening", "title"]
    analyzer: Literal["char", "char_wb", "word"]
    shortest: int
    longest: int
    weight: float = 1.0
    min_df: int = 2


class Blocks:
    """Stores what to look at; `fit` learns vocabularies and rarities."""

    def __init__(
        self,
        blocks: Sequence[Block],
        cues: Mapping[str, Sequence[str]] | None = None,
        cue_weights: tuple[float, float] = (0.3, 0.2),
    ) -> None:
        self.blocks = tuple(blocks)
        self.cues = Cues(cues or {})
        self.cue_weights = cue_weights  # in the whole clause, in its opening

    def fit(self, texts: Sequence[Said]) -> Self:
        """Learn the vocabulary of every block from clauses."""
        used = [block for block in self.blocks if any(_form(texts, block))]
        few = len(texts) < _FEW
        self.vectorizers_ = [(block, _vectorizer(block, few).fit(_form(texts, block))) for block in used]
        found = self.cues.hits([text.cast for text in texts]).sum(axis=0)
        self.rarity_ = (np.log((1 + len(texts)) / (1 + found)) + 1).astype(np.float32)
        return self

    def transform(self, texts: Sequence[Said]) -> Csr:
        """One row a clause."""
        if not hasattr(self, "vectorizers_"):
            raise NotFitted(self)
        parts = [
            block.weight * vectorizer.transform(_form(texts, block))
            for block, vectorizer in self.vectorizers_
        ]
        if self.cues.labels:
            parts += [self._cues(texts, form, w) for form, w in zip(_CUED, self.cue_weights, strict=True)]
        return sparse.csr_matrix(sparse.hstack(parts, format="csr", dtype=np.float32))

    def _cues(self, texts: Sequence[Said], form: str, weight: float) -> Csr:
        hits = self.cues.hits([getattr(text, form) for text in texts])
        return sparse.csr_matrix(weight * unit_rows(hits * self.rarity_))


def unit_rows(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of length 1; rows of zeros stay."""
    length = np.sqrt((x**2).sum(axis=1, keepdims=True))
    return np.asarray(x / np.where(length > 0, length, 1.0), dtype=np.float32)


def _form(texts: Sequence[Said], block: Block) -> list[str]:
    return [getattr(text, block.form) for text in texts]


def _vectorizer(block: Block, few: bool) -> TfidfVectorizer:
    words = {"token_pattern": r"(?u)[^\W_]+|[%#ＡＤ]"} if block.analyzer == "word" else {}
    return TfidfVectorizer(
        analyzer=block.analyzer,
        ngram_range=(block.shortest, block.longest),
        min_df=1 if few else block.min_df,
        sublinear_tf=True,
        dtype=np.float32,
        lowercase=False,
        **words,
    )
