from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.frequency import MONTHLY, WEEKLY, frequency, infer
from features.gather import gather
from features.panel import Panel


def sales(**columns) -> pd.DataFrame:
    frame = pd.DataFrame({"dealer_id": "D", "sku_id": "S"} | columns)
    return frame.assign(period_start=pd.to_datetime(frame["period_start"]))


def priced(months, prices, **columns) -> pd.DataFrame:
    return sales(period_start=months, net_price=prices, list_price=np.nan, **columns)


@pytest.mark.parametrize("freq", [MONTHLY, WEEKLY])
def test_documents_are_summed_per_series_and_period(freq):
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 200, 300), unit="D")
    keys = {"dealer_id": rng.choice(["A", "B"], 300), "sku_id": rng.choice(["x", "y"], 300)}
    table = sales(period_start=days, qty_sell_in=rng.integers(0, 9, 300).astype(float), **keys)
    panel = gather({"sell_in": table}, freq)
    totals = defaultdict(float)
    for row in table.itertuples():
        day = row.period_start
        start = day.replace(day=1) if freq is MONTHLY else day - pd.Timedelta(days=day.weekday())
        totals[f"{row.dealer_id}/{row.sku_id}", start] += row.qty_sell_in
    found = {
        (key, day): panel.y[i, j] for i, key in enumerate(panel.ids) for j, day in enumerate(panel.periods())
    }
    assert {k: v for k, v in found.items() if v == v} == totals


def test_a_gap_is_missing_or_zero_as_asked_and_never_zero_before_the_start():
    table = sales(
        dealer_id=["D", "D", "E"],
        period_start=["2024-01-01", "2024-04-01", "2024-03-01"],
        qty_sell_in=[4.0, 6.0, 1.0],
    )
    np.testing.assert_array_equal(
        gather({"sell_in": table}, MONTHLY).y, [[4, np.nan, np.nan, 6], [np.nan, np.nan, 1, np.nan]]
    )
    np.testing.assert_array_equal(
        gather({"sell_in": table}, MONTHLY, gaps="zero").y, [[4, 0, 0, 6], [np.nan, np.nan, 1, 0]]
    )


def test_the_panel_can_end_after_the_last_sale():
    table = sales(period_start=["2024-01-01"], qty_sell_in=[4.0])
    panel = gather({"sell_in": table}, MONTHLY, gaps="zero", end=pd.Timestamp("2024-03-01"))
    assert panel.y.tolist() == [[4.0, 0.0, 0.0]]


def test_a_blank_price_on_record_carries_the_last_and_one_not_on_record_is_missing():
    table = sales(period_start=pd.date_range("2024-01-01", periods=4, freq="MS"), qty_sell_in=1.0)
    prices = priced(["2024-01-01", "2024-02-01", "2024-03-01", "2024-05-01"], [np.nan, 9.0, np.nan, 8.0])
    found = gather({"sell_in": table, "prices": prices}, MONTHLY).plans
    np.testing.assert_array_equal(found["net_price"], [[np.nan, 9.0, 9.0, np.nan, 8.0]])
    assert list(found) == ["net_price"]  # list prices are all blank


def test_a_blank_promotion_on_record_is_none():
    table = sales(period_start=pd.date_range("2024-01-01", periods=3, freq="MS"), qty_sell_in=1.0)
    deals = sales(
        period_start=["2024-01-01", "2024-02-01", "2024-04-01"], kind="deal", value=[np.nan, 0.2, 0.3]
    )
    found = gather({"sell_in": table, "promotions": deals}, MONTHLY).plans
    np.testing.assert_array_equal(found["deal"], [[0.0, 0.2, np.nan, 0.3]])


def test_signals_end_with_the_sales():
    table = sales(period_start=["2024-01-01", "2024-02-01"], qty_sell_in=1.0)
    rain = sales(period_start=["2024-02-01", "2024-03-01"], kind="rain", value=[5.0, 6.0])
    np.testing.assert_array_equal(
        gather({"sell_in": table, "signals": rain}, MONTHLY).signals["rain"], [[np.nan, 5.0]]
    )


def test_rows_of_other_series_and_earlier_periods_find_no_place():
    table = sales(period_start=["2024-02-01", "2024-03-01"], qty_sell_in=1.0)
    prices = pd.concat([priced(["2024-01-01"], [5.0]), priced(["2024-02-01"], [6.0], dealer_id="Z")])
    assert np.isnan(gather({"sell_in": table, "prices": prices}, MONTHLY).plans["net_price"]).all()


def test_attributes_come_from_dealers_and_products():
    table = sales(dealer_id=["B", "A"], period_start="2024-01-01", qty_sell_in=1.0)
    dealers = pd.DataFrame({"dealer_id": ["A", "A"], "tier": ["silver", "gold"], "territory_id": None})
    static = gather({"sell_in": table, "dealers": dealers}, MONTHLY).static
    assert static.columns.tolist() == ["dealer_id", "sku_id", "tier"]
    assert static["tier"].fillna("?").tolist() == ["gold", "?"]


def test_no_sales_at_all_is_refused():
    with pytest.raises(TooFewRows, match="A panel of sell_in needs at least 1 rows; got 0"):
        gather({"sell_in": sales(period_start=[], qty_sell_in=[])}, MONTHLY)


def _world(months: int, *, later: float) -> dict[str, pd.DataFrame]:
    """Two dealers; whatever happens from the 7th month on is multiplied by `later`."""
    days = pd.date_range("2024-01-01", periods=months, freq="MS")
    rng = np.random.default_rng(0)
    factor = np.where(np.arange(months) < 6, 1.0, later)
    one = sales(period_start=days, qty_sell_in=rng.gamma(2, 5, months) * factor)
    blank = np.where(np.arange(months) < 3, np.nan, 10.0)
    blank[6:] *= later
    deal = sales(period_start=days, kind="deal", value=np.where(np.arange(months) % 3, np.nan, factor))
    never = one.assign(dealer_id="E")[6:]
    newcomer_price = priced(days, np.where(np.arange(months) < 6, np.nan, 7 * later), dealer_id="E")
    prices = pd.concat([priced(days, blank), newcomer_price])
    return {"sell_in": pd.concat([one, never]), "prices": prices, "promotions": deal, "signals": deal}


def _assert_same(a: Panel, b: Panel) -> None:
    np.testing.assert_array_equal(a.y, b.y)
    for part in ("plans", "signals"):
        for name, values in getattr(a, part).items():
            np.testing.assert_array_equal(values, getattr(b, part)[name])


def test_what_comes_later_does_not_move_the_past_of_a_panel():
    one, other = (gather(_world(9, later=factor), MONTHLY).at(6, ahead=0) for factor in (1.0, 3.0))
    _assert_same(one, other)


def test_an_unknown_frequency_is_refused():
    with pytest.raises(ValueError, match=r"one of \['M', 'W'\]; got 'D'"):
        frequency("D")


@pytest.mark.parametrize(
    ("days", "letter"),
    [
        (["2024-01-01", "2024-02-01", "2024-05-01"], "M"),
        (["2024-01-31", "2024-02-29", "2024-03-31"], "M"),
        (["2024-01-01", "2024-01-08", "2024-02-12"], "W"),
        (["2024-01-03", "2024-01-10"], "W"),
        (["2024-01-01"], "M"),
    ],
)
def test_the_rhythm_is_read_from_the_dates(days, letter):
    assert infer(pd.Series(pd.to_datetime(days))).letter == letter


def test_the_order_of_rows_in_the_tables_does_not_matter():
    world = _world(9, later=2.0)
    shuffled = {name: table.sample(frac=1.0, random_state=3) for name, table in world.items()}
    one, two = gather(world, MONTHLY), gather(shuffled, MONTHLY)
    assert one.ids.tolist() == two.ids.tolist()
    assert one.fingerprint() == two.fingerprint()
