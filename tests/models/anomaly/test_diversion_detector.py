import pickle

import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.shipments import Shipments
from models.anomaly.diversion import Diversion
from models.anomaly.suspects import COLUMNS
from models.errors import NotFitted
from tests.oracles.diversion import any_series
from tests.small_diversion import LATER, fitted, hits, judged, scores

SALES = ("sell_in", "sell_out")


def without(tables, *names):
    return {name: frame for name, frame in tables.items() if name not in names}


def found(tables, as_of=LATER):
    return fitted().dealer_months(tables, as_of)


def test_most_of_the_highest_dealer_months_were_diverted():
    tables, truth = judged()
    assert hits(found(tables), truth, 25) > 0.6
    assert hits(found(without(tables, "trace_scans")), truth, 25) > 0.2


@pytest.mark.parametrize(
    "absent", [("sell_out", "stock"), ("sell_in",), ("signals", "promotions", "prices"), SALES, ("dealers",)]
)
def test_it_copes_without_some_tables(absent):
    tables, truth = judged()
    assert hits(found(without(tables, *absent)), truth, 25) > 0.3


def test_pairs_name_seller_product_window_and_mostly_the_territory():
    tables, truth = judged()
    pairs = fitted().detect(tables, LATER)
    assert tuple(pairs.columns) == COLUMNS
    real = pairs.merge(truth, on=["seller_dealer_id", "sku_id"], suffixes=("", "_true"))
    real = real[real["period_start"].between(real["first_period"], real["last_period"])]
    top = real[real["probability"] > 0.5]
    assert len(top.drop_duplicates(["seller_dealer_id", "sku_id"])) >= 5
    assert (top["receiver_territory_id"] == top["receiver_territory_id_true"]).mean() > 0.5
    assert pairs["probability"].is_monotonic_decreasing
    assert (pairs["first_period"] <= pairs["last_period"]).all()


def test_the_seller_is_never_its_own_receiver_and_sends_abroad():
    tables, _ = judged()
    pairs = fitted().detect(tables, LATER)
    home = tables["dealers"].set_index("dealer_id")["territory_id"]
    assert (pairs["seller_dealer_id"] != pairs["receiver_dealer_id"]).all()
    assert (pairs["seller_dealer_id"].map(home) != pairs["receiver_territory_id"]).all()
    named = pairs[pairs["receiver_dealer_id"] != ""]
    assert len(named) > 0
    assert (named["receiver_dealer_id"].map(home) == named["receiver_territory_id"]).all()


def test_evidence_states_what_is_in_the_tables():
    tables, _ = judged()
    pair = fitted().detect(tables, LATER).iloc[0]
    sold = tables["sell_out"]
    mine = sold[(sold["dealer_id"] == pair["seller_dealer_id"]) & (sold["sku_id"] == pair["sku_id"])]
    inside = mine["period_start"].between(pair["first_period"], pair["last_period"])
    volume = next(e for e in pair["evidence"] if e["kind"] == "volume")
    assert volume["value"] == pytest.approx(mine.loc[inside, "qty_sell_out"].sum(), rel=1e-3)
    scan = tables["trace_scans"]
    there = scan[
        (scan["shipped_dealer_id"] == pair["seller_dealer_id"])
        & (scan["sku_id"] == pair["sku_id"])
        & (scan["scanned_territory_id"] == pair["receiver_territory_id"])
        & (scan["scanned_at"] >= pair["first_period"])
        & (scan["scanned_at"] < pair["last_period"] + pd.DateOffset(months=1))
    ]
    counted = [e["value"] for e in pair["evidence"] if e["kind"] == "scans"]
    assert counted == ([float(len(there))] if counted else [])
    assert {"kind", "text", "value", "expected", "period"} == set(volume)


def test_since_leaves_out_what_ended_before():
    tables, _ = judged()
    since = pd.Timestamp("2025-09-01")
    late = fitted().detect(tables, LATER, since=since)
    every = fitted().detect(tables, LATER)
    kept = every[every["last_period"] >= since].reset_index(drop=True)
    assert 0 < len(late) < len(every)
    pd.testing.assert_frame_equal(late, kept)


def test_the_past_does_not_know_the_future():
    tables, _ = judged()
    moment = pd.Timestamp("2025-07-01")
    changed = {name: frame.copy() for name, frame in tables.items()}
    for name, column in (("sell_in", "qty_sell_in"), ("sell_out", "qty_sell_out"), ("stock", "qty_on_hand")):
        later = changed[name]["known_at"] > moment
        assert later.any()
        changed[name].loc[later, column] *= 7
    scans = changed["trace_scans"]
    scans.loc[scans["known_at"] > moment, "scanned_territory_id"] = "T001"
    pd.testing.assert_frame_equal(found(tables, moment), found(changed, moment))
    ours, theirs = (fitted().detect(t, moment) for t in (tables, changed))
    assert len(ours) > 0
    pd.testing.assert_frame_equal(ours, theirs)


def test_row_order_ids_and_units_do_not_matter():
    tables, _ = judged()
    shuffled = {name: frame.sample(frac=1, random_state=1) for name, frame in tables.items()}
    for frame in shuffled.values():
        for column in ("dealer_id", "shipped_dealer_id"):
            if column in frame:
                frame[column] = "客户 " + frame[column]
    before, after = scores(found(tables)), scores(found(shuffled))
    assert np.allclose(before.to_numpy(), after.to_numpy(), atol=1e-6)


def test_a_dealer_is_suspect_unless_all_its_series_are_innocent():
    tables, _ = judged()
    model, goods = fitted(), Shipments.of(tables)
    p = model._of_series(goods)
    row, step = (part.ravel() for part in np.indices(p.shape))
    frame = pd.DataFrame(
        {"dealer_id": goods.dealer_ids[goods.dealer[row]], "period_start": goods.months[step]}
    )
    slow = any_series(frame.assign(p=p[row, step]))
    ours = found(tables).set_index(["dealer_id", "period_start"])["probability"]
    keys = [key for key in list(slow)[::211] if key in ours.index]
    raw = np.array([slow[key] for key in keys])
    assert len(keys) > 10
    expected = model.calibrators_["scans"].predict(raw)
    assert np.allclose(ours[keys].to_numpy(), expected)


def test_a_record_too_short_or_empty_raises_no_suspicion():
    tables, _ = judged()
    early = pd.Timestamp("2024-03-01")
    assert found(tables, early)["probability"].max() < 0.05
    empty = {name: frame.iloc[:0] for name, frame in tables.items()}
    assert found(empty).empty
    assert fitted().detect(empty, LATER).empty
    assert fitted().detect({}, LATER).empty


def test_five_dealers_are_enough_to_answer():
    tables, _ = judged()
    few = set(tables["dealers"]["dealer_id"].iloc[:5])
    cut = {n: f[f["dealer_id"].isin(few)] if "dealer_id" in f else f for n, f in tables.items()}
    scans = tables["trace_scans"]
    cut["trace_scans"] = scans[scans["shipped_dealer_id"].isin(few)]
    assert found(cut)["dealer_id"].nunique() == 5


def test_saved_and_loaded_it_says_the_same():
    tables, _ = judged()
    again = pickle.loads(pickle.dumps(fitted()))
    assert again.dealer_months(tables, LATER).equals(found(tables))


def test_unfitted_it_refuses_and_without_diversion_it_cannot_learn():
    tables, truth = judged()
    with pytest.raises(NotFitted):
        Diversion().dealer_months(tables, LATER)
    with pytest.raises(TooFewRows):
        Diversion().fit([(tables, truth.iloc[:0])])
