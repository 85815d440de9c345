"""Heads: one linear separator a label over a sparse matrix of clauses.

In:   X csr [n, f], Y [n, k] bool (a clause may have several labels, or none).
Out:  margins [n, k]: above zero where the label is rather there.

Linear support vector machines with the squared hinge loss, one label against the rest. A label
without an example, or without a counter-example, has a constant margin.

Source: Fan et al. (2008), LIBLINEAR; Joachims (1998), Text categorization with SVMs.
Errors: models.errors.NotFitted.

>>> X = sparse.csr_matrix(np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32))
>>> (Heads().fit(X, np.eye(2, dtype=bool)).margins(X) > 0).tolist()
[[True, False], [False, True]]
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.svm import LinearSVC

from models.errors import NotFitted

Array = NDArray[np.float64]
_SPARSE_SHARE = 0.4
_NEVER = -3.0  # margin of a label that no example has


class Heads:
    """`c` is the price of an error; `balanced` weighs examples of a label by its rarity."""

    def __init__(self, c: float = 1.0, *, balanced: bool = False, seed: int = 0) -> None:
        self.c, self.balanced, self.seed = c, balanced, seed

    def fit(self, x: sparse.csr_matrix, y: NDArray[np.bool_]) -> Self:
        """Learn a weight [f, k] and an intercept [k] a label."""
        columns = [sparse.csr_matrix(np.zeros((x.shape[1], 1), dtype=np.float32))] * y.shape[1]
        self.intercepts_ = np.zeros(y.shape[1])
        for label in range(y.shape[1]):
            there = y[:, label]
            if there.all() or not there.any():
                self.intercepts_[label] = -_NEVER if there.any() else _NEVER
                continue
            rarity = y.shape[0] / (y.shape[1] * there.sum()) if self.balanced else 1.0
            svm = LinearSVC(C=self.c, class_weight={True: rarity, False: 1.0}, random_state=self.seed)
            svm.fit(x, there)
            columns[label] = sparse.csr_matrix(svm.coef_.T.astype(np.float32))
            self.intercepts_[label] = float(svm.intercept_[0])
        self.weights_ = _compact(sparse.hstack(columns, format="csr"))
        return self

    def margins(self, x: sparse.csr_matrix) -> Array:
        """How far each clause lies on the label's side."""
        if not hasattr(self, "weights_"):
            raise NotFitted(self)
        product = x @ self.weights_
        dense = product.toarray() if sparse.issparse(product) else product
        return np.asarray(dense, dtype=np.float64) + self.intercepts_

    def __getstate__(self) -> dict[str, Any]:
        """Sparse weights are kept by label: most features have none, and by feature each costs a number."""
        kept = dict(vars(self))
        if sparse.issparse(kept.get("weights_")):
            kept["weights_"] = kept["weights_"].tocsc()
        return kept

    def __setstate__(self, kept: dict[str, Any]) -> None:
        weights: Any = kept.get("weights_")
        self.__dict__.update(
            kept | ({"weights_": weights.tocsr()} if isinstance(weights, sparse.csc_matrix) else {})
        )


def _compact(weights: sparse.csr_matrix) -> "sparse.csr_matrix | NDArray[np.float32]":
    """Dense where that is the smaller way to keep them."""
    return weights if weights.nnz < _SPARSE_SHARE * np.prod(weights.shape) else weights.toarray()
