import json

import numpy as np
import pandas as pd
import pytest

from features.errors import ChannelError, TooFewRows
from features.frequency import WEEKLY
from models.metrics import wape
from tests.panels import small_channel
from tests.sales_files import as_csv, as_table
from tests.toy_room import toy
from training.trial import Trial, open_file, panel_of_file, run_trial

BANDS = ["q05", "q10", "q25", "q50", "q75", "q90", "q95"]
PROMISED = ["unique_id", "ds", "cutoff", "y", "mean", *BANDS]
QUICK = toy(members=("boosted", "theta"), replays={"M": 1, "W": 1})
ASKED = Trial(horizon=3, windows=2, show=False)


@pytest.fixture(scope="module")
def panel():
    return small_channel(4, 2, t=24)


@pytest.fixture(scope="module")
def file(panel, tmp_path_factory):
    return as_csv(panel, tmp_path_factory.mktemp("sales") / "sales.csv")


@pytest.fixture(scope="module")
def tried(file, tmp_path_factory):
    out = tmp_path_factory.mktemp("trial") / "out"
    return run_trial(panel_of_file([file], "generic"), QUICK, ASKED, out, title="Sales"), out


def test_a_plain_file_becomes_the_panel_it_was_written_from(file, panel):
    found = panel_of_file([file], "generic")
    np.testing.assert_allclose(found.y, panel.y, atol=1e-3)
    np.testing.assert_allclose(
        found.plans["deal"], np.where(np.isnan(panel.y), np.nan, panel.plans["deal"][:, :24])
    )
    assert set(found.plans) == {"net_price", "deal", "rival_price"}
    assert set(found.signals) == {"weather"}


def test_three_files_are_left_and_nothing_else(tried):
    assert sorted(path.name for path in tried[1].iterdir()) == [
        "forecasts.parquet",
        "report.html",
        "report.json",
    ]


def test_the_table_has_exactly_the_promised_columns(tried):
    table = pd.read_parquet(tried[1] / "forecasts.parquet")
    assert table.columns.tolist() == [
        *PROMISED,
        "boosted",
        "theta",
        "last_value",
        "seasonal_naive",
        "mean_3",
        "mean_12",
    ]
    assert table.notna().all(axis=None)
    assert table["cutoff"].nunique() == 2
    assert (table.groupby(["unique_id", "cutoff"]).size() <= 3).all()


def test_the_report_counts_what_the_table_says(tried):
    report = json.loads((tried[1] / "report.json").read_text(encoding="utf-8"))
    table = pd.read_parquet(tried[1] / "forecasts.parquet")
    for method in ("mean", "boosted", "last_value"):
        by_hand = wape(table["y"].to_numpy(), table[method].to_numpy())
        assert report["methods"][method]["wape"] == pytest.approx(by_hand, abs=1e-6)
    assert report["about"]["plans"] == "net_price, deal, rival_price"


def test_without_plans_nothing_is_known_ahead(file, tried, tmp_path):
    bare = Trial(horizon=3, windows=2, plans=False, show=False)
    outcome = run_trial(panel_of_file([file], "generic"), QUICK, bare, tmp_path, title="Sales")
    assert outcome.report["about"]["plans"] == "none"
    assert not np.allclose(outcome.frame["boosted"], tried[0].frame["boosted"])


def test_weeks_are_tried_like_months(tmp_path):
    weekly = small_channel(3, 2, t=60, ahead=4, freq=WEEKLY)
    panel = panel_of_file([as_csv(weekly, tmp_path / "weeks.csv")], "generic")
    assert panel.freq.letter == "W"
    asked = Trial(horizon=4, windows=1, show=False)
    outcome = run_trial(panel, QUICK, asked, tmp_path / "out", title="Weeks")
    assert {"mean_12", "mean_52"} <= set(pd.read_parquet(tmp_path / "out" / "forecasts.parquet").columns)
    assert outcome.frame["ds"].nunique() == 4


def test_days_can_be_read_as_weeks_or_months(tmp_path):
    days = pd.DataFrame({"sku": "S", "date": pd.date_range("2024-01-01", periods=90), "qty": 1.0})
    days.to_csv(tmp_path / "days.csv", index=False)
    weeks, months = (panel_of_file([tmp_path / "days.csv"], "generic", freq=f) for f in "WM")
    assert weeks.y[0, :12].tolist() == [7.0] * 12
    assert months.y[0].tolist() == [31.0, 29.0, 30.0]


def test_a_file_without_sales_is_refused(tmp_path):
    (tmp_path / "empty.csv").write_text("dealer,sku,date,qty\n", encoding="utf-8")
    with pytest.raises(ChannelError):
        panel_of_file([tmp_path / "empty.csv"], "generic")


def test_what_is_odd_in_a_file_stands_on_top_of_the_report(panel, tmp_path):
    table = as_table(panel).assign(remark="hello")
    table.loc[table["dealer"] == table["dealer"].iloc[0], "qty"] = 7.0
    table.to_csv(tmp_path / "odd.csv", index=False)
    opened = open_file([tmp_path / "odd.csv"], "generic")
    notes = opened.notes(ASKED)
    assert notes[0].startswith('Column "remark" is text')
    assert any("never changed" in note for note in notes)
    made = run_trial(opened.panel, QUICK, ASKED, tmp_path / "out", title="Odd", notes=notes)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert made.report["notes"] == notes
    assert "Look at this first" in page


def test_a_file_of_zeros_is_tried_and_said_to_be_one(panel, tmp_path):
    as_table(panel).assign(qty=0.0).to_csv(tmp_path / "zeros.csv", index=False)
    opened = open_file([tmp_path / "zeros.csv"], "generic")
    made = run_trial(opened.panel, QUICK, ASKED, tmp_path / "out", title="Zeros", notes=opened.notes(ASKED))
    assert (made.frame[["mean", *BANDS]] < 0.01).all(axis=None)
    assert made.report["headline"][0] == "Nothing was sold in what was judged: there is no WAPE."
    assert "never sold anything" in made.report["notes"][0]


def test_too_short_a_history_writes_nothing(panel, tmp_path):
    table = as_table(panel)
    table[table["date"] < "2019-10-01"].to_csv(tmp_path / "short.csv", index=False)
    short = panel_of_file([tmp_path / "short.csv"], "generic")
    with pytest.raises(TooFewRows, match="needs at least 10 rows; got 9"):
        run_trial(short, QUICK, ASKED, tmp_path / "out", title="Short")
    assert not (tmp_path / "out").exists()


def test_ten_months_are_enough(panel, tmp_path):
    result = run_trial(panel.at(10), QUICK, ASKED, tmp_path / "out", title="Ten months")
    assert result.frame["cutoff"].nunique() == 1
    assert result.frame["mean"].notna().all()


def test_a_second_trial_replaces_the_first(panel, tried, tmp_path):
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    run_trial(panel, QUICK, Trial(horizon=3, windows=1, show=False), tmp_path, title="New")
    assert "New" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("month", "late"), [(17, 0), (18, 1), (23, 1)])
def test_a_blank_plan_is_counted_in_what_is_judged_from_the_first_cutoff_on(panel, tmp_path, month, late):
    table = as_table(panel)
    blank = table.index[table["date"] == f"{panel.periods()[month]:%Y-%m-%d}"][0]
    table.loc[blank, "price"] = np.nan
    table.to_csv(tmp_path / "blank.csv", index=False)
    said = next(n for n in open_file([tmp_path / "blank.csv"], "generic").notes(ASKED) if "is blank" in n)
    assert f"{late} of them in or after the months judged" in said
