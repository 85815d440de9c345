import numpy as np
import pandas as pd
import pytest

from features.exposure import MissingRate
from features.known import known
from features.payments import COLUMNS, Ledger
from features.simulator import World, simulate
from features.tables import coerce
from tests.oracles.credit import ledger_of

MOMENTS = pd.to_datetime(["2023-02-15", "2023-11-01", "2024-07-31", "2025-06-02"])


@pytest.fixture(scope="module")
def tables():
    made = simulate(World(dealers=12, seed=21, default_share=0.25)).tables
    return {name: made[name] for name in ("invoices", "payments", "dealers", "fx_rates")}


def bills(**columns):
    plain = {"invoice_id": "I1", "dealer_id": "D1", "issued_at": "2024-01-01", "due_at": "2024-01-31"}
    frame = pd.DataFrame(
        plain | {"amount": 100.0, "currency": "CNY", "known_at": "2024-01-01"} | columns, index=range(1)
    )
    return coerce("invoices", frame)


def paid(*rows):
    names = ["payment_id", "invoice_id", "paid_at", "amount", "known_at"]
    frame = pd.DataFrame(list(rows), columns=names).assign(dealer_id="D1", currency="CNY")
    return coerce("payments", frame)


def seen(invoices, payments, day, **options):
    ledger = Ledger.of({"invoices": invoices, "payments": payments}, **options)
    return ledger.features(["D1"], pd.to_datetime([day])).iloc[0], ledger


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_fast_sums_are_those_of_the_slow_ledger(tables, moment):
    ids = sorted(set(tables["invoices"]["dealer_id"]))
    fast = Ledger.of(tables).features(ids, pd.DatetimeIndex([moment] * len(ids)))
    slow = [ledger_of(tables["invoices"], tables["payments"], one, moment) for one in ids]
    for name in ("open_amount", "overdue_amount", "overdue_30d_amount"):
        assert np.allclose(fast[name], [one[name] for one in slow], atol=0.02), name
    days = [np.mean(one["days"]) if one["days"] else np.nan for one in slow]
    assert np.allclose(fast["late_days"], days, equal_nan=True)
    late = sum(one["late"] for one in slow), sum(one["known"] for one in slow)
    assert np.allclose(fast["portfolio_late_rate"], (late[0] + 0.2 * 6) / (late[1] + 6))


@pytest.mark.parametrize("moment", MOMENTS)
def test_asked_of_the_past_the_whole_record_says_what_was_known_then(tables, moment):
    ids = sorted(set(tables["invoices"]["dealer_id"]))
    when = pd.DatetimeIndex([moment] * len(ids))
    then = Ledger.of(known(tables, moment)).features(ids, when)
    now = Ledger.of(tables).features(ids, when)
    pd.testing.assert_frame_equal(then, now, check_exact=False, rtol=1e-6, atol=1e-6)


def test_a_changed_future_moves_no_feature(tables):
    moment, ids = MOMENTS[2], sorted(set(tables["invoices"]["dealer_id"]))
    changed = dict(tables)
    for name in ("invoices", "payments"):
        frame = tables[name].copy()
        frame.loc[frame["known_at"] > moment, "amount"] *= 17.0
        changed[name] = frame
    changed["payments"] = changed["payments"][
        ~changed["payments"]["known_at"].between(moment, MOMENTS[3], "right")
    ]
    when = pd.DatetimeIndex([moment] * len(ids))
    one, two = (Ledger.of(t).features(ids, when) for t in (tables, changed))
    pd.testing.assert_frame_equal(one, two)


def test_paid_in_time_but_known_later_looks_late_only_in_between():
    payments = paid(("P1", "I1", "2024-01-31", 100.0, "2024-02-05"))
    rates = [
        seen(bills(), payments, day, prior=1.0)[0]["late_rate_last1"] for day in ("2024-02-02", "2024-02-06")
    ]
    assert rates[0] > 0.5 > rates[1]


def test_a_credit_note_lowers_what_is_open_and_is_no_punctuality():
    both = pd.concat([bills(), bills(invoice_id="C1", amount=-40.0)], ignore_index=True)
    row, ledger = seen(both, paid(), "2024-03-15")
    assert row["open_amount"] == pytest.approx(60.0)
    assert row["overdue_amount"] == pytest.approx(100.0)
    assert row["invoices"] == 1
    assert ledger.notes["credit_notes"] == 1


def test_a_prepayment_counts_from_its_invoice_on():
    payments = paid(("P1", "I1", "2023-12-20", 100.0, "2023-12-20"))
    before, _ = seen(bills(), payments, "2023-12-25")
    after, ledger = seen(bills(), payments, "2024-01-02")
    assert (before["open_amount"], after["open_amount"]) == (0.0, 0.0)
    assert after["late_days"] == -42
    assert ledger.notes["prepayments"] == 1


def test_what_is_paid_beyond_an_invoice_lowers_nothing_else():
    both = pd.concat([bills(), bills(invoice_id="I2", amount=50.0)], ignore_index=True)
    row, ledger = seen(both, paid(("P1", "I1", "2024-01-20", 140.0, "2024-01-20")), "2024-01-25")
    assert row["open_amount"] == pytest.approx(50.0)
    assert ledger.notes["overpaid_invoices"] == 1


def test_a_payment_of_an_unknown_invoice_is_counted_apart():
    row, ledger = seen(bills(), paid(("P1", "NONE", "2024-01-20", 100.0, "2024-01-20")), "2024-01-25")
    assert row["open_amount"] == pytest.approx(100.0)
    assert ledger.notes["payments_of_unknown_invoices"] == 1


def test_currencies_are_converted_or_the_pair_is_named():
    rates = coerce(
        "fx_rates",
        pd.DataFrame(
            {
                "base_currency": ["USD"],
                "quote_currency": ["CNY"],
                "rate_date": ["2023-12-29"],
                "rate": [7.0],
                "known_at": ["2023-12-30"],
            }
        ),
    )
    both = pd.concat([bills(), bills(invoice_id="I2", currency="USD", amount=10.0)], ignore_index=True)
    ledger = Ledger.of({"invoices": both, "fx_rates": rates}, currency="CNY")
    assert ledger.features(["D1"], pd.to_datetime(["2024-01-02"]))["open_amount"].tolist() == [170.0]
    with pytest.raises(MissingRate, match="USD/CNY"):
        Ledger.of({"invoices": both}, currency="CNY")


def test_what_is_paid_in_full_in_its_own_currency_is_paid_whatever_the_rate_did():
    days = ["2023-12-29", "2024-01-15"]
    fallen = pd.DataFrame({"rate_date": days, "rate": [7.0, 5.0], "known_at": days})
    rates = coerce("fx_rates", fallen.assign(base_currency="USD", quote_currency="CNY"))
    full = paid(("P1", "I1", "2024-01-20", 100.0, "2024-01-20")).assign(currency="USD")
    other = full.assign(currency="CNY", amount=500.0)
    for payments, left in ((full, 0.0), (other, 200.0)):
        tables = {"invoices": bills(currency="USD"), "payments": payments, "fx_rates": rates}
        row = Ledger.of(tables, currency="CNY").features(["D1"], pd.to_datetime(["2024-01-25"])).iloc[0]
        assert row["open_amount"] == pytest.approx(left)


def test_a_dealer_without_a_record_has_one_row_like_any_other(tables):
    row = Ledger.of(tables).features(["nobody"], MOMENTS[:1])
    assert list(row.columns) == list(COLUMNS)
    assert row["invoices"].tolist() == [0.0]
    assert Ledger.of({}).features(["nobody"], MOMENTS[:1])["open_amount"].tolist() == [0.0]
