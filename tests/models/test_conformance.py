"""What every belief of every room promises, one suite over all of them.

A room joins with one `Belief` in BELIEFS: how it is made, fitted on a panel, and asked. Its answer
is a table of arrays with one row a series; `quantiles` ascend along their last axis.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import torch

from features.panel import Panel
from models.demand.analogues import Analogues
from models.demand.baselines import PLANNERS
from models.demand.boosted import Boosted
from models.demand.croston import tsb
from models.demand.elasticity import Elasticity
from models.demand.ets import ets
from models.demand.members import Local
from models.demand.model import DemandModel
from models.demand.recurrent import Recurrent
from models.demand.theta import theta
from models.errors import NotFitted
from tests.panels import changed_after, small_channel
from tests.toy_room import TOY
from training.loop import train
from training.rehearsal import Rehearsals

H, T = 3, 28
Answer = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Belief:
    """One estimator: how it is made, what `fit` returns, and what it says of each series."""

    name: str
    make: Callable[[], Any]
    fit: Callable[[Any, Panel], Any]
    ask: Callable[[Any, Panel], Answer]


def _member(name: str, make: Callable[[], Any]) -> Belief:
    def ask(member: Any, panel: Panel) -> Answer:
        return {"mean": member.predict(panel)}

    return Belief(name, make, lambda member, panel: member.fit(panel, H), ask)


def _local(function: Any) -> Belief:
    return _member(function.__name__, lambda: Local(function))


def _members() -> dict[str, Any]:
    return {"boosted": Boosted(**TOY["boosted"]), "tsb": Local(tsb)}


def _fit_room(model: DemandModel, panel: Panel) -> DemandModel:
    past = Rehearsals(panel=panel, horizon=H, make=_members, windows=2)
    past.prepare([panel.t])
    return model.fit(panel, past.kept[panel.t].members, past.replay(panel.t))


def _ask_room(model: DemandModel, panel: Panel) -> Answer:
    forecast = model.predict(panel)
    return {
        "mean": forecast.mean,
        "quantiles": forecast.quantiles,
        "notes": forecast.notes,
    } | forecast.members


def _ask_analogues(analogues: Analogues, panel: Panel) -> Answer:
    guess = analogues.answer(panel, H)
    return {"mean": guess.mean, "quantiles": guess.quantiles}


BELIEFS = [
    _member("boosted", lambda: Boosted(**TOY["boosted"])),
    _member("lstm", lambda: Recurrent(loop=train, **TOY["lstm"])),
    *[_local(function) for function in (ets, theta, tsb, *PLANNERS["M"].values())],
    Belief("elasticity", Elasticity, lambda e, p: e.fit(p), lambda e, p: {"uplift": np.abs(e.uplift(p, H))}),
    Belief("analogues", Analogues, lambda a, p: a.fit(p), _ask_analogues),
    Belief("demand", DemandModel, _fit_room, _ask_room),
]
every_belief = pytest.mark.parametrize("belief", BELIEFS, ids=lambda belief: belief.name)


@cache
def channel(seed: int = 0) -> Panel:
    return small_channel(4, 3, t=T, seed=seed)


@cache
def first_fit(name: str) -> tuple[Any, Any]:
    """What was made, and what its fit returned."""
    belief = next(b for b in BELIEFS if b.name == name)
    made = belief.make()
    return made, belief.fit(made, channel())


def fitted(name: str) -> Any:
    return first_fit(name)[1]


def same(one: Answer, two: Answer, *, rtol: float = 0.0) -> None:
    assert set(one) == set(two)
    for name, values in one.items():
        if values.dtype == object:
            assert values.tolist() == two[name].tolist()
        else:
            np.testing.assert_allclose(values, two[name], rtol=rtol, atol=0, err_msg=name)


@every_belief
def test_fit_returns_the_belief_itself(belief):
    made, returned = first_fit(belief.name)
    assert returned is made


@every_belief
def test_a_second_fit_forgets_the_first(belief):
    other = channel(1)
    refitted = belief.fit(belief.fit(belief.make(), other.take(np.arange(6))), channel())
    same(belief.ask(refitted, channel()), belief.ask(fitted(belief.name), channel()))


@every_belief
def test_the_input_is_untouched(belief):
    belief.ask(fitted(belief.name), channel())
    assert channel().fingerprint() == small_channel(4, 3, t=T).fingerprint()


@every_belief
def test_the_order_of_rows_does_not_matter(belief):
    rows = np.random.default_rng(0).permutation(channel().n)
    shuffled = belief.ask(fitted(belief.name), channel().take(rows))
    expected = {k: v[rows] for k, v in belief.ask(fitted(belief.name), channel()).items()}
    same(shuffled, expected, rtol=1e-9)


@every_belief
def test_the_same_seed_gives_the_same_answer(belief):
    torch.rand(7)  # whatever else has drawn numbers meanwhile
    again = belief.fit(belief.make(), channel())
    same(belief.ask(again, channel()), belief.ask(fitted(belief.name), channel()))


@every_belief
def test_what_was_saved_is_what_answers(belief):
    copy = cloudpickle.loads(cloudpickle.dumps(fitted(belief.name)))
    same(belief.ask(copy, channel()), belief.ask(fitted(belief.name), channel()))


@every_belief
def test_what_is_not_fitted_says_so(belief):
    with pytest.raises(NotFitted, match="is not fitted yet: call fit"):
        belief.ask(belief.make(), channel())


@every_belief
def test_answers_are_finite_and_never_negative_and_quantiles_do_not_cross(belief):
    answer = belief.ask(fitted(belief.name), channel())
    for name, values in answer.items():
        if values.dtype != object:
            assert len(values) == channel().n
            assert np.isfinite(values).all(), name
            assert (values >= 0).all(), name
    assert (np.diff(answer.get("quantiles", np.zeros((1, 1, 2))), axis=2) >= 0).all()


@every_belief
def test_an_unseen_dealer_is_answered(belief):
    stranger = replace(channel(), static=channel().static.assign(dealer_id="unseen"))
    answer = belief.ask(fitted(belief.name), stranger)
    assert all(np.isfinite(v).all() for v in answer.values() if v.dtype != object)
    assert set(answer.get("notes", [""])) == {""}  # it has a history of its own


@every_belief
def test_changing_the_future_does_not_change_the_past(belief):
    worlds = [world.at(24) for world in (channel(), changed_after(channel(), 24, H))]  # plans reach further
    one, two = (belief.ask(belief.fit(belief.make(), world), world) for world in worlds)
    same(one, two)


def test_an_unseen_dealer_without_a_history_gets_the_stated_fallback():
    static = pd.DataFrame({"dealer_id": ["unseen"] * 2, "sku_id": ["S0", "unseen"]})
    y = np.full((2, T), np.nan)
    y[1, -2:] = 5.0
    forecast = fitted("demand").predict(replace(channel().take(np.arange(2)), static=static, y=y))
    assert forecast.notes.tolist() == ["no_history", "short_history"]
    guess = fitted("demand").analogues_.answer(replace(channel().take(np.arange(2)), static=static, y=y), H)
    np.testing.assert_array_equal(forecast.mean, guess.mean)
