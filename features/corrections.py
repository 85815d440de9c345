"""Which rows of a batch say something new, and when we learned it.

In:   a batch and what is stored of the same table, both sound: unique by stored key.
Out:  the rows to append, their `known_at` set, and how many were new, corrected, unchanged.

For a row of the batch, by business key:
* the same row is stored, or the row known just before (stored or of the batch) says the
  same: unchanged;
* nothing is stored at its `known_at`: new, taken as it is;
* another value is stored at its `known_at`: a correction. What was known then stays, and
  the row is appended as known from `now`. A correction that is already stored, or that the
  batch itself overtakes with a later row, is unchanged.

Limits: loading an older file again does not take a correction back; give it a `known_at`.

>>> from features.tables import SCHEMAS, coerce
>>> batch = coerce("dealers", pd.DataFrame({"dealer_id": ["D1"], "tier": ["A"], "known_at": ["2017-01-01"]}))
>>> now = pd.Timestamp("2018-01-01")
>>> compare(SCHEMAS["dealers"], batch, batch, now).unchanged
1
>>> compare(SCHEMAS["dealers"], batch.assign(tier="B"), batch, now).rows["known_at"][0]
Timestamp('2018-01-01 00:00:00')
"""

from dataclasses import dataclass

import pandas as pd

from features.tables import Table

TICK = pd.Timedelta(1, "us")


@dataclass(frozen=True)
class News:
    """The rows to append, and how the batch divides."""

    rows: pd.DataFrame
    new: int
    corrected: int
    unchanged: int


def compare(table: Table, batch: pd.DataFrame, stored: pd.DataFrame, now: pd.Timestamp) -> News:
    """What `batch` adds to `stored`."""
    if stored.empty and not batch.duplicated(list(table.key)).any():
        return News(batch, len(batch), 0, 0)
    batch = batch.reset_index(drop=True)
    ours, theirs = _numbered(table, batch, stored)
    same, clash, already = _met(ours, theirs)
    new = ~same & ~clash & (ours["what"] != _before(ours, pd.concat([theirs, ours[~same & ~clash]])))
    last = ours["known_at"] == ours.groupby("who")["known_at"].transform("max")
    corrected = clash & last & ~already
    latest = theirs.groupby("who")["known_at"].max().reindex(ours["who"]).set_axis(ours.index)
    learned = (latest + TICK).where(latest >= now, now)
    known_at = ours["known_at"].mask(corrected, learned)
    rows = batch.assign(known_at=known_at)[(new | corrected).to_numpy()]
    return News(rows, int(new.sum()), int(corrected.sum()), len(batch) - len(rows))


def _numbered(table: Table, batch: pd.DataFrame, stored: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both frames as who (business key), what (values) and known_at, rows numbered from 0."""
    both = pd.concat([batch, stored], ignore_index=True)
    values = [name for name in table.columns if name not in table.stored_key]
    who = both.groupby(list(table.key), sort=False, dropna=False).ngroup()
    what = both.groupby(values, sort=False, dropna=False).ngroup()
    all_rows = pd.DataFrame({"who": who, "what": what, "known_at": both["known_at"]})
    return all_rows[: len(batch)], all_rows[len(batch) :].reset_index(drop=True)


def _met(
    ours: pd.DataFrame, theirs: pd.DataFrame
) -> tuple["pd.Series[bool]", "pd.Series[bool]", "pd.Series[bool]"]:
    """The same row is stored; another one is, at the same moment; our value is stored later."""
    met = ours.merge(theirs, on=["who", "known_at"], how="left", suffixes=("", "_stored"))["what_stored"]
    same = met == ours["what"]
    last_said = theirs.groupby(["who", "what"], as_index=False)["known_at"].max()
    said = ours.merge(last_said, on=["who", "what"], how="left", suffixes=("", "_said"))["known_at_said"]
    return same, met.notna() & ~same, said > ours["known_at"]


def _before(ours: pd.DataFrame, history: pd.DataFrame) -> "pd.Series[float]":
    """The values that were known just before each of our rows; NaN where nothing was."""
    left = ours[["who", "known_at"]].reset_index().sort_values("known_at")
    right = history.sort_values("known_at")
    joined = pd.merge_asof(left, right, on="known_at", by="who", allow_exact_matches=False)
    return joined.set_index("index")["what"].reindex(ours.index)
