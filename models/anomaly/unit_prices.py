"""UnitPrices: reports or documents whose price per unit is unlike that of their product.

In:   a frame with seller, product, quantity, value; quantity and value may be missing.
Out:  scores [n], 0 or more: log distance from the price to be expected, in usual spreads, either side.

    log(value / quantity) = product + slope(product) x log quantity + seller + seller in product + rest

A product's level is its median. The slope (quantity discount), a seller's habit and its habit in a
product are means drawn to zero: few rows teach little. The spread is one for all products: a product's
own, from a few dozen rows that hold the bad ones too, hides exactly the bad ones.

A row without quantity or value has no price. It stands as high as its fault is rare: where 3 % of
the rows lack a quantity, such a row scores as the row that 3 % exceed.

Source: Torgo (2016), Data mining with R, ch. 4 (the task); Efron and Morris (1975) (drawing to zero).
Limits: a seller who is always wrong, with all products, in most of their rows, sets the level.
Errors: MissingColumns; models.errors.NotFitted.

>>> frame = pd.DataFrame({"seller": list("abcdef"), "product": "P", "quantity": 10.0,
...                       "value": [100.0, 101, 99, 100, 102, 30]})
>>> UnitPrices().fit(frame).score(frame).argmax()
np.int64(5)
"""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import MissingColumns
from models.errors import NotFitted

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = ("seller", "product", "quantity", "value")
_SLOPE_PRIOR = 1000.0  # sum of squared log quantities that no discount is worth
_SELLER_PRIOR = 5.0  # rows
_PAIR_PRIOR = 2.0  # rows
_MOST_LOG = 2.0  # a row teaches as if it were no further off than this
_ROUNDS = 2
_SIGMA_PER_MAD = 1.4826


@dataclass
class _Means:
    """Sums and counts by group, and what they say when drawn to zero."""

    names: pd.Index
    total: Array
    n: Array
    prior: float

    def of(self, keys: "pd.Series[Any]") -> Array:
        """The drawn mean for each key, 0 for one that was never seen."""
        at = self.names.get_indexer(pd.Index(keys))
        return np.asarray(np.where(at >= 0, self.total[at] / (self.n[at] + self.prior), 0.0))


@dataclass
class UnitPrices:
    """Robust price per unit of each product, seller and pair."""

    level_: "pd.Series[float]" = field(default_factory=lambda: pd.Series(dtype=float), init=False)
    middle_: "pd.Series[float]" = field(default_factory=lambda: pd.Series(dtype=float), init=False)
    slope_: "pd.Series[float]" = field(default_factory=lambda: pd.Series(dtype=float), init=False)
    sellers_: _Means | None = field(default=None, init=False, repr=False)
    pairs_: _Means | None = field(default=None, init=False, repr=False)
    spread_: float = field(default=np.nan, init=False)
    missing_: dict[str, float] = field(default_factory=dict, init=False)  # score by missing column

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn levels, slopes and habits, from rows that may hold bad ones."""
        log_price, log_q = _logs(frame)
        seller, product, pair = _keys(frame)
        self.level_, self.middle_ = log_price.groupby(product).median(), log_q.groupby(product).mean()
        base, size = self._base(log_price, log_q, product)
        bend, own, in_pair = np.zeros(len(frame)), np.zeros(len(frame)), np.zeros(len(frame))
        for _ in range(_ROUNDS):
            self.slope_ = _slopes(size, _held(base - own - in_pair), product)
            bend = _floats(product.map(self.slope_).fillna(0)) * np.nan_to_num(size)
            held = _held(base - bend - in_pair)
            self.sellers_ = _means(held, seller, _SELLER_PRIOR)
            own = self.sellers_.of(seller)
            held = _held(base - bend - own)
            self.pairs_ = _means(held, pair, _PAIR_PRIOR)
            in_pair = self.pairs_.of(pair)
        rest = base - bend - own - in_pair
        self.spread_ = _spread(rest)
        self.missing_ = _rarities(frame, np.abs(rest) / self.spread_)
        return self

    def score(self, frame: pd.DataFrame) -> Array:
        """How far off the price of each new row is, [n]."""
        return self._filled(frame, np.abs(self.residuals(frame)) / self.spread_)

    def residuals(self, frame: pd.DataFrame) -> Array:
        """Log of price over the price to be expected, [n]; NaN without a price."""
        if self.sellers_ is None or self.pairs_ is None:
            raise NotFitted(self)
        log_price, log_q = _logs(frame)
        seller, product, pair = _keys(frame)
        base, size = self._base(log_price, log_q, product)
        bend = _floats(product.map(self.slope_).fillna(0)) * np.nan_to_num(size)
        return np.asarray(base - bend - self.sellers_.of(seller) - self.pairs_.of(pair))

    def _base(
        self, log_price: "pd.Series[float]", log_q: "pd.Series[float]", product: "pd.Series[Any]"
    ) -> tuple[Array, Array]:
        """Log price and log quantity against the product's; an unknown product's are the channel's."""
        level = product.map(self.level_).fillna(self.level_.median())
        middle = product.map(self.middle_).fillna(self.middle_.median())
        return np.asarray(log_price - level, dtype=np.float64), np.asarray(log_q - middle, dtype=np.float64)

    def _filled(self, frame: pd.DataFrame, scores: Array) -> Array:
        out = np.array(scores, dtype=float)
        for column in ("quantity", "value"):
            lacking = _numbers(frame, column).isna().to_numpy()
            out[lacking] = np.fmax(out[lacking], self.missing_.get(column, 0.0))
        return np.asarray(np.nan_to_num(out, nan=0.0))


def _keys(frame: pd.DataFrame) -> "tuple[pd.Series[Any], pd.Series[Any], pd.Series[Any]]":
    if absent := [c for c in COLUMNS if c not in frame.columns]:
        raise MissingColumns("unit prices", absent, frame.columns)
    seller, product = frame["seller"].astype(str), frame["product"].astype(str)
    return seller, product, product + "\0" + seller


def _numbers(frame: pd.DataFrame, column: str) -> "pd.Series[float]":
    numbers = pd.to_numeric(frame[column], errors="coerce").astype(float)
    return numbers.where(numbers > 0)


def _logs(frame: pd.DataFrame) -> "tuple[pd.Series[float], pd.Series[float]]":
    """Log price and log quantity; NaN where either is missing or not above zero."""
    _keys(frame)
    quantity, value = (_numbers(frame, c).map(np.log) for c in ("quantity", "value"))
    return value - quantity, quantity


def _held(values: Array) -> Array:
    return np.clip(values, -_MOST_LOG, _MOST_LOG)


def _slopes(size: Array, held: Array, product: "pd.Series[Any]") -> "pd.Series[float]":
    both = pd.DataFrame({"xy": size * held, "xx": np.where(np.isnan(held), np.nan, size**2)})
    sums = both.groupby(product.to_numpy()).sum()
    return sums["xy"] / (sums["xx"] + _SLOPE_PRIOR)


def _means(held: Array, keys: "pd.Series[Any]", prior: float) -> _Means:
    grouped = pd.Series(held).groupby(keys.to_numpy())
    total, n = grouped.sum(), grouped.count()
    return _Means(total.index, _floats(total), _floats(n), prior)


def _floats(values: "pd.Series[Any]") -> Array:
    return np.asarray(values, dtype=np.float64)


def _spread(rest: Array) -> float:
    known = rest[np.isfinite(rest)]
    spread = _SIGMA_PER_MAD * float(np.median(np.abs(known))) if len(known) else 0.0
    return spread or 1.0


def _rarities(frame: pd.DataFrame, scores: Array) -> dict[str, float]:
    """For each column that is missing somewhere, the score that as many rows exceed."""
    known = scores[np.isfinite(scores)]
    out = {}
    for column in ("quantity", "value"):
        rate = float(_numbers(frame, column).isna().mean())
        if rate > 0 and len(known):
            out[column] = float(np.quantile(known, 1 - rate))
    return out
