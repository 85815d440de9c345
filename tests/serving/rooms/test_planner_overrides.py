import json
from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest
from pydantic import ValidationError

from features.lake import Lake
from serving.errors import NotFound, Wrong
from serving.hand import Hand
from serving.rooms import added, demand
from serving.rooms.overrides import Author, Request, override

NOW = pd.Timestamp("2017-10-10T08:00:00", tz="UTC")
ASK = {"sku_ids": ["S002"], "periods": ["2017-11", "2017-12"], "quantity": 1000.0, "reason": "A new shop."}


@pytest.fixture
def lake(tmp_path, lake_folder):
    known = Lake(lake_folder).history()
    lake = Lake(tmp_path / "warehouse")
    lake.merge({name: known[name] for name in ("dealers", "products")}, source="test")
    return lake


def edit(snapshot, lake, now=NOW, caller="ann", **changed):
    request = Request.model_validate_json(json.dumps(ASK | changed))
    return override(request, snapshot, lake, Author.of(request, caller, now), max_series=100)


def shown(snapshot, lake, moment, key="D003/S002"):
    """The forecast of one series as it is answered at a moment."""
    request = demand.Request.model_validate_json(
        json.dumps({"keys": [{"unique_id": key}], "missing_plans": "carry"})
    )
    force = Hand(lake.root).in_force(moment)
    return demand.answer(request, snapshot, max_series=9, force=force).forecasts[0].periods


def test_a_total_reaches_every_cell_and_adds_up_exactly(snapshot, lake):
    told = edit(snapshot, lake)
    assert len(told.cells) == 12 * 2
    assert (
        sum(Decimal(str(cell.final)) for cell in told.cells)
        == Decimal("1000.0")
        == Decimal(str(told.final_total))
    )
    most = max(told.cells, key=lambda cell: cell.mean)
    assert most.final == max(cell.final for cell in told.cells)


def test_the_forecast_shows_the_machine_the_final_figure_and_whose_it_is(snapshot, lake):
    told = {(c.unique_id, c.period): c for c in edit(snapshot, lake).cells}
    first, second, third = shown(snapshot, lake, pd.Timestamp("2017-10-11"))
    assert (first.final, first.override) == (first.mean, None)
    for period in (second, third):
        cell = told["D003/S002", period.period]
        assert (period.mean, period.final) == (cell.mean, cell.final)
        assert (period.override.author, period.override.reason) == ("ann", "A new shop.")
        assert period.override.override_id == cell.override_id


def test_it_is_not_known_before_it_was_made_nor_counts_after_it_expired(snapshot, lake):
    edit(snapshot, lake, expires_at="2017-10-20T00:00:00Z")
    for day, counts in (("2017-10-09", False), ("2017-10-11", True), ("2017-10-20", False)):
        assert (shown(snapshot, lake, pd.Timestamp(day))[1].override is not None) == counts


def test_the_same_edit_again_writes_nothing_and_another_in_between_makes_it_new(snapshot, lake):
    first, again = edit(snapshot, lake), edit(snapshot, lake, now=NOW + pd.Timedelta(minutes=1))
    assert (first.written, again.written) == (True, False)
    assert again.edit_id == first.edit_id
    assert len(lake.read("overrides")) == 24
    edit(snapshot, lake, now=NOW + pd.Timedelta(minutes=2), quantity=800.0)
    back = edit(snapshot, lake, now=NOW + pd.Timedelta(minutes=3))
    assert back.written
    assert back.edit_id != first.edit_id
    assert back.final_total == 1000.0


def test_a_factor_follows_the_machine_and_one_gives_the_cell_back(snapshot, lake):
    told = edit(snapshot, lake, quantity=None, factor=1.5)
    assert told.final_total == pytest.approx(1.5 * told.machine_total, abs=1e-4)
    bare = snapshot.panel
    grown = replace(snapshot, panel=replace(bare, y=bare.y * 2))
    period = shown(grown, lake, pd.Timestamp("2017-10-11"))[1]
    assert period.final == pytest.approx(1.5 * period.mean, abs=1e-6)
    edit(snapshot, lake, now=NOW + pd.Timedelta(minutes=1), quantity=None, factor=1.0)
    period = shown(snapshot, lake, pd.Timestamp("2017-10-11"))[1]
    assert period.final == period.mean


def test_each_row_says_who_why_and_what_would_have_been_forecast(snapshot, lake):
    edit(snapshot, lake, on_behalf_of="li.na", dealer_ids=["D003"])
    rows = lake.read("overrides")
    assert set(rows["author"]) == {"li.na (by ann)"}
    assert (rows["known_at"] == NOW.tz_localize(None)).all()
    assert rows[["machine_units", "naive_units"]].notna().all(axis=None)
    assert rows["edit_id"].nunique() == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"periods": ["2017-09"]}, "periods[0]"),
        ({"periods": ["2017-11", "2018-07"]}, "periods[1]"),
        ({"quantity": 10.001}, "quantity"),
        ({"expires_at": "2017-10-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_written(snapshot, lake, changed, field):
    with pytest.raises(Wrong) as refusal:
        edit(snapshot, lake, **changed)
    assert refusal.value.faults[0].field == field
    assert lake.read("overrides").empty


def test_nobody_who_sells_it_is_not_found(snapshot, lake):
    with pytest.raises(NotFound) as refusal:
        edit(snapshot, lake, dealer_ids=["D001", "D999"])
    assert refusal.value.faults[0].field == "dealer_ids[1]"


@pytest.mark.parametrize("changed", [{"factor": 2.0}, {"quantity": None}, {"sku_ids": None}, {"reason": ""}])
def test_an_edit_needs_one_figure_a_range_and_a_reason(snapshot, lake, changed):
    with pytest.raises(ValidationError):
        edit(snapshot, lake, **changed)


def test_value_added_is_told_once_the_truth_is_known(snapshot, lake, panel):
    then = replace(snapshot, panel=panel.at(37, ahead=3))
    early = pd.Timestamp("2017-06-20", tz="UTC")
    for author, factor in (("ann", 3.0), ("bob", 1.0)):
        for dealer in ("D001", "D002", "D003"):
            name = dealer if author == "ann" else dealer.replace("D00", "D01").replace("D013", "D004")
            edit(
                then,
                lake,
                now=early,
                caller=author,
                quantity=None,
                factor=factor,
                dealer_ids=[name],
                periods=["2017-07"],
            )
    told = added.answer(added.Request(), snapshot, lake.read("overrides"))
    assert [s.stage for s in told.stages] == ["naive", "machine", "override", "final"]
    machine, final = told.stages[1], told.stages[3]
    assert final.wape > machine.wape
    planners = {p.author: p for p in told.planners}
    assert planners["ann"].raw_rate < planners["ann"].value_added_rate < 0 == planners["bob"].raw_rate
    assert (
        added.answer(added.Request(author="bob"), snapshot, lake.read("overrides")).stages[2].value_added == 0
    )
    assert added.answer(added.Request(since="2017-08"), snapshot, lake.read("overrides")).planners == []


def test_value_added_without_overrides_is_an_empty_answer(snapshot, lake):
    told = added.answer(added.Request(), snapshot, lake.read("overrides"))
    assert (told.planners, told.open, told.too_late) == ([], 0, 0)
