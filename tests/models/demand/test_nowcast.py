import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.frequency import MONTHLY
from features.reports import Reports
from models.demand.nowcast import Nowcast, estimate, still_to_come
from models.errors import NotFitted
from tests.oracles.nowcast import nowcast as oracle

FIRST = pd.Timestamp("2022-01-01")
MONTHS = 34
AGE = 38.0  # days from the first of the month: about a week after its end


def channel(dealers=8, outlets=6, skus=4, *, seed=0, months=MONTHS):
    """Sell-out by outlet; large outlets report sooner, some months never."""
    rng = np.random.default_rng(seed)
    place = [(f"D{d}", f"D{d}-{o}") for d in range(dealers) for o in range(outlets)]
    size = rng.lognormal(3, 0.8, len(place))
    habit = 31 + 12 * (1 - size.argsort().argsort() / len(place))
    pace = 1 + 0.4 * np.sin(np.arange(months) * np.pi / 6) + rng.normal(0, 0.15, months)
    rows = []
    for p, (dealer, outlet) in enumerate(place):
        for m in range(months):
            if rng.random() < 0.05:
                continue
            start, age = MONTHLY.shift(FIRST, m), habit[p] * rng.lognormal(0, 0.12)
            known = start + pd.Timedelta(days=age)
            for s in range(skus):
                rows.append(
                    (dealer, outlet, f"S{s}", start, float(rng.poisson(size[p] * max(pace[m], 0.2))), known)
                )
    names = ["dealer_id", "outlet_id", "sku_id", "period_start", "qty_sell_out", "known_at"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def sell_out():
    return channel()


def asked(sell_out, back):
    """A month near the end, when it was AGE days old: nowcast beside what it came to."""
    month = MONTHLY.shift(FIRST, MONTHS - back)
    moment = month + pd.Timedelta(days=AGE)
    frame = (
        Nowcast()
        .fit(sell_out, MONTHLY, age_days=AGE, moment=moment)
        .predict(sell_out, period=month, moment=moment)
    )
    own = sell_out[sell_out["period_start"] == month].groupby(["dealer_id", "sku_id"])["qty_sell_out"].sum()
    return frame.merge(own.rename("y").reset_index(), how="left").fillna({"y": 0.0})


@pytest.fixture(scope="module")
def judged(sell_out):
    return pd.concat([asked(sell_out, back) for back in range(1, 9)])


@pytest.mark.parametrize("pull", [0.5, 8.0])
@pytest.mark.parametrize("month", [3, 11])
def test_an_estimate_is_what_a_slow_second_answer_says(pull, month):
    sales = channel(3, 3, 2, months=12, seed=4)
    moment = MONTHLY.shift(FIRST, month) + pd.Timedelta(days=AGE)
    seen = Reports.of(sales, MONTHLY, moment, last=MONTHLY.shift(FIRST, month))
    told = estimate(seen, month, pull=pull)
    known = sales[sales["known_at"] <= moment]
    number = MONTHLY.position(known["period_start"], FIRST)
    age = (known["known_at"] - known["period_start"]).dt.total_seconds() / 86_400
    rows = zip(
        known["dealer_id"],
        known["outlet_id"],
        known["sku_id"],
        number,
        known["qty_sell_out"],
        age,
        strict=True,
    )
    slow = oracle([row for row in rows if row[3] <= month], month, AGE, pull)
    found = dict(
        zip(
            seen.names.itertuples(index=False, name=None),
            zip(told.reported, told.missing, strict=True),
            strict=True,
        )
    )
    assert found.keys() == slow.keys()
    for key, pair in slow.items():
        np.testing.assert_allclose(found[key], pair, rtol=1e-9, err_msg=str(key))


def test_it_beats_the_share_of_outlets_by_half(judged):
    own, planners = ((judged[name] - judged["y"]).abs().sum() for name in ("nowcast", "scaled_up"))
    assert own < 0.5 * planners


def test_bands_hold_what_they_promise_and_never_less_than_was_reported(judged):
    open_ = judged[judged["reporting"] < judged["outlets"]]
    assert 0.74 < open_["y"].between(open_["q10"], open_["q90"]).mean() < 0.88
    quantiles = judged[["q05", "q10", "q25", "q50", "q75", "q90", "q95"]].to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= judged["reported"].to_numpy()[:, None]).all()


def test_what_has_come_in_whole_is_what_it_is(sell_out):
    month = MONTHLY.shift(FIRST, 20)
    moment = month + pd.Timedelta(days=40)
    whole = sell_out.assign(known_at=sell_out["period_start"] + pd.Timedelta(days=32))
    model = Nowcast().fit(sell_out, MONTHLY, age_days=40.0, moment=moment)
    frame = model.predict(whole, period=month, moment=moment)
    done = frame[frame["reporting"] == frame["outlets"]]
    assert len(done)
    assert (done["nowcast"] == done["reported"]).all()
    assert (done["q05"] == done["q95"]).all()


def test_what_came_in_later_moves_no_nowcast(sell_out):
    month = MONTHLY.shift(FIRST, 30)
    moment = month + pd.Timedelta(days=AGE)
    other = sell_out.copy()
    late = other["known_at"] > moment
    other.loc[late, "qty_sell_out"] = other.loc[late, "qty_sell_out"] * 7 + 3
    one, two = (
        Nowcast().fit(s, MONTHLY, age_days=AGE, moment=moment).predict(s, period=month, moment=moment)
        for s in (sell_out, other)
    )
    pd.testing.assert_frame_equal(one, two)


def test_an_outlet_that_is_usually_early_and_still_silent_will_hardly_report():
    days = pd.date_range(FIRST, periods=14, freq="MS")
    rows = pd.DataFrame({"dealer_id": "D", "sku_id": "S", "period_start": days, "qty_sell_out": 5.0})
    told = rows.iloc[[0, 1, 2, 4, 5, 6, 8, 9, 10, 12]]  # three months never came
    early, late = (
        told.assign(outlet_id=name, known_at=told["period_start"] + pd.Timedelta(days=days_))
        for name, days_ in (("early", 32), ("late", 45))
    )
    moment = days[13] + pd.Timedelta(days=40)
    seen = Reports.of(pd.concat([early, late]), MONTHLY, moment, last=days[13])
    chance = dict(zip(["early", "late"], still_to_come(seen, 13), strict=True))
    assert chance["early"] < 0.4
    assert chance["late"] > 0.65


def test_without_any_report_it_is_the_season_of_last_year_and_says_so(sell_out):
    month = MONTHLY.shift(FIRST, 30)
    moment = month + pd.Timedelta(days=3)
    model = Nowcast().fit(sell_out, MONTHLY, age_days=AGE, moment=moment)
    frame = model.predict(sell_out, period=month, moment=moment)
    assert (frame["note"] == "no_report").all()
    assert (frame["nowcast"] > 0).all()
    assert (frame["completion_rate"] == 0).all()


def test_a_dealer_that_reports_as_a_whole_is_one_outlet(sell_out):
    whole = sell_out.groupby(["dealer_id", "sku_id", "period_start"], as_index=False).agg(
        qty_sell_out=("qty_sell_out", "sum"), known_at=("known_at", "max")
    )
    frame = asked(whole.assign(outlet_id=""), 3)
    assert (frame["outlets"] == 1).all()


def test_too_short_a_record_is_refused_and_so_is_an_unfitted_model(sell_out):
    with pytest.raises(TooFewRows):
        Nowcast().fit(sell_out, MONTHLY, age_days=AGE, moment=FIRST + pd.Timedelta(days=50))
    with pytest.raises(NotFitted):
        Nowcast().predict(sell_out, period=FIRST, moment=FIRST)
