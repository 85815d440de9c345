"""The growth room: tiers that stay, movement, support, admission, exits."""

import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.industries import industry
from features.known import known
from features.simulator import World, simulate
from features.standing import Books, NoSales
from features.tables import coerce
from models.errors import NotFitted
from models.growth.admission import CARD, assess
from models.growth.exits import stock_lines
from models.growth.model import GrowthModel
from models.growth.paths import paths
from models.growth.support import CATALOGUE, Action, best_actions
from models.growth.tiers import flip_flop_rate, replay
from training.recipes import growth

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=40, products=5, months=36, seed=4, contract_share=0, survey_share=0)).tables


@pytest.fixture(scope="module")
def fitted(tables):
    return growth.fit(tables, NOW, growth.Config())


@pytest.fixture(scope="module")
def scored(fitted, tables):
    return fitted.model.score(tables, NOW)


def slow_tiers(points, cuts, band, confirm):
    """One dealer, month by month, as the docstring says it."""
    held, told = None, []
    for j, now in enumerate(points):
        if held is None:
            held, since = sum(now >= c for c in cuts), j - 1
        else:
            last = points[max(j - confirm + 1, since + 1) : j + 1]
            if len(last) == confirm and held < len(cuts) and min(last) >= cuts[held] + band:
                held, since = held + 1, j
            elif len(last) == confirm and held > 0 and max(last) < cuts[held - 1] - band:
                held, since = held - 1, j
        told.append(held)
    return told


@pytest.mark.parametrize("seed", range(20))
def test_the_replay_is_the_rule_told_slowly(seed):
    rng = np.random.default_rng(seed)
    points = 50 + np.cumsum(rng.normal(0, 6, (4, 30)), axis=1)
    cuts = np.array([40.0, 55.0, 70.0])
    fast = replay(points, cuts, band=2.0, confirm=2)
    assert fast.tolist() == [slow_tiers(list(row), cuts, 2.0, 2) for row in points]


def test_hysteresis_keeps_noise_from_moving_tiers():
    rng = np.random.default_rng(0)
    points = 50 + rng.normal(0, 3, (500, 36))
    held = replay(points, np.array([50.0]), band=3, confirm=3)
    naive = replay(points, np.array([50.0]), band=0, confirm=1)
    assert flip_flop_rate(held) < 0.05 < flip_flop_rate(naive)


def test_tiers_flip_back_in_less_than_five_percent_of_months_also_under_noise(fitted, tables):
    rng = np.random.default_rng(0)
    noisy = {}
    for name, frame in tables.items():
        cells = [c for c in frame.columns if c.startswith("qty_") or c == "amount"]
        noisy[name] = frame.assign(**{c: frame[c] * rng.normal(1, 0.05, len(frame)) for c in cells})
    model = fitted.model
    for one in (tables, noisy):
        seen = paths(Books.of(one), NOW, model.industry, model.scale_)
        assert flip_flop_rate(model.tiers(seen)) <= 0.05


def test_every_dealer_has_one_row_in_both_frames(scored, tables):
    dealers, moves = scored["dealers"], scored["moves"]
    assert (
        dealers["dealer_id"].tolist() == moves["dealer_id"].tolist() == sorted(tables["dealers"]["dealer_id"])
    )
    assert dealers["score"].between(0, 100).all()
    for column in ("up_3m", "up_6m", "down_3m", "down_6m"):
        assert moves[column].between(0, 1).all()
    assert (moves["up_3m"] <= moves["up_6m"]).all()
    assert set(dealers["tier"]) <= {"A", "B", "C", "D", ""}


def test_the_future_moves_nothing(fitted, tables):
    moment = pd.Timestamp("2025-06-15")
    cut = {name: frame[frame["known_at"] <= moment] for name, frame in tables.items()}
    for name, frame in fitted.model.score(cut, moment).items():
        pd.testing.assert_frame_equal(frame, fitted.model.score(tables, moment)[name])


def test_the_evidence_saw_nothing_later(tables):
    early = known(tables, pd.Timestamp("2025-10-01"))
    told = growth.judged(Books.of(tables), pd.Timestamp("2025-10-01"), growth.Config())
    again = growth.judged(Books.of(early), pd.Timestamp("2025-10-01"), growth.Config())
    pd.testing.assert_frame_equal(told, again)
    assert set(told["task"]) == {"tier_up_6m", "tier_down_6m", "churn_6m"}


def test_a_confirmed_critical_alert_blocks_promotion_and_nothing_else_does(fitted, tables, scored):
    dealers = tables["dealers"].assign(tier="D")
    lowered = tables | {"dealers": dealers}
    risen = fitted.model.score(lowered, NOW)["dealers"].set_index("dealer_id")
    name = risen.index[risen["tier"] != "D"][0]
    alert = pd.DataFrame({"dealer_id": [name], "level": ["critical"], "status": ["confirmed"]})
    for status, blocked in (("confirmed", "ALERT_CRITICAL"), ("open", "")):
        others = {"alerts": alert.assign(status=status)}
        row = fitted.model.score(lowered, NOW, others)["dealers"].set_index("dealer_id").loc[name]
        assert row["promotion_blocked"] == blocked
        assert (row["tier"] == "D") == (blocked != "")


def test_low_health_and_the_worst_credit_class_block_too(fitted, tables):
    lowered = tables | {"dealers": tables["dealers"].assign(tier="D")}
    ids = tables["dealers"]["dealer_id"]
    others = {
        "health": pd.DataFrame({"dealer_id": ids, "score": 10.0, "stock": 10.0, "growth": 10.0}),
        "credit": pd.DataFrame({"dealer_id": ids, "credit_class": 5}),
    }
    frame = fitted.model.score(lowered, NOW, others)["dealers"]
    assert set(frame["tier"]) <= {"D", ""}
    assert "HEALTH_LOW, CREDIT_CLASS_5" in set(frame["promotion_blocked"])
    assert {a["part"] for row in frame["support"] for a in row} >= {"stock", "growth"}


def test_the_next_action_is_the_one_with_the_most_points():
    parts = pd.DataFrame({"size": [50.0], "punctuality": [10.0], "coverage": [np.nan], "regularity": [100.0]})
    told = best_actions(parts, pd.Series(75.0, index=[*parts, "stock", "growth"]), CATALOGUE)[0]
    slow = {
        "CREDIT_TERMS": 65 * 0.35 / 3 * 0.4,
        "DISPLAY_FUND": 25 * 0.5 * 0.12,
        "TRAIN_SALES": 25 * 0.5 * 0.08,
    }
    assert [a["code"] for a in told] == list(slow)
    assert [a["points"] for a in told] == pytest.approx(list(slow.values()), abs=0.01)
    assert isinstance(CATALOGUE[0], Action)


def test_distance_in_sales_would_close_the_distance_in_points(scored, fitted):
    row = (
        scored["dealers"].dropna(subset=["distance_amount"]).query("distance_amount > 0 and size > 1").iloc[0]
    )
    low, high = fitted.model.scale_
    now = low + row["size"] / 100 * (high - low)
    after = np.log(np.exp(now) + row["distance_amount"])
    assert (after - now) / (high - low) * 50 == pytest.approx(row["distance_points"], abs=0.1)


def test_a_full_file_has_no_interval_and_a_missing_field_widens_it():
    full = dict.fromkeys(CARD, 1.0)
    told = assess(full)
    assert told.low == told.score == told.high
    assert not told.missing
    without = assess(full | {"outlets": None})
    assert without.high - without.low == pytest.approx(16.0)


def test_a_thin_file_is_to_be_verified_and_a_missing_licence_holds():
    assert assess({"outlets": 500.0}).decision == "verify"
    best = {name: mark for name, (_, _, mark) in CARD.items()}
    assert assess(best).score == 100
    assert assess(best).decision == "admit"
    told = assess(best, industry=industry("pharma"), licences={"gsp": NOW}, moment=NOW + pd.Timedelta(days=1))
    assert told.decision == "hold"
    assert told.licences == {"drug_business": "missing", "gsp": "expired", "business": "missing"}


def test_more_of_what_is_good_never_lowers_an_admission():
    for name, (_, none, full) in CARD.items():
        scores = [assess({name: v}).score for v in np.linspace(none, full, 5)]
        assert scores == sorted(scores)


def test_stock_goes_back_at_the_last_price_within_its_shelf_life():
    rows = {"dealer_id": "D1", "sku_id": ["S1", "S1"], "period_start": ["2025-06-01", "2025-11-01"]}
    sold = pd.DataFrame(rows | {"qty_sell_in": [50, 50], "amount": [400, 500], "known_at": "2025-12-01"})
    stock = {"dealer_id": ["D1"], "sku_id": ["S1"], "period_start": ["2025-12-01"], "qty_on_hand": [60]}
    product = {"sku_id": ["S1"], "shelf_life_days": [100], "known_at": ["2020-01-01"]}
    tables = {
        "sell_in": coerce("sell_in", sold),
        "stock": coerce("stock", pd.DataFrame(stock | {"known_at": ["2026-01-01"]})),
        "products": coerce("products", pd.DataFrame(product)),
    }
    line = stock_lines(Books.of(tables), NOW, industry("fmcg")).iloc[0]
    assert (line["units"], line["net_price"], line["amount"]) == (60, 10, 600)
    assert line["sellable_amount"] == pytest.approx(600 * (100 * 0.5) / (60 / (100 / 365)))


def test_an_unfitted_model_and_too_little_data_are_refused(tables):
    with pytest.raises(NotFitted):
        GrowthModel().score(tables, NOW)
    with pytest.raises(NoSales, match="qudao ingest"):
        growth.fit({}, NOW, growth.Config())
    few = {"sell_in": tables["sell_in"][tables["sell_in"]["dealer_id"] < "D003"]}
    with pytest.raises(TooFewRows, match="at least 5 rows; got 2"):
        growth.fit(few, NOW, growth.Config())


def test_sell_in_alone_is_enough(tables):
    alone = {"sell_in": tables["sell_in"]}
    frame = growth.fit(alone, NOW, growth.Config()).model.score(alone, NOW)["dealers"]
    assert frame["exit_stock_units"].isna().all()
    assert frame["score"].between(0, 100).all()
