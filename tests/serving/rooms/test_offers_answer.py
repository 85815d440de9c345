import numpy as np
import pandas as pd
import pytest

from features.simulator import World, simulate
from serving.errors import NotFound, NotReady, Wrong
from serving.rooms.depth import EXAMPLE as EFFECT_EXAMPLE
from serving.rooms.depth import EffectRequest, effect
from serving.rooms.offers import EXAMPLE, Optimize, optimize
from serving.scores import Data, Scores
from training.recipes import rebate

NOW = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def scores():
    world = World(dealers=16, products=3, months=36, contract_share=0, survey_share=0, scan_coverage_share=0)
    tables = simulate(world).tables
    model = rebate.fit(tables, NOW, rebate.Config(judged_cutoffs=0)).model
    data = Data(tables=tables, moment=NOW, version="lake-1")
    frames = model.score(tables, NOW)
    return Scores(name="rebate", version="2", model=model, card={}, trained_at="", data=data, frames=frames)


def ask(scores, **body):
    return optimize(Optimize.model_validate(body), scores)


def dealer(name, *options, **more):
    told = [{"option_id": o, "gain": gain, "costs": costs} for o, gain, costs in options]
    return {"dealer_id": name, "options": told} | more


SMALL = [
    dealer("A", ("none", 0, [0]), ("low", 3, [1]), ("high", 4, [3]), region="north"),
    dealer("B", ("none", 0, [0]), ("low", 2, [1]), ("high", 5, [3]), region="south"),
    dealer("C", ("none", 0, [0]), region="south"),
]


def test_options_in_the_request_are_chosen_within_the_budget(scores):
    said = ask(scores, budgets=[4], dealers=SMALL)
    assert [(c.dealer_id, c.option_id) for c in said.choices] == [("A", "low"), ("B", "high"), ("C", "none")]
    assert (said.gain, said.spent, said.targeting) == (8.0, [4.0], True)
    assert said.bound >= said.gain
    assert ask(scores, budgets=[4], dealers=SMALL) == said


def test_a_cap_of_a_region_and_a_second_budget_are_kept(scores):
    said = ask(scores, budgets=[4], dealers=SMALL, region_caps={"south": 1})
    assert [c.option_id for c in said.choices] == ["high", "low", "none"]
    two = [
        dealer("A", ("none", 0, [0, 0]), ("x", 3, [1, 5])),
        dealer("B", ("none", 0, [0, 0]), ("x", 2, [1, 1])),
    ]
    assert [c.option_id for c in ask(scores, budgets=[2, 4], dealers=two).choices] == ["none", "x"]


def test_nothing_is_targeted_when_all_alike_gain_as_much(scores):
    same = [dealer(name, ("none", 0, [0]), ("x", 2, [1])) for name in "AB"]
    said = ask(scores, budgets=[2], dealers=same)
    assert (said.targeting, said.best_constant) == (False, "x")
    assert "No targeting" in said.said


def test_dealers_on_record_get_depths_that_were_tried_within_the_budget(scores):
    frame = scores.frames["offers"]
    said = ask(scores, budgets=[30_000], margin_rate=0.3)
    assert [c.dealer_id for c in said.choices] == frame["dealer_id"].tolist()
    assert said.spent[0] <= 30_000
    assert said.spent[0] == pytest.approx(sum(c.costs[0] for c in said.choices))
    more = ask(scores, budgets=[60_000], margin_rate=0.3)
    assert more.gain >= said.gain > 0


def test_the_budget_is_kept_with_a_confidence_unless_none_is_wanted(scores):
    sure, surer, only_expected = (
        ask(scores, budgets=[30_000], margin_rate=0.3, confidence=c) for c in (None, 0.99, 0)
    )
    assert sure.sure.confidence == 0.9
    assert sure.sure.spent_expected == sure.spent[0] < sure.sure.spent_high <= 30_000
    assert surer.gain < sure.gain < only_expected.gain <= sure.sure.most_gain
    assert only_expected.sure is None
    assert sure.gap < 1e-3


def test_all_rebates_together_are_within_the_budget_in_nine_of_ten_worlds(scores):
    said = ask(scores, budgets=[30_000], margin_rate=0.3)
    worlds = scores.frames["spends"].set_index("dealer_id").filter(regex=r"^w\d+$")
    ratio = worlds.div(worlds.mean(axis=1).where(lambda mean: mean > 0, 1.0), axis=0)
    paid = sum(one.costs[0] * ratio.loc[one.dealer_id] for one in said.choices)
    assert (paid <= 30_000).mean() >= 0.9
    assert paid.quantile(0.9, interpolation="lower") <= said.sure.spent_high + 1e-6


def test_stock_that_is_full_takes_the_gain_away(scores):
    plain = ask(scores, budgets=[1e9], margin_rate=0.3)
    full = ask(scores, budgets=[1e9], margin_rate=0.3, policy_months=0, unsold_loss_rate=0.5)
    assert full.spent[0] < plain.spent[0]


def test_a_deeper_rebate_brings_more_with_an_interval(scores):
    low, high = scores.model.effect_.depth_low_, scores.model.effect_.depth_high_
    said = effect(EffectRequest(dealer_ids=["D003", "D001"], depths=[high, low]), scores)
    assert [d.dealer_id for d in said.dealers] == ["D003", "D001"]
    for one in said.dealers:
        first, last = one.points
        assert first.depth < last.depth
        assert first.purchases_ratio < last.purchases_ratio
        assert all(p.low <= p.purchases_ratio <= p.high for p in one.points)


def test_a_depth_that_nobody_was_offered_is_refused(scores):
    with pytest.raises(Wrong, match=r"depths: top rates from 0\.0") as refused:
        effect(EffectRequest(depths=[0.9]), scores)
    assert refused.value.kind == "depth-not-seen"
    with pytest.raises(Wrong, match="depths"):
        ask(scores, budgets=[1], margin_rate=0.3, depths=[0.9])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"dealers": SMALL, "region_caps": {"west": 1}}, "region_caps"),
        ({"dealers": [SMALL[0], SMALL[0]]}, "dealers[1].dealer_id"),
        ({"dealers": [dealer("A", ("x", 1, [1]), ("x", 2, [1]))]}, "dealers[0].options[1].option_id"),
        ({"dealers": [dealer("A", ("x", 1, [1, 2]))]}, "dealers[0].options[0].costs"),
        ({"dealers": [dealer("A", ("x", 1, [9]))]}, "budgets[0]"),
        ({"dealers": SMALL, "least_worth": 7}, "budgets"),
        ({"margin_rate": 0.3, "currency": "USD"}, "currency"),
        ({"margin_rate": 0.3, "budgets": [1]}, "budgets[0]"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_field(scores, body, field):
    with pytest.raises(Wrong) as refused:
        ask(scores, **{"budgets": [4]} | body)
    assert refused.value.faults[0].field == field


@pytest.mark.parametrize(
    "body", [{"dealers": SMALL, "confidence": 0.9}, {"margin_rate": 0.3, "confidence": 0.2}]
)
def test_a_confidence_that_cannot_be_meant_is_refused(scores, body):
    with pytest.raises(ValueError, match="confidence"):
        ask(scores, budgets=[4], **body)


def test_unknown_dealers_are_named_by_their_place(scores):
    with pytest.raises(NotFound) as refused:
        ask(scores, budgets=[4], margin_rate=0.3, dealer_ids=["D001", "nobody"])
    assert refused.value.faults[0].field == "dealer_ids[1]"


def test_without_enough_ladders_nothing_is_said_of_depth(scores):
    bare = Scores(**{**vars(scores), "model": type("M", (), {"effect_": None})()})
    with pytest.raises(NotReady, match="too thin"):
        effect(EffectRequest(), bare)
    assert ask(bare, budgets=[4], dealers=SMALL).gain == 8.0


def test_the_examples_are_answered_in_json(scores):
    said = effect(EffectRequest.model_validate(EFFECT_EXAMPLE), scores)
    assert type(said).model_validate_json(said.model_dump_json()) == said
    plan = optimize(Optimize.model_validate(EXAMPLE), scores)
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan
    assert np.isfinite(plan.gain)
