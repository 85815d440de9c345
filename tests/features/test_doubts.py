"""What is odd in a channel is said in a sentence, and a sound channel is left alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.doubts import doubts
from features.frequency import MONTHLY
from features.panel import Panel

N, T = 8, 36


@pytest.fixture
def sound():
    """Eight series that answer a discount of one month in five, price and promotion in step."""
    rng = np.random.default_rng(1)
    deal = np.where(rng.random((N, T)) < 0.2, 0.2, 0.0)
    y = np.round(100 * (1 - deal) ** -3 * np.exp(rng.normal(0, 0.1, (N, T))))
    static = pd.DataFrame({"dealer_id": [f"D{i}" for i in range(N)], "sku_id": "S"})
    plans = {"net_price": 10 * (1 - deal), "discount": deal}
    return Panel(static=static, first=pd.Timestamp("2022-01-01"), freq=MONTHLY, y=y, plans=plans)


def told(panel, **changed):
    return doubts(replace(panel, **changed), judged=4)


def with_plan(panel, name, cells, value):
    plan = panel.plans[name].copy()
    plan[:, cells] = value
    return {"plans": {**panel.plans, name: plan}}


def edited(y, cells, value):
    out = y.copy()
    out[cells] = value
    return out


def test_a_sound_channel_raises_no_doubt(sound):
    assert told(sound) == []


def test_a_discount_that_moved_no_price_is_doubted(sound):
    said = told(sound, plans={**sound.plans, "net_price": np.full((N, T), 10.0)})
    assert said[0].startswith("discount speaks of a discount")


def test_a_plan_whose_effect_turned_is_doubted(sound):
    flipped = sound.plans["discount"].copy()
    flipped[:, -12:] = 0.2 - flipped[:, -12:]
    said = told(sound, plans={"discount": flipped})
    assert any(one.startswith("discount turned: units rose") for one in said)


@pytest.mark.parametrize(("name", "value"), [("net_price", 0.01), ("net_price", 1000.0), ("discount", 20.0)])
def test_plans_in_another_unit_are_doubted(sound, name, value):
    assert any(
        f"{name} lies more than 4 times" in one for one in told(sound, **with_plan(sound, name, -1, value))
    )


def test_blank_plans_are_counted_with_those_in_the_months_judged(sound):
    days = pd.to_datetime(["2022-05-01", "2024-12-01", "2025-01-01"])
    prices = pd.DataFrame(
        {"dealer_id": "D0", "sku_id": "S", "period_start": days, "net_price": [np.nan, 9.0, np.nan]}
    )
    said = doubts(sound, {"prices": prices}, judged=4)
    assert said[0].startswith("net_price is blank in 2 of 3 rows (first: D0/S 2022-05-01), 1 of them")


@pytest.mark.parametrize(
    ("cells", "value", "words"),
    [
        (np.s_[:], 7.0, "8 of 8 series never changed"),
        (np.s_[:], 0.0, "8 of 8 series never sold anything"),
        (np.s_[0], 1e9, "D0/S holds 100.0 % of all units"),
        (np.s_[:2, -1], 5000.0, "2 of 8 series lie in the last month far outside"),
        (np.s_[:, -1], 0.0, "8 of 8 series lie in the last month far outside"),
        (np.s_[3, 5:9], np.nan, "4 of 288 months inside series have no row"),
    ],
)
def test_series_that_cannot_be_taken_at_their_word_are_named(sound, cells, value, words):
    assert any(words in one for one in told(sound, y=edited(sound.y, cells, value)))


def test_dealers_in_a_loop_are_told_and_a_change_of_parent_is_not(sound):
    dealers = pd.DataFrame({"dealer_id": ["D0", "D1"], "parent_dealer_id": ["D1", "D0"]})
    assert "D0 > D1 > D0" in doubts(sound, {"dealers": dealers})[0]
    moved = pd.DataFrame({"dealer_id": ["D0", "D0", "D1"], "parent_dealer_id": ["D1", None, None]})
    assert doubts(sound, {"dealers": moved}) == []


def test_a_series_of_one_and_one_of_nothing_are_no_trouble(sound):
    assert doubts(sound.take(np.array([0])).at(1)) == []
    assert doubts(replace(sound, y=np.full((N, T), np.nan))) == []
