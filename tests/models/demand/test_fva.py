import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tables import coerce
from models.demand.fva import judge, planners, shrunk, stages
from tests.oracles import fva as oracle

MADE = pd.Timestamp("2024-12-20")


def history(skills, *, edits=12, cells=6, seed=0):
    """Overrides of planners who move the machine's figure `skill` of the way to the truth, and the truth."""
    rng, rows, truth = np.random.default_rng(seed), [], []
    for author, skill in skills.items():
        for e in range(edits):
            for c in range(cells):
                y, machine = rng.gamma(8, 12), rng.gamma(8, 12)
                keys = {"dealer_id": f"{author}{e}", "sku_id": f"S{c}", "period_start": "2025-01-01"}
                qty = max(machine + skill * (y - machine) + rng.normal(0, 15), 0)
                own = {"qty": qty, "machine_units": machine, "naive_units": machine + 20.0}
                rows.append(keys | own | {"edit_id": f"{author}-{e}", "author": author, "made_at": MADE})
                truth.append(keys | {"y": y})
    table = pd.DataFrame(rows).assign(known_at=MADE, override_id=[f"O{i}" for i in range(len(rows))])
    truth = pd.DataFrame(truth)
    return coerce("overrides", table), truth.assign(period_start=pd.to_datetime(truth["period_start"]))


def test_stages_are_what_slow_loops_say():
    overrides, truth = history({"ann": 0.5, "bob": -0.2})
    cells = judge(overrides, truth).cells
    told = stages(cells).set_index("stage")
    assert told.index.tolist() == ["naive", "machine", "override", "final"]  # nothing statistical was kept
    for stage, one in told.iterrows():
        wape, bias = oracle.wape_and_bias(cells[stage].tolist(), cells["y"].tolist())
        assert (one["wape"], one["bias"]) == (pytest.approx(wape), pytest.approx(bias))
    assert told.loc["override", "value_added"] == pytest.approx(
        told.loc["machine", "wape"] - told.loc["override", "wape"]
    )
    assert told.loc["final", "value_added"] == 0


def test_an_edit_after_its_period_began_is_not_judged():
    overrides, truth = history({"ann": 0.5}, edits=2, cells=3)
    late = overrides.assign(made_at=pd.Timestamp("2025-01-01"))
    assert judge(late, truth).too_late == 6
    assert judge(overrides.assign(known_at=pd.Timestamp("2025-02-01")), truth).too_late == 6
    assert judge(overrides, truth.head(2)).open == 4


def test_final_is_what_was_in_force_when_the_period_began():
    overrides, truth = history({"ann": 0.5}, edits=1, cells=2)
    overrides.loc[0, "expires_at"] = pd.Timestamp("2024-12-28")
    cells = judge(overrides, truth).cells
    assert cells["final"].tolist() == [cells["machine"].iloc[0], cells["override"].iloc[1]]
    assert cells["override"].tolist() == overrides["qty"].tolist()


@settings(deadline=None, max_examples=15)
@given(
    rates=st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=5),
    noises=st.lists(st.floats(1e-3, 0.1), min_size=5, max_size=5),
)
def test_shrinkage_is_bayes_rule_with_the_spread_of_the_moments(rates, noises):
    noises = noises[: len(rates)]
    centre, error = shrunk(np.array(rates), np.array(noises))
    spread = oracle.spread_of_moments(rates, noises)
    for i, (rate, noise) in enumerate(zip(rates, noises, strict=True)):
        if spread < 1e-6:
            assert abs(centre[i]) < abs(rate) * 1e-2 + 1e-6
            continue
        mean, deviation = oracle.posterior(rate, noise, spread)
        assert (centre[i], error[i]) == (pytest.approx(mean, abs=1e-6), pytest.approx(deviation, rel=1e-3))


def test_shrunk_rates_are_nearer_to_the_truth_than_raw_ones():
    rng = np.random.default_rng(3)
    raw_loss = own_loss = 0.0
    for seed in range(8):
        skill = dict(zip("abcdefgh", rng.normal(0.1, 0.15, 8), strict=True))
        many = planners(judge(*history(skill, edits=300, seed=100 + seed)).edits).set_index("author")[
            "raw_rate"
        ]
        few = planners(judge(*history(skill, edits=3, seed=seed)).edits).set_index("author")
        raw_loss += ((few["raw_rate"] - many) ** 2).sum()
        own_loss += ((few["value_added_rate"] - many) ** 2).sum()
    assert own_loss < raw_loss


def test_a_good_planner_is_told_from_a_harmful_one():
    told = planners(judge(*history({"ann": 0.7, "bob": -0.5})).edits).set_index("author")
    assert told.loc["ann", "low"] > 0 > told.loc["bob", "high"]
    assert told.loc["ann", "probability"] > 0.97 > 0.03 > told.loc["bob", "probability"]
    assert told["edits"].tolist() == [12, 12]
    assert told["cells"].tolist() == [72, 72]


def test_an_edit_on_what_never_sold_counts_against_its_author():
    overrides, truth = history({"ann": 0.0}, edits=4, cells=1)
    told = planners(judge(overrides.assign(machine_units=0.0, qty=50.0), truth.assign(y=0.0)).edits)
    assert told["raw_rate"].tolist() == [-1.0]


def test_nothing_to_judge_is_an_empty_answer():
    overrides, truth = history({"ann": 0.5}, edits=1)
    judged = judge(overrides.head(0), truth)
    assert len(stages(judged.cells).query("cells > 0")) == len(planners(judged.edits)) == 0
