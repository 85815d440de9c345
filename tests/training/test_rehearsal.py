from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.errors import TooFewRows
from features.panel import Panel
from tests.panels import changed_after
from tests.toy_members import toy_members
from training.rehearsal import Rehearsals, ask, rehearse

H = 3


def _born_later(panel: Panel, t: int) -> Panel:
    """Another world from period t on, in which two more series begin."""
    other = changed_after(panel, t, H)
    static = pd.DataFrame(
        {"dealer_id": ["A-first", "Z-last"], "sku_id": ["A", "S1"], "territory_id": "T9", "category": "a"}
    )
    begun = np.where(np.arange(panel.t) < t, np.nan, 1e4) * np.ones((2, 1))
    return replace(
        other,
        static=pd.concat([other.static, static]),
        y=np.vstack([other.y, begun]),
        plans={k: np.vstack([v, v[:2] + 5]) for k, v in other.plans.items()},
        signals={k: np.vstack([v, v[:2] + 5]) for k, v in other.signals.items()},
    )


def test_each_cutoff_is_rehearsed_once_and_serves_every_model(past):
    assert sorted(past.kept) == [27, 30, 33, 36]
    assert past.cutoffs(36) == [30, 33]
    assert past.needed([33, 36]) == []
    assert past.needed([36, 35]) == [29, 32, 35]


def test_one_fit_speaks_at_all_replays_once_three_years_are_on_record(past, panel, quick):
    assert past.fitted(36) == {30: 30, 33: 33}
    long = replace(panel, y=np.hstack([panel.y, panel.y]), plans={}, signals={})
    past = Rehearsals(panel=long, horizon=H, make=quick, windows=3)
    assert past.fitted(45) == {36: 36, 39: 36, 42: 36}
    assert past.fitted(42) == {33: 33, 36: 36, 39: 36}
    assert past.needed([42, 45]) == [33, 36, 42, 45]
    past.prepare([45])
    said, replay = ask(past.kept[36].members, long.at(42).carry_plans(H)), past.replay(45)
    np.testing.assert_array_equal(replay.forecasts[2], said)


def test_four_cutoffs_told_by_one_fit_do_without_older_ones(panel, quick):
    long = replace(panel, y=np.hstack([panel.y, panel.y]), plans={}, signals={})
    past = Rehearsals(panel=long, horizon=H, make=quick, windows=5)
    assert past.cutoffs(48) == [36, 39, 42, 45]
    assert past.fitted(48) == dict.fromkeys((36, 39, 42, 45), 36)
    assert past.fitted(45) == {30: 30, 33: 33, 36: 36, 39: 36, 42: 36}


def test_a_rehearsal_saw_its_own_past_and_plans(past):
    for t, rehearsal in past.kept.items():
        assert rehearsal.panel.t == t
        assert {plan.shape[1] for plan in rehearsal.panel.plans.values()} == {t + H}
        assert rehearsal.layers.shape == (rehearsal.panel.n, H, 2)


def test_a_replay_sets_what_was_said_beside_what_then_happened(past, panel):
    replay = past.replay(36)
    for t, seen, truth in zip([30, 33], replay.panels, replay.truths, strict=True):
        rows = [panel.ids.tolist().index(key) for key in seen.ids]
        np.testing.assert_array_equal(truth, panel.y[rows, t : t + H])
    np.testing.assert_array_equal(replay.forecasts[1], past.kept[33].layers)


def test_series_that_had_not_begun_are_not_known(panel, quick):
    unborn = replace(panel, y=np.where(np.arange(panel.n)[:, None] == 2, np.nan, panel.y))
    unborn.y[2, 34:] = 9.0
    past = Rehearsals(panel=unborn, horizon=H, make=quick, windows=1)
    past.prepare([36])
    assert panel.ids[2] not in past.kept[33].panel.ids
    assert panel.ids[2] in past.kept[36].panel.ids
    assert past.model(36).predict(unborn).notes[2] == "short_history"


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(lambda panel: changed_after(panel, 33, H), id="other numbers"),
        pytest.param(lambda panel: _born_later(panel, 33), id="more series"),
    ],
)
def test_a_model_of_the_past_does_not_know_what_came_later(past, panel, quick, world):
    other = Rehearsals(panel=world(panel), horizon=H, make=quick, windows=2)
    then = panel.at(33, ahead=H)
    one, two = past.model(33).predict(then), other.model(33).predict(then)
    pd.testing.assert_frame_equal(one.frame(), two.frame(), check_exact=True)
    pd.testing.assert_frame_equal(
        past.model(33).stack_.table(), other.model(33).stack_.table(), check_exact=True
    )


def test_two_processes_give_what_one_gives(panel):
    short = panel.at(20, ahead=H)
    alone, together = (Rehearsals(panel=short, horizon=H, make=toy_members, windows=1) for _ in range(2))
    said: list[str] = []
    alone.prepare([20])
    together.prepare([20], workers=2, tick=said.append)
    assert sorted(said) == ["2020-05-01", "2020-08-01"]
    for t in (17, 20):
        np.testing.assert_array_equal(alone.kept[t].layers, together.kept[t].layers)
    forecasts = [r.model(20).predict(short).frame() for r in (alone, together)]
    pd.testing.assert_frame_equal(*forecasts, check_exact=True)


def test_a_table_that_lists_only_promotions_says_the_same_as_one_that_lists_zeros_too(panel, quick):
    deal = panel.plans["deal"]
    sparse = replace(panel, plans={"deal": np.where(deal == 0, np.nan, deal)})
    dense = replace(panel, plans={"deal": deal})
    one, two = (rehearse(p.at(30, ahead=H), H, quick).layers for p in (dense, sparse))
    np.testing.assert_array_equal(one, two)


def test_too_short_a_history_cannot_be_rehearsed(panel, quick):
    short = Rehearsals(panel=panel.at(6), horizon=H, make=quick, windows=2)
    with pytest.raises(TooFewRows, match="needs at least 7 rows; got 6"):
        short.model(6)
