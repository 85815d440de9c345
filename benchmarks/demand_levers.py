"""Levers of the demand room: what each is worth, by taking it away.

plans              nothing is known ahead, for any member
rival_price        what the rest of the shelf costs, for any member
response           how demand answers plans, taken from the trees' columns and the statistical members
candidates         simple forecasts as columns of the trees
random_cuts        the trees' cuts are searched, not drawn
pretraining        the network begins from nothing
weights_by_error   members share alike
segments           one weight a member and one band shape for all series
bias_factor        a bias that stayed is left in
seldom             lumpy series' bands as those of the others

Members that a lever changes are rehearsed again at the same cutoffs; the others' words are kept.
Out: rows of `losses`: what the whole model scores, then without each lever, and what that loses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.demand_scores import Frame, Row, blends, losses
from features.matrix import matrix
from features.panel import RIVAL_PRICE, Panel
from features.rivals import without_rival_price
from models.demand.boosted import Boosted
from models.demand.elasticity import Elasticity
from models.demand.members import Local, Member
from models.demand.seldom import Seldom
from models.demand.spread import Clues, Spread
from models.demand.stack import Stack
from training.progress import Tick, silent
from training.recipes import demand
from training.rehearsal import Rehearsal, Rehearsals
from training.settings import DemandConfig

Array = NDArray[np.float64]
_ALL = 1e12  # rows that a segment's own evidence counts against


def levers(
    past: Rehearsals, ends: list[int], frame: Frame, config: DemandConfig, *, sums: int, tick: Tick = silent
) -> list[Row]:
    """The whole model, then without each lever that this panel has."""
    said = {"none": blends(past, ends)}
    for name in rehearsed(past.panel, config):
        tick(f"without {name}")
        said[name] = blends(without(name, past, ends, config), ends)
    for name, parts in BLENDED.items():
        said[name] = blends(past, ends, **parts)
    return losses(said, frame, sums=sums)


def rehearsed(panel: Panel, config: DemandConfig) -> list[str]:
    """Levers of this panel that need members fitted anew."""
    names = ["candidates", "random_cuts", "pretraining"]
    if panel.plans:
        names = ["plans", *(["rival_price"] if RIVAL_PRICE in panel.plans else []), "response", *names]
    return [name for name in names if _changed(name, config, panel)]


def without(name: str, past: Rehearsals, ends: list[int], config: DemandConfig) -> Rehearsals:
    """The same rehearsals, but members that the lever moves are fitted without it."""
    panel = _told(name, past.panel)
    make = partial(_changed, name, config, past.panel)
    other = Rehearsals(panel=panel, horizon=past.horizon, make=make, windows=past.windows)
    other.prepare(ends, workers=config.workers)
    return _joined(past, other, ends, mute=set(past.make()) - set(make()) if name in _PANELS else set())


_PANELS: dict[str, Callable[[Panel], Panel]] = {
    "plans": Panel.without_plans,
    "rival_price": without_rival_price,
}


def _told(name: str, panel: Panel) -> Panel:
    """What is left of the panel without the lever."""
    return _PANELS[name](panel) if name in _PANELS else panel


def _changed(name: str, config: DemandConfig, panel: Panel) -> Mapping[str, Member]:
    """Fresh members that a lever changes, without it."""
    members = demand.members(config, _told(name, panel))
    trees: dict[str, Any] = {"country": config.country, "seed": config.seed, **config.boosted}
    if name in _PANELS:
        return members
    if name == "response":
        deaf = {n: Deaf(member) for n, member in members.items() if isinstance(member, Local)}
        return deaf | _only(members, "boosted", WithoutResponse(**trees))
    if name == "pretraining":
        bare = config.model_copy(update={"lstm": config.lstm | {"pretrained": 0}})
        return {n: m for n, m in demand.members(bare, panel).items() if n == "lstm"}
    return _only(members, "boosted", _TREES[name](**trees))


def _only(members: Mapping[str, Member], name: str, member: Member) -> dict[str, Member]:
    return {name: member} if name in members else {}


def _joined(past: Rehearsals, other: Rehearsals, ends: list[int], *, mute: set[str]) -> Rehearsals:
    """What members said, with the words of the other rehearsals where there are some; `mute` ones none."""
    names = list(past.kept[ends[0]].members)
    unheard = [names.index(name) for name in mute]
    places = [names.index(name) for name in other.kept[ends[0]].members]
    out = Rehearsals(panel=past.panel, horizon=past.horizon, make=past.make, windows=past.windows)

    def mixed(own: Array, theirs: Array) -> Array:
        layers = own.copy()
        layers[..., places] = theirs
        layers[..., unheard] = np.nan
        return layers

    for t, told in past.kept.items():
        if t in other.kept:
            layers = mixed(told.layers, other.kept[t].layers)
            out.kept[t] = Rehearsal(panel=told.panel, members=told.members, layers=layers)
    for t in ends:
        own, theirs = past.replay(t), other.replay(t)
        for (asked, fitted), a, b in zip(
            past.fitted(t).items(), own.forecasts, theirs.forecasts, strict=True
        ):
            if asked != fitted:
                out.asked[fitted, asked] = mixed(a, b)
    return out


@dataclass
class Deaf:
    """A member that is told of no plans."""

    member: Member

    def fit(self, panel: Panel, horizon: int) -> Self:
        self.member.fit(panel.without_plans(), horizon)
        return self

    def predict(self, panel: Panel) -> Array:
        return self.member.predict(panel.without_plans())


@dataclass(kw_only=True)
class WithoutCandidates(Boosted):
    """Trees on the blocks of `matrix` alone."""

    def rows(self, panel: Panel) -> tuple[NDArray[np.float32], Array]:
        own = matrix(panel, self.horizon_, setting=self.setting_)
        self.names_ = own.names
        return own.values, own.level


@dataclass(kw_only=True)
class WithoutResponse(Boosted):
    """Trees whose candidates are not planned."""

    def rows(self, panel: Panel) -> tuple[NDArray[np.float32], Array]:
        self.response_ = Elasticity().fit(panel.without_plans())
        return super().rows(panel)


@dataclass(kw_only=True)
class SearchedCuts(Boosted):
    """Trees that search the best cut of each column."""

    def _parameters(self, objective: str, n_rows: int) -> dict[str, Any]:
        return super()._parameters(objective, n_rows) | {"extra_trees": False}


@dataclass(kw_only=True)
class AlikeStack(Stack):
    """Every member counts the same."""

    sharpness: float = 0.0
    alike_voice: float = 1.0


@dataclass(kw_only=True)
class PooledStack(Stack):
    """One weight a member, for all series."""

    pull_rows: float = _ALL


@dataclass(kw_only=True)
class PooledSpread(Spread):
    """One shape of bands for all series that are not lumpy."""

    pull_rows: float = _ALL


@dataclass(kw_only=True)
class PlainStack(Stack):
    """No factor against a bias."""

    def _strength(self, blend: Array, y: Array, segment: Any, record: NDArray[np.intp]) -> float:
        return 0.0


@dataclass(kw_only=True)
class PlainSpread(Spread):
    """Lumpy series' bands around their mean; nobody says how likely zero is."""

    def _seldom(self, clues: Clues, y: Array, rows: NDArray[np.bool_]) -> Seldom | None:
        return None


_TREES: dict[str, type[Boosted]] = {"candidates": WithoutCandidates, "random_cuts": SearchedCuts}
BLENDED: dict[str, dict[str, Any]] = {
    "weights_by_error": {"stack": AlikeStack},
    "segments": {"stack": PooledStack, "spread": PooledSpread},
    "bias_factor": {"stack": PlainStack},
    "seldom": {"spread": PlainSpread},
}
