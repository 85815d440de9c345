"""Usual: the size of a series as its attributes tell it, for series that have none of their own yet.

In:   log sizes [n] and `static`, one row a series. Out: expected log size [n] of any series.

    log size = middle + effect of category + of brand + of territory + ... + of product + of dealer

Every effect is drawn to none by how little its own series say: with v its variance over names and e that of
what no attribute explains, a name of c series keeps c v / (c v + e) of its mean. Coarse attributes come
first, so that a product that nobody has sold yet is told by its category, a new dealer by its territory and
tier; a name never seen adds nothing.

Shapes: n series. Sizes are logs of units a period.
Source: Efron and Morris (1975), Data analysis using Stein's estimator, JASA 70; backfitting of Hastie and
        Tibshirani (1990), Generalized additive models; variances by moments.
Limits: effects add up in logs; no interaction.

>>> static = pd.DataFrame({"dealer_id": list("AABB") * 5, "sku_id": list("xyxy") * 5})
>>> size = np.log([1.0, 10.0, 4.0, 40.0] * 5)
>>> usual = Usual().fit(size, static)
>>> asked = pd.DataFrame({"dealer_id": ["A", "B", "C"], "sku_id": ["y", "y", "y"]})
>>> np.exp(usual.predict(asked)).round().tolist()
[10.0, 40.0, 20.0]
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotFitted

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
LAST = ("sku_id", "dealer_id")  # the finest attributes, told apart only by what coarser ones leave
_ROUNDS = 12


@dataclass(kw_only=True)
class Usual:
    """Sizes by attribute."""

    middle_: float | None = field(default=None, init=False)
    effects_: Mapping[str, "pd.Series[float]"] = field(default_factory=dict, init=False, repr=False)
    strengths_: Mapping[str, float] = field(default_factory=dict, init=False)  # variance that each explains
    of_: Mapping[str, tuple[str, "pd.Series[str]"]] = field(default_factory=dict, init=False, repr=False)

    def fit(self, size: Array, static: pd.DataFrame) -> Self:
        """Learn effects of every column of `static`."""
        self.middle_ = float(size.mean()) if len(size) else 0.0
        names = {by: pd.factorize(_names(static, by)) for by in _ordered(static)}
        unit = {by: _unit(static, by, names) for by in names}
        effects = {by: np.zeros(len(ids)) for by, (_, ids) in names.items()}
        for _ in range(_ROUNDS if len(size) else 0):
            for by, (code, ids) in names.items():
                told = sum(effects[other][names[other][0]] for other in names if other != by)
                effects[by] = _drawn(size - self.middle_ - told, code, len(ids), unit[by])
        self.effects_ = {by: pd.Series(effects[by], index=ids) for by, (_, ids) in names.items()}
        self.of_ = {by: found for by in names if (found := _known_of(static, by)) is not None}
        self.strengths_ = {
            by: float(effects[by][code].var()) if len(size) else 0.0 for by, (code, _) in names.items()
        }
        return self

    def predict(self, static: pd.DataFrame) -> Array:
        """Expected log size, [n]."""
        if self.middle_ is None:
            raise NotFitted(self)
        static, out = self.filled(static), np.full(len(static), self.middle_)
        for by, effect in self.effects_.items():
            if by in static:
                out += _names(static, by).map(effect).fillna(0.0).to_numpy(dtype=float)
        return out

    def filled(self, static: pd.DataFrame) -> pd.DataFrame:
        """`static` with the attributes of known products and dealers where it does not say them."""
        known = {
            by: static[whose].astype(str).map(values)
            for by, (whose, values) in self.of_.items()
            if whose in static
        }
        said = {
            by: static[by].where(static[by].notna(), values) if by in static else values
            for by, values in known.items()
        }
        return static.assign(**said)


def _names(static: pd.DataFrame, by: str) -> "pd.Series[str]":
    return static[by].astype(str).where(static[by].notna(), "")


def _ordered(static: pd.DataFrame) -> list[str]:
    """The columns that tell series apart, coarse ones first."""
    coarse = [str(c) for c in static.columns if c not in LAST]
    return [*sorted(coarse, key=lambda c: (static[c].nunique(), c)), *(c for c in LAST if c in static)]


def _unit(static: pd.DataFrame, by: str, names: Mapping[str, tuple[Codes, pd.Index]]) -> Codes:
    """Of whom an attribute is told, [n]: a category of products, a territory of dealers, else of series."""
    whose = _whose(static, by)
    return names[whose][0] if whose else np.arange(len(static))


def _whose(static: pd.DataFrame, by: str) -> str | None:
    """The column that an attribute belongs to: one value for each of its names."""
    for whose in LAST:
        if whose in static and by not in LAST and static.groupby(whose)[by].nunique(dropna=False).max() == 1:
            return whose
    return None


def _known_of(static: pd.DataFrame, by: str) -> "tuple[str, pd.Series[str]] | None":
    """An attribute of each name of the column that it belongs to."""
    whose = _whose(static, by)
    if whose is None:
        return None
    rows = static[[whose, by]].dropna().astype(str).drop_duplicates(whose)
    return whose, rows.set_index(whose)[by]


def _drawn(rest: Array, code: Codes, count: int, unit: Codes) -> Array:
    """Means over units of what is left, by name, drawn to none, [count]: a unit is one witness."""
    size = np.bincount(unit)
    told = np.bincount(unit, rest) / np.maximum(size, 1)
    name = np.zeros(len(size), dtype=np.intp)
    name[unit] = code
    told, name = told[size > 0], name[size > 0]
    many = np.bincount(name, minlength=count)
    mean = np.bincount(name, told, minlength=count) / many
    spare = len(told) - count
    if count < 2 or spare < 1:
        return np.asarray(mean * 0.0 if count < 2 else mean * 0.5)
    own = float(((told - mean[name]) ** 2).sum()) / spare
    between = float(np.average((mean - told.mean()) ** 2, weights=many)) - own * count / len(told)
    between = max(between, 0.0)
    keep = many * between / (many * between + own) if between + own > 0 else np.zeros(count)
    return np.asarray(keep * mean)
