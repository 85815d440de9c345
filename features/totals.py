"""Totals: which series add up to which total, as one sparse matrix.

In:   `static` (dealer_id, sku_id and attributes, one row a series) and, for dealers under dealers, the
      table `dealers` (dealer_id, parent_dealer_id).
Out:  `Totals`: the nodes (level, id), [g], and a matrix of zeros and ones, [g, n]; `sums` adds up.

A series counts in many totals at once: its product, category and brand, its territory, its dealer, and
every dealer above that one. It is a grouped hierarchy, not one tree:

    total, brand_id, category, sku_id, territory_id, dealer_tier_1, dealer_tier_2, dealer_id, outlet_id

`dealer_id` is what a dealer sells itself; `dealer_tier_k` adds the dealers below it. A column that
`static` does not have is no level; a series without a value in one counts in no node of that level.

Errors: BrokenHierarchy, all faults at once, the first offenders by id: a dealer with two parents or under a
        parent who is not on record, dealers in a loop, a product in two categories or brands, a dealer in two
        territories, an outlet of two dealers.

>>> static = pd.DataFrame({"dealer_id": ["A", "B", "B"], "sku_id": ["x", "x", "y"]})
>>> dealers = pd.DataFrame({"dealer_id": ["A", "B"], "parent_dealer_id": [None, "A"]})
>>> totals = Totals.of(static, dealers)
>>> (totals.nodes["level"] + " " + totals.nodes["id"]).tolist()
['total all', 'sku_id x', 'sku_id y', 'dealer_tier_1 A', 'dealer_tier_2 B', 'dealer_id A', 'dealer_id B']
>>> totals.sums(np.array([1.0, 10.0, 100.0])).tolist()
[111.0, 11.0, 100.0, 111.0, 110.0, 1.0, 110.0]
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from features.errors import BrokenHierarchy

Array = NDArray[np.float64]
TOTAL = "total"
LEVELS = ("brand_id", "category", "sku_id", "territory_id", "dealer_id", "outlet_id")
_ONE_OF = {"category": "sku_id", "brand_id": "sku_id", "territory_id": "dealer_id"}  # a child has one of them
_N_FIRST = 3


@dataclass(frozen=True, kw_only=True)
class Totals:
    """g totals of n series."""

    nodes: pd.DataFrame  # [g] level, id
    matrix: Any  # [g, n] csr_array of ones

    @classmethod
    def of(cls, static: pd.DataFrame, dealers: pd.DataFrame | None = None) -> Self:
        """Every total that the columns of `static` and the parents of its dealers make."""
        above = _parents(static, dealers)
        if faults := [*_parent_faults(above, dealers), *_two_of_one(static)]:
            raise BrokenHierarchy(faults)
        parts = list(_memberships(static, above))
        names = pd.concat([pd.DataFrame({"level": level, "id": ids}) for level, ids, _ in parts])
        offset = np.cumsum([0, *(len(ids) for _, ids, _ in parts)])
        row = np.concatenate(
            [np.where(code < 0, -1, code + o) for (*_, code), o in zip(parts, offset, strict=False)]
        )
        column = np.tile(np.arange(len(static)), len(parts))
        ones = csr_array(
            (np.ones(int((row >= 0).sum())), (row[row >= 0], column[row >= 0])),
            shape=(int(offset[-1]), len(static)),
        )
        return cls(nodes=names.reset_index(drop=True), matrix=ones)

    @property
    def count(self) -> int:
        """Number of totals."""
        return len(self.nodes)

    def sums(self, units: NDArray[Any]) -> NDArray[Any]:
        """Totals of units [n, ...], [g, ...]."""
        flat = units.reshape(len(units), -1)
        return np.asarray((self.matrix @ flat).reshape(self.count, *units.shape[1:]))

    def within(self, rows: NDArray[np.intp]) -> "Totals":
        """The same totals over some of the series only."""
        return Totals(nodes=self.nodes, matrix=self.matrix[:, rows])


def _memberships(
    static: pd.DataFrame, above: Mapping[str, str]
) -> Iterator[tuple[str, pd.Index, NDArray[np.intp]]]:
    """Level, its ids, and the id's number of each series (-1: in none)."""
    yield TOTAL, pd.Index(["all"]), np.zeros(len(static), dtype=np.intp)
    for column in LEVELS:
        if column == "dealer_id":
            yield from _tiers(static, above)
        if column in static and static[column].notna().any():
            yield column, *_numbered(static[column])


def _tiers(
    static: pd.DataFrame, above: Mapping[str, str]
) -> Iterator[tuple[str, pd.Index, NDArray[np.intp]]]:
    """A level for each depth of dealers, where there are dealers under dealers."""
    dealers = static["dealer_id"].astype(str)
    chains = {one: _chain(one, above) for one in dealers.unique()}
    deepest = max((len(chain) for chain in chains.values()), default=0)
    for depth in range(deepest if deepest > 1 else 0):
        at = {one: chain[depth] for one, chain in chains.items() if len(chain) > depth}
        yield f"dealer_tier_{depth + 1}", *_numbered(dealers.map(at))


def _numbered(values: "pd.Series[Any]") -> tuple[pd.Index, NDArray[np.intp]]:
    code, ids = pd.factorize(values.astype(str).where(values.notna()), sort=True)
    return pd.Index(ids), code.astype(np.intp)


def _chain(dealer: str, above: Mapping[str, str]) -> list[str]:
    """The dealers over a dealer, from the top down to itself."""
    chain = [dealer]
    while parent := above.get(chain[-1], ""):
        chain.append(parent)
    return chain[::-1]


def _parents(static: pd.DataFrame, dealers: pd.DataFrame | None) -> dict[str, str]:
    """dealer_id -> parent ("" without one)."""
    if dealers is None or "parent_dealer_id" not in dealers:
        return {one: "" for one in static["dealer_id"].astype(str).unique()}
    child, parent = dealers["dealer_id"].astype(str), dealers["parent_dealer_id"].fillna("").astype(str)
    return dict(zip(child, parent, strict=True))


def _parent_faults(above: Mapping[str, str], dealers: pd.DataFrame | None) -> Iterator[str]:
    if dealers is None or "parent_dealer_id" not in dealers:
        return
    said = dealers[["dealer_id", "parent_dealer_id"]].fillna("").astype(str).drop_duplicates()
    if twice := sorted(said["dealer_id"][said["dealer_id"].duplicated()].unique()):
        yield _told("dealers with two parents", twice, "one parent_dealer_id a dealer")
    if orphans := sorted(one for one, parent in above.items() if parent and parent not in above):
        yield _told("dealers under a parent who is not on record", orphans, "a row for every parent")
    if loops := list(_loops(above)):
        yield _told("loops of dealers", loops, "parents that lead up to a dealer without one")


def _loops(above: Mapping[str, str]) -> Iterator[str]:
    """Each loop once, from its first name on: "A > B > A"."""
    done: set[str] = set()
    for start in sorted(above):
        path: dict[str, None] = {}
        one = start
        while one and one not in done and one not in path:
            path[one] = None
            one = above.get(one, "")
        if one in path:
            ring = list(path)[list(path).index(one) :]
            first = ring.index(min(ring))
            yield " > ".join([*ring[first:], *ring[:first], ring[first]])
        done.update(path)


def _two_of_one(static: pd.DataFrame) -> Iterator[str]:
    """Children with two parents of one level."""
    pairs = _ONE_OF | ({"dealer_id": "outlet_id"} if "outlet_id" in static else {})
    for parent, child in pairs.items():
        if parent not in static:
            continue
        said = static[[child, parent]].dropna().astype(str).drop_duplicates()
        if twice := sorted(said[child][said[child].duplicated()].unique()):
            yield _told(f"{child} with two {parent}", twice, f"one {parent} a {child}")


def _told(what: str, found: list[str], expected: str) -> str:
    return f"{len(found):,} {what}; first: {', '.join(found[:_N_FIRST])}; expected {expected}"
