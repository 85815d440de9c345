"""The inventory room's recipe: what it judges was not seen, and the file holds the defaults."""

import pandas as pd
import pytest

from features.errors import TooFewRows
from features.simulator import World, simulate
from training.admission import admit_scores
from training.config import BadSettings
from training.losses import loss_table
from training.recipes import inventory
from training.trust import scorecard

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=25, products=6, months=34)).tables


@pytest.fixture(scope="module")
def fitted(tables):
    settings = {"members": ["tsb"], "replays": 1, "cutoffs": 6, "judged_cutoffs": 3, "draws": 100}
    return inventory.fit(tables, NOW, inventory.Config.parse(settings))


def test_the_file_holds_the_defaults():
    assert inventory.Config.read() == inventory.Config()


@pytest.mark.parametrize(
    ("given", "word"),
    [({"cutofs": 3}, 'Did you mean "cutoffs"'), ({"assumed": {"lead_time_days": 0}}, "lead_time_days")],
)
def test_a_setting_that_is_none_is_named(given, word):
    with pytest.raises(BadSettings, match=word):
        inventory.Config.parse(given)


def test_it_ranks_stock_outs_above_the_days_of_stock_rule_and_is_calibrated(fitted):
    table = scorecard(fitted.evidence).set_index(["task", "method"])
    ours = table.loc[("stock_out", "model")]
    assert ours["auc"] > table.loc[("stock_out", "days_of_stock"), "auc"]
    assert admit_scores(fitted.evidence).covers


def test_its_levels_cost_less_than_a_years_mean_with_half_a_month_on_top(fitted):
    cost = loss_table(fitted.evidence).set_index("method")["mean"]
    assert cost["model"] < cost["mean_12"]


def test_a_cutoff_is_judged_by_those_whose_days_were_over(fitted, tables):
    cutoffs = sorted(fitted.evidence["cutoff"].unique())
    assert len(cutoffs) >= 2
    assert max(cutoffs) + pd.Timedelta(days=30) <= NOW
    assert fitted.about["forecast"]
    assert fitted.about["outcomes"] > len(fitted.evidence) / 2


def test_what_becomes_known_later_changes_nothing(tables):
    settings = inventory.Config.parse({"forecast": False, "cutoffs": 4, "judged_cutoffs": 2, "draws": 50})
    then = pd.Timestamp("2025-09-01")
    cut = {name: frame[frame["known_at"] <= then] for name, frame in tables.items()}
    before, after = (inventory.fit(t, then, settings).evidence for t in (cut, tables))
    pd.testing.assert_frame_equal(before, after)


def test_too_short_a_history_says_what_it_needs():
    young = simulate(World(dealers=3, products=2, months=8)).tables
    with pytest.raises(TooFewRows, match="inventory room"):
        inventory.fit(young, NOW, inventory.Config())
