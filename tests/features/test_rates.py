"""Rates: dated, as they were known; stale ones refused; amounts never mixed."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.exposure import MissingRate, converted
from features.money import DifferentCurrencies, Money
from features.rates import GAP_DAYS, Rates, StaleRate
from features.simulator.fx import fx_rates
from features.simulator.periods import Periods
from features.simulator.world import World
from features.tables import coerce
from tests.oracles.currency import business_days, worth

WORLD = World(months=5)
TABLE = coerce("fx_rates", fx_rates(WORLD, Periods.of(WORLD))[0])
NOW = pd.Timestamp("2026-01-01")
MONDAY = pd.Timestamp("2024-03-04")


def table(*rows):
    names = ["base_currency", "quote_currency", "rate_date", "rate"]
    frame = pd.DataFrame(list(rows), columns=names)
    return coerce(
        "fx_rates", frame.assign(known_at=pd.to_datetime(frame["rate_date"]) + pd.Timedelta(days=1))
    )


def rates(*rows, home="CNY", moment=NOW):
    return Rates.of(table(*rows), home, moment)


def test_a_worth_is_that_of_the_pair_or_of_the_pair_turned_round():
    turned = TABLE.assign(
        base_currency=TABLE["quote_currency"], quote_currency=TABLE["base_currency"], rate=1 / TABLE["rate"]
    )
    for one in (TABLE, turned):
        day = pd.Timestamp("2025-10-15")
        found = Rates.of(one, "CNY", NOW).worth.loc[day]
        assert found.to_numpy() == pytest.approx([worth(one, c, "CNY", day) for c in found.index])


def test_a_list_in_another_currency_gives_the_worth_at_home_through_it():
    ecb = [
        ("EUR", "USD", "2024-03-04", 1.1),
        ("EUR", "CNY", "2024-03-04", 7.8),
        ("EUR", "JPY", "2024-03-04", 163.0),
    ]
    found = rates(*ecb).worth.iloc[-1]
    assert found.to_dict() == pytest.approx({"EUR": 7.8, "JPY": 7.8 / 163, "USD": 7.8 / 1.1})


def test_the_most_recent_source_of_a_currency_is_used_alone():
    both = [
        ("USD", "CNY", "2024-03-04", 7.0),
        ("EUR", "USD", "2024-03-05", 1.0),
        ("EUR", "CNY", "2024-03-05", 8.0),
    ]
    found = rates(*both)
    assert found.worth["USD"].dropna().to_dict() == {pd.Timestamp("2024-03-05"): 8.0}
    assert found.returns().empty  # no step from one source to the other


def test_only_what_was_known_at_the_moment_is_seen():
    moment = pd.Timestamp("2025-10-15 12:00")
    later = TABLE["known_at"] > moment
    wild = TABLE.assign(rate=np.where(later, 999.0, TABLE["rate"]))
    corrected = pd.concat([wild, TABLE[~later].assign(rate=1.0, known_at=NOW)])
    expected = Rates.of(TABLE[~later], "CNY", moment).worth
    pd.testing.assert_frame_equal(Rates.of(corrected, "CNY", moment).worth, expected)
    assert Rates.of(TABLE, "CNY", moment).last("USD")[0] == pd.Timestamp("2025-10-14")


@pytest.mark.parametrize("days", range(1, 12))
def test_staleness_counts_business_days_and_refuses_beyond_the_most(days):
    asked = MONDAY + pd.Timedelta(days=days)
    one = rates(("USD", "CNY", str(MONDAY.date()), 7.0), moment=asked)
    age = business_days(MONDAY, asked)
    assert one.stale_days("USD") == age
    assert one.require("USD", most_days=age) == 7.0
    if age:
        with pytest.raises(
            StaleRate, match=rf"USD/CNY is of 2024-03-04, {age} business .* at most {age - 1} are"
        ):
            one.require("USD", most_days=age - 1)


def test_a_currency_without_a_rate_is_named():
    with pytest.raises(MissingRate, match="VND/CNY"):
        rates(("USD", "CNY", "2024-03-04", 7.0)).require("VND")
    with pytest.raises(MissingRate, match="USD/CNY"):
        Rates.of(TABLE.iloc[:0], "CNY", NOW).last("USD")
    assert Rates.of(TABLE.iloc[:0], "CNY", NOW).require("CNY") == 1.0


def test_conversion_agrees_with_the_one_that_the_books_use():
    one = Rates.of(TABLE, "CNY", NOW)
    day = pd.Timestamp("2025-11-12")
    booked = pd.Series([day + pd.Timedelta(days=1)])  # exposure goes by the moment of knowing
    slow = converted(np.array([250.0]), ["USD"], booked, TABLE, currency="CNY")[0]
    assert float(one.convert(Money.of(250, "USD", day), "CNY").amount) == pytest.approx(slow, abs=0.006)
    back = converted(np.array([250.0]), ["CNY"], booked, TABLE, currency="USD")[0]
    assert float(one.convert(Money.of(250, "CNY", day), "USD").amount) == pytest.approx(back, abs=0.006)


def test_amounts_are_added_only_after_they_were_converted_at_their_own_day():
    one = rates(
        ("USD", "CNY", "2024-03-04", 7.0),
        ("USD", "CNY", "2024-03-11", 8.0),
        moment=MONDAY + pd.Timedelta(days=9),
    )
    dollars, yuan = Money.of(10, "USD", MONDAY + pd.Timedelta(days=1)), Money.of(1, "CNY", MONDAY)
    with pytest.raises(DifferentCurrencies):
        dollars + yuan
    assert (one.convert(dollars, "CNY") + yuan).amount == Decimal("71.00")
    with pytest.raises(StaleRate):
        one.convert(Money.of(10, "USD", MONDAY + pd.Timedelta(days=5)), "CNY", most_days=3)


@settings(deadline=None, max_examples=25)
@given(st.floats(1, 1e6), st.sampled_from(["USD", "EUR", "HKD"]), st.sampled_from(["USD", "EUR", "CNY"]))
def test_there_and_back_is_the_same_amount_to_a_coin(amount, one, other):
    found, day = Rates.of(TABLE, "CNY", NOW), pd.Timestamp("2025-11-12")
    money = Money.of(round(amount, 2), one, day)
    back = found.convert(found.convert(money, other), one)
    assert abs(back.amount - money.amount) <= Decimal("0.01") * (1 + Decimal(found.cross(other, one, day)))


def test_values_of_many_rows_are_those_of_single_ones():
    found = Rates.of(TABLE, "CNY", NOW)
    days = pd.Series(pd.to_datetime(["2025-11-15", "2025-12-25", "2025-09-01", "2020-01-01", "2025-11-11"]))
    names = ["USD", "EUR", "CNY", "USD", "XXX"]
    slow = [found.at(c, d, most_days=99) for c, d in zip(names[:3], days[:3], strict=True)]
    np.testing.assert_allclose(found.valued(names, days), [*slow, np.nan, np.nan])


def test_returns_are_logs_from_rate_to_rate_but_not_over_a_long_gap():
    days = [
        pd.Timestamp("2024-03-04"),
        pd.Timestamp("2024-03-05"),
        pd.Timestamp("2024-03-05") + pd.Timedelta(days=GAP_DAYS + 1),
    ]
    found = rates(
        *[("USD", "CNY", str(d.date()), r) for d, r in zip(days, [7.0, 7.7, 9.0], strict=True)]
    ).returns()
    assert found["USD"].tolist() == pytest.approx([np.log(1.1)])
