from decimal import Decimal
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tables import coerce
from models.demand.overrides import finals, in_force, split
from tests.oracles import fva as oracle

WEIGHTS = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=30)
MONTHS = pd.date_range("2025-01-01", periods=3, freq="MS")


def overrides(rows):
    """The table, from (period, qty, factor, made, expires, known)."""
    names = ["period_start", "qty", "factor", "made_at", "expires_at", "known_at"]
    frame = pd.DataFrame(rows, columns=names).assign(dealer_id="D1", sku_id="S1", author="ann", reason="r")
    return coerce("overrides", frame.assign(override_id=[f"O{i}" for i in range(len(frame))]))


@settings(deadline=None, max_examples=80)
@given(pieces=st.integers(0, 10**9), hundredths=st.booleans(), weights=WEIGHTS)
def test_the_parts_add_up_to_the_total_to_the_last_hundredth(pieces, hundredths, weights):
    total = pieces / 100 if hundredths else float(pieces)
    parts = split(total, weights)
    assert sum(Decimal(str(p)) for p in parts) == Decimal(str(total))
    step = 1.0 if total.is_integer() else 0.01
    share = np.array(weights) / sum(weights) if sum(weights) else np.full(len(weights), 1 / len(weights))
    assert (np.abs(parts - share * total) < step * 1.000001 + total * 1e-9).all()
    assert (parts >= 0).all()


@settings(deadline=None, max_examples=40)
@given(total=st.integers(0, 7), weights=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_no_other_way_of_dealing_out_is_nearer_to_the_shares(total, weights):
    quotas = np.array(weights) / sum(weights) * total
    others = [x for x in product(range(total + 1), repeat=len(weights)) if sum(x) == total]
    nearest = min(((np.array(x) - quotas) ** 2).sum() for x in others)
    assert ((split(total, weights) - quotas) ** 2).sum() == pytest.approx(nearest, abs=1e-9)


@pytest.mark.parametrize(
    ("total", "weights"), [(-1, [1.0]), (0.001, [1.0]), (5, [-1.0]), (5, [np.nan]), (5, [])]
)
def test_what_cannot_be_dealt_out_exactly_is_refused(total, weights):
    with pytest.raises(ValueError, match="split"):
        split(total, weights)


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 30), st.one_of(st.none(), st.integers(0, 30)), st.integers(0, 9)
        ),
        min_size=1,
        max_size=8,
        unique_by=lambda row: row[1],
    ),
    now=st.integers(0, 40),
)
def test_what_counts_is_the_last_that_is_known_and_not_expired(rows, now):
    day = pd.Timestamp("2025-01-01")
    table = overrides(
        [
            (MONTHS[m], 5.0, np.nan, at(day, made), pd.NaT if e is None else at(day, e), at(day, made + late))
            for m, made, e, late in rows
        ]
    )
    plain = table.astype(object).where(table.notna(), None).to_dict("records")
    force = in_force(table, at(day, now)).set_index("period_start")["override_id"]
    for month in MONTHS:
        expected = oracle.in_force(plain, ("D1", "S1", month), at(day, now))
        assert force.get(month) == (expected and expected["override_id"])


def at(day, days):
    return day + pd.Timedelta(days=days)


def test_a_quantity_stands_a_factor_follows_the_machine_and_the_rest_is_the_machines():
    moment = pd.Timestamp("2024-12-20")
    table = overrides(
        [
            (MONTHS[0], 40.0, np.nan, moment, pd.NaT, moment),
            (MONTHS[1], 55.0, 1.1, moment, pd.NaT, moment),
        ]
    )
    cells = pd.DataFrame(
        {"dealer_id": "D1", "sku_id": "S1", "period_start": MONTHS, "mean": [30.0, 60.0, 70.0]}
    )
    told = finals(cells, in_force(table, moment))
    np.testing.assert_allclose(told["final"], [40.0, 66.0, 70.0])
    assert told["override_id"].tolist() == ["O0", "O1", ""]


def test_when_an_override_expires_the_one_before_it_counts_again():
    made, later = pd.Timestamp("2024-12-01"), pd.Timestamp("2024-12-05")
    table = overrides(
        [
            (MONTHS[0], 40.0, np.nan, made, pd.NaT, made),
            (MONTHS[0], 90.0, np.nan, later, pd.Timestamp("2024-12-10"), later),
        ]
    )
    told = [in_force(table, pd.Timestamp(f"2024-12-{d:02}"))["qty"].tolist() for d in (4, 6, 10)]
    assert told == [[40.0], [90.0], [40.0]]
