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
categories holds for dealers who bought any of them. A blank scope covers everything.

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

import numpy as np
import pandas as pd

from features.industries import Industry, Licence
from features.known import Tables, known

STATUSES = ("valid", "expiring", "out_of_scope", "expired", "missing")  # in order of gravity
COLUMNS = ["dealer_id", "kind", "status", "days_left"]
BOUGHT_MONTHS = 12
_NEEDED = ("dealers", "licences", "sell_in", "products")


def licence_status(tables: Tables, moment: pd.Timestamp, industry: Industry) -> pd.DataFrame:
    """How every required licence of every dealer stands."""
    seen = known({name: tables[name] for name in _NEEDED if name in tables}, moment)
    held = seen.get("licences", pd.DataFrame())
    if held.empty or not industry.licences:
        return _nothing()
    bought = _bought(seen, moment)
    dealers = _dealers(seen, held)
    parts = [_of_kind(one, dealers, held, bought, moment) for one in industry.licences]
    return pd.concat(parts, ignore_index=True).sort_values(["dealer_id", "kind"], ignore_index=True)


def lapsed(status: pd.DataFrame) -> "pd.Series[str]":
    """dealer_id -> the gravest status among its licences.

    >>> rows = [("D1", "gsp", "valid", 90.0), ("D1", "business", "expired", -3.0)]
    >>> lapsed(pd.DataFrame(rows, columns=COLUMNS)).to_dict()
    {'D1': 'expired'}
    """
    grave = status["status"].map(STATUSES.index).groupby(status["dealer_id"].to_numpy()).max()
    return grave.map(lambda position: STATUSES[int(position)]).astype(str)


def _of_kind(
    one: Licence,
    dealers: "pd.Series[str]",
    held: pd.DataFrame,
    bought: pd.DataFrame,
    moment: pd.Timestamp,
) -> pd.DataFrame:
    """One kind of licence for the dealers who need it."""
    needed = bought[bought["category"].isin(one.categories)] if one.categories else bought
    asked = dealers[dealers.isin([*one.dealer_types, ""])] if one.dealer_types else dealers
    ids = asked.index[asked.index.isin(needed["dealer_id"])] if one.categories else asked.index
    paper = held[held["kind"] == one.kind].set_index("dealer_id").reindex(ids)
    days_left = (paper["expires_at"].dt.normalize() - moment.normalize()).dt.days.astype(float)
    absent = paper["kind"].isna() | (paper["valid_from"] > moment)
    grades = [absent, days_left < 0, _uncovered(paper["scope"], needed), days_left < one.warn_days]
    named = ["missing", "expired", "out_of_scope", "expiring"]
    status = np.select([grade.to_numpy(bool) for grade in grades], named, default="valid")
    left = days_left.where(~absent).to_numpy()
    return pd.DataFrame({"dealer_id": ids, "kind": one.kind, "status": status, "days_left": left})


def _uncovered(scope: "pd.Series[str]", needed: pd.DataFrame) -> "pd.Series[bool]":
    """Which dealers bought a category that their licence does not name."""
    named = scope.fillna("").str.split("|").map(lambda parts: {p.strip().casefold() for p in parts} - {""})
    wanted = needed["dealer_id"].map(named)
    pairs = zip(needed["category"], wanted, strict=True)
    outside = [
        isinstance(covered, set) and bool(covered) and category.casefold() not in covered
        for category, covered in pairs
    ]
    short = set(needed.loc[np.array(outside, dtype=bool), "dealer_id"])
    return pd.Series(scope.index.isin(short), index=scope.index)


def _bought(seen: Tables, moment: pd.Timestamp) -> pd.DataFrame:
    """What each dealer bought lately: dealer_id, category."""
    sold, products = seen.get("sell_in", pd.DataFrame()), seen.get("products", pd.DataFrame())
    if sold.empty or products.empty:
        return pd.DataFrame({"dealer_id": pd.Series(dtype=str), "category": pd.Series(dtype=str)})
    since = moment.tz_localize(None) - pd.DateOffset(months=BOUGHT_MONTHS)
    lately = sold[(sold["period_start"] >= since) & (sold["qty_sell_in"] > 0)]
    pairs = lately[["dealer_id", "sku_id"]].drop_duplicates()
    category = pairs["sku_id"].map(products.set_index("sku_id")["category"])
    found = pairs.assign(category=category)[["dealer_id", "category"]].dropna()
    return found.drop_duplicates(ignore_index=True)


def _dealers(seen: Tables, held: pd.DataFrame) -> "pd.Series[str]":
    """dealer_id -> dealer type, "" where nobody said."""
    listed = seen.get("dealers", pd.DataFrame())
    types = pd.Series(dtype=str) if listed.empty else listed.set_index("dealer_id")["dealer_type"]
    ids = set(types.index) | set(held["dealer_id"])
    if "sell_in" in seen and len(seen["sell_in"]):
        ids |= set(seen["sell_in"]["dealer_id"])
    return types.reindex(pd.Index(sorted(ids), name="dealer_id", dtype=str)).fillna("")


def _nothing() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=float if name == "days_left" else str) for name in COLUMNS})
