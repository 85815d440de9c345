"""The plan of one dealer: every part from one forecast, sums to the cent, a dealer sees only itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate
from serving.errors import NotFound, NotReady
from serving.rooms.dealer_plan import Request, again, answer
from serving.scores import Data, Scores

DEALER, MOMENT = "D001", pd.Timestamp("2026-01-01")
BRAND, OWN = Request(), Request(view="dealer")


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=3, products=3, months=14)).tables


def lines(tables):
    skus = sorted(tables["prices"].query("dealer_id == @DEALER")["sku_id"].unique())
    return pd.DataFrame(
        {
            "line_id": [f"{DEALER}/{sku}" for sku in skus],
            "dealer_id": DEALER,
            "sku_id": skus,
            "suggested_units": np.arange(1, len(skus) + 1) * 24.0,
            "suggested_cases": np.arange(1, len(skus) + 1) * 2.0,
            "tier_units": 0.0,
            "qty_on_hand": 5.0,
            "days_of_stock": np.nan,
            "probability": np.linspace(0.9, 0.2, len(skus)),
            "probability_after": 0.05,
            "reasons": [[{"code": "SHORT", "text": "Sells out.", "effect": 1.0}]] * len(skus),
        }
    )


@pytest.fixture(scope="module")
def rooms(tables):
    """Frames as the rooms give them."""
    attainment = {
        "dealer_id": [DEALER, "D002"], "programme_id": "R2026", "currency": "CNY", "ends_at": MOMENT,
        "amount_to_date": 900.0, "expected_amount": 1500.0, "tier_no": 0, "next_tier_no": 1,
        "next_threshold_amount": 1000.0, "shortfall_amount": 100.0, "shortfall_cases": 4.0,
        "probability": 0.7, "next_rebate_gain_amount": 30.0, "accrual_mean": 25.0,
        "accrual_p50": 24.0, "accrual_p90": 40.0,
    }  # fmt: skip
    credit = {
        "dealer_id": [DEALER, "D002"], "currency": "CNY", "limit_amount": [2_000.0, 9.0],
        "open_amount": [500.25, 1.0], "credit_class": 2,
    }  # fmt: skip
    alert = {
        "alert_id": ["A-1", "A-2"], "type": "stock", "level": "watch", "status": ["open", "dismissed"],
        "dealer_id": DEALER, "sku_id": "S001",
    }  # fmt: skip
    frames = {
        "inventory": {"orders": lines(tables)},
        "rebate": {"attainment": pd.DataFrame(attainment)},
        "credit": {"dealers": pd.DataFrame(credit)},
        "anomaly": {"alerts": pd.DataFrame(alert)},
    }
    data = Data(tables=tables, moment=MOMENT, version="lake-1")
    ahead = pd.DataFrame(
        {"dealer_id": [DEALER, "D002"], "sku_id": "S001", "period_start": MOMENT, "mean": 9.0}
        | {"q10": 5.0, "q50": 8.0, "q90": 14.0}
    )
    return {
        name: Scores(
            name=name, version="3", model=None, card={}, trained_at="", data=data, frames=told,
            others={"forecast": ahead}, models={"demand": "7", name: "3"},
        )
        for name, told in frames.items()
    }  # fmt: skip


def test_every_part_is_of_that_dealer_and_of_one_forecast(rooms):
    told = answer(DEALER, BRAND, rooms)
    assert [one.mean for one in told.forecast] == [9.0]
    assert [one.shortfall_amount for one in told.rebates] == [100.0]
    assert [one.alert_id for one in told.alerts] == ["A-1"]
    assert told.models["demand"] == "7"
    assert told.forecast_id == answer("D002", BRAND, rooms).forecast_id
    assert told.notes == ["no_price", "no_currency"]


def test_amounts_of_the_lines_add_up_to_the_order_to_the_cent(rooms):
    told = answer(DEALER, BRAND, rooms)
    assert all(one.amount == round(one.suggested_units * one.unit_price + 1e-9, 2) for one in told.orders)
    assert round(sum(round(100 * one.amount) for one in told.orders)) == round(100 * told.order_amount)
    assert told.credit.order_amount == told.order_amount


def test_lines_within_the_credit_fit_it_and_the_most_urgent_come_first(rooms):
    told = answer(DEALER, BRAND, rooms)
    assert told.credit.headroom_amount == 1499.75
    carried = sum(one.amount for one in told.orders if one.within_credit)
    assert carried == pytest.approx(told.credit.carried_amount)
    assert carried <= told.credit.headroom_amount
    assert all(one.within_credit is not None for one in told.orders)


def test_a_line_without_stock_on_record_is_told_and_counts_for_nothing(rooms):
    orders = rooms["inventory"].frames["orders"].copy()
    orders.loc[0, ["suggested_units", "suggested_cases", "probability_after"]] = np.nan
    told = answer(
        DEALER, BRAND, rooms | {"inventory": replace(rooms["inventory"], frames={"orders": orders})}
    )
    blank, *rest = told.orders
    assert (blank.suggested_units, blank.amount, blank.within_credit) == (None, None, None)
    assert round(100 * told.order_amount) == sum(round(100 * one.amount) for one in rest)


def test_a_dealer_sees_its_own_order_and_nothing_of_the_brands(rooms):
    told = answer(DEALER, OWN, rooms)
    assert told.orders == answer(DEALER, BRAND, rooms).orders
    assert (told.alerts, told.prices, told.models) == ([], [], {})
    assert told.rebates[0].shortfall_amount == 100.0
    assert told.rebates[0].accrual_p90 is None
    assert told.credit.credit_class is None
    assert "D002" not in told.model_dump_json()


def test_the_same_question_is_answered_alike_again(rooms):
    question = {"dealer_id": DEALER, "view": "brand"}
    assert again(question, rooms) == answer(DEALER, BRAND, rooms).model_dump(mode="json")


def test_a_dealer_nobody_knows_and_a_service_without_rooms_are_told(rooms):
    with pytest.raises(NotFound):
        answer("D999", BRAND, rooms)
    with pytest.raises(NotReady):
        answer(DEALER, BRAND, {})
