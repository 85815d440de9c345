"""Licences: which papers a dealer needs by law, and how each of them stands at a moment.

In:   canonical tables `dealers`, `licences` and, for what a dealer buys, `sell_in` and `products`;
      a moment (only what was known by then counts); an industry (which kinds, for whom, how early to warn).
Out:  one row a dealer and required kind: dealer_id, kind, status, days_left (days until it expires,
      below zero when it has; NaN when it never expires or there is none).

Statuses, the gravest that applies:
  missing       none on record, or it is not in force yet
  expired       its last day is over (a licence holds through the day of `expires_at`)
  out_of_scope  it does not name every category that the dealer bought in the last `BOUGHT_MONTHS` months
  expiring      fewer than `warn_days` days are left
  valid

A kind limited to dealer types holds for those and for dealers whose type is unknown; a kind limited to
categories holds for dealers who bought any of them. A blank scope covers everything. `Papers` answers the
same for one dealer, any categories and any day: what a single order needs.

Limits: where nobody loaded licences at all (table absent or empty) nothing is known, and the answer has
no rows: say so with a note instead of calling every dealer unlicensed.

>>> from features.industries import industry
>>> from features.tables import coerce
>>> rows = pd.DataFrame({"dealer_id": ["D1"], "kind": ["gsp"], "scope": [""], "expires_at": ["2024-03-01"],
...                      "known_at": ["2023-01-01"]})
>>> tables = {"licences": coerce("licences", rows)}
>>> licence_status(tables, pd.Timestamp("2024-02-01"), industry("pharma")).to_dict("records")[2]
{'dealer_id': 'D1', 'kind': 'gsp', 'status': 'expiring', 'days_left': 29.0}
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from features.industries import Industry, Licence
from features.known import Tables, known
from features.sheets import naive

STATUSES = ("valid", "expiring", "out_of_scope", "expired", "missing")  # in order of gravity
COLUMNS = ["dealer_id", "kind", "status", "days_left"]
BOUGHT_MONTHS = 12
_NEEDED = ("dealers", "licences", "sell_in", "products")
_EPOCH = pd.Timestamp(0)


@dataclass(frozen=True)
class Paper:
    """One licence on record; days since 1970, infinite where it is open."""

    begins: float
    ends: float
    scope: frozenset[str]  # categories in lower case; none: all

    def status(self, day: float, warn_days: int, categories: Collection[str]) -> str:
        """How it stands on a day, for a dealer who buys those categories."""
        if self.begins > day:
            return "missing"
        if self.ends < day:
            return "expired"
        if self.scope and any(one.casefold() not in self.scope for one in categories):
            return "out_of_scope"
        return "expiring" if self.ends - day < warn_days else "valid"


@dataclass(frozen=True)
class Papers:
    """Every licence on record at a moment, and what the trade asks for."""

    asked: tuple[Licence, ...]
    types: Mapping[str, str]  # dealer -> dealer type, "" where nobody said
    held: Mapping[tuple[str, str], Paper]  # dealer, kind

    @classmethod
    def of(cls, seen: Tables, industry: Industry) -> Self:
        """The papers in tables that are cut to the moment already."""
        held = seen.get("licences", pd.DataFrame())
        if held.empty or not industry.licences:
            return cls((), {}, {})
        begins, ends = (_days(held[name]) for name in ("valid_from", "expires_at"))
        rows = zip(held["dealer_id"], held["kind"], begins.fillna(-np.inf), ends.fillna(np.inf), strict=True)
        papers = [(str(d), str(k), float(b), float(e)) for d, k, b, e in rows]
        scopes = [_named(text) for text in held["scope"].fillna("")]
        found = {(d, k): Paper(b, e, scope) for (d, k, b, e), scope in zip(papers, scopes, strict=True)}
        return cls(industry.licences, _types(seen, held), found)

    def standing(
        self, dealer: str, categories: Collection[str], moment: pd.Timestamp
    ) -> list[tuple[str, str, float]]:
        """kind, status and days left of each licence that the dealer needs to buy those categories."""
        day, found = float((moment.normalize() - _EPOCH).days), []
        for one in self.asked:
            wanted = [c for c in categories if c in one.categories] if one.categories else categories
            kind = self.types.get(dealer, "")
            if (one.categories and not wanted) or (one.dealer_types and kind not in (*one.dealer_types, "")):
                continue
            paper = self.held.get((dealer, one.kind))
            status = "missing" if paper is None else paper.status(day, one.warn_days, wanted)
            finite = paper is not None and status != "missing" and np.isfinite(paper.ends)
            found.append((one.kind, status, paper.ends - day if paper and finite else np.nan))
        return found


def licence_status(
    tables: Tables, moment: pd.Timestamp, industry: Industry, *, months: int = BOUGHT_MONTHS
) -> pd.DataFrame:
    """How every required licence of every dealer stands, for what it bought in the last so many months."""
    seen = known({name: tables[name] for name in _NEEDED if name in tables}, moment)
    papers, day = Papers.of(seen, industry), naive(moment)
    bought = _bought(seen, day, months)
    rows = [
        (dealer, *stands)
        for dealer in papers.types
        for stands in papers.standing(dealer, bought.get(dealer, ()), day)
    ]
    if not rows:
        return _nothing()
    frame = pd.DataFrame(rows, columns=COLUMNS).sort_values(["dealer_id", "kind"], ignore_index=True)
    return frame.astype({"dealer_id": "str", "kind": "str", "status": "str", "days_left": float})


def lapsed(status: pd.DataFrame) -> "pd.Series[str]":
    """dealer_id -> the gravest status among its licences.

    >>> rows = [("D1", "gsp", "valid", 90.0), ("D1", "business", "expired", -3.0)]
    >>> lapsed(pd.DataFrame(rows, columns=COLUMNS)).to_dict()
    {'D1': 'expired'}
    """
    grave = status["status"].map(STATUSES.index).groupby(status["dealer_id"].to_numpy()).max()
    return grave.map(lambda position: STATUSES[int(position)]).astype(str)


def _days(moments: "pd.Series[Any]") -> "pd.Series[float]":
    days: pd.Series[float] = (moments.dt.normalize() - _EPOCH).dt.days.astype(float)
    return days


def _named(scope: str) -> frozenset[str]:
    """The categories that a scope names."""
    return frozenset({part.strip().casefold() for part in scope.split("|")} - {""})


def _bought(seen: Tables, moment: pd.Timestamp, months: int) -> dict[str, tuple[str, ...]]:
    """dealer_id -> the categories that it bought lately."""
    sold, products = seen.get("sell_in", pd.DataFrame()), seen.get("products", pd.DataFrame())
    if sold.empty or products.empty:
        return {}
    since = moment - pd.DateOffset(months=months)
    lately = sold[(sold["period_start"] >= since) & (sold["qty_sell_in"] > 0)]
    pairs = lately[["dealer_id", "sku_id"]].drop_duplicates()
    category = pairs["sku_id"].map(products.set_index("sku_id")["category"])
    found = pairs.assign(category=category)[["dealer_id", "category"]].dropna().drop_duplicates()
    return {str(d): tuple(map(str, c)) for d, c in found.groupby("dealer_id")["category"]}


def _types(seen: Tables, held: pd.DataFrame) -> dict[str, str]:
    """dealer_id -> dealer type, "" where nobody said."""
    listed, sold = seen.get("dealers", pd.DataFrame()), seen.get("sell_in", pd.DataFrame())
    ids = set(held["dealer_id"]) | (set(sold["dealer_id"]) if len(sold) else set())
    told = (
        {} if listed.empty else dict(zip(listed["dealer_id"], listed["dealer_type"].fillna(""), strict=True))
    )
    return {str(d): str(told.get(d, "")) for d in sorted(ids | set(told))}


def _nothing() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=float if name == "days_left" else str) for name in COLUMNS})
