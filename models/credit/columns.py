"""Columns: a credit file as it comes, made ready for binning and for trees.

In:   a frame of any columns: numbers, truth values, dates, words, numbers written as words.
Out:  `frame(X)`: the same rows with the columns that were worth something in training, each either
      float (infinite values are missing; dates become days) or words (rare ones together).

Constant columns, columns of which nearly every value is a word of its own (names, ids) and exact
copies of an earlier column are left out. A column that is missing later counts as unknown
throughout; columns that were not there in training are ignored.

Errors: models.errors.NotFitted; BadFrame when there are no rows, or nothing in them to learn from.

>>> X = pd.DataFrame({"size": ["1", "2", "x"] * 20, "city": list("aab") * 20, "same": 1})
>>> X["ok"] = [True, False, None] * 20
>>> columns = Columns().fit(X)
>>> columns.numbers_, columns.words_
(['ok'], ['size', 'city'])
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from models.errors import ModelError, NotFitted

Array = NDArray[np.float64]
_LEAST_PARSED = 0.98  # of the words must be numbers for a column to count as one
_MOST_LEVELS_SHARE = 0.5  # more levels than this share of the rows: an id
_RARE = "(rare)"


class BadFrame(ModelError):
    """A file that no scorer can learn from."""


@dataclass
class Columns:
    """Which columns are used, and as what."""

    rare: int = 10  # rows; words of fewer are put together
    numbers_: list[Hashable] = field(default_factory=list, init=False)
    words_: list[Hashable] = field(default_factory=list, init=False)
    levels_: dict[Hashable, list[str]] = field(default_factory=dict, init=False)
    fitted_: bool = field(default=False, init=False)

    def fit(self, X: pd.DataFrame) -> Self:
        """Look at every column once."""
        if not len(X):
            raise BadFrame("No rows to learn from; a credit file needs one row a case.")
        if X.columns.has_duplicates:
            twice = sorted({str(c) for c in X.columns[X.columns.duplicated()]})
            raise BadFrame(f"Columns of the same name: {twice[:5]}. Rename or drop them.")
        self.numbers_, self.words_, self.levels_ = [], [], {}
        seen: set[int] = set()
        for name in X.columns:
            self._look(name, X[name], seen)
        self.fitted_ = True
        return self

    def frame(self, X: pd.DataFrame) -> pd.DataFrame:
        """The used columns, numbers first."""
        if not self.fitted_:
            raise NotFitted(self)
        out: dict[Hashable, Any] = {}
        for name in self.numbers_:
            out[name] = _numbers(X[name]) if name in X else np.full(len(X), np.nan)
        for name in self.words_:
            out[name] = self._worded(name, X[name]) if name in X else np.full(len(X), None, object)
        return pd.DataFrame(out, index=X.index)

    @property
    def names_(self) -> list[Hashable]:
        """Every used column."""
        return [*self.numbers_, *self.words_]

    def _look(self, name: Hashable, values: "pd.Series[Any]", seen: set[int]) -> None:
        numeric = _is_number(values)
        clean: Any = _numbers(values) if numeric else _texts(values)
        as_series = pd.Series(clean)
        if as_series.nunique(dropna=False) < 2:
            return
        fingerprint = hash(pd.util.hash_pandas_object(as_series, index=False).to_numpy().tobytes())
        if fingerprint in seen:
            return
        if numeric:
            seen.add(fingerprint)
            self.numbers_.append(name)
            return
        counts = as_series.value_counts()
        if len(counts) > max(10, _MOST_LEVELS_SHARE * len(values)):
            return
        seen.add(fingerprint)
        self.words_.append(name)
        least = min(self.rare, max(1, len(values) // 20))
        self.levels_[name] = sorted(map(str, counts.index[counts >= least]))

    def _worded(self, name: Hashable, values: "pd.Series[Any]") -> NDArray[np.object_]:
        words = _texts(values)
        known = np.isin(words.astype(str), self.levels_[name])
        empty = np.asarray(pd.isna(words))
        out = np.array(words)
        out[~known], out[empty] = _RARE, None
        return out


def outcomes(y: ArrayLike, rows: int) -> Array:
    """Outcomes [n] as 0 and 1; a label of two words or numbers: the later one in order is the bad event.

    >>> outcomes(["no", "yes", "no"], 3).tolist()
    [0.0, 1.0, 0.0]
    """
    given = pd.Series(np.asarray(y).ravel())
    if len(given) != rows:
        raise BadFrame(f"{len(given)} outcomes for {rows} rows; expected one a row.")
    if given.isna().any():
        raise BadFrame(f"{int(given.isna().sum())} outcomes are missing; leave those rows out.")
    kinds = sorted(given.unique(), key=lambda v: (str(type(v)), v))
    if len(kinds) > 2:
        raise BadFrame(f"An outcome has two values, bad or not; found {len(kinds)}.")
    if set(kinds) <= {0, 1}:
        return np.asarray(given, dtype=np.float64)
    return np.asarray(given == kinds[-1], dtype=np.float64)


def _is_number(values: "pd.Series[Any]") -> bool:
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return True
    if isinstance(values.dtype, pd.CategoricalDtype):
        return False
    present = values.dropna()
    if not len(present):
        return False
    if all(isinstance(v, (bool, np.bool_)) for v in present.head(1000)):
        return True
    return bool(pd.to_numeric(present.astype(str), errors="coerce").notna().mean() >= _LEAST_PARSED)


def _numbers(values: "pd.Series[Any]") -> Array:
    if pd.api.types.is_datetime64_any_dtype(values):
        naive = values.dt.tz_localize(None) if values.dt.tz is not None else values
        days = naive.astype("datetime64[s]").astype("int64").to_numpy() / 86400.0
        found: Array = np.where(values.isna().to_numpy(), np.nan, days).astype(np.float64)
        return found
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype | pd.CategoricalDtype):
        values = values.astype(object).map(lambda v: float(v) if isinstance(v, (bool, np.bool_)) else v)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    finite: Array = np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float64)
    return finite


def _texts(values: "pd.Series[Any]") -> NDArray[np.object_]:
    empty = values.isna().to_numpy(dtype=bool)
    words = values.astype(object).map(str).str.strip().to_numpy(dtype=object)
    out = np.array(words, dtype=object)
    out[empty | (words == "")] = None
    return out
