"""Classifier: which labels a clause has, by its words.

In:   clauses as `Said` [n]; labels [n]: one each (`exclusive`), or a set each.
Out:  `margins` [n, k] in the order of `labels_`; for exclusive labels also `probabilities` [n, k].

Blocks of n-grams and cues, then one linear head a label. With `sentences` a second set of heads is learned on
single sentences and the best sentence of a text counts beside the text as a whole: a long paragraph has a
label when one of its sentences has. With `wide` blocks a second set of heads looks at those alone, without
cues, and the margins are added: two views err less together.

Probabilities are calibrated on margins of held-out folds; `groups` keep what belongs together (a style, a
contract) in one fold, so that they hold for wordings not yet seen.

Errors: models.errors.NotFitted, features.errors.TooFewRows.

>>> texts = [said(t) for t in ["不得窜货", "严禁窜货", "窜货罚款", "应付货款", "货款月结", "付清货款"]]
>>> labels = ["diversion_ban"] * 3 + ["payment_terms"] * 3
>>> model = Classifier((Block("plain", "char", 1, 2, min_df=1),), folds=2).fit(texts, labels)
>>> model.labels_[model.margins([said("窜货")]).argmax()]
'diversion_ban'
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.errors import TooFewRows
from models.contract.blocks import Block, Blocks
from models.contract.heads import Heads
from models.contract.said import Said, said
from models.contract.softmax import Softmax
from models.errors import NotFitted

Array = NDArray[np.float64]
Labels = Sequence[str] | Sequence[Collection[str]]
_SENTENCES = re.compile(r"(?<=[.;:])\s+|(?<=[。;])")
_LEAST_CHARACTERS = 25  # of a sentence that stands alone


class Classifier:
    """Stores the design; `fit` learns vocabularies, heads and calibration."""

    def __init__(
        self,
        blocks: Sequence[Block],
        cues: Mapping[str, Sequence[str]] | None = None,
        *,
        heads: Heads | None = None,
        sentences: bool = False,
        folds: int = 0,
        wide: Sequence[Block] = (),
    ) -> None:
        self.blocks, self.cues, self.heads = tuple(blocks), cues, heads or Heads()
        self.sentences, self.folds, self.wide = sentences, folds, tuple(wide)

    def fit(
        self,
        texts: Sequence[Said],
        labels: Labels,
        *,
        groups: Sequence[str] | None = None,
        spans: Sequence[tuple[Said, Collection[str]]] = (),
    ) -> Self:
        """Learn from texts, and from `spans`: shorter texts that carry their labels wholly."""
        listed = [{one} if isinstance(one, str) else set(one) for one in labels]
        self.labels_ = sorted(set().union(*listed, *(given for _, given in spans)))
        if len(texts) < 2 or len(self.labels_) < 2:
            raise TooFewRows(
                "A clause classifier (two labels or more)", 2, min(len(texts), len(self.labels_))
            )
        every = [*texts, *(text for text, _ in spans)]
        y = self._matrix([*listed, *(set(given) for _, given in spans)])
        self.features_ = Blocks(self.blocks, self.cues).fit(texts)
        x = self.features_.transform(every)
        self.heads_ = self._heads().fit(x, y)
        if self.sentences:
            self._fit_sentences(texts, listed, spans)
        second = self._fit_wide(texts, every, y) if self.wide else None
        if self.folds:
            held = out_of_fold(self._heads(), x, y, groups, folds=self.folds)
            if second is not None:
                held = held + out_of_fold(self._heads(), second, y, groups, folds=self.folds)
            self.calibration_ = Softmax().fit(held, y.argmax(axis=1))
        return self

    def margins(self, texts: Sequence[Said]) -> Array:
        """How strongly each label is there."""
        if not hasattr(self, "heads_"):
            raise NotFitted(self)
        whole = self.heads_.margins(self.features_.transform(texts))
        if self.wide:
            whole = whole + self.wide_heads_.margins(self.wide_features_.transform(texts))
        if not self.sentences:
            return whole
        pieces, owner = _pieces(texts)
        best = np.full(whole.shape, -np.inf)
        np.maximum.at(best, owner, self.sentence_heads_.margins(self.features_.transform(pieces)))
        return np.asarray(whole + best)

    def probabilities(self, texts: Sequence[Said]) -> Array:
        """Calibrated probabilities of exclusive labels."""
        if not hasattr(self, "calibration_"):
            raise NotFitted(self)
        return self.calibration_.predict(self.margins(texts))

    def _heads(self) -> Heads:
        return Heads(self.heads.c, balanced=self.heads.balanced, seed=self.heads.seed)

    def _matrix(self, listed: Sequence[Collection[str]]) -> NDArray[np.bool_]:
        return np.array([[label in given for label in self.labels_] for given in listed], dtype=bool)

    def _fit_wide(
        self, texts: Sequence[Said], every: Sequence[Said], y: NDArray[np.bool_]
    ) -> sparse.csr_matrix:
        """The second heads; gives the matrix that they saw."""
        self.wide_features_ = Blocks(self.wide).fit(texts)
        x = self.wide_features_.transform(every)
        self.wide_heads_ = self._heads().fit(x, y)
        return x

    def _fit_sentences(
        self,
        texts: Sequence[Said],
        listed: Sequence[set[str]],
        spans: Sequence[tuple[Said, Collection[str]]],
    ) -> None:
        """A sentence has a label of its text when it overlaps a span with it, or when no sentence does."""
        pieces, owner = _pieces(texts)
        y = self._matrix([listed[i] for i in owner])
        y &= _overlap(pieces, owner, y, spans, self.labels_)
        x = self.features_.transform([*pieces, *(text for text, _ in spans)])
        spanned = self._matrix([set(given) for _, given in spans]).reshape(len(spans), len(self.labels_))
        self.sentence_heads_ = self._heads().fit(x, np.vstack([y, spanned]))


def out_of_fold(
    heads: Heads,
    x: sparse.csr_matrix,
    y: NDArray[np.bool_],
    groups: Sequence[str] | None,
    *,
    folds: int,
) -> Array:
    """Margins [n, k] of heads that did not see the fold; `heads` is fitted anew for each."""
    fold = dealt(groups or [str(i) for i in range(x.shape[0])], folds)
    margins = np.zeros(y.shape)
    for held in np.unique(fold):
        seen = fold != held
        margins[~seen] = heads.fit(x[seen], y[seen]).margins(x[~seen])
    return margins


def dealt(groups: Sequence[str], folds: int) -> NDArray[np.intp]:
    """Groups dealt to folds, the largest first to the smallest fold."""
    names, inverse, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    size, place = np.zeros(folds), np.zeros(len(names), dtype=np.intp)
    for group in np.argsort(-counts, kind="stable"):
        place[group] = int(size.argmin())
        size[place[group]] += counts[group]
    return np.asarray(place[inverse])


def _pieces(texts: Sequence[Said]) -> tuple[list[Said], NDArray[np.intp]]:
    """The sentences of each text, and whose they are; a text without long ones stands for itself."""
    pieces: list[Said] = []
    owner: list[int] = []
    for i, text in enumerate(texts):
        parts = [s for s in _SENTENCES.split(text.plain) if len(s) >= _LEAST_CHARACTERS] or [text.plain]
        pieces += [said(part, title=text.title) for part in parts]
        owner += [i] * len(parts)
    return pieces, np.array(owner, dtype=np.intp)


def _overlap(
    pieces: Sequence[Said],
    owner: NDArray[np.intp],
    y: NDArray[np.bool_],
    spans: Sequence[tuple[Said, Collection[str]]],
    labels: Sequence[str],
) -> NDArray[np.bool_]:
    """Which sentence is part of a span of which label; all sentences of a text when none is."""
    flat = [_words(piece.plain) for piece in pieces]
    by_label = {
        label: "\n".join(_words(text.plain) for text, given in spans if label in given) for label in labels
    }
    known = np.zeros_like(y)
    for i, j in zip(*np.nonzero(y), strict=True):
        ends = (flat[i], flat[i][:60], flat[i][-60:])
        known[i, j] = any(part in by_label[labels[j]] for part in ends)
    placed = np.zeros((int(owner.max()) + 1, y.shape[1]), dtype=bool)
    np.logical_or.at(placed, owner, known)
    return known | ~placed[owner]


def _words(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip()
