import cloudpickle
import numpy as np
import pandas as pd
import pytest

from features.industries import industry
from features.tables import coerce
from models.anomaly.alerts import COLUMNS
from models.anomaly.model import AnomalyModel
from training.recipes.anomaly import read_policy

NOW = pd.Timestamp("2026-01-01")
EARLIER = pd.Timestamp("2025-09-05")
PLAIN = [c for c in COLUMNS if c not in ("reasons", "evidence", "suggestions", "history", "trail")]


def same(one, two):
    pd.testing.assert_frame_equal(one[PLAIN], two[PLAIN])
    assert one["evidence"].tolist() == two["evidence"].tolist()


def changed_after(tables, moment):
    """The same past; everything that became known later is ten times as large, or gone."""
    out = {}
    for name, frame in tables.items():
        later = frame["known_at"] > moment
        rows = frame.copy()
        for column in rows.columns:
            if rows[column].dtype == float and column != "rebate_rate":
                rows.loc[later, column] *= 10
        out[name] = rows.drop(index=rows.index[later][::2])
    return out


def test_every_type_that_needs_no_other_room_is_found(raised):
    assert {"stock", "price", "default"} <= set(raised["type"])
    assert list(raised.columns) == list(COLUMNS)
    assert raised["alert_id"].is_unique
    assert raised["alert_id"].is_monotonic_increasing


def test_changing_the_future_does_not_change_the_past(model, channel):
    then = model.score(channel.tables, EARLIER)["alerts"]
    same(then, model.score(changed_after(channel.tables, EARLIER), EARLIER)["alerts"])
    assert len(then) > 10


def test_the_same_finding_has_the_same_name_a_month_later(model, channel, raised):
    before = model.score(channel.tables, pd.Timestamp("2025-12-02"))["alerts"]
    lasting = before[before["kind"].isin(["excess", "undercut"])]
    still = raised[raised["kind"].isin(["excess", "undercut"])]
    keys = ["kind", "dealer_id", "sku_id", "first_period"]
    both = lasting.merge(still, on=keys)
    assert len(both) >= 5
    assert (both["alert_id_x"] == both["alert_id_y"]).all()


def dated(days, values):
    return set(zip(days.dt.strftime("%Y-%m-%d"), values.round(6), strict=True))


def test_every_number_of_the_evidence_stands_in_the_tables(raised, channel):
    cells = {}
    for name, columns in {
        "sell_in": ["qty_sell_in", "amount"],
        "sell_out": ["qty_sell_out"],
        "stock": ["qty_on_hand"],
    }.items():
        frame = channel.tables[name]
        for column in columns:
            sums = frame.groupby(["dealer_id", "sku_id", "period_start"])[column].sum()
            cells[f"{name}.{column}"] = {
                (p.strftime("%Y-%m-%d"), round(v, 6)) for (_, _, p), v in sums.items()
            }
    street = channel.tables["signals"]
    cells["signals.street_price"] = dated(street["period_start"], street["value"])
    bills = channel.tables["invoices"]
    cells["invoices.amount"] = dated(bills["due_at"], bills["amount"])
    told = [one for evidence in raised["evidence"] for one in evidence]
    assert len(told) > 50
    assert {one["series"] for one in told} >= {"stock.qty_on_hand", "signals.street_price", "invoices.amount"}
    assert [one for one in told if (one["period"], round(one["value"], 6)) not in cells[one["series"]]] == []


def test_a_stock_alert_shows_the_stock_of_its_own_series(raised, channel):
    stock = channel.tables["stock"].set_index(["dealer_id", "sku_id", "period_start"])["qty_on_hand"]
    for row in raised[raised["kind"] == "excess"].itertuples():
        shown = [one for one in row.evidence if one["series"] == "stock.qty_on_hand"]
        assert len(shown) == 3
        assert all(
            stock[row.dealer_id, row.sku_id, pd.Timestamp(one["period"])] == one["value"] for one in shown
        )


def test_every_alert_has_reasons_evidence_and_a_suggestion_in_both_languages(raised):
    assert (raised["reasons"].str.len() >= 1).all()
    assert (raised["evidence"].str.len() >= 1).all()
    assert all(set(s) == {"action", "zh", "en"} for row in raised["suggestions"] for s in row)
    assert (raised["suggestions"].str.len() >= 1).all()
    assert raised["probability"].between(0, 1).all()


def test_the_order_of_rows_does_not_matter_and_what_is_saved_answers_the_same(model, channel, raised):
    shuffled = {k: v.sample(frac=1, random_state=2) for k, v in channel.tables.items()}
    copy = cloudpickle.loads(cloudpickle.dumps(model))
    same(raised, copy.score(shuffled, NOW)["alerts"])


def test_the_tables_are_untouched(model, channel):
    before = {k: v.copy() for k, v in channel.tables.items()}
    model.score(channel.tables, EARLIER)
    for name, frame in channel.tables.items():
        pd.testing.assert_frame_equal(frame, before[name])


@pytest.mark.parametrize(
    "absent", ["stock", "signals", "invoices", "prices", "products", "dealers", "sell_in", "sell_out"]
)
def test_an_absent_table_silences_its_detector_and_is_told(model, channel, absent):
    tables = {k: v for k, v in channel.tables.items() if k != absent}
    found = model.score(tables, NOW)["alerts"]
    assert len(found) > 0
    gone = {"stock": {"excess", "dead", "short"}, "signals": {"undercut", "region"}, "invoices": {"default"}}
    assert not gone.get(absent, set()) & set(found["kind"])
    if absent in gone:
        assert "not seen" in found["note"].iloc[0] or "nothing is said" in found["note"].iloc[0]


def test_empty_tables_give_empty_frames(model, channel):
    empty = {name: coerce(name, frame.iloc[:0]) for name, frame in channel.tables.items()}
    for tables in ({}, empty):
        found = model.score(tables, NOW)
        assert (len(found["alerts"]), len(found["pairs"])) == (0, 0)
        assert list(found["alerts"].columns) == list(COLUMNS)


def test_a_fresh_channel_of_two_months_is_no_failure(model, channel):
    young = {
        k: v[v["period_start"] >= "2025-11-01"] if "period_start" in v else v
        for k, v in channel.tables.items()
    }
    assert "stuffing" not in set(model.score(young, NOW)["alerts"]["kind"])


def test_credit_and_clauses_of_other_rooms_become_alerts(model, channel):
    credit = pd.DataFrame({"dealer_id": ["D001", "D002"], "pd_3m": [0.9, 0.01], "limit_amount": [1e6, 1e6]})
    clauses = pd.DataFrame({"dealer_id": ["D001"], "contract_id": ["C1"], "type": ["payment_terms"]})
    clauses = clauses.assign(risk="high", probability=0.8)
    found = model.score(channel.tables, NOW, {"credit": credit, "clauses": clauses})["alerts"]
    default = found[(found["type"] == "default") & (found["dealer_id"] == "D001")]
    assert default["probability"].tolist() == [0.9]
    assert found.loc[found["type"] == "contract", "topic"].tolist() == ["C1/payment_terms"]
    assert "D002" not in set(found.loc[found["type"] == "default", "dealer_id"])


def test_suspected_pairs_become_alerts_with_their_statements(model, channel):
    class Finder:
        def detect(self, tables, as_of, *, since=None):
            pair = {"seller_dealer_id": "D001", "receiver_dealer_id": "D004", "receiver_territory_id": "T002"}
            pair |= {
                "sku_id": "S001",
                "first_period": pd.Timestamp("2025-07-01"),
                "last_period": pd.Timestamp("2025-11-01"),
            }
            pair |= {"probability": 0.8, "score": 80.0, "units_suspected": 900.0, "amount_suspected": 9e4}
            told = {
                "kind": "scans",
                "text": "Scanned there.",
                "value": 9.0,
                "expected": 1.0,
                "period": "2025-07 to 2025-11",
            }
            return pd.DataFrame([pair | {"evidence": [told]}])

    fused = AnomalyModel(policy=read_policy(), diversion=Finder(), habits=model.habits, orders=model.orders)
    found = fused.score(channel.tables, NOW)
    one = found["alerts"].set_index("type").loc["diversion"]
    assert (one["dealer_id"], one["receiver_dealer_id"], one["level"]) == ("D001", "D004", "warning")
    assert one["expected_loss_amount"] == pytest.approx(0.8 * 9e4 * 0.2)
    assert one["evidence"][0]["series"] == "diversion.scans"
    assert len(found["pairs"]) == 1


def test_a_purchase_of_many_times_the_usual_becomes_an_alert(model, channel):
    bought = channel.tables["sell_in"].reset_index(drop=True)
    last = bought[(bought["period_start"] == bought["period_start"].max()) & (bought["qty_sell_in"] > 0)]
    row = last["amount"].idxmax()
    for column in ("qty_sell_in", "amount"):
        bought.loc[row, column] *= 12
    found = model.score(channel.tables | {"sell_in": bought}, NOW)["alerts"]
    order = found[found["type"] == "order"]
    assert bought.loc[row, "dealer_id"] in set(order["dealer_id"])
    assert bought.loc[row, "qty_sell_in"] in [one["value"] for told in order["evidence"] for one in told]


def test_bounds_of_the_industry_decide_what_is_too_much(model, channel):
    kinds = {}
    for name in ("fmcg", "building_materials"):
        other = AnomalyModel(
            policy=model.policy, trade=industry(name), habits=model.habits, orders=model.orders
        )
        kinds[name] = (other.score(channel.tables, NOW)["alerts"]["kind"] == "excess").sum()
    assert kinds["fmcg"] > kinds["building_materials"]


def test_a_floor_price_that_is_undercut_is_a_fact(model, channel):
    street = channel.tables["signals"]
    last = street[street["period_start"] == street["period_start"].max()].iloc[[0]]
    floor = last.assign(kind="floor_price", value=last["value"] * 1.5)
    tables = channel.tables | {"signals": pd.concat([street, floor], ignore_index=True)}
    found = model.score(tables, NOW)["alerts"]
    one = found[found["kind"] == "floor"]
    assert one["dealer_id"].tolist() == last["dealer_id"].tolist()
    assert one["probability"].iloc[0] > 0.9
    assert np.isclose(one["evidence"].iloc[0][-1]["expected"], floor["value"].iloc[0])


def test_amounts_of_another_currency_are_levelled_by_the_last_rate(model, channel):
    def levels_at(rate):
        rates = pd.DataFrame({"base_currency": ["USD"], "quote_currency": ["CNY"], "rate": [rate]})
        rates = rates.assign(rate_date=pd.Timestamp("2025-12-01"), known_at=pd.Timestamp("2025-12-02"))
        bills = channel.tables["invoices"].assign(currency="USD")
        tables = channel.tables | {"invoices": bills, "fx_rates": coerce("fx_rates", rates)}
        found = model.score(tables, NOW)["alerts"]
        return found[found["type"] == "default"]

    low, high = levels_at(0.001), levels_at(1000.0)
    assert set(low["level"]) == {"info"}
    assert set(low["currency"]) == {"USD"}
    assert "info" not in set(high["level"])
