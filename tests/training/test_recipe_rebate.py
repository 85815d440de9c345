"""The settings of the rebate room are what its file says, and its evidence holds to its cutoffs."""

import pandas as pd
import pytest

from features.rebates import Statements
from features.simulator import World, simulate
from training.admission import admit_scores
from training.config import BadSettings
from training.recipes import rebate

SMALL = rebate.Config(trees=10, most_rows=1_000)
NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def tables():
    return simulate(World(dealers=12, products=3, months=36, seed=3, contract_share=0)).tables


def test_the_file_holds_the_defaults():
    assert rebate.Config.read() == rebate.Config()
    with pytest.raises(BadSettings, match="Did you mean"):
        rebate.Config.parse({"tree": 5})


def test_cutoffs_lie_inside_programmes_that_are_over(tables):
    cutoffs = rebate.past_cutoffs(Statements.of(tables), NOW, rebate.Config(judged_cutoffs=3))
    assert cutoffs == [pd.Timestamp(f"2025-{month}-01") for month in ("08", "10", "12")]
    assert rebate.past_cutoffs(Statements.of({"sell_in": tables["sell_in"]}), NOW, SMALL) == []


def test_a_judged_cutoff_sees_nothing_of_what_came_after(tables):
    cutoff = pd.Timestamp("2025-08-01")
    later = tables["sell_in"]["known_at"] > cutoff
    wild = tables | {"sell_in": tables["sell_in"].assign(amount=tables["sell_in"]["amount"].mask(later, 7.0))}
    plain, changed = (rebate.judged_at(Statements.of(t), cutoff, NOW, SMALL) for t in (tables, wild))
    assert plain["probability"].equals(changed["probability"])
    assert not plain["y"].equals(changed["y"])


def test_outcomes_are_what_was_bought_in_the_programmes_time(tables):
    told = rebate.judged_at(Statements.of(tables), pd.Timestamp("2025-06-01"), NOW, SMALL)
    told = told[told["task"] == "tier_reached"].set_index("subject")
    year = tables["sell_in"].query("'2025-01-01' <= period_start <= '2025-12-31'")
    bought = year.groupby("dealer_id")["amount"].sum()
    so_far = year.query("period_start < '2025-06-01'").groupby("dealer_id")["amount"].sum()
    for subject, row in told.iterrows():
        dealer = subject.split("/")[0]
        ladder = tables["rebate_programmes"].query("programme_id == 'R2025' and dealer_id == @dealer")
        above = ladder["threshold_amount"][ladder["threshold_amount"] > so_far[dealer]]
        assert row["y"] == float(bought[dealer] >= above.min())


def test_simple_rules_stretch_what_was_bought(tables):
    progress = Statements.of(tables).at(pd.Timestamp("2025-07-01"))
    told = rebate.simple_totals(progress)
    bought = progress.rows["amount_to_date"].to_numpy()
    assert told["baseline_run_rate"] == pytest.approx(bought * 365 / 181)
    ago = progress.amounts[progress.rows["account"]][:, -12:-6].sum(axis=1)
    assert told["baseline_last_year"] == pytest.approx(bought + ago)


def test_a_room_without_evidence_is_not_released():
    assert not admit_scores(pd.DataFrame(columns=rebate.COLUMNS).astype({"y": float, "loss": float})).passes
