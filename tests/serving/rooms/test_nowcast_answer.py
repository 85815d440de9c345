"""What the nowcast of sell-out promises over HTTP: partial outlets in, an interval and a word out."""

import json

import numpy as np
import pandas as pd
import pytest
from live import Live, free_port

from features.lake import Lake
from serving.errors import NotFound, NotReady, Wrong
from serving.rooms.nowcast import EXAMPLE, ROUTE, Request, SellOut, answer
from serving.settings import Settings

LAST, MONTHS = pd.Timestamp("2025-12-01"), 24
NOW = pd.Timestamp("2026-11-28")


def reports():
    """Two dealers, six outlets each, two products; half report in the week after, half later."""
    rng = np.random.default_rng(0)
    months = pd.date_range(end=LAST, periods=MONTHS, freq="MS")
    grid = pd.MultiIndex.from_product([["D001", "D002"], range(6), ["S001", "S002"], months])
    rows = grid.to_frame(index=False, name=["dealer_id", "number", "sku_id", "period_start"])
    late = np.where(rows["number"] < 3, 35, 50) + rng.integers(0, 3, len(rows))
    rows["outlet_id"] = rows["dealer_id"] + "-" + rows["number"].astype(str)
    rows["qty_sell_out"] = rng.poisson(40, len(rows)).astype(float)
    rows["known_at"] = rows["period_start"] + pd.to_timedelta(late, unit="D")
    rows = rows.assign(known_at=rows.groupby(["outlet_id", "period_start"])["known_at"].transform("min"))
    return rows.assign(event_at=rows["period_start"]).drop(columns="number")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nowcast")
    Lake(folder / "warehouse").merge({"sell_out": reports()}, source="test")
    return folder


@pytest.fixture(scope="module")
def sell_out(home):
    return SellOut(home / "warehouse")


def ask(sell_out, **asked):
    return answer(Request.model_validate_json(json.dumps(asked)), sell_out, NOW)


def test_half_of_the_outlets_are_completed_with_a_band(sell_out):
    told = ask(sell_out, as_of="2026-01-08T00:00:00Z")
    assert (told.period, told.age_days, len(told.series)) == ("2025-12", 38.0, 4)
    assert told.completion_rate == pytest.approx(0.5, abs=0.1)
    for one in told.series:
        levels = list(one.quantiles.values())
        assert levels == sorted(levels)
        assert (one.note, one.outlets, one.reporting) == ("", 6, 3)
        assert one.reported <= levels[0] <= one.nowcast <= levels[-1] < 3 * one.reported


def test_the_truth_of_later_lies_near_and_nothing_of_it_was_seen(sell_out):
    told, later = ask(sell_out, as_of="2026-01-08T00:00:00Z"), ask(sell_out)
    assert later.completion_rate == 1.0
    assert {one.note for one in later.series} == {"complete"}
    assert told.nowcast == pytest.approx(later.nowcast, rel=0.1)
    assert all(one.quantiles["q05"] == one.nowcast for one in later.series)


def test_a_month_that_nobody_reported_says_so(sell_out):
    told = ask(sell_out, as_of="2026-01-02T00:00:00Z", period="2025-12", dealer_ids=["D001"])
    assert {one.note for one in told.series} == {"no_report"}
    assert told.reported == 0.0
    assert told.nowcast > 0


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"as_of": "2019-01-01T00:00:00Z"}, NotReady),
        ({"as_of": "2024-03-20T00:00:00Z"}, NotReady),
        ({"period": "2027-01"}, Wrong),
        ({"period": "2025-12-15"}, Wrong),
        ({"period": "2019-01"}, Wrong),
        ({"dealer_ids": ["D404"]}, NotFound),
    ],
)
def test_what_cannot_be_said_is_refused_with_a_reason(sell_out, asked, error):
    with pytest.raises(error):
        ask(sell_out, **asked)


def test_the_service_answers_without_any_model(home):
    live = Live(home, Settings(home=home, port=free_port())).start()
    try:
        with live.client() as client:
            whole, told = client.post(ROUTE, json={}), client.post(ROUTE, json=EXAMPLE)
            typo = client.post(ROUTE, json={"dealers": ["D001"]})
            shut = client.post(ROUTE, json={}, headers={"Authorization": "Bearer qk_none"})
    finally:
        live.stop()
    assert (whole.status_code, len(whole.json()["series"])) == (200, 4)
    assert {one["dealer_id"] for one in told.json()["series"]} == {"D001"}
    assert told.headers["Qudao-Data"].startswith("sell_out-")
    assert (typo.status_code, shut.status_code) == (422, 401)
