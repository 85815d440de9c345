"""The rules of corrections, against a slow second answer."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from features.corrections import compare
from features.tables import SCHEMAS, coerce
from tests.oracles.history import load

DEALERS = SCHEMAS["dealers"]
MICROSECOND = pd.Timedelta(1, "us")
START = pd.Timestamp("2017-01-01")
ROWS = st.dictionaries(
    st.tuples(st.sampled_from(["D1", "D2"]), st.integers(0, 5)), st.sampled_from(["A", "B", None]), max_size=6
)


def frame(rows):
    records = [
        {"dealer_id": key, "known_at": START + known * MICROSECOND, "tier": tier} for key, known, tier in rows
    ]
    return coerce("dealers", pd.DataFrame(records, columns=["dealer_id", "known_at", "tier"]))


def rows(table):
    ticks = (table["known_at"] - START) // MICROSECOND
    tiers = table["tier"].astype(object).where(table["tier"].notna(), None)
    return sorted(zip(table["dealer_id"], ticks, tiers, strict=True), key=repr)


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(ROWS, min_size=1, max_size=3))
def test_history_grows_by_the_stated_rules_and_no_batch_counts_twice(batches):
    stored, slow = frame([]), []
    for now, batch in enumerate(batches, start=3):
        loaded = [(key, known, tier) for (key, known), tier in batch.items()]
        for _ in range(2):
            news = compare(DEALERS, frame(loaded), stored, START + now * MICROSECOND)
            stored = pd.concat([stored, news.rows], ignore_index=True)
        assert news.rows.empty
        assert rows(stored) == sorted(load(slow, loaded, now), key=repr)
        assert not stored.duplicated(["dealer_id", "known_at"]).any()
